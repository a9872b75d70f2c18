/** `rna finetune`: what it is told. The work is in finetune.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import { UsageError } from '../../commandLine/errors.ts';
import {
  columnOverrides,
  columnsOption,
  type ColumnNames,
  examples,
  TASK_HELP,
  wholeNumber,
  withTasks,
} from '../../commandLine/options.ts';
import { registerTraining } from '../../training/registerTraining.ts';

export function registerFinetune(program: Command): void {
  const command = registerTraining(program.command('finetune'), {
    subject: { name: 'task', description: TASK_HELP },
    options: [
      columnsOption(),
      new Option(
        '--drop-rare <n>',
        'leave out classes of fewer than n labels, where the table names them (head.dropRare)',
      ).argParser(wholeNumber(1)),
    ],
    load: async (task) => {
      const [{ finetune }, { headOfTask }, { finetuneConfig }] = await Promise.all([
        import('./finetune.ts'),
        import('../../commandLine/tasks.ts'),
        import('@rna/train'),
      ]);
      const head = headOfTask(task);
      return {
        run: (options) => finetune(head, options),
        schema: finetuneConfig(head),
        overrides: ({ columns, dropRare }: { columns?: ColumnNames; dropRare?: number }) => {
          if (dropRare !== undefined && head.trainingSizes?.includes('dropRare') !== true)
            throw new UsageError(`--drop-rare is for tasks whose classes are named by the table; ${head.name} is none`);
          return [
            ...(columns === undefined ? [] : columnOverrides(columns)),
            ...(dropRare === undefined ? [] : ['--head.dropRare', String(dropRare)]),
          ];
        },
      };
    },
  })
    .summary('fine-tune a pre-trained model for a task')
    .description(
      [
        "Trains a task's head on a pre-trained model (model.checkpoint; the built-in one where none is named), and the model with it unless model.freeze is set. Input is a table (CSV",
        "with commas, semicolons or tabs) with the task's columns, FASTA with the label behind the id, or, where base pairs",
        'are learnt, dot-bracket, CT, bpseq or ST. Folders are read by name; rna data makes such files of the published sets.',
        'Labels of your own are learnt by regression, classification, multi-label, nucleotide-regression and',
        'nucleotide-classification: --columns says where they stand, and titles and names of classes come from the table.',
        'Without data.validation a part of the RNAs is held out.',
        'The run is kept in the folder out: config.yaml, log.jsonl, timings.jsonl, checkpoints/, and at the end report.html',
        "and model/, the best by the task's held-out score, which rna predict, rna evaluate and rna fold take, with the",
        'threshold or scale that it was tuned with. Ctrl-C saves a checkpoint and ends the run; the same command resumes it,',
        'to the same bits, and with a larger train.epochs makes it longer. Paths are relative to the working directory. rna finetune TASK --help lists every field of the config.',
      ].join(' '),
    );
  withTasks(program, command);
  examples(command, [
    'rna finetune secondary-structure --data rnas.dbn --out runs/mine',
    'rna finetune secondary-structure finetune.yaml --model.checkpoint runs/first/model --out runs/fold',
    'rna finetune splice-site --model.checkpoint multimolecule/rinalmo-micro --data donor.csv --out runs/donor',
    'rna finetune ribosome-load --config mrl.yaml --model.freeze true --data.train train.csv --data.validation valid.csv --out runs/mrl',
    'rna finetune regression --model.checkpoint MODEL --data rnas.csv --columns sequence=seq,target=halflife --out runs/halflife',
    'rna finetune classification --model.checkpoint MODEL --data rnas.csv --columns target=family --drop-rare 10 --out runs/family',
    'rna finetune secondary-structure finetune.yaml --print-config',
  ]);
}
