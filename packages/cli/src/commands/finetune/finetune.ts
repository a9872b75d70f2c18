/**
 * The work of `rna finetune`: reads config, labelled RNAs and a pre-trained
 * model, puts the task's head on it, and hands all to `@rna/train`'s recipe. The
 * run's folder is trainingRun.ts's.
 */
import { isDeepStrictEqual } from 'node:util';
import { RandomStream } from '@rna/kernels';
import {
  Encoder,
  headParameters,
  initialHead,
  loadParameters,
  parameter,
  STREAM,
  type Head,
  type OpenedModel,
  type ParameterMap,
  type TaskHead,
} from '@rna/model';
import {
  finetune as train,
  finetuneConfig,
  trainingPrecision,
  type Evaluation,
  type FinetuneConfig,
  withRecovery,
} from '@rna/train';
import { readChainSet } from '../../input/chainFiles.ts';
import { labelColumns, labelRows, readLabelled, readRows, type LabelledFileRna } from '../../input/labelled.ts';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { withModel } from '../../models/loadModel.ts';
import { formatCount, formatLoss, formatScore } from '@rna/figures';
import { lossTable, scoreTable, textTable, type Table } from '../../report/table.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import { readConfig } from '../../input/trainingInput.ts';
import { withRanks, type MpiRanks } from '../../ranks/ranks.ts';
import { printConfig, type FinishedRun, type TrainingOptions, openTrainingRun } from '../../training/trainingRun.ts';
import { FOR_TRAINING, withPriors } from '../../folding/priors.ts';

// Keeps the head's parameters apart from an encoder drawn from the same seed.
const HEAD_SEED_OFFSET = 0x68656164;

/**
 * Throws a UsageError for a config that cannot be, an InputError, CheckpointError or CommandError for RNAs or model,
 * all before the run's folder is touched.
 */
export async function finetune(head: Head, options: TrainingOptions): Promise<void> {
  const schema = finetuneConfig(head);
  const asked = await readConfig(schema, options);
  if (options.printConfig) return printConfig(asked);
  const ended = await withRanks((ranks) => run(head, schema, asked, ranks));
  if (ended === undefined) return;
  const { finished, rnas } = ended;
  await writeResult(
    options.json ? `${JSON.stringify({ ...finished, rnas }, null, 2)}\n` : resultText(head, finished, rnas),
  );
}

/** The finished run and how many RNAs were held out of it; undefined where another rank has it. */
async function run(
  head: Head,
  schema: ReturnType<typeof finetuneConfig>,
  asked: FinetuneConfig,
  ranks: MpiRanks | undefined,
): Promise<{ readonly finished: FinishedRun; readonly rnas: number } | undefined> {
  const data = await readData(head, asked);
  // What labels are is checked before a model is fetched, though a model that has learnt the task has the last word.
  const { train: firstTrain, validation: firstValidation } = data.labelled();
  note(`${formatCount(firstTrain.length)} RNAs to train on, ${formatCount(firstValidation.length)} held out`);
  const finished = await interruptible((signal) =>
    withModel(asked.model.checkpoint, {}, async (model) => {
      const learnt = data.labelled(learntBy(model, head, asked));
      const { train: records, validation } = learnt;
      const config = withSizesOf(model, head, learnt.config);
      const task: TaskHead = { head, sizes: head.sizes.parse(config.head) };
      checkHead(model, task, config);
      checkLengths(model.config, [...records, ...validation]);
      const opened = await openTrainingRun(`finetune ${head.name}`, schema, config, signal, ranks);
      try {
        const state = await withPriors(task, FOR_TRAINING(), (priors) =>
          withRecovery({
            ...opened.places,
            ...opened.devices,
            // A rank cannot go back to a checkpoint alone.
            ...(ranks && { retries: 0 }),
            run: async (device) => {
              // On the f32 originals, which are what is trained.
              const encoder = config.model.untrained
                ? Encoder.initialize(device, model.config, config.seed, trainingPrecision(config))
                : new Encoder(
                    device,
                    model.config,
                    await loadParameters(device, model, 'f32'),
                    trainingPrecision(config),
                  );
              return train({
                encoder,
                task,
                parameters: headOf(model, task, encoder, config),
                config,
                ...(priors && { priors }),
                train: records,
                validation,
                ...opened.places,
              });
            },
          }),
        );
        return await opened.finish(state);
      } catch (error) {
        throw await opened.explain(error);
      } finally {
        opened.close();
      }
    }),
  );
  return finished && { finished, rnas: firstValidation.length };
}

