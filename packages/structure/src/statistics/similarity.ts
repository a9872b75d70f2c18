/**
 * How like a test RNA is to the training set: the identity of its nearest
 * neighbour there, which scores are shown by. Found here by global alignment with
 * unit costs, exactly and without a filter by words, at some ten microseconds a
 * pair of short RNAs; unrelated ones of like length have about 0.5. For large sets
 * and for local hits run MMseqs2, which leaves unrelated ones out, and read that.
 */
import { distance } from 'fastest-levenshtein';
import { InputError } from '../errors.ts';
import { standardLetters } from '../letters.ts';

/**
 * The largest identity, 0 … 1, of a query with any sequence of the training set: 1 − edits / length of the longer one,
 * an edit being a letter changed, left out or put in. T and U, upper and lower case are the same.
 */
export function nearestIdentity(training: readonly string[]): (query: string) => number {
  const references = [...new Set(training.map(standardLetters))].sort((a, b) => a.length - b.length);
  return (query) => nearest(standardLetters(query), references);
}

/** From the reference of the query's length outwards: the more lengths differ the less identity there can be. */
function nearest(query: string, ascending: readonly string[]): number {
  let best = 0;
  const middle = firstAtLeast(ascending, query.length);
  // Nothing further out can be better than the first that cannot.
  const most = (reference: string): number =>
    Math.min(query.length, reference.length) / Math.max(query.length, reference.length, 1);
  for (const [start, step] of [
    [middle, 1],
    [middle - 1, -1],
  ] as const) {
    for (let r = start; ascending[r] !== undefined && most(ascending[r]!) > best; r += step) {
      const reference = ascending[r]!;
      best = Math.max(best, 1 - distance(query, reference) / Math.max(query.length, reference.length));
    }
  }
  return best;
}

function firstAtLeast(ascending: readonly string[], length: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]!.length < length) low = middle + 1;
    else high = middle;
  }
  return low;
}

const COLUMNS =
  'write it by mmseqs with --format-output query,target,fident, or with --format-mode 4, which names the columns';

/**
 * The largest identity, 0 … 1, of each query of an MMseqs2 search or easy-search in tab-separated columns: query,
 * target, fident first as is the default, or with a line of names that `query` begins, in which `pident` (in percent)
 * will do. A query without a hit has no line and so no entry.
 */
export function readMmseqs(text: string, file: string): Map<string, number> {
  const best = new Map<string, number>();
  let [identity, whole] = [2, 1];
  for (const [n, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const cells = line.split('\t');
    if (n === 0 && cells[0] === 'query') {
      whole = cells.includes('fident') ? 1 : 100;
      identity = cells.indexOf(whole === 1 ? 'fident' : 'pident');
      if (identity < 0)
        throw new InputError(file, 1, `expected a column "fident" or "pident", got ${cells.join(', ')}`, COLUMNS);
      continue;
    }
    const value = Number(cells[identity]) / whole;
    if (cells.length <= identity)
      throw new InputError(
        file,
        n + 1,
        `expected at least ${identity + 1} columns with tabs between them, got ${cells.length}`,
        COLUMNS,
      );
    if (!(value >= 0 && value <= 1) || cells[identity]!.trim() === '')
      throw new InputError(
        file,
        n + 1,
        `expected an identity from 0 to ${whole} in column ${identity + 1}, got "${cells[identity]!}"`,
        COLUMNS,
      );
    best.set(cells[0]!, Math.max(value, best.get(cells[0]!) ?? 0));
  }
  return best;
}
