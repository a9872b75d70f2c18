/**
 * The work of `rna embed`: records of any lengths packed together within a
 * token budget, through the encoder, into one file, of the format that its
 * name's ending says. A safetensors file's header is known from a first pass over the input, so results are written as
 * they come and memory does not grow with the number of records; of attention
 * maps no more than a few blocks' are held at once.
 */
import { extname } from 'node:path';
import { defaultTokenBudget } from '@rna/inference/node';
import {
  batchesOf,
  batchPart,
  ownOf,
  packTokens,
  poolRows,
  sequenceRange,
  writeCsv,
  writeNpy,
  writeSafetensors,
  type BatchPart,
  type Encoder,
  type OpenedModel,
  type PackedTokens,
  type Pool,
  type Precision,
  type TensorEntry,
} from '@rna/model';
import { InputError, tokenize, windowedRows, windowStarts, type Windows } from '@rna/structure';
import { MemoryBudgetError, type Device, type Tensor } from '@rna/tensor';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { withFasta, type FastaInput, type FastaFileRecord } from '../../input/fastaInput.ts';
import { writeAtomically } from '../../files/files.ts';
import { requireLetters } from '../../models/builtin.ts';
import { naming, withEncoder, withModel } from '../../models/loadModel.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { checkWindowOptions, chooseWindows, noteWindows, type WindowOptions } from '../../models/windows.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { interruptible, progressBar } from '../../commandLine/terminal.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import type { Kind } from '../../shards/manifest.ts';
import { partOf, type ShardPart } from '../../shards/runShard.ts';
import { runRecords } from '../../shards/runRecords.ts';
import type { ShardOption } from '../../shards/shard.ts';
import { writeParquet } from '../../tables/vectorFile.ts';

export interface EmbedOptions extends Precision, WindowOptions, ShardOption, ShardPart {
  readonly model: string;
  readonly input: string;
  readonly out: string;
  readonly pool: Pool;
  readonly layer?: number;
  readonly logits?: boolean;
  readonly attentions?: boolean;
  readonly tokens?: number;
  readonly config?: string;
  readonly allowUnknown?: boolean;
}

/** Throws an InputError, CheckpointError, UsageError or CommandError before any output is begun. */
export async function embed(options: EmbedOptions): Promise<void> {
  const format = outputFormat(options);
  const kind = FORMATS_OF_SHARDS[format];
  await runRecords(
    { name: 'embed', inputs: [options.input], overRanks: true, kindOf: () => kind },
    options,
    embedRecords,
  );
}

async function embedRecords(options: EmbedOptions): Promise<void> {
  const format = outputFormat(options);
  checkWindowOptions(options);
  if (options.attentions && (options.window !== undefined || options.stride !== undefined))
    throw new UsageError('--attentions are maps of a whole sequence, which windows do not have; leave out one of them');
  await checkOutputFile(options.out);
  if (options.logits) await requireLetters(options.model);
  const part = options.part && batchPart(options.part.range, options.part.index.records);
  const allowUnknown = options.allowUnknown ?? false;
  await interruptible((signal) =>
    withFasta(options.input, { allowUnknown, ...partOf(options, part?.read), signal }, async (read) => {
      const fasta: FastaInput = { ...read, plan: ownOf(read.plan, part) };
      if (format === '.safetensors') checkNames(fasta, options);
      if (format === '.npy' && options.pool === 'none') checkOneLength(fasta, options);
      await withModel(options.model, options, async (model) => {
        checkOptions(model, options);
        // Other rows are averaged over windows.
        if (options.attentions) checkLengths(model.config, fasta.plan);
        await withEncoder(
          model,
          (encoder) => write({ encoder, options, ...(part && { part }) }, fasta, format, signal),
          options,
        );
      });
    }),
  );
}

const FORMATS = ['.safetensors', '.npy', '.csv', '.parquet'] as const;
type Format = (typeof FORMATS)[number];
const FORMATS_OF_SHARDS = {
  '.safetensors': 'safetensors',
  '.npy': 'npy',
  '.csv': 'table',
  '.parquet': 'parquet',
} as const satisfies Record<Format, Kind>;

