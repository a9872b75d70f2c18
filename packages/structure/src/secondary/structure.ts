/**
 * A secondary structure as the whole project holds it: a sequence and, for
 * every position, its partner. One partner at most; pairs may cross
 * (pseudoknots). Files are read and written in files.ts, brackets in
 * dotBracket.ts.
 */

/** A named RNA with its base pairs. */
export interface Structure {
  readonly id: string;
  /** Letters as written: T or U, any case. */
  readonly sequence: string;
  /** [length]: the 0-based position that each position pairs with, -1 if none. */
  readonly partners: Int32Array;
}

/** The pairs (i, j), i < j, in the order of i. */
export function basePairs(partners: Int32Array): [number, number][] {
  const pairs: [number, number][] = [];
  for (const [i, j] of partners.entries()) if (j > i) pairs.push([i, j]);
  return pairs;
}

/**
 * Partners [length] of a list of pairs, given in either order, 0-based. Throws
 * a RangeError for a pair out of range, a position paired with itself or two
 * pairs that share a position.
 */
export function partnersFromPairs(pairs: Iterable<readonly [number, number]>, length: number): Int32Array {
  const partners = new Int32Array(length).fill(-1);
  for (const [i, j] of pairs) {
    if (partners[i] !== -1 || partners[j] !== -1 || i === j) {
      throw new RangeError(
        `partnersFromPairs: the pair (${i}, ${j}) does not fit: out of 0 … ${length - 1}, a self-pair, or a position paired twice`,
      );
    }
    partners[i] = j;
    partners[j] = i;
  }
  return partners;
}

/** What is wrong with the partner of position `i`, in 1-based words, or undefined. */
export function partnerProblem(partners: Int32Array, i: number): string | undefined {
  const j = partners[i]!;
  if (j === -1) return undefined;
  if (j === i) return `position ${i + 1} is paired with itself`;
  const back = partners[j];
  if (back === undefined) return `position ${i + 1} is paired with ${j + 1}, outside 1 … ${partners.length}`;
  if (back === i) return undefined;
  return `position ${i + 1} is paired with ${j + 1}, but ${j + 1} ${back === -1 ? 'with none' : `with ${back + 1}`}`;
}

/** Throws a RangeError unless every pair is in range and named by both of its positions. */
export function checkPartners(partners: Int32Array, caller: string): void {
  for (let i = 0; i < partners.length; i++) {
    const problem = partnerProblem(partners, i);
    if (problem) throw new RangeError(`${caller}: ${problem}`);
  }
}

/**
 * The structure of a stretch of a sequence: `length` positions from `start`,
 * renumbered from 0. A pair with one end outside the stretch is dropped.
 */
export function cropPartners(partners: Int32Array, start: number, length: number): Int32Array {
  if (!(start >= 0 && length >= 0 && start + length <= partners.length)) {
    throw new RangeError(`cropPartners: ${start} … ${start + length} is not within the ${partners.length} positions`);
  }
  return partners.slice(start, start + length).map((j) => (j >= start && j < start + length ? j - start : -1));
}

/**
 * A sequence without its gaps (`-`), and its partners [length] renumbered. A
 * pair with a gap at one end is dropped and counted; one of two gaps was none. Throws a RangeError for
 * partners that do not agree.
 */
export function removeGaps<T extends { readonly sequence: string; readonly partners?: Int32Array }>({
  sequence,
  partners,
}: T): Pick<T, 'sequence' | 'partners'> & { readonly droppedPairs: number } {
  const letters = sequence.replaceAll('-', '');
  if (partners === undefined) return { sequence: letters, droppedPairs: 0 };
  if (partners.length !== sequence.length)
    throw new RangeError(`removeGaps: ${partners.length} partners for ${sequence.length} letters`);
  checkPartners(partners, 'removeGaps');
  const place = new Int32Array(sequence.length);
  let next = 0;
  for (let i = 0; i < sequence.length; i++) place[i] = sequence[i] === '-' ? -1 : next++;
  const kept = new Int32Array(letters.length).fill(-1);
  let droppedPairs = 0;
  for (const [i, j] of basePairs(partners)) {
    const [from, to] = [place[i]!, place[j]!];
    if (from >= 0 && to >= 0) {
      kept[from] = to;
      kept[to] = from;
    } else if (from >= 0 || to >= 0) droppedPairs++;
  }
  return { sequence: letters, partners: kept, droppedPairs };
}
