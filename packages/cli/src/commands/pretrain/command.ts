/** `rna pretrain`: what it is told. The work is in pretrain.ts, loaded when it is called. */
import type { Command } from 'commander';
import { examples } from '../../commandLine/options.ts';
import { registerTraining } from '../../training/registerTraining.ts';

export function registerPretrain(program: Command): void {
  const command = registerTraining(program.command('pretrain'), {
    load: async () => {
      const [{ pretrain }, { pretrainConfig }] = await Promise.all([import('./pretrain.ts'), import('@rna/train')]);
      return { run: pretrain, schema: pretrainConfig };
    },
  })
    .summary('pre-train a model on sequences, with structure-aware masking where structures are known')
    .description(
      [
        'Trains a new RiNALMo or SSR-LM model to predict masked nucleotides. data.train takes FASTA, and dot-bracket, CT,',
        'bpseq or ST files, whose structures steer the masking (masking.scheme ssm); folders of such files are read by name.',
        'The run is kept in the folder out: config.yaml, log.jsonl, timings.jsonl, checkpoints/, and at the end report.html and',
        'model/, which rna embed, rna finetune and rna evaluate take. Ctrl-C saves a checkpoint and ends the run; the same',
        'command resumes it, to the same bits, also after a kill. A lost device is replaced. rna plot draws runs under way.',
        'Paths are relative to the working directory. rna pretrain --help lists every field of the config.',
      ].join(' '),
    );
  examples(command, [
    'rna pretrain pretrain.yaml --out runs/first --train.steps 2000',
    'rna pretrain --out runs/tiny --data.train rnas.dbn,more.fasta --train.steps 500 --model.layers 2',
    'rna pretrain pretrain.yaml --print-config > whole.yaml',
  ]);
}