/** The format that the output's name asks for. Throws a UsageError for another, or for what the format cannot hold. */
function outputFormat({ out, pool, logits, attentions }: EmbedOptions): Format {
  const ending = extname(out).toLowerCase();
  const format = FORMATS.find((each) => each === ending);
  if (format === undefined) {
    throw new UsageError(
      `${out}: the ending says the format; give a name that ends in ${FORMATS.slice(0, -1).join(', ')} or ${FORMATS.at(-1)!}`,
    );
  }
  if (format === '.safetensors') return format;
  if (logits || attentions) {
    throw new UsageError(
      `${out}: ${format} holds one array, so --${logits ? 'logits' : 'attentions'} needs a name that ends in .safetensors`,
    );
  }
  if (pool === 'none' && format !== '.npy') {
    throw new UsageError(
      `${out}: ${format} holds one vector a record; give --pool mean or --pool cls, or a name that ends in .safetensors for every token`,
    );
  }
  return format;
}

/** Refuses records of several lengths, which are no rows of one array. */
function checkOneLength({ name, plan }: FastaInput, { out }: EmbedOptions): void {
  const other = plan.find(({ length }) => length !== plan[0]!.length);
  if (other === undefined) return;
  throw new InputError(
    name,
    other.line,
    `record "${other.id}" has ${other.length} nucleotides and the first ${plan[0]!.length}, but ${out} holds one array of all tokens`,
    'give a name that ends in .safetensors, or --pool mean or --pool cls',
  );
}

/** Refuses ids that are not the name of one tensor alone. */
function checkNames({ plan }: FastaInput, options: EmbedOptions): void {
  const ids = new Set(plan.map(({ id }) => id));
  for (const { id, file, line } of plan) {
    if (id === '__metadata__')
      throw new InputError(file, line, `the id "${id}" has a meaning of its own in safetensors`, 'rename the record');
    const clash = suffixes(options).find((suffix) => ids.has(id + suffix));
    if (clash !== undefined)
      throw new InputError(
        file,
        line,
        `"${id}${clash}" is the id of another record and would be the name of this one's ${clash.slice(1)}`,
        'rename one of them',
      );
  }
}

const suffixes = ({ logits, attentions }: EmbedOptions): string[] => [
  ...(logits ? ['.logits'] : []),
  ...(attentions ? ['.attentions'] : []),
];

function checkOptions({ config, lmHead }: OpenedModel, { model, layer = 0, logits }: EmbedOptions): void {
  if (layer > config.layers)
    throw new UsageError(
      `--layer ${layer}: ${model} has ${config.layers} blocks; give 0 (the embedding) to ${config.layers}`,
    );
  if (logits && !lmHead)
    throw new CommandError(
      `${model} has no language-model head, so it gives no logits; leave out --logits or use the pre-trained model`,
    );
}

async function write(run: Run, fasta: FastaInput, format: Format, signal: AbortSignal): Promise<void> {
  const { encoder, options } = run;
  const bar = progressBar('embed', fasta.plan.length, 'records');
  let done = 0;
  // Entries are written in order, and each takes its parts from the one stream of results.
  const parts = results(run, fasta, signal);
  const take = (count: number, onEnd?: () => void) =>
    async function* (): AsyncGenerator<Float32Array, void, undefined> {
      for (let part = 0; part < count; part++) {
        const next = await parts.next();
        if (next.done) return;
        yield next.value;
      }
      onEnd?.();
    };
  const { config } = encoder;
  // Shared by all records: what is kept of each is its name and its shapes.
  const maps = take(config.layers);
  const matrix = take(1);
  const last = take(1, () => {
    bar.update(++done);
  });
  const entries = fasta.plan.flatMap(({ id, length }): TensorEntry[] => {
    const tokens = length + 2;
    return [
      ...(options.attentions
        ? [
            {
              name: `${id}.attentions`,
              dtype: 'F32' as const,
              shape: [config.layers, config.heads, tokens, tokens],
              data: maps,
            },
          ]
        : []),
      ...(options.logits
        ? [{ name: `${id}.logits`, dtype: 'F32' as const, shape: [tokens, config.vocabularySize], data: matrix }]
        : []),
      { name: id, dtype: 'F32', shape: options.pool === 'none' ? [tokens, config.dim] : [config.dim], data: last },
    ];
  });
  const vectors = {
    ids: fasta.plan.map(({ id }) => id),
    shape: options.pool === 'none' ? [(fasta.plan[0]?.length ?? 0) + 2, config.dim] : [config.dim],
    rows: (async function* () {
      for await (const row of parts) {
        yield row;
        bar.update(++done);
      }
    })(),
  };
  const about = description(options);
  try {
    await writeAtomically(options.out, (sink) => {
      if (format === '.npy') return writeNpy(sink, vectors);
      if (format === '.csv') return writeCsv(sink, vectors);
      return format === '.parquet' ? writeParquet(sink, vectors, about) : writeSafetensors(sink, entries, about);
    });
  } finally {
    bar.stop();
    await parts.return();
  }
}

