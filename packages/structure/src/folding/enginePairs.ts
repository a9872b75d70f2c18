/**
 * What the folding engines say of a sequence's pairs, as a model takes it: the
 * probable pairs of each engine, and a map of their log-odds. Probabilities are
 * those of the arithmetic `exact`; pairs below `LEAST_PAIR_PROBABILITY` are left
 * out and stand on the map as if they had it.
 */
import { portable } from '@rna/kernels';
import { createFolder } from './fold.ts';
import type { FoldingParameters } from './parameters.ts';
import { FOLDING_RULES } from './rules.ts';

/** A parameter set with the rules of its own program. */
export type FoldingEngine = keyof typeof FOLDING_RULES;

/** Pairs i < j of a sequence and their probabilities, in the order of i and then of j. */
export interface ProbablePairs {
  readonly i: Uint16Array | Uint32Array;
  readonly j: Uint16Array | Uint32Array;
  readonly probability: Float32Array;
}

/** The probable pairs of a sequence by each of some engines. */
export type EnginePairs = Readonly<Partial<Record<FoldingEngine, ProbablePairs>>>;

/**
 * Gives what engines say of a sequence. `next` is the sequence that will be asked for after it, whose pairs may be
 * computed meanwhile.
 */
export type EnginePairsProvider = (
  sequence: string,
  engines: readonly FoldingEngine[],
  next?: string,
) => Promise<EnginePairs>;

export const LEAST_PAIR_PROBABILITY = 1e-4;

/** Log-odds beyond it, either way, are cut: those of `LEAST_PAIR_PROBABILITY`. */
export const MOST_LOG_ODDS = portable.log((1 - LEAST_PAIR_PROBABILITY) / LEAST_PAIR_PROBABILITY);

/** A function that gives an engine's probable pairs of a sequence, any letters, T or U, any case; not of an empty one. */
export function probablePairsBy(
  engine: FoldingEngine,
  parameters: FoldingParameters,
): (sequence: string) => ProbablePairs {
  const fold = createFolder(parameters);
  return (sequence) => {
    const { length } = sequence;
    const { probabilities } = fold(sequence, { rules: FOLDING_RULES[engine], arithmetic: 'exact' });
    const count = probabilities.reduce((sum, p) => (p >= LEAST_PAIR_PROBABILITY ? sum + 1 : sum), 0);
    const places = length <= 65_536 ? Uint16Array : Uint32Array;
    const pairs = { i: new places(count), j: new places(count), probability: new Float32Array(count) };
    let [index, at] = [0, 0];
    for (let i = 0; i < length; i++) {
      for (let j = i + 1; j < length; j++) {
        const p = probabilities[index++]!;
        if (p < LEAST_PAIR_PROBABILITY) continue;
        [pairs.i[at], pairs.j[at], pairs.probability[at]] = [i, j, p];
        at++;
      }
    }
    return pairs;
  };
}

/** Computes pairs where it is called, while nothing else can run: for scripts, tests and pages without workers. */
export function enginePairsInProcess(
  parameters: Readonly<Partial<Record<FoldingEngine, FoldingParameters>>>,
): EnginePairsProvider {
  const made = new Map<FoldingEngine, (sequence: string) => ProbablePairs>();
  const by = (engine: FoldingEngine): ((sequence: string) => ProbablePairs) => {
    const own = parameters[engine];
    if (own === undefined) throw new RangeError(`enginePairsInProcess: the parameters of ${engine} were not given`);
    const known = made.get(engine) ?? probablePairsBy(engine, own);
    made.set(engine, known);
    return known;
  };
  // oxlint-disable-next-line typescript/require-await -- a provider is asynchronous, this one has nothing to wait for
  return async (sequence, engines) => Object.fromEntries(engines.map((engine) => [engine, by(engine)(sequence)]));
}

/**
 * [length, length, engines]: the log-odds of each pair by each engine, symmetric, at most `MOST_LOG_ODDS` either way.
 * Throws a RangeError for pairs that are missing or do not lie within the length.
 */
export function logOddsMap(engines: readonly (ProbablePairs | undefined)[], length: number): Float32Array {
  const map = new Float32Array(length * length * engines.length).fill(-MOST_LOG_ODDS);
  for (const [engine, pairs] of engines.entries()) {
    if (pairs === undefined) throw new RangeError('logOddsMap: the pairs of an engine are missing');
    for (const [at, p] of pairs.probability.entries()) {
      const [i, j] = [pairs.i[at]!, pairs.j[at]!];
      if (!(i < j && j < length))
        throw new RangeError(`logOddsMap: the pair (${i}, ${j}) is not within ${length} positions`);
      const logOdds = Math.max(-MOST_LOG_ODDS, Math.min(MOST_LOG_ODDS, portable.log(p / (1 - p))));
      map[(i * length + j) * engines.length + engine] = logOdds;
      map[(j * length + i) * engines.length + engine] = logOdds;
    }
  }
  return map;
}
