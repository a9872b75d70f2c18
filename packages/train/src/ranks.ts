/**
 * Training over ranks: processes that hold the same model, each on an adapter of
 * its own, and exchange bytes. How bytes travel is the caller's (MPI in `cli`,
 * memory in tests); what is said with them is here: a few bytes of each to all,
 * the first rank's answer to the others, and the check that all do the same run.
 */
import type { Tensor } from '@rna/tensor';
import { sha256 } from './fileDigest.ts';
import { differenceLines, differingSettings } from './trainState.ts';

/** The processes of a run, as one of them sees them. */
export interface Ranks {
  /** How many there are. */
  readonly size: number;
  /** Which this one is, from 0. */
  readonly rank: number;
  /**
   * Sends `outgoing[r]` to rank r and fills `incoming[r]` with what that one sends here. This rank's own entries and
   * empty ones are passed over. All ranks exchange over the same channels, each in the same order, with lengths that
   * fit; exchanges over several channels may be under way at once. Arrays must be left alone until it resolves, and
   * a channel is a whole number from 0 to 32,767.
   */
  exchange(channel: number, outgoing: readonly Uint8Array[], incoming: readonly Uint8Array[]): Promise<void>;
}

/** The ranks of a run do not agree, so that it cannot go on to the same bits. */
export class RanksError extends Error {
  override readonly name = 'RanksError';
}

/** The run has stopped with a checkpoint because another rank was asked to. */
export class OtherRankStoppedError extends Error {
  override readonly name = 'OtherRankStoppedError';
}

/** The channel of what is said beside gradients, one exchange after the other. */
const TALK = 0;

/** The bytes of every rank, by rank. A channel of its own is for what may be said while a rank still talks. */
export async function gather(ranks: Ranks, bytes: Uint8Array, channel = TALK): Promise<Uint8Array[]> {
  const others = Array.from({ length: ranks.size }, (_, rank) => rank);
  const own = new Uint8Array(new Uint32Array([bytes.byteLength]).buffer);
  const lengths = others.map(() => new Uint8Array(4));
  await ranks.exchange(
    channel,
    others.map(() => own),
    lengths,
  );
  const incoming = lengths.map((length, rank) =>
    rank === ranks.rank ? bytes : new Uint8Array(new Uint32Array(length.buffer)[0]!),
  );
  await ranks.exchange(
    channel,
    others.map(() => bytes),
    incoming,
  );
  return incoming;
}

/** The value of every rank, which must be one of JSON, by rank. */
export async function gatherValues<T>(ranks: Ranks, value: T, channel = TALK): Promise<T[]> {
  const texts = await gather(ranks, new TextEncoder().encode(JSON.stringify(value)), channel);
  return texts.map((text) => JSON.parse(new TextDecoder().decode(text)) as T);
}

/**
 * What the first rank works out, on all of them: the others wait for it. It must be a value of JSON. Where the work
 * fails, it rejects on the first with that error and on the others with a RanksError.
 */
export async function ofFirst<T>(ranks: Ranks, work: () => Promise<T>): Promise<T> {
  type Outcome = { readonly value: T } | { readonly failure: string };
  let error: unknown;
  const outcome = async (): Promise<Outcome> => {
    try {
      return { value: await work() };
    } catch (thrown) {
      error = thrown;
      return { failure: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  };
  const [first] = await gatherValues(ranks, ranks.rank === 0 ? await outcome() : null);
  if ('value' in first!) return first.value;
  if (ranks.rank === 0) throw error;
  throw new RanksError(`rank 0 failed: ${first!.failure}`);
}

/**
 * Throws a RanksError on every rank, which names each difference, where what the ranks say of themselves is not the
 * same. `facts` are values of JSON.
 */
export async function requireAlike(ranks: Ranks, facts: Readonly<Record<string, unknown>>): Promise<void> {
  const all = await gatherValues(ranks, facts);
  const lines = all.flatMap((theirs, rank) => {
    const differences = differingSettings(all[0], theirs);
    return differences.length === 0
      ? []
      : [`rank ${rank} differs from rank 0:\n${differenceLines(differences, ['rank 0', `rank ${rank}`])}`];
  });
  if (lines.length > 0)
    throw new RanksError(
      `the ranks would not train the same model to the same bits; start all of them alike:\n${lines.join('\n')}`,
    );
}

/** Throws a RanksError on every rank where the tensors' values are not the same, to the bit. */
export async function requireSameBits(ranks: Ranks, tensors: readonly Tensor[], what: string): Promise<void> {
  const parts: string[] = [];
  for (const tensor of tensors) {
    const values = await tensor.read();
    parts.push(await sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)));
  }
  const digests = await gatherValues(ranks, await sha256(new TextEncoder().encode(parts.join(''))));
  const odd = digests.flatMap((digest, rank) => (digest === digests[0] ? [] : [rank]));
  if (odd.length > 0)
    throw new RanksError(
      `${what}: the weights of rank${odd.length === 1 ? '' : 's'} ${odd.join(', ')} are not those of rank 0, so an adapter computed something else; no checkpoint is made of them`,
    );
}