/** What the tensors are, for whoever finds the file later. */
const description = ({ model, weights, activations, pool, layer }: EmbedOptions): Map<string, string> =>
  new Map([
    ['model', model],
    ['weights', weights],
    ['activations', activations],
    ['pool', pool],
    ['layer', layer === undefined ? 'final' : String(layer)],
  ]);

/** Every value of the file in its order: per record its attentions block by block, its logits, its representation. */
async function* results(
  run: Run,
  fasta: FastaInput,
  signal: AbortSignal,
): AsyncGenerator<Float32Array, void, undefined> {
  const { encoder, options, part } = run;
  const outputs = options.logits ? 2 : 1;
  // Attention maps are of whole sequences.
  const windows = options.attentions
    ? undefined
    : chooseWindows(encoder.device, encoder.config, undefined, options, 'fitting');
  if (windows !== undefined) noteWindows(fasta.plan, windows, 'their rows');
  const tokensOf = ({ sequence: { length } }: FastaFileRecord): number =>
    // What is run in windows has a pass of its own.
    windows !== undefined && !windows.isWhole(length) ? Infinity : length + 2;
  const budget = options.attentions ? 1 : (options.tokens ?? defaultTokenBudget(encoder.device, encoder.config));
  let pending: Promise<Float32Array[]> | undefined;
  for await (const { records: batch, from, to } of batchesOf(fasta.records(), budget, tokensOf, part)) {
    signal.throwIfAborted();
    if (options.attentions) {
      yield* runWithAttentions(run, batch[0]!);
      continue;
    }
    // The device runs this batch while the one before is read and written.
    const [first] = batch;
    const all =
      windows !== undefined && first !== undefined && !windows.isWhole(first.sequence.length)
        ? runWindows(run, first, windows)
        : runBatch(run, batch);
    const next = all.then((rows) => rows.slice(outputs * from, outputs * to));
    next.catch(() => undefined); // Thrown below, where it is awaited; until then it must not count as unhandled.
    if (pending !== undefined) yield* await pending;
    pending = next;
  }
  if (pending !== undefined) yield* await pending;
}

interface Run {
  readonly encoder: Encoder;
  readonly options: EmbedOptions;
  /** The shard, where not all records are to be run. */
  readonly part?: BatchPart;
}

/** The outputs of a record as of `runBatch`, each row the mean over the windows that hold its nucleotide. */
async function runWindows(run: Run, record: FastaFileRecord, windows: Windows): Promise<Float32Array[]> {
  const { dim, vocabularySize } = run.encoder.config;
  const { length } = record.sequence;
  const means = [...(run.options.logits ? [vocabularySize] : []), dim].map((columns) => windowedRows(length, columns));
  const whole: Run = { ...run, options: { ...run.options, pool: 'none' } };
  for (const start of windowStarts(length, windows)) {
    const piece = { ...record, sequence: record.sequence.slice(start, start + windows.size) };
    for (const [k, rows] of (await runBatch(whole, [piece])).entries()) means[k]!.add(start, rows);
  }
  return means.map((rows, k) => (k < means.length - 1 ? rows.mean() : poolRows(rows.mean(), dim, run.options.pool)));
}

