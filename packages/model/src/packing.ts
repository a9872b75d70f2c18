/**
 * Packed sequences: the tokens of a batch stand in one row without padding,
 * and `cuSeqlens` says where each sequence begins and ends. The encoder takes
 * this form; attention stays inside a sequence and positions restart at each.
 * These helpers pack and unpack at the model's edges and know nothing of a GPU.
 */

/** A batch without a sequence, where at least one is needed. */
export class EmptyBatchError extends Error {
  override readonly name = 'EmptyBatchError';
}

/** A batch of n sequences: `tokens` [sum of lengths], `cuSeqlens` [n + 1], cumulative, the first 0. */
export interface PackedTokens {
  readonly tokens: Uint32Array;
  readonly cuSeqlens: Uint32Array;
}

/**
 * Packs sequences of token ids, in order. Throws an EmptyBatchError for no sequence, a RangeError for an empty one, a
 * TypeError for what is no array of ids: text goes through `tokenize` first.
 */
export function packTokens(sequences: readonly Uint32Array[]): PackedTokens {
  // Callers without types get here with text and plain numbers, which would be packed as zeros.
  const given: unknown = sequences;
  if (!Array.isArray(given)) throw new TypeError(`packTokens: ${EXPECTED}, got ${describe(given)}`);
  const wrong = given.findIndex((sequence) => !(sequence instanceof Uint32Array));
  if (wrong >= 0) throw new TypeError(`packTokens: ${EXPECTED}, got ${describe(given[wrong])} as sequence ${wrong}`);
  if (sequences.length === 0) throw new EmptyBatchError('packTokens: the batch is empty; give at least one sequence');
  const cuSeqlens = new Uint32Array(sequences.length + 1);
  for (const [i, sequence] of sequences.entries()) {
    if (sequence.length === 0) {
      throw new RangeError(
        `packTokens: sequence ${i} of ${sequences.length} has no tokens; tokenize adds <cls> and <eos>`,
      );
    }
    cuSeqlens[i + 1] = cuSeqlens[i]! + sequence.length;
  }
  const tokens = new Uint32Array(cuSeqlens[sequences.length]!);
  for (const [i, sequence] of sequences.entries()) tokens.set(sequence, cuSeqlens[i]);
  return { tokens, cuSeqlens };
}

const EXPECTED =
  'expected an array of one Uint32Array of token ids for each sequence, as tokenize of @rna/structure gives them';

/**
 * Throws a TypeError for what is no pack, and a RangeError where the sequences do not fill the row of tokens, or a token
 * is none of the `vocabularySize` that a model knows.
 */
export function checkPack({ tokens, cuSeqlens }: PackedTokens, vocabularySize: number): void {
  const given: readonly unknown[] = [tokens, cuSeqlens];
  if (!given.every((array) => array instanceof Uint32Array)) {
    throw new TypeError('expected a pack { tokens, cuSeqlens } of two Uint32Array; packTokens makes one of sequences');
  }
  const isRising = cuSeqlens.every((end, i) => (i === 0 ? end === 0 : end > cuSeqlens[i - 1]!));
  if (!isRising || cuSeqlens.length < 2 || cuSeqlens.at(-1) !== tokens.length) {
    throw new RangeError(`cuSeqlens must rise from 0 to the ${tokens.length} tokens of the pack`);
  }
  const unknown = tokens.findIndex((token) => token >= vocabularySize);
  if (unknown >= 0) {
    throw new RangeError(`token ${tokens[unknown]} at ${unknown} is none of the model's ${vocabularySize}`);
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the text "${value.slice(0, 20)}"`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `${/^[aeiou]/i.test(value.constructor.name) ? 'an' : 'a'} ${value.constructor.name}`;
}

/**
 * The rows of sequence `i`: from `start` up to, without, `end`. Throws a RangeError where there is no such sequence.
 */
export function sequenceRange(
  { cuSeqlens }: Pick<PackedTokens, 'cuSeqlens'>,
  i: number,
): { start: number; end: number } {
  const start = cuSeqlens[i];
  const end = cuSeqlens[i + 1];
  if (start === undefined || end === undefined) {
    throw new RangeError(`sequenceRange: no sequence ${i} in a pack of ${cuSeqlens.length - 1}`);
  }
  return { start, end };
}

/** The sequences of a pack, as views into its tokens. */
export function unpackTokens(packed: PackedTokens): Uint32Array[] {
  return Array.from({ length: packed.cuSeqlens.length - 1 }, (_, i) => {
    const { start, end } = sequenceRange(packed, i);
    return packed.tokens.subarray(start, end);
  });
}

/**
 * Splits per-token values [tokens, width] (representation, logits) into one
 * view [length, width] per sequence. Throws a RangeError if the sizes disagree.
 */
export function unpackRows(
  values: Float32Array,
  packed: Pick<PackedTokens, 'cuSeqlens'>,
  width: number,
): Float32Array[] {
  const sequences = packed.cuSeqlens.length - 1;
  const total = packed.cuSeqlens[sequences] ?? 0;
  if (values.length !== total * width) {
    throw new RangeError(
      `unpackRows: ${values.length} values are not [${total}, ${width}], the pack's tokens by the width`,
    );
  }
  return Array.from({ length: sequences }, (_, i) => {
    const { start, end } = sequenceRange(packed, i);
    return values.subarray(start * width, end * width);
  });
}

/** What stands for a whole sequence: all its rows, the row of `<cls>`, or the mean of its nucleotides' rows. */
export type Pool = 'none' | 'cls' | 'mean';

/** A sequence's rows [length + 2, dim] pooled: as they are, the first, or the mean of those between `<cls>` and `<eos>`. */
export function poolRows(rows: Float32Array, dim: number, pool: Pool): Float32Array {
  if (pool === 'none') return rows;
  if (pool === 'cls') return rows.subarray(0, dim);
  const nucleotides = rows.length / dim - 2;
  return Float32Array.from({ length: dim }, (_, column) => {
    let sum = 0;
    for (let row = 1; row <= nucleotides; row++) sum += rows[row * dim + column]!;
    return sum / nucleotides;
  });
}

/**
 * Groups a stream of records into batches of at most `budget` tokens, keeping
 * their order and never holding more than one batch. A single record longer
 * than the budget is a batch of its own.
 */
export async function* groupByTokenBudget<T>(
  records: AsyncIterable<T> | Iterable<T>,
  budget: number,
  tokenCount: (record: T) => number,
): AsyncGenerator<T[], void, undefined> {
  if (!(budget >= 1)) throw new RangeError(`groupByTokenBudget: the budget must be at least one token, got ${budget}`);
  let batch: T[] = [];
  let used = 0;
  for await (const record of records) {
    const tokens = tokenCount(record);
    if (batch.length > 0 && used + tokens > budget) {
      yield batch;
      batch = [];
      used = 0;
    }
    batch.push(record);
    used += tokens;
  }
  if (batch.length > 0) yield batch;
}