interface Labelled {
  /** The config with what the head learns from the training set's table. */
  readonly config: FinetuneConfig;
  readonly train: readonly LabelledFileRna<unknown>[];
  readonly validation: readonly LabelledFileRna<unknown>[];
}

interface Data {
  /** Training and held-out RNAs; `learnt` are the sizes of a model that is trained further. */
  readonly labelled: (learnt?: Readonly<Record<string, unknown>>) => Labelled;
}

/** Training and held-out RNAs: from files of both, or the latter drawn from the former. */
async function readData(head: Head, config: FinetuneConfig): Promise<Data> {
  const { data, head: asked } = config;
  const sizes = head.sizes.parse(asked);
  const { columns } = head;
  if (head.kind === 'coordinates') {
    const train = await chainRnas(data.train, config);
    const validation = data.validation.length === 0 ? [] : await chainRnas(data.validation, config);
    const labelled = { ...heldOut(train, validation, config), config };
    return { labelled: () => labelled };
  }
  if (columns?.learn === undefined) {
    const all = await readLabelled(head, sizes, data.train, data.columns);
    const held = await readLabelled(head, sizes, data.validation, data.columns);
    const parts = heldOut(all, held, config);
    const labelled = { ...parts, config: withClassNames(head, config, parts) };
    return { labelled: () => labelled };
  }
  const rows = await readRows(head, sizes, data.train, data.columns ?? {});
  const held = await readRows(head, sizes, data.validation, data.columns ?? {});
  const { id, sequence, targets } = labelColumns(head, sizes, data.columns ?? {});
  const labelled = (learnt: Readonly<Record<string, unknown>> = {}): Labelled => {
    const stated = { ...learnt, ...asked };
    const known = learntSizes(data.train, () =>
      columns.learn!(head.sizes.parse(stated), {
        id,
        sequence,
        targets,
        rows: rows.map(({ labels, sequence: letters }) => ({ cells: labels, sequence: letters })),
      }),
    );
    return {
      ...heldOut(labelRows(head, known, rows, targets), labelRows(head, known, held, targets), config),
      config: { ...config, head: { ...known } },
    };
  };
  const first = labelled();
  return { labelled: (learnt) => (learnt === undefined ? first : labelled(learnt)) };
}

/** The chains of coordinate files that pass the config's filters. */
async function chainRnas(paths: readonly string[], { data }: FinetuneConfig): Promise<Rnas['train']> {
  const { shortest = 16, longest = 256, resolution = 4, statedResolution = false, clusters } = data;
  const chains = await readChainSet(paths, { shortest, longest, resolution, statedResolution }, clusters);
  return chains.map(({ id, file, chain: { sequence, coordinates, mask } }) => ({
    id,
    sequence,
    file,
    line: 1,
    target: { sequence, coordinates, mask },
  }));
}

/** A RangeError of a table that nothing can be learnt from is the files'. */
function learntSizes<S>(files: readonly string[], learn: () => S): S {
  try {
    return learn();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandError(`${files.join(', ')}: ${error.message}`, { cause: error });
  }
}

type Rnas = Pick<Labelled, 'train' | 'validation'>;

/** The RNAs of both, or where there are no files of the latter a part of the former. */
function heldOut(all: Rnas['train'], validation: Rnas['validation'], { data, seed }: FinetuneConfig): Rnas {
  if (data.validation.length > 0) return { train: all, validation };
  const count = Math.max(1, Math.round(data.heldOutShare * all.length));
  if (count >= all.length)
    throw new CommandError(`of ${all.length} RNAs none can be held out; give data.validation, or more RNAs`);
  const held = new Set(new RandomStream(seed, STREAM.heldOut).shuffle([...all.keys()]).slice(0, count));
  note(
    `${formatCount(count)} of ${formatCount(all.length)} RNAs are held out by chance; likes of them may be trained on (data.validation takes files)`,
  );
  return { train: all.filter((_, i) => !held.has(i)), validation: all.filter((_, i) => held.has(i)) };
}

/** What a model that is trained further has learnt of its task; undefined where it starts anew. */
const learntBy = (
  { task }: OpenedModel,
  head: Head,
  { model: { untrained } }: FinetuneConfig,
): Readonly<Record<string, unknown>> | undefined =>
  task?.head !== head || untrained || head.columns?.learn === undefined ? undefined : { ...task.sizes };

/**
 * Where the files name the classes, the head has these names, unless the config has names; and as many classes, unless
 * it asks for more.
 */
function withClassNames(head: Head, config: FinetuneConfig, { train, validation }: Rnas): FinetuneConfig {
  if (head.withClassNames === undefined || 'names' in config.head) return config;
  const names = new Map<number, string>();
  for (const { target, group } of [...train, ...validation]) {
    if (group === undefined || (names.get(target as number) ?? group) !== group) return config;
    names.set(target as number, group);
  }
  const sizes = head.withClassNames(head.sizes.parse(config.head), names);
  return sizes === undefined ? config : { ...config, head: { ...sizes } };
}