/** Runs records together, or in halves where they do not fit the device. */
async function runBatch(run: Run, batch: readonly FastaFileRecord[]): Promise<Float32Array[]> {
  try {
    const packed = packTokens(batch.map(({ sequence }) => tokenize(sequence)));
    return await readOutputs(run, forward(run, packed), packed, batch);
  } catch (error) {
    if (error instanceof MemoryBudgetError && batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      return [...(await runBatch(run, batch.slice(0, middle))), ...(await runBatch(run, batch.slice(middle)))];
    }
    throw batch.length === 1 ? naming(error, batch[0]!.file, batch[0]!) : error;
  }
}

/** Bytes of attention maps on the device at once, if a single block's are not more. */
const attentionBytes = (device: Device): number => Math.min(256 * 2 ** 20, device.memory.use().budget / 8);

/**
 * Runs one record. Maps are made a few blocks at a time, in passes that each run
 * the blocks below once more: all maps of a long sequence would fill any memory.
 */
async function* runWithAttentions(run: Run, record: FastaFileRecord): AsyncGenerator<Float32Array, void, undefined> {
  const { layers, heads } = run.encoder.config;
  const packed = packTokens([tokenize(record.sequence)]);
  const blocksPerPass = Math.max(
    1,
    Math.floor(attentionBytes(run.encoder.device) / (4 * heads * packed.tokens.length ** 2)),
  );
  try {
    for (let first = 0; first < layers; first += blocksPerPass) {
      const isLast = first + blocksPerPass >= layers;
      const maps: Tensor[] = [];
      const onAttention = (block: number, map: (sequence: number) => Tensor): void => {
        if (block >= first) maps.push(map(0).keep());
      };
      const outputs = isLast ? forward(run, packed, onAttention) : undefined;
      if (!isLast)
        run.encoder.device.scope(() => {
          run.encoder.forward(packed, { layers: first + blocksPerPass, onAttention });
        });
      for (const map of maps) {
        yield await map.read();
        map.dispose();
      }
      if (outputs !== undefined) yield* await readOutputs(run, outputs, packed, [record]);
    }
  } catch (error) {
    throw naming(error, record.file, record);
  }
}

interface Outputs {
  readonly representation: Tensor;
  readonly logits: Tensor | undefined;
}

/** Records a forward pass. The outputs belong to the caller. */
function forward(
  { encoder, options }: Run,
  packed: PackedTokens,
  onAttention?: (block: number, map: (sequence: number) => Tensor) => void,
): Outputs {
  const { layer, logits } = options;
  const toTheEnd = layer === undefined || logits === true || onAttention !== undefined;
  return encoder.device.scope(() => {
    let wanted: Tensor | undefined;
    // A block's output is freed in the pass; a second tensor on its storage is not.
    const onBlock = (block: number, x: Tensor): void => {
      if (block + 1 === layer) wanted = x.alias().keep();
    };
    try {
      const last = encoder.forward(packed, {
        ...(!toTheEnd && { layers: layer }),
        onBlock,
        ...(onAttention && { onAttention }),
      });
      return { representation: wanted ?? last, logits: logits ? encoder.logits(last) : undefined };
    } catch (error) {
      wanted?.dispose();
      throw error;
    }
  });
}

/**
 * Reads a pack's outputs and frees them: per sequence its logits, if wanted, and its (pooled) representation. Throws an
 * InputError for a record of which they are not finite.
 */
async function readOutputs(
  { encoder, options }: Run,
  { representation, logits }: Outputs,
  packed: PackedTokens,
  batch: readonly FastaFileRecord[],
): Promise<Float32Array[]> {
  const { dim, vocabularySize } = encoder.config;
  const [rows, logitRows] = await Promise.all([representation.read(), logits?.read()]);
  representation.dispose();
  logits?.dispose();
  const outputs = batch.map((_, sequence) => {
    const { start, end } = sequenceRange(packed, sequence);
    return [
      ...(logitRows ? [logitRows.subarray(start * vocabularySize, end * vocabularySize)] : []),
      poolRows(rows.subarray(start * dim, end * dim), dim, options.pool),
    ];
  });
  for (const [sequence, arrays] of outputs.entries()) {
    if (!arrays.every(isFiniteArray)) throw await overflow(encoder, batch[sequence]!.file, batch[sequence]!);
  }
  return outputs.flat();
}
