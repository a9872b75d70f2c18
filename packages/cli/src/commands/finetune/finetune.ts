/**
 * The work of `rna finetune`: reads config, labelled RNAs and a pre-trained
 * model, and hands all to `@rna/train`'s script. The run's folder is
 * trainingRun.ts's.
 */
import type { Head } from '@rna/model';
import {
  finetuneConfig,
  heldOutOf,
  labelledTable,
  learntBy,
  runFinetuning,
  tuned,
  type Evaluation,
  type FinetuneConfig,
  type LabelledData,
} from '@rna/train';
import { readChainSet } from '../../input/chainFiles.ts';
import { readLabelled, readRows } from '../../input/labelled.ts';
import { withModel } from '../../models/loadModel.ts';
import { formatCount, formatLoss, formatScore } from '@rna/figures';
import { lossTable, scoreTable, textTable, type Table } from '../../report/table.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import { asUsage, readConfig } from '../../input/trainingInput.ts';
import { withRanks, type MpiRanks } from '../../ranks/ranks.ts';
import { printConfig, type FinishedRun, type TrainingOptions, openTrainingRun } from '../../training/trainingRun.ts';
import { FOR_TRAINING, withPriors } from '../../folding/priors.ts';

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
      const { task, config } = asUsage(() => tuned(model, head, learnt.config, note));
      checkLengths(model.config, [...records, ...validation]);
      const opened = await openTrainingRun(`finetune ${head.name}`, schema, config, signal, ranks);
      try {
        const state = await withPriors(task, FOR_TRAINING(), (priors) =>
          runFinetuning({
            ...opened.places,
            ...opened.devices,
            model,
            task,
            config,
            train: records,
            validation,
            ...(priors && { priors }),
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

interface Data {
  /** Training and held-out RNAs; `learnt` are the sizes of a model that is trained further. */
  readonly labelled: (learnt?: Readonly<Record<string, unknown>>) => LabelledData;
}

/** Training and held-out RNAs: from files of both, or the latter drawn from the former. */
async function readData(head: Head, config: FinetuneConfig): Promise<Data> {
  const { data, head: asked } = config;
  const sizes = head.sizes.parse(asked);
  const { columns } = head;
  if (head.kind === 'coordinates') {
    const train = await chainRnas(data.train, config);
    const validation = data.validation.length === 0 ? [] : await chainRnas(data.validation, config);
    const labelled = { ...heldOutOf(train, validation, config, note), config };
    return { labelled: () => labelled };
  }
  if (columns?.learn === undefined) {
    const all = await readLabelled(head, sizes, data.train, data.columns);
    const held = await readLabelled(head, sizes, data.validation, data.columns);
    const parts = heldOutOf(all, held, config, note);
    const labelled = { ...parts, config: withClassNames(head, config, parts) };
    return { labelled: () => labelled };
  }
  const rows = {
    train: await readRows(head, sizes, data.train, data.columns ?? {}),
    validation: await readRows(head, sizes, data.validation, data.columns ?? {}),
  };
  const labelled = (learnt: Readonly<Record<string, unknown>> = {}): LabelledData =>
    labelledTable(head, config, rows, learnt, note);
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

type Rnas = Pick<LabelledData, 'train' | 'validation'>;

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
