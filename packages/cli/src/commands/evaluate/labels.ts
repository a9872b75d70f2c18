/**
 * `rna evaluate` for tasks whose labels are numbers or classes: the head's own
 * metrics with bootstrap intervals, as published where that differs, by file,
 * beside a baseline that is fitted to the training set.
 */
import {
  bestBinaryThreshold,
  bootstrapAll,
  csvLine,
  grouped,
  InputError,
  tableColumn,
  type Interval,
} from '@rna/structure';
import { type Encoder, type Head, type OpenedModel, type Scalars, type TaskHead } from '@rna/model';
import { labelCells, predictionColumns, predictions } from '@rna/train';
import type { LabelledFileRna } from '@rna/train';
import { readLabelled } from '../../input/labelled.ts';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { naming, withEncoder } from '../../models/loadModel.ts';
import { isFinitePrediction, overflow } from '../../models/nonFinite.ts';
import { formatCount, formatLoss, embeddingFigures, taskFigures } from '@rna/figures';
import { textTable, type Table } from '../../report/table.ts';
import { note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { fitBaseline } from '../../folding/baselines.ts';
import { clsEmbeddings } from './embeddings.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';
import { writeReport } from './reportFolder.ts';

type Rna = LabelledFileRna<unknown>;
type Scores = Readonly<Record<string, Interval>>;

/** What a model or a baseline scores. */
interface Scored {
  readonly name: string;
  readonly predictions: readonly unknown[];
  readonly metrics: Scores;
  readonly published?: Readonly<Record<string, number>>;
  readonly parts: readonly {
    readonly label: string;
    readonly rnas: number;
    readonly metrics: Scores;
    readonly published?: Readonly<Record<string, number>>;
  }[];
}

export async function scoreLabels(
  model: OpenedModel,
  task: TaskHead,
  options: EvaluateOptions,
  signal: AbortSignal,
): Promise<void> {
  const { head, sizes } = task;
  const { threshold, validation, protocol, tuneBy, allowNcPairs, allowSharpLoops, mmseqs, by } = options;
  if (
    [protocol, tuneBy, allowNcPairs, allowSharpLoops, mmseqs].some((option) => option !== undefined) ||
    by.some((each) => each !== 'file')
  ) {
    throw new UsageError(
      `${options.model} was fine-tuned for ${head.name}; --protocol, --tune-by, --allow-…, --mmseqs and --by but for file are for structures`,
    );
  }
  if (head.kind !== 'probability' && (threshold !== undefined || validation !== undefined)) {
    throw new UsageError(
      `${options.model} was fine-tuned for ${head.name}, whose answers have no threshold; leave out --threshold and --validation`,
    );
  }
  if (options.train !== undefined && !options.baselines)
    throw new UsageError('--train is what --baselines are fitted to; give both, or neither');
  if (options.baselines && options.train === undefined)
    throw new UsageError('--baselines needs --train FILES: the baseline is fitted to the training set');
  const read = (paths: readonly string[]): Promise<Rna[]> => readLabelled(head, sizes, paths, options.columns);
  const rnas = await read(options.files);
  if (rnas.length === 0) throw new CommandError(`${options.files.join(', ')}: no RNA has a label that is known`);
  const tuning = validation && (await read(validation));
  checkLengths(model.config, [...rnas, ...(tuning ?? [])]);
  const training = options.baselines ? await read(options.train!) : [];
  // Before the model's work, which may be long.
  const baseline = training.length === 0 ? undefined : scoreBaseline(task, training, rnas);
  await withEncoder(
    model,
    async (encoder) => {
      const predict = (label: string, some: readonly Rna[]): Promise<unknown[]> =>
        predictAll(label, encoder, task, some, model.scalars, signal);
      const chosen =
        threshold ??
        (tuning &&
          bestBinaryThreshold(
            (await predict('tune', tuning)) as number[],
            tuning.map(({ target }) => target as number),
          ));
      const scalars: Scalars = new Map([
        ...model.scalars,
        ...(chosen === undefined ? [] : [['threshold', chosen] as const]),
      ]);
      if (chosen !== undefined)
        note(`yes above ${formatLoss(chosen)} (${tuning ? 'tuned on --validation' : '--threshold'})`);
      const predicted = await predict('evaluate', rnas);
      const results = [scored(options.model, predicted, rnas, task, scalars)];
      if (baseline !== undefined) results.push(baseline);
      if (options.csv !== undefined) await writeCsv(options.csv, task, rnas, predicted, scalars);
      if (options.report !== undefined) {
        const embedded = await embeddingFigures(
          rnas.map((rna) => ({ id: rna.id, sequence: rna.sequence, label: embeddingLabel(task, rna) })),
          (drawn) => clsEmbeddings(encoder, drawn, signal),
          head.title,
        );
        const best = results[0]!.metrics[head.best.metric];
        await writeReport(options.report, options, model, encoder, {
          title: head.title.replace(/^./, (letter) => letter.toUpperCase()),
          task: head.title,
          summary: `Predictions for ${formatCount(rnas.length)} RNAs of ${options.files.join(', ')}.`,
          keys:
            best === undefined
              ? []
              : [{ label: head.best.metric, value: formatLoss(best.mean), interval: intervalText(best) }],
          tables: tablesOf(results, rnas.length),
          notes: [`Intervals are 95 % of a bootstrap over RNAs with ${formatCount(resamplesOf(rnas, head))} draws.`],
          figures: [
            ...taskFigures(
              head,
              results.map(({ name, predictions: values }) => ({ name, predictions: values })),
              rnas,
              {
                threshold: scalars.get('threshold') ?? 0.5,
                ...(head.classNames && { classNames: head.classNames(sizes) }),
              },
            ),
            ...embedded,
          ],
          examples: [],
          facts: [
            {
              title: 'Head',
              entries: [...Object.entries(sizes), ...scalars].map(([label, value]) => ({
                label,
                value: String(value),
              })),
            },
          ],
        });
      }
      await writeResult(
        options.json
          ? jsonOf(options, task, results, rnas.length)
          : tablesOf(results, rnas.length).map(textTable).join('\n'),
      );
    },
    options,
  );
}

/** The predictor of the task's kind, fitted to the training set. Its threshold is its own, 0.5. */
function scoreBaseline(task: TaskHead, training: readonly Rna[], rnas: readonly Rna[]): Scored {
  const { head, sizes } = task;
  const classes = head.classNames?.(sizes).length ?? 0;
  const { name, baseline } = fitBaseline(
    head.kind,
    training.map(({ sequence }) => sequence),
    training.map(({ target }) => target),
    classes,
  );
  note(`${name}, fitted to ${formatCount(training.length)} RNAs`);
  const values = rnas.map(({ file, line, sequence }) => {
    try {
      return baseline.predict(sequence);
    } catch (error) {
      throw error instanceof RangeError
        ? new InputError(file, line, error.message, 'remove it, or leave out --baselines')
        : error;
    }
  });
  return scored(name, values, rnas, task, new Map());
}

async function predictAll(
  label: string,
  encoder: Encoder,
  task: TaskHead,
  rnas: readonly Rna[],
  scalars: Scalars,
  signal: AbortSignal,
): Promise<unknown[]> {
  const bar = progressBar(label, rnas.length, 'RNAs');
  const predicted: unknown[] = [];
  try {
    for await (const prediction of predictions({ encoder, task, parameters: encoder.parameters }, rnas, scalars)) {
      signal.throwIfAborted();
      const rna = rnas[predicted.length]!;
      if (!isFinitePrediction(prediction)) throw await overflow(encoder, rna.file, rna);
      predicted.push(prediction);
      bar.update(predicted.length);
    }
    return predicted;
  } catch (error) {
    // All before the pass that failed are done.
    const next = rnas[predicted.length];
    throw next === undefined ? error : naming(error, next.file, next);
  } finally {
    bar.stop();
  }
}

function scored(
  name: string,
  values: readonly unknown[],
  rnas: readonly Rna[],
  { head, sizes }: TaskHead,
  scalars: Scalars,
): Scored {
  const resamples = resamplesOf(rnas, head);
  const examples = rnas.map((rna, i) => ({ rna, prediction: values[i] }));
  const scores = (some: typeof examples) => {
    const published = head.published?.(
      some.map(({ prediction }) => prediction),
      some.map(({ rna }) => rna),
    );
    return {
      metrics: bootstrapAll(
        some,
        (drawn) =>
          head.metrics(
            drawn.map(({ prediction }) => prediction),
            drawn.map(({ rna }) => rna),
            scalars,
            sizes,
          ),
        { resamples },
      ),
      ...(published && { published }),
    };
  };
  const files = [...grouped(examples, ({ rna }) => rna.file)];
  return {
    name,
    predictions: values,
    ...scores(examples),
    parts: files.length < 2 ? [] : files.map(([label, some]) => ({ label, rnas: some.length, ...scores(some) })),
  };
}

// Ranks of very many nucleotides, a thousand times, would take minutes.
const MANY_NUCLEOTIDES = 20_000;

/** Draws of the bootstrap. */
const resamplesOf = (rnas: readonly Rna[], { kind }: Head): number =>
  kind.startsWith('nucleotide-') && rnas.reduce((sum, { sequence }) => sum + sequence.length, 0) > MANY_NUCLEOTIDES
    ? 200
    : 1000;

const embeddingLabel = (task: TaskHead, { target }: Rna): string | number => {
  if (task.head.kind === 'number') return target as number;
  // What has several labels, or one for each nucleotide, is shown by the mean of its first column.
  if (target instanceof Float64Array) {
    const known = tableColumn([target], task.head.classNames?.(task.sizes).length ?? 1, 0).filter(Number.isFinite);
    return known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
  }
  return String(labelCells(task).cells(target)['label']);
};

const intervalText = ({ low, high }: Interval): string => `${formatLoss(low)} – ${formatLoss(high)}`;

/** All scores, a row each; then, of several files, those of each. */
function tablesOf(results: readonly Scored[], rnas: number): Table[] {
  const text = (header: string): Table['columns'][number] => ({ header, group: '', align: 'left' });
  const number = (header: string, group = ''): Table['columns'][number] => ({ header, group, align: 'right' });
  const names = Object.keys(results[0]!.metrics);
  const cells = ({ mean, low, high }: Interval): string[] => [formatLoss(mean), intervalText({ mean, low, high })];
  const published = results[0]!.published;
  const all: Table = {
    caption: `Scores of ${formatCount(rnas)} RNAs`,
    columns: [
      text('score'),
      ...results.flatMap(({ name }) => [number('mean', name), number('95 %', name)]),
      ...(published ? [number('as published')] : []),
    ],
    rowHeaders: 1,
    rows: names.map((name) => [
      name,
      ...results.flatMap(({ metrics }) => cells(metrics[name]!)),
      ...(published ? [formatLoss(published[name] ?? null)] : []),
    ]),
  };
  const parts = results[0]!.parts;
  if (parts.length === 0) return [all];
  return [
    all,
    {
      caption: 'By file',
      columns: [
        text('file'),
        text('predicted by'),
        number('RNAs'),
        ...names.flatMap((name) => [number(name), number('95 %'), ...(published ? [number('as published')] : [])]),
      ],
      rowHeaders: 2,
      rows: parts.flatMap(({ label, rnas: count }, p) =>
        results.map(({ name, parts: own }) => [
          label,
          name,
          formatCount(count),
          ...names.flatMap((metric) => [
            ...cells(own[p]!.metrics[metric]!),
            ...(published ? [formatLoss(own[p]!.published?.[metric] ?? null)] : []),
          ]),
        ]),
      ),
    },
  ];
}

function jsonOf({ model }: EvaluateOptions, { head }: TaskHead, results: readonly Scored[], rnas: number): string {
  const shown = ({ metrics, published, parts }: Scored) => ({
    ...Object.fromEntries(Object.entries(metrics).map(([name, { mean }]) => [name, mean])),
    intervals: metrics,
    ...(published && { published }),
    ...(parts.length > 0 && { files: parts }),
  });
  const [own, ...others] = results;
  return `${JSON.stringify(
    {
      model,
      task: head.name,
      rnas,
      ...shown(own!),
      ...(others.length > 0 && { baselines: Object.fromEntries(others.map((each) => [each.name, shown(each)])) }),
    },
    null,
    2,
  )}\n`;
}

function writeCsv(
  path: string,
  task: TaskHead,
  rnas: readonly Rna[],
  predicted: readonly unknown[],
  scalars: Scalars,
): Promise<void> {
  const { names, cells } = predictionColumns(task, scalars);
  const labels = labelCells(task);
  const lines = rnas.map(({ file, line, id, sequence, target }, i) => {
    const [label, row] = [labels.cells(target), cells(predicted[i])];
    return csvLine([
      file,
      line,
      id,
      sequence.length,
      ...labels.names.map((name) => label[name]!),
      ...names.map((name) => row[name]!),
    ]);
  });
  return writeAtomically(path, (sink) =>
    sink.write(
      new TextEncoder().encode(
        [csvLine(['file', 'line', 'id', 'length', ...labels.names, ...names]), ...lines].join(''),
      ),
    ),
  );
}
