/**
 * The work of `rna evaluate`: a model's scores on RNAs with known structures,
 * or on masked nucleotides where it has no secondary-structure head. Metrics are
 * `@rna/model`'s, the loops over RNAs `@rna/train`'s, so that a run's own
 * evaluation and this command cannot disagree.
 */
import {
  basePairs, meanScore, secondaryStructure, secondaryStructureSizes, type OpenedModel, type PairScore, type Precision, type SecondaryStructureSizes,
} from '@rna/model';
import { DeviceError, MemoryBudgetError } from '@rna/tensor';
import {
  evaluateStructures, heldOutBatches, MASK_KIND, maskedMetrics, memoryCorpus, pairPredictor, tuneThreshold,
  type MaskingScheme, type PairPredictor, type StructureEvaluation, type StructureScore,
} from '@rna/train';
import { CommandError, UsageError } from './errors.ts';
import { writeAtomically } from './files.ts';
import { withEncoder, withModel } from './loadModel.ts';
import { checkOutputFile } from './outputs.ts';
import { formatCount, formatLoss, formatScore } from './report/format.ts';
import { textTable, type Table } from './report/table.ts';
import { interruptible, note, progressBar, writeResult } from './terminal.ts';
import { readRecords, readStructures, type StructureRecord } from './trainingInput.ts';

export interface EvaluateOptions extends Precision {
  readonly model: string;
  readonly files: readonly string[];
  readonly threshold?: number;
  readonly validation?: readonly string[];
  readonly tuneBy: 'within-one' | 'exact';
  readonly allowNcPairs?: boolean;
  readonly allowSharpLoops?: boolean;
  readonly csv?: string;
  readonly masking?: MaskingScheme;
  readonly maxTokens: number;
  readonly json?: boolean;
  readonly config?: string;
}

/** Throws a UsageError, InputError, CheckpointError or CommandError before any work. */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  if (options.threshold !== undefined && options.validation !== undefined) {
    throw new UsageError('--threshold and --validation exclude each other: one gives the threshold, the other tunes it');
  }
  if (options.csv !== undefined) await checkOutputFile(options.csv);
  await interruptible((signal) => withModel(options.model, options, (model) => {
    const sizes = secondaryStructureSizes(model);
    return sizes === undefined || options.masking !== undefined ? scoreMasked(model, options) : scoreStructures(model, sizes, options, signal);
  }));
}

type Flags = { readonly allowNcPairs: boolean; readonly allowSharpLoops: boolean };

async function scoreStructures(
  model: OpenedModel, sizes: SecondaryStructureSizes, options: EvaluateOptions, signal: AbortSignal,
): Promise<void> {
  const { validation, allowNcPairs = false, allowSharpLoops = false, tuneBy } = options;
  const records = await readStructures(options.files);
  const tuning = validation && await readStructures(validation);
  const withoutPairs = records.filter(({ partners }) => partners.every((partner) => partner < 0)).length;
  if (withoutPairs > 0) note(`${formatCount(withoutPairs)} of ${formatCount(records.length)} RNAs have no base pair in their file; their recall and F1 count as 0`);
  const flags: Flags = { allowNcPairs, allowSharpLoops };
  await withEncoder(model, async (encoder) => {
    const predict = pairPredictor({ encoder, task: { head: secondaryStructure, sizes }, parameters: encoder.parameters });
    const run = <T>(label: string, rnas: readonly StructureRecord[], task: (predict: PairPredictor) => Promise<T>): Promise<T> =>
      withProgress(label, rnas, predict, signal, task);
    const tuned = tuning && await run('tune', tuning, (each) => tuneThreshold(each, tuning, { ...flags, flexible: tuneBy === 'within-one' }));
    const { threshold, source } = chooseThreshold(model, options, tuned);
    note(`pairs above ${threshold} (${source})`);
    const evaluation = await run('evaluate', records, (each) => evaluateStructures(each, records, { ...flags, threshold }));
    if (options.csv !== undefined) await writeCsv(options.csv, records, evaluation.rnas);
    await writeResult(options.json ? structureJson(options, evaluation, source, flags) : textTable(structureTable(evaluation)));
  }, options);
}

function chooseThreshold({ scalars }: OpenedModel, { threshold }: EvaluateOptions, tuned: StructureEvaluation | undefined): { threshold: number; source: string } {
  if (threshold !== undefined) return { threshold, source: '--threshold' };
  if (tuned !== undefined) return { threshold: tuned.threshold, source: 'tuned on --validation' };
  const stored = scalars.get('threshold');
  return stored === undefined ? { threshold: 0.5, source: 'the default; the model carries none' } : { threshold: stored, source: 'tuned with the model' };
}

/** Runs a loop over RNAs, in their order, with a bar; an RNA that the adapter cannot run is named. */
async function withProgress<T>(
  label: string, records: readonly StructureRecord[], predict: PairPredictor, signal: AbortSignal, task: (predict: PairPredictor) => Promise<T>,
): Promise<T> {
  const bar = progressBar(label, records.length, 'RNAs');
  let done = 0;
  try {
    return await task(async (sequence) => {
      signal.throwIfAborted();
      const { id, file } = records[done]!;
      const probabilities = await predict(sequence).catch((error: unknown) => {
        if (!(error instanceof MemoryBudgetError || error instanceof DeviceError)) throw error;
        throw new CommandError(`${file}: record "${id}" of ${sequence.length} nucleotides cannot be run on this adapter: ${error.message}; remove it, or use a machine with more memory`, { cause: error });
      });
      bar.update(++done);
      return probabilities;
    });
  } finally {
    bar.stop();
  }
}

