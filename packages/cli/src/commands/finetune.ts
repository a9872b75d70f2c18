/** `rna finetune`: what it is told. The work is in ../finetune.ts, loaded when it is called. */
import type { Command } from 'commander';
import { examples } from '../options.ts';
import { registerTraining } from './training.ts';

export function registerFinetune(program: Command): void {
  const command = registerTraining(program.command('finetune'), {
    load: async () => {
      const [{ finetune }, { finetuneConfig }, { secondaryStructure }] = await Promise.all([import('../finetune.ts'), import('@rna/train'), import('@rna/model')]);
      return { run: finetune, schema: finetuneConfig(secondaryStructure) };
    },
  })
    .summary('fine-tune a pre-trained model for secondary structure')
    .description([
      'Trains a secondary-structure head on a pre-trained model, and the model with it unless model.freeze is set. Input is',
      'dot-bracket, CT, bpseq or ST; folders of such files are read by name. At each evaluation the threshold of the decode',
      'is tuned on data.validation and kept with the model. The run is kept in the folder out: config.yaml, log.jsonl,',
      'timings.jsonl, checkpoints/, and at the end report.html and model/, the best by the held-out F1, which rna fold and',
      'rna evaluate take. Ctrl-C saves a checkpoint and ends the run; the same command resumes it, to the same bits. Paths',
      'are relative to the working directory. rna finetune --help lists every field of the config.',
    ].join(' '));
  examples(command, [
    'rna finetune finetune.yaml --model.checkpoint runs/first/model --out runs/fold',
    'rna finetune --model.checkpoint multimolecule/rinalmo-micro --model.freeze true --data.train TR0 --data.validation VL0 --out runs/head',
    'rna finetune finetune.yaml --print-config',
  ]);
}
