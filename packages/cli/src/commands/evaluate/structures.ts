/**
 * `rna evaluate` for secondary structures: a model's base pairs on RNAs with
 * known ones, by a paper's protocol or by given rules, with intervals, by parts of
 * the test set, beside CONTRAfold and EternaFold. Metrics are `@rna/model`'s, the
 * loops over RNAs `@rna/train`'s, so that a run's own evaluation and this command
 * cannot disagree.
 */
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import {
  addCalibration,
  calibrationError,
  basePairs,
  nearestIdentity,
  readMmseqs,
  RINALMO_PROTOCOL,
  SSR_LM_PROTOCOL,
  evaluateStructures,
  chooseThreshold,
  windowedPairs,
  type CalibrationBin,
  type PairPredictor,
  type StructureEvaluation,
  type StructureScore,
  csvLine,
} from '@rna/structure';
import type { Encoder, OpenedModel, PairTask } from '@rna/model';
import { pairPredictor } from '@rna/train';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';
import { naming, withEncoder } from '../../models/loadModel.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { chooseWindows, noteWindows, type ChosenWindows } from '../../models/windows.ts';
import { formatCount, pairCalibration, pairCurves, type PairCurves } from '@rna/figures';
import { textTable } from '../../report/table.ts';
import { note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { readStructures, type StructureRecord } from '../../input/trainingInput.ts';
import { FOLDING_BASELINES, scoreFolding } from '../../folding/baselines.ts';
import { withPriors } from '../../folding/priors.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';
import { writeStructureReport, type Rules, type Summaries } from './structureReport.ts';
import {
  calibrationTable,
  groupTable,
  pairTypeTable,
  summarise,
  summaryTable,
  type GroupedScore,
  type Grouping,
} from './summary.ts';

export async function scoreStructures(
  model: OpenedModel,
  task: PairTask,
  options: EvaluateOptions,
  signal: AbortSignal,
): Promise<void> {
  const rules = rulesOf(options);
  if (options.by.includes('plddt')) throw new UsageError('--by plddt is for structures in space');
  if (options.by.includes('similarity') && options.train === undefined && options.mmseqs === undefined)
    throw new UsageError('--by similarity needs the training set: --train FILES or --mmseqs FILE');
  const records = await readStructures(options.files);
  const tuning = options.validation && (await readStructures(options.validation));
  const identities = await identitiesOf(records, options, signal);
  const withoutPairs = records.filter(({ partners }) => partners.every((partner) => partner < 0)).length;
  if (withoutPairs > 0)
    note(
      `${formatCount(withoutPairs)} of ${formatCount(records.length)} RNAs have no base pair in their file; their recall and F1 count as 0`,
    );
  await withPriors(task, {}, (priors) =>
    withEncoder(
      model,
      async (encoder) => {
        const windows = chooseWindows(encoder.device, encoder.config, task, options, 'short');
        noteWindows(
          [...records, ...(tuning ?? [])].map((record) => ({ ...record, length: record.sequence.length })),
          windows,
          'pair probabilities',
        );
        const predict = windowedPairs(
          pairPredictor({ encoder, task, parameters: encoder.parameters, ...(priors && { priors }) }),
          windows,
        );
        const run = <T>(
          label: string,
          rnas: readonly StructureRecord[],
          work: (predict: PairPredictor) => Promise<T>,
        ): Promise<T> => withProgress(label, rnas, predict, { encoder, windows, signal }, work);
        const tuned = tuning && (await run('tune', tuning, (each) => chooseThreshold(each, tuning, rules)));
        const { threshold, source } = thresholdToUse(model, options, tuned);
        note(
          `pairs above ${threshold} (${source})${options.protocol !== undefined && tuned === undefined && options.threshold === undefined ? `; --validation FILES tunes it by ${options.protocol}'s rules` : ''}`,
        );
        const curves: PairCurves[] = [];
        const calibrations: (readonly CalibrationBin[])[] = [];
        const { rnas } = await run('evaluate', records, (each) =>
          evaluateStructures(each, records, { ...rules, threshold }, (score, probabilities) => {
            const drawn = options.report === undefined ? undefined : pairCurves(probabilities, score.target);
            if (drawn !== undefined) curves.push(drawn);
            calibrations.push(drawn?.calibration ?? pairCalibration(probabilities, score.target));
          }),
        );
        const calibration = addCalibration(calibrations);
        const predicted = new Map<string, readonly StructureScore[]>([[options.model, rnas]]);
        if (options.baselines)
          for (const name of FOLDING_BASELINES) predicted.set(name, await scoreFolding(name, records, signal));
        const summaries = new Map(
          [...predicted].map(
            ([name, scores]) =>
              [
                name,
                summarise(
                  scores.map((score, i): GroupedScore => ({
                    ...score,
                    file: records[i]!.file,
                    ...(identities && { identity: identities[i]! }),
                  })),
                ),
              ] as const,
          ),
        );
        const none = options.by.find(
          (by) =>
            by !== 'pair-type' &&
            by !== 'probability' &&
            !summaries.get(options.model)!.groups.some((group) => group.by === by),
        );
        if (none !== undefined) note(`--by ${none}: ${UNGROUPED[none as Grouping]}`);
        if (options.csv !== undefined) await writeCsv(options.csv, records, rnas);
        if (options.report !== undefined) {
          await writeStructureReport(options.report, {
            options,
            model,
            task,
            encoder,
            rules,
            threshold,
            source,
            records,
            predicted,
            curves,
            calibration,
            summaries,
            identities,
            predict,
            signal,
          });
        }
        await writeResult(
          options.json
            ? jsonOf(options, task.head.name, summaries, calibration, { threshold, source, rules })
            : tablesOf(options, summaries, calibration).map(textTable).join('\n'),
        );
      },
      options,
    ),
  );
}

/** Why RNAs are not parted so. */
const UNGROUPED: Readonly<Record<Grouping, string>> = {
  family: 'not every id tells a family of ArchiveII; there is no such table',
  file: 'there are not several files with several RNAs; there is no such table',
  length: 'all RNAs are in one bin of lengths; there is no such table',
  similarity: 'all RNAs are in one bin of identities with --train; there is no such table',
};

/** A protocol's rules, or those of the flags. */
function rulesOf({ protocol, allowNcPairs, allowSharpLoops, tuneBy }: EvaluateOptions): Rules {
  if (protocol === undefined)
    return {
      allowNcPairs: allowNcPairs ?? false,
      allowSharpLoops: allowSharpLoops ?? false,
      flexible: tuneBy !== 'exact',
    };
  if (allowNcPairs !== undefined || allowSharpLoops !== undefined || tuneBy !== undefined) {
    throw new UsageError(
      '--protocol sets how pairs are decoded and tuned; leave out --allow-nc-pairs, --allow-sharp-loops and --tune-by',
    );
  }
  const {
    allowNcPairs: nc,
    allowSharpLoops: sharp,
    flexible,
  } = protocol === 'rinalmo' ? RINALMO_PROTOCOL : SSR_LM_PROTOCOL;
  return { allowNcPairs: nc, allowSharpLoops: sharp, flexible };
}

/** The likeness of each RNA to the one most like it in the training set, from MMseqs2 or by alignment here. */
async function identitiesOf(
  records: readonly StructureRecord[],
  { mmseqs, train }: EvaluateOptions,
  signal: AbortSignal,
): Promise<readonly number[] | undefined> {
  if (mmseqs !== undefined) {
    const hits = readMmseqs(await readFile(mmseqs, 'utf8'), mmseqs);
    const known = records.filter(({ id }) => hits.has(id)).length;
    if (known === 0)
      throw new CommandError(
        `${mmseqs} has a hit for none of the ${formatCount(records.length)} RNAs; its first column must hold their ids`,
      );
    note(
      `${formatCount(known)} of ${formatCount(records.length)} RNAs have a hit in ${mmseqs}; the others count as unlike all`,
    );
    return records.map(({ id }) => hits.get(id) ?? 0);
  }
  if (train === undefined) return undefined;
  const identity = nearestIdentity((await readStructures(train)).map(({ sequence }) => sequence));
  const bar = progressBar('align with --train', records.length, 'RNAs');
  const identities: number[] = [];
  try {
    for (const { sequence } of records) {
      // Ctrl-C is heard between RNAs.
      await setImmediate();
      signal.throwIfAborted();
      bar.update(identities.push(identity(sequence)));
    }
  } finally {
    bar.stop();
  }
  return identities;
}

function thresholdToUse(
  { scalars }: OpenedModel,
  { threshold }: EvaluateOptions,
  tuned: StructureEvaluation | undefined,
): { threshold: number; source: string } {
  if (threshold !== undefined) return { threshold, source: '--threshold' };
  if (tuned !== undefined) return { threshold: tuned.threshold, source: 'tuned on --validation' };
  const stored = scalars.get('threshold');
  return stored === undefined
    ? { threshold: 0.5, source: 'the default; the model carries none' }
    : { threshold: stored, source: 'tuned with the model' };
}

/** Runs a loop over RNAs, in their order, with a bar; an RNA that the adapter cannot run is named. */
async function withProgress<T>(
  label: string,
  records: readonly StructureRecord[],
  predict: PairPredictor,
  { encoder, windows, signal }: { encoder: Encoder; windows: ChosenWindows; signal: AbortSignal },
  task: (predict: PairPredictor) => Promise<T>,
): Promise<T> {
  const bar = progressBar(label, records.length, 'RNAs');
  let done = 0;
  try {
    return await task(async (sequence, next) => {
      signal.throwIfAborted();
      const record = records[done]!;
      const probabilities = await predict(sequence, next).catch((error: unknown) => {
        throw naming(error, record.file, record);
      });
      if (!isFiniteArray(probabilities))
        throw await overflow(encoder, record.file, { ...record, sequence: record.sequence.slice(0, windows.size) });
      bar.update(++done);
      return probabilities;
    });
  } finally {
    bar.stop();
  }
}

function tablesOf({ by }: Pick<EvaluateOptions, 'by'>, summaries: Summaries, calibration: readonly CalibrationBin[]) {
  const { groups } = [...summaries.values()][0]!;
  return [
    summaryTable(summaries),
    ...by.flatMap((each) => {
      if (each === 'pair-type') return [pairTypeTable(summaries)];
      if (each === 'probability') return [calibrationTable(calibration)];
      const made = groups.find((group) => group.by === each);
      return made === undefined ? [] : [groupTable(made.by, summaries)];
    }),
  ];
}

/** All groupings that there are, whatever `--by` shows. */
function jsonOf(
  { model, protocol }: EvaluateOptions,
  task: string,
  summaries: Summaries,
  calibration: readonly CalibrationBin[],
  {
    threshold,
    source: thresholdSource,
    rules: { allowNcPairs, allowSharpLoops },
  }: { threshold: number; source: string; rules: Rules },
): string {
  const [[, own] = [], ...others] = summaries;
  return `${JSON.stringify(
    {
      model,
      task,
      ...(protocol && { protocol }),
      threshold,
      thresholdSource,
      allowNcPairs,
      allowSharpLoops,
      ...own,
      calibration: {
        error: calibrationError(calibration),
        // JSON has no NaN: an empty bin has no means.
        bins: calibration.map(({ count, low, high, predicted, observed }) =>
          count === 0 ? { low, high, count } : { low, high, count, predicted, observed },
        ),
      },
      ...(others.length > 0 && { baselines: Object.fromEntries(others) }),
    },
    null,
    2,
  )}\n`;
}

const CSV_COLUMNS = [
  'file',
  'id',
  'length',
  'truePairs',
  'predictedPairs',
  'precision',
  'recall',
  'f1',
  'flexiblePrecision',
  'flexibleRecall',
  'flexibleF1',
  'averagePrecision',
];

function writeCsv(path: string, records: readonly StructureRecord[], scores: readonly StructureScore[]): Promise<void> {
  const lines = scores.map(({ id, sequence, target, predicted, strict, flexible, averagePrecision }, i) =>
    csvLine([
      records[i]!.file,
      id,
      sequence.length,
      basePairs(target).length,
      basePairs(predicted).length,
      strict.precision,
      strict.recall,
      strict.f1,
      flexible.precision,
      flexible.recall,
      flexible.f1,
      averagePrecision,
    ]),
  );
  return writeAtomically(path, (sink) =>
    sink.write(new TextEncoder().encode([csvLine(CSV_COLUMNS), ...lines].join(''))),
  );
}
