/**
 * Batches whose limits do not depend on which part of a file's records is run: a shard that begins in the middle of a
 * batch runs all of it and keeps its own records, so joined shards have the bits of one process.
 */

/** A batch ends at each multiple of so many records, so that a shard finds the batches that it begins and ends in. */
export const RECORDS_PER_GROUP_OF_BATCHES = 1024;

/** Records of a file that follow each other. */
export interface RecordRange {
  /** From 0. */
  readonly first: number;
  readonly count: number;
}

/** Some of a file's records, and those that have to be read to know their batches. */
export interface BatchPart {
  readonly own: RecordRange;
  readonly read: RecordRange;
}

/** What has to be read for the batches of some of the `records` of a file. */
export function batchPart(own: RecordRange, records: number): BatchPart {
  const size = RECORDS_PER_GROUP_OF_BATCHES;
  const first = Math.floor(own.first / size) * size;
  const end = Math.min(records, Math.ceil((own.first + own.count) / size) * size);
  return { own, read: { first, count: end - first } };
}

/** What of all that was read is wanted. */
export const ownOf = <T>(items: readonly T[], part: BatchPart | undefined): readonly T[] =>
  part === undefined
    ? items
    : items.slice(part.own.first - part.read.first, part.own.first - part.read.first + part.own.count);

export interface Batch<T> {
  readonly records: readonly T[];
  /** The first of them that is wanted, and the first behind those. */
  readonly from: number;
  readonly to: number;
}

/**
 * Groups records, those of `part.read` where there is a part, into batches of at most `budget` tokens as
 * `groupByTokenBudget` does, and gives those that have a wanted record. The last bits of a model's output follow from
 * where a sequence stands in its batch (the order of the sums of attention does), and what some heads predict from how
 * long the others are, so batches are the same whatever part is wanted.
 */
export async function* batchesOf<T>(
  records: AsyncIterable<T> | Iterable<T>,
  budget: number,
  tokensOf: (record: T) => number,
  part?: BatchPart,
): AsyncGenerator<Batch<T>, void, undefined> {
  const own = part?.own ?? { first: 0, count: Infinity };
  let next = part?.read.first ?? 0;
  let batch: T[] = [];
  let used = 0;
  const flush = function* (): Generator<Batch<T>, void, undefined> {
    const start = next - batch.length;
    const from = Math.max(0, own.first - start);
    const to = Math.min(batch.length, own.first + own.count - start);
    if (from < to) yield { records: batch, from, to };
    batch = [];
    used = 0;
  };
  for await (const record of records) {
    const tokens = tokensOf(record);
    if (batch.length > 0 && (used + tokens > budget || next % RECORDS_PER_GROUP_OF_BATCHES === 0)) yield* flush();
    batch.push(record);
    used += tokens;
    next++;
  }
  yield* flush();
}