/** Where the config says nothing of the head's sizes, those of the head that the model has and that is trained further. */
function withSizesOf({ task }: OpenedModel, head: Head, config: FinetuneConfig): FinetuneConfig {
  if (task?.head !== head || config.model.untrained || !isDeepStrictEqual(config.head, head.sizes.parse({})))
    return config;
  return { ...config, head: { ...task.sizes } };
}

/** A model that has a head is trained further, and so decides its sizes. */
function checkHead(
  { task: found }: OpenedModel,
  { head, sizes }: TaskHead,
  { model: { checkpoint, untrained } }: FinetuneConfig,
): void {
  if (found?.head !== head || untrained) return;
  const text = (each: object, name: string): string =>
    JSON.stringify(new Map<string, unknown>(Object.entries(each)).get(name));
  const differing = Object.keys(found.sizes).filter(
    (name) => head.trainingSizes?.includes(name) !== true && text(found.sizes, name) !== text(sizes, name),
  );
  if (differing.length > 0) {
    throw new UsageError(
      `${checkpoint} has a ${head.name} head of other sizes: ${differing.map((name) => `head.${name} is ${text(found.sizes, name)}, the config asks for ${text(sizes, name)}`).join('; ')}`,
    );
  }
  note(`${checkpoint} has a ${head.name} head, which is trained further`);
}

/** The head's parameters: the model's own, or new ones. */
function headOf(
  model: OpenedModel,
  task: TaskHead,
  { device, config, parameters }: Encoder,
  { seed, model: { untrained } }: FinetuneConfig,
): ParameterMap {
  if (model.task?.head !== task.head || untrained) return initialHead(device, task, config, seed + HEAD_SEED_OFFSET);
  return new Map([...headParameters(task, config.dim).keys()].map((name) => [name, parameter(parameters, name)]));
}

function resultText(
  head: Head,
  { folder, steps, modelStep, trainingLoss, before, after }: FinishedRun,
  rnas: number,
): string {
  const losses = lossTable([
    {
      what: `training, steps 1 and ${steps}`,
      unit:
        head.kind === 'pairs'
          ? 'nats per pair of positions'
          : `mean over ${head.terms === undefined ? 'RNAs' : 'labels'}`,
      ...trainingLoss,
    },
  ]);
  const rows = [
    ...(before ? [{ model: 'before', metrics: before }] : []),
    ...(after ? [{ model: `step ${modelStep}`, metrics: after }] : []),
  ];
  const table = head.kind === 'pairs' ? pairTable(rows, rnas) : metricTable(rows, rnas);
  return `${textTable(losses)}\n${textTable(table)}\nmodel of step ${modelStep}: ${folder}/model\n`;
}

type Scored = readonly { readonly model: string; readonly metrics: Evaluation['metrics'] }[];

/** The head's own metrics, a row each. */
function metricTable(scored: Scored, rnas: number): Table {
  return {
    caption: `Scores of ${formatCount(rnas)} held-out RNAs`,
    columns: [
      { header: 'score', group: '', align: 'left' },
      ...scored.map(({ model }) => ({ header: model, group: '', align: 'right' as const })),
    ],
    rowHeaders: 1,
    rows: Object.keys(scored.at(-1)?.metrics ?? {}).map((name) => [
      name,
      ...scored.map(({ metrics }) => formatLoss(metrics[name] ?? null)),
    ]),
  };
}

/** The report's table of scores, with the threshold and the area under the precision-recall curve. */
function pairTable(rows: Scored, rnas: number): Table {
  const table = scoreTable(
    rows.map(({ model, metrics }) => {
      const value = (name: string): number => metrics[name] ?? NaN;
      return {
        set: 'held out',
        model,
        rnas,
        strict: { precision: value('precision'), recall: value('recall'), f1: value('f1') },
        tolerant: { precision: value('flexiblePrecision'), recall: value('flexibleRecall'), f1: value('flexibleF1') },
      };
    }),
  );
  const extra = ['AUPRC', 'threshold'].map((header) => ({ header, group: '', align: 'right' as const }));
  return {
    ...table,
    caption: 'Base pairs of the held-out RNAs, means over RNAs',
    columns: [...table.columns, ...extra],
    rows: table.rows.map((cells, i) => [
      ...cells,
      ...['averagePrecision', 'threshold'].map((name) => formatScore(rows[i]!.metrics[name] ?? NaN)),
    ]),
  };
}
