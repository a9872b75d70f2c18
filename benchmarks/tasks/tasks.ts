/**
 * Every task of both papers on real data: the same encoder pre-trained and not,
 * fine-tuned alike, beside a baseline, with intervals. All is done by the
 * commands that a user has (`rna data`, `finetune`, `evaluate`, `contacts`), each
 * in a folder under --out, so a stopped run goes on where it was. What a size
 * takes of the data and how it trains is in plans.ts.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { checkSettings, natural, resultOf, rna, writeWhole } from '../src/rnaCommand.ts';
import { PLANS, pretraining, recipe, type Limits, type Size } from './plans.ts';
import { prepare, prepareCorpus, type PreparedTask, type TaskData } from './data.ts';
import { contactRows, labelRows, structureRows, taskTable, type Row } from './table.ts';

const TASKS = ['secondary', 'splice', 'ribosome-load', 'translation', 'ncrna', 'contacts'] as const;
type Task = (typeof TASKS)[number];

interface Options extends TaskData {
  readonly encoder?: string;
  readonly corpus?: readonly string[];
  readonly out: string;
  readonly size: Size;
  readonly seed: number;
  readonly tasks: readonly Task[];
}

const program: Command = new Command('npm run tasks --')
  .description(
    'Fine-tunes an encoder for every task, and the same without pre-training, and scores both beside baselines.',
  )
  .option('--encoder <model>', 'the pre-trained model, as rna finetune takes it')
  .option(
    '--corpus <files...>',
    'pre-train one instead, on the sequences of these files that are in no test (FASTA, dot-bracket, CT)',
  )
  .requiredOption('--out <folder>', 'where everything is kept; the same command goes on with what is there')
  .option('--bprna <folder>', "bpRNA's TR0, VL0 and TS0, for secondary and contacts")
  .option('--archive <file>', "ArchiveII's ct.tar.gz, for secondary")
  .option('--splice <folder>', 'windows of several species, or Spliceator')
  .option('--ribosome-load <file>', "a table of 5' UTRs and their loads")
  .option('--translation <folder>', 'UTRs with translation efficiency and expression level, a file for each cell line')
  .option('--ncrna <folder>', "nRC's FASTA files")
  .option(
    '--size <size>',
    "small (short RNAs and few, for two cores without a GPU) or full (all, by the papers' recipes, for a GPU)",
    'small',
  )
  .option('--seed <n>', 'of training and draws', natural, 1)
  .option('--tasks <list>', `some of ${TASKS.join(', ')}, with commas (default: those with data)`, (text) =>
    text.split(',').map((name) => {
      const task = TASKS.find((each) => each === name);
      return task ?? program.error(`there is no task '${name}'; there are ${TASKS.join(', ')}`);
    }),
  )
  .action(async (options: Omit<Options, 'tasks'> & { readonly tasks?: readonly Task[] }) => {
    if (!Object.hasOwn(PLANS, options.size)) program.error(`--size must be small or full, got '${options.size}'`);
    const has: Record<Task, boolean> = {
      secondary: options.bprna !== undefined,
      splice: options.splice !== undefined,
      'ribosome-load': options.ribosomeLoad !== undefined,
      translation: options.translation !== undefined,
      ncrna: options.ncrna !== undefined,
      contacts: options.bprna !== undefined,
    };
    const tasks = options.tasks ?? TASKS.filter((task) => has[task]);
    const lacking = tasks.find((task) => !has[task]);
    if (lacking !== undefined)
      program.error(
        `${lacking} needs its data: ${lacking === 'contacts' || lacking === 'secondary' ? '--bprna' : `--${lacking}`}`,
      );
    if ((options.encoder === undefined) === (options.corpus === undefined))
      program.error('give --encoder, or --corpus to pre-train one');
    if (tasks.length === 0)
      program.error('give the data of at least one task: --bprna, --splice, --ribosome-load, --translation or --ncrna');
    await runTasks(
      { ...options, tasks },
      TASKS.filter((task) => has[task]),
    );
  });

async function runTasks(options: Options, withData: readonly Task[]): Promise<void> {
  const { tasks, out } = options;
  await mkdir(out, { recursive: true });
  await checkSettings(join(out, 'settings.json'), { ...options, tasks: undefined, out: undefined });
  const encoder = options.encoder ?? (await pretrained(options, withData));
  const rows: Row[] = [];
  for (const task of tasks) {
    rows.push(...(task === 'contacts' ? await contacts(encoder, options) : await fineTuned(task, encoder, options)));
    // A table of what there is, after every task.
    await writeWhole(join(out, 'results.json'), `${JSON.stringify(rows, null, 2)}\n`);
    await writeWhole(join(out, 'results.md'), taskTable(rows));
  }
  process.stdout.write(taskTable(rows));
}

/** An encoder of our own. The tests of all tasks with data are left out of its corpus, whichever are run now. */
async function pretrained(options: Options, withData: readonly Task[]): Promise<string> {
  const { out, size, seed, corpus = [] } = options;
  const folder = join(out, 'pretrain');
  const parts: PreparedTask[] = [];
  for (const task of withData)
    if (task !== 'contacts') parts.push(...(await prepare(task, options, PLANS[size], join(out, 'data'))));
  const { train, validation } = await prepareCorpus(corpus, parts, PLANS[size].corpus, join(out, 'data'));
  await resultOf(join(out, 'pretrain.json'), [
    'pretrain',
    pretraining(size),
    '--out',
    folder,
    '--seed',
    String(seed),
    '--data.train',
    train,
    '--data.validation',
    validation,
    '--json',
  ]);
  return join(folder, 'model');
}