/** Means with the RNAs' lengths as weights, as in RiNALMo's Table 6. */
function lengthWeighted(rnas: readonly StructureScore[]): Pick<StructureEvaluation, 'strict' | 'flexible' | 'averagePrecision'> {
  const lengths = rnas.map(({ sequence }) => sequence.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return {
    strict: meanScore(rnas.map(({ strict }) => strict), lengths),
    flexible: meanScore(rnas.map(({ flexible }) => flexible), lengths),
    averagePrecision: rnas.reduce((sum, { averagePrecision }, i) => sum + averagePrecision * lengths[i]!, 0) / total,
  };
}

function structureTable(evaluation: StructureEvaluation): Table {
  const { rnas } = evaluation;
  const measures = (group: string): Table['columns'] => ['precision', 'recall', 'F1'].map((header) => ({ header, group, align: 'right' }));
  const values = ({ precision, recall, f1 }: PairScore): number[] => [precision, recall, f1];
  const averages = [['over RNAs', evaluation], ['weighted by length', lengthWeighted(rnas)]] as const;
  return {
    caption: `Base pairs of ${formatCount(rnas.length)} RNAs`,
    columns: [{ header: 'mean', group: '', align: 'left' }, ...measures('exact pairs'), ...measures('within ±1'), { header: 'AUPRC', group: '', align: 'right' }],
    rowHeaders: 1,
    rows: averages.map(([name, { strict, flexible, averagePrecision }]) =>
      [name, ...[...values(strict), ...values(flexible), averagePrecision].map(formatScore)]),
  };
}

function structureJson({ model }: EvaluateOptions, evaluation: StructureEvaluation, thresholdSource: string, flags: Flags): string {
  const { rnas, threshold, strict, flexible, averagePrecision } = evaluation;
  return `${JSON.stringify({
    model, rnas: rnas.length, threshold, thresholdSource, ...flags, strict, flexible, averagePrecision, lengthWeighted: lengthWeighted(rnas),
  }, null, 2)}\n`;
}

const CSV_COLUMNS = [
  'file', 'id', 'length', 'truePairs', 'predictedPairs',
  'precision', 'recall', 'f1', 'flexiblePrecision', 'flexibleRecall', 'flexibleF1', 'averagePrecision',
];

function writeCsv(path: string, records: readonly StructureRecord[], scores: readonly StructureScore[]): Promise<void> {
  const lines = scores.map(({ id, sequence, target, predicted, strict, flexible, averagePrecision }, i) => [
    csvText(records[i]!.file), csvText(id), sequence.length, basePairs(target).length, basePairs(predicted).length,
    strict.precision, strict.recall, strict.f1, flexible.precision, flexible.recall, flexible.f1, averagePrecision,
  ].join(','));
  return writeAtomically(path, (sink) => sink.write(new TextEncoder().encode(`${[CSV_COLUMNS.join(','), ...lines].join('\n')}\n`)));
}

const csvText = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Loss and accuracy on masked nucleotides, as rna pretrain evaluates. */
async function scoreMasked(model: OpenedModel, options: EvaluateOptions): Promise<void> {
  const { maxTokens, masking: scheme = model.config.model === 'rinalmo' ? 'mlm' : 'ssm', csv, threshold, validation, json } = options;
  const reason = secondaryStructureSizes(model) === undefined ? `${options.model} has no secondary-structure head, so masked nucleotides are scored` : '--masking scores masked nucleotides';
  if (csv !== undefined || threshold !== undefined || validation !== undefined) throw new UsageError(`${reason}; --csv, --threshold and --validation are for structures`);
  if (!model.lmHead) throw new CommandError(`${options.model} has neither a secondary-structure head nor an LM head; there is nothing to score`);
  const records = await readRecords(options.files);
  const cropped = records.filter(({ sequence }) => sequence.length + 2 > maxTokens).length;
  note(`${reason}, under ${scheme}`);
  if (cropped > 0) note(`${formatCount(cropped)} RNAs are cropped to ${maxTokens - 2} nucleotides (--max-tokens)`);
  // The trainer's own evaluation.
  const batches = heldOutBatches(memoryCorpus(records), { masking: { scheme }, maxTokens });
  const metrics = await withEncoder(model, (encoder) => maskedMetrics(encoder, batches), options);
  const kinds = Object.keys(MASK_KIND).filter((kind) => metrics[`${kind}.loss`] !== undefined);
  const row = (name: string, prefix: string): string[] =>
    [name, formatLoss(metrics[`${prefix}loss`]!), formatLoss(metrics[`${prefix}perplexity`]!), formatScore(metrics[`${prefix}accuracy`]!)];
  await writeResult(json
    ? `${JSON.stringify({ model: options.model, rnas: records.length, masking: scheme, maxTokens, ...metrics }, null, 2)}\n`
    : textTable({
      caption: `Masked nucleotides of ${formatCount(records.length)} RNAs`,
      columns: [{ header: 'masking', group: '', align: 'left' }, ...['loss (nats)', 'perplexity', 'accuracy'].map((header) => ({ header, group: '', align: 'right' as const }))],
      rowHeaders: 1,
      rows: [row(scheme, ''), ...(kinds.length > 1 ? kinds.map((kind) => row(kind, `${kind}.`)) : [])],
    }));
}

