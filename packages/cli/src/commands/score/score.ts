/**
 * The work of `rna score`: variants of a wild type, or every single substitution
 * of each record, scored by a language model that was not trained on any
 * measurement; and how well the scores rank what was measured.
 */
import { figureFile, mutationMap, type ScoredMutation } from '@rna/figures';
import { scoreVariants, type Encoder, type OpenedModel, type Precision, type VariantScore } from '@rna/model';
import {
  standardLetters,
  bootstrapOf,
  formatMutations,
  regressionScores,
  singleMutations,
  type Interval,
  csvLine,
} from '@rna/structure';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { interruptible, note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { writeAtomically } from '../../files/files.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { withFasta } from '../../input/fastaInput.ts';
import { requireLetters } from '../../models/builtin.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { naming, withEncoder, withModel } from '../../models/loadModel.ts';
import { partOf, type ShardPart } from '../../shards/runShard.ts';
import { runRecords } from '../../shards/runRecords.ts';
import type { ShardOption } from '../../shards/shard.ts';
import { readVariants, type Variant, type VariantOptions } from './variants.ts';

export interface ScoreOptions extends Precision, VariantOptions, ShardOption, ShardPart {
  readonly model: string;
  readonly input: string;
  readonly method: VariantScore;
  readonly scan?: boolean;
  readonly svg?: string;
  readonly out?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** Throws a UsageError, InputError, CheckpointError or CommandError before any output is begun. */
export async function score(options: ScoreOptions): Promise<void> {
  checkOptions(options);
  await requireLetters(options.model);
  for (const path of [options.out, options.svg]) if (path !== undefined) await checkOutputFile(path);
  await (options.scan === true
    ? runRecords({ name: 'score', inputs: [options.input], kindOf: () => 'table' }, options, scan)
    : scoreTable(options));
}

function checkOptions(options: ScoreOptions): void {
  const { scan, svg, json, out, measured, wildType, mutations, sequences, shard } = options;
  if (scan === true && (wildType ?? mutations ?? sequences ?? measured) !== undefined)
    throw new UsageError('--scan takes its wild types from INPUT; leave out --wild-type and the names of columns');
  if (svg !== undefined && scan !== true) throw new UsageError('--svg draws what --scan scores; give --scan too');
  if (shard !== undefined && (scan !== true || svg !== undefined))
    throw new UsageError(
      '--shard takes a part of the records of FASTA, so it needs --scan; and --svg draws one record',
    );
  if (json === true && (measured === undefined || out === undefined))
    throw new UsageError('--json prints correlations, so it needs --measured COLUMN, and --out FILE for the table');
}

async function scoreTable(options: ScoreOptions): Promise<void> {
  const { wildType, header, variants } = await readVariants(options.input, options);
  await run(options, async (encoder, signal) => {
    const bar = progressBar('score', 1000, '‰');
    const scores = await scoreVariants(
      encoder,
      wildType,
      variants.map(({ mutations }) => mutations),
      {
        score: options.method,
        signal,
        onProgress: (done, total) => {
          bar.update(Math.round((1000 * done) / total));
        },
      },
    ).finally(() => {
      bar.stop();
    });
    requireFinite(scores, variants, options);
    await writeTable(options, [
      csvLine([...header, 'score']),
      ...variants.map(({ cells }, i) => csvLine([...cells, significant(scores[i]!)])),
    ]);
    if (options.measured !== undefined) await report(options, scores, variants);
  });
}

function requireFinite(scores: Float64Array, variants: readonly Variant[], { model }: ScoreOptions): void {
  const at = scores.findIndex((value) => !Number.isFinite(value));
  if (at >= 0)
    throw new CommandError(
      `${model} gives no finite score for ${formatMutations(variants[at]!.mutations) || 'the wild type'}; its weights overflow or are damaged`,
    );
}

/** The rank correlation with what was measured, beside that of a baseline that knows no RNA. */
async function report(options: ScoreOptions, scores: Float64Array, variants: readonly Variant[]): Promise<void> {
  const rows = variants.flatMap(({ mutations, measured }, i) =>
    // The wild type itself is no variant; RNAGym leaves it out.
    Number.isFinite(measured) && mutations.length > 0
      ? [{ score: scores[i]!, mutations: mutations.length, measured }]
      : [],
  );
  if (rows.length < 2) throw new CommandError(`${options.input}: fewer than two variants have a measured value`);
  const spearman = (value: (row: (typeof rows)[number]) => number): Interval =>
    bootstrapOf(
      rows,
      (drawn) =>
        regressionScores(
          drawn.map(value),
          drawn.map(({ measured }) => measured),
        ).spearman,
    );
  const correlation = {
    variants: rows.length,
    method: options.method,
    spearman: spearman((row) => row.score),
    fewestMutations: spearman((row) => -row.mutations),
  };
  if (options.json === true) return writeResult(`${JSON.stringify(correlation)}\n`);
  const text = ({ mean, low, high }: Interval): string =>
    `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  note(`Spearman over ${rows.length} variants: ${text(correlation.spearman)}, ${options.method}`);
  note(`Spearman of minus the number of mutations: ${text(correlation.fewestMutations)}`);
}

async function scan(options: ScoreOptions): Promise<void> {
  await interruptibleFasta(options, async (records, encoder, signal) => {
    if (options.svg !== undefined && records.length !== 1)
      throw new UsageError(`--svg draws one record, and ${options.input} has ${records.length}`);
    checkLengths(
      encoder.config,
      records.map((record) => ({ ...record, file: options.input })),
    );
    const lines = [csvLine(['id', 'position', 'from', 'to', 'score'])];
    for (const record of records) {
      const mutations = singleMutations(record.sequence);
      const bar = progressBar(record.id, 1000, '‰');
      const scores = await scoreVariants(
        encoder,
        record.sequence,
        mutations.map((mutation) => [mutation]),
        {
          score: options.method,
          signal,
          onProgress: (done, total) => {
            bar.update(Math.round((1000 * done) / total));
          },
        },
      )
        .catch((error: unknown) => {
          throw naming(error, options.input, record);
        })
        .finally(() => {
          bar.stop();
        });
      requireFinite(
        scores,
        mutations.map((mutation) => ({ cells: [], mutations: [mutation], measured: NaN })),
        options,
      );
      mutations.forEach(({ position, from, to }, i) => {
        lines.push(csvLine([record.id, position + 1, from, to, significant(scores[i]!)]));
      });
      if (options.svg !== undefined) {
        const drawn = mutations.map(({ position, to }, i): ScoredMutation => ({ position, to, score: scores[i]! }));
        const svg = mutationMap(`Single substitutions of ${record.id}`, standardLetters(record.sequence), drawn);
        const text = figureFile({ name: 'mutations', caption: '', svg });
        await writeAtomically(options.svg, (sink) => sink.write(new TextEncoder().encode(text)));
      }
    }
    await writeTable(options, lines);
  });
}

interface Scanned {
  readonly id: string;
  readonly line: number;
  readonly sequence: string;
}

async function interruptibleFasta(
  options: ScoreOptions,
  task: (records: readonly Scanned[], encoder: Encoder, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const records: Scanned[] = [];
  await withFasta(options.input, partOf(options), async (fasta) => {
    for await (const record of fasta.records()) records.push(record);
  });
  await run(options, (encoder, signal) => task(records, encoder, signal));
}

function run(options: ScoreOptions, task: (encoder: Encoder, signal: AbortSignal) => Promise<void>): Promise<void> {
  return interruptible((signal) =>
    withModel(options.model, options, async (model) => {
      requireLanguageModel(model, options.model);
      await withEncoder(model, (encoder) => task(encoder, signal), options);
    }),
  );
}

function requireLanguageModel({ shapes }: OpenedModel, name: string): void {
  if (![...shapes.keys()].some((parameter) => parameter.startsWith('lmHead.')))
    throw new CommandError(
      `${name} has no language-model head, so it cannot say how likely a letter is; name a pre-trained model`,
    );
}

async function writeTable({ out, part }: ScoreOptions, lines: readonly string[]): Promise<void> {
  if (out === undefined) return writeResult(lines.join(''));
  await writeAtomically(out, (sink) => sink.write(new TextEncoder().encode(lines.join(''))));
  // A shard's file has its name later.
  if (part === undefined) note(`${lines.length - 1} scores in ${out}`);
}

/** Digits that a float32 holds. */
const significant = (value: number): number => Number(value.toPrecision(6));
