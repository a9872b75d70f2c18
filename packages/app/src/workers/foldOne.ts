/** What every way of folding has in common. */
import { dotBracket } from '@rna/structure';
import type { Folded } from '../fold/protocol.ts';
import type { RnaRecord } from './records.ts';

export type FoldOne = (record: Pick<RnaRecord, 'id' | 'sequence'>) => Promise<Folded>;

const LEAST_PROBABILITY = 1e-4;

/** @param probabilities The strict upper triangle, row by row */
export function folded(
  { id, sequence }: Pick<RnaRecord, 'id' | 'sequence'>,
  partners: Int32Array,
  probabilities: Float32Array,
  accuracy: number,
): Folded {
  const { length } = sequence;
  const count = probabilities.reduce((sum, p) => (p >= LEAST_PROBABILITY ? sum + 1 : sum), 0);
  const pairs = { i: new Uint32Array(count), j: new Uint32Array(count), probability: new Float32Array(count) };
  let [index, at] = [0, 0];
  for (let i = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++) {
      const p = probabilities[index++]!;
      if (p < LEAST_PROBABILITY) continue;
      [pairs.i[at], pairs.j[at], pairs.probability[at]] = [i, j, p];
      at++;
    }
  }
  return { id, sequence, partners, dotBracket: dotBracket(partners), accuracy, pairs };
}
