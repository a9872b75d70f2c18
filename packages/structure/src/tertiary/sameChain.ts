/** What scores compare: the atoms of one RNA, of one chain or of several in a row, in the truth and in a model. */

import { ATOM_SLOTS } from './nucleotides.ts';

/** Atoms of L nucleotides: sequence [L], coordinates [L, 23, 3] in Å, mask [L, 23]. */
export interface ChainAtoms {
  readonly sequence: string;
  readonly coordinates: ArrayLike<number>;
  readonly mask: ArrayLike<number>;
}

/** Throws a RangeError unless both have one sequence and arrays of its size. */
export function checkSameChain(truth: ChainAtoms, model: ChainAtoms, caller: string): void {
  for (const [name, { sequence, coordinates, mask }] of Object.entries({ truth, model }))
    if (coordinates.length !== sequence.length * ATOM_SLOTS * 3 || mask.length !== sequence.length * ATOM_SLOTS)
      throw new RangeError(
        `${caller}: the ${name} has ${coordinates.length} coordinates and a mask of ${mask.length} for ${sequence.length} nucleotides`,
      );
  if (truth.sequence === model.sequence) return;
  const length = Math.min(truth.sequence.length, model.sequence.length);
  let at = 0;
  while (at < length && truth.sequence[at] === model.sequence[at]) at++;
  throw new RangeError(
    at === length
      ? `${caller}: the truth has ${truth.sequence.length} nucleotides, the model ${model.sequence.length}`
      : `${caller}: nucleotide ${at + 1} is ${truth.sequence[at]} in the truth and ${model.sequence[at]} in the model`,
  );
}

/** Several chains as one, in the order given: scores of a complex compare all of its strands. */
export function joinChains(chains: readonly ChainAtoms[]): ChainAtoms {
  const sequence = chains.map((chain) => chain.sequence).join('');
  const coordinates = new Float64Array(sequence.length * ATOM_SLOTS * 3);
  const mask = new Uint8Array(sequence.length * ATOM_SLOTS);
  let from = 0;
  for (const chain of chains) {
    coordinates.set(chain.coordinates, from * ATOM_SLOTS * 3);
    mask.set(chain.mask, from * ATOM_SLOTS);
    from += chain.sequence.length;
  }
  return { sequence, coordinates, mask };
}

/**
 * Two RNAs cut to the nucleotides that both have: the longest common subsequence of their letters with the fewest gaps.
 * Publications score a model so that lacks nucleotides of the truth, or the truth nucleotides of the model.
 */
export function commonNucleotides(truth: ChainAtoms, model: ChainAtoms): { truth: ChainAtoms; model: ChainAtoms } {
  const [n, m] = [truth.sequence.length, model.sequence.length];
  // A pair of equal letters is worth 2 and less by 1 where it does not follow another: gaps gather.
  const width = m + 1;
  const matched = new Int32Array((n + 1) * width).fill(-(2 ** 20));
  const best = new Int32Array((n + 1) * width);
  for (let i = 1; i <= n; i++)
    for (let j = 1; j <= m; j++) {
      const at = i * width + j;
      if (truth.sequence[i - 1] === model.sequence[j - 1])
        matched[at] = Math.max(matched[at - width - 1]! + 2, best[at - width - 1]! + 1);
      best[at] = Math.max(matched[at]!, best[at - width]!, best[at - 1]!);
    }
  const places: [number, number][] = [];
  let inRun = false;
  for (let [i, j] = [n, m]; i > 0 && j > 0;) {
    const at = i * width + j;
    if (inRun || best[at] === matched[at]) {
      places.push([--i, --j]);
      inRun = matched[at] === matched[at - width - 1]! + 2;
    } else if (best[at] === best[at - width]) i--;
    else j--;
  }
  places.reverse();
  return {
    truth: cut(
      truth,
      places.map(([i]) => i),
    ),
    model: cut(
      model,
      places.map(([, j]) => j),
    ),
  };
}

/** The nucleotides of a chain at some places. */
function cut({ sequence, coordinates, mask }: ChainAtoms, places: readonly number[]): ChainAtoms {
  return {
    sequence: places.map((i) => sequence[i]!).join(''),
    coordinates: Float64Array.from({ length: places.length * ATOM_SLOTS * 3 }, (_, k) => {
      const perNucleotide = ATOM_SLOTS * 3;
      return coordinates[places[Math.floor(k / perNucleotide)]! * perNucleotide + (k % perNucleotide)]!;
    }),
    mask: Uint8Array.from({ length: places.length * ATOM_SLOTS }, (_, k) =>
      mask[places[Math.floor(k / ATOM_SLOTS)]! * ATOM_SLOTS + (k % ATOM_SLOTS)] ? 1 : 0,
    ),
  };
}