/** Two fine-tunings of each part of a task, and their scores on each of its tests. */
async function fineTuned(task: Exclude<Task, 'contacts'>, encoder: string, options: Options): Promise<Row[]> {
  const { out, size, seed } = options;
  const rows: Row[] = [];
  for (const part of await prepare(task, options, PLANS[size], join(out, 'data'))) {
    const models: string[] = [];
    for (const untrained of [false, true]) {
      const folder = join(out, part.name, untrained ? 'untrained' : 'pretrained');
      await mkdir(join(out, part.name), { recursive: true });
      await resultOf(join(out, part.name, `${untrained ? 'untrained' : 'pretrained'}.json`), [
        'finetune',
        part.task,
        recipe(size, part.task, part.protocol),
        '--out',
        folder,
        '--seed',
        String(seed),
        '--model.checkpoint',
        encoder,
        '--model.untrained',
        String(untrained),
        '--data.train',
        part.train,
        '--data.validation',
        part.validation,
        '--json',
      ]);
      models.push(folder);
    }
    for (const test of part.tests) rows.push(...(await scores(part, test, models)));
  }
  return rows;
}

async function scores(
  part: PreparedTask,
  test: PreparedTask['tests'][number],
  models: readonly string[],
): Promise<Row[]> {
  const evaluate = (folder: string, baselines: boolean): Promise<unknown> => {
    const model = join(folder, 'model');
    const isStructures = part.task === 'secondary-structure';
    return resultOf(join(folder, `${test.name}.json`), [
      'evaluate',
      model,
      test.file,
      '--json',
      ...(isStructures ? ['--protocol', part.protocol] : []),
      ...(baselines
        ? [
            '--baselines',
            ...(isStructures ? [] : ['--train', part.train]),
            '--report',
            join(folder, `report-${test.name}`),
          ]
        : []),
    ]);
  };
  const [pretrained, untrained] = [await evaluate(models[0]!, true), await evaluate(models[1]!, false)];
  return part.task === 'secondary-structure'
    ? structureRows(part, test, pretrained, untrained)
    : labelRows(part, test, pretrained, untrained);
}

async function contacts(encoder: string, options: Options): Promise<Row[]> {
  const { out, size, seed } = options;
  const [part] = await prepare('secondary', options, PLANS[size], join(out, 'data'));
  const folder = join(out, 'contacts');
  await mkdir(folder, { recursive: true });
  const regression = join(folder, 'contacts.json');
  await rna([
    'contacts',
    'fit',
    encoder,
    part!.train,
    '--out',
    regression,
    '--seed',
    String(seed),
    ...limit(PLANS[size]),
  ]);
  const test = part!.tests[0]!;
  return contactRows(
    test.name,
    await resultOf(join(folder, 'scores.json'), [
      'contacts',
      'evaluate',
      encoder,
      regression,
      test.file,
      '--compare-random',
      '--baselines',
      '--json',
      ...limit(PLANS[size]),
    ]),
  );
}

const limit = ({ contacts: { maxLength } }: Limits): string[] =>
  maxLength === undefined ? [] : ['--max-length', String(maxLength)];

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`npm run tasks failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
