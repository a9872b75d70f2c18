/**
 * Batches whose limits do not depend on which shard is run. The last bits of a
 * model's output follow from where a sequence stands in its batch (the order of the sums of attention does), so a
 * shard that begins in the middle of a batch runs all of it and keeps its own
 * records: joined shards have the bits of one process.
 */
import type { RecordRange } from '../input/fastaIndex.ts';
import type { FastaPart } from '../input/fastaInput.ts';

/** A batch ends at each multiple of so many records, so that a shard finds the batches that it begins and ends in. */
export const RECORDS_PER_GROUP_OF_BATCHES = 1024;

/** A shard's records, and those that have to be read to know its batches. */
export interface BatchPart {
  readonly own: RecordRange;
  readonly read: FastaPart;
}

export function batchPart({ index, range }: FastaPart): BatchPart {
  const size = RECORDS_PER_GROUP_OF_BATCHES;
  const first = Math.floor(range.first / size) * size;
  const end = Math.min(index.records, Math.ceil((range.first + range.count) / size) * size);
  return { own: range, read: { index, range: { first, count: end - first } } };
}

/** What of all that was read is the shard's. */
export const ownOf = <T>(items: readonly T[], part: BatchPart | undefined): readonly T[] =>
  part === undefined
    ? items
    : items.slice(part.own.first - part.read.range.first, part.own.first - part.read.range.first + part.own.count);

export interface Batch<T> {
  readonly records: readonly T[];
  /** The first of them that is wanted, and the first behind those. */
  readonly from: number;
  readonly to: number;
}

/**
 * Groups records, of a shard those of `part.read`, into batches of at most `budget` tokens as `groupByTokenBudget`
 * does, and gives those that have a wanted record.
 */
export async function* batchesOf<T>(
  records: AsyncIterable<T> | Iterable<T>,
  budget: number,
  tokensOf: (record: T) => number,
  part?: BatchPart,
): AsyncGenerator<Batch<T>, void, undefined> {
  const own = part?.own ?? { first: 0, count: Infinity };
  let next = part?.read.range.first ?? 0;
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
