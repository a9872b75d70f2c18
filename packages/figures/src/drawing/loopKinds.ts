/** The kind of loop that each nucleotide stands in, for colours. */

import { basePairs } from '@rna/structure';

export const LOOP_KINDS = ['stem', 'hairpin', 'interior', 'multiloop', 'exterior', 'pseudoknot'] as const;
/** `interior` are interior loops and bulges; `pseudoknot` are pairs that cross the nested structure. */
export type LoopKind = (typeof LOOP_KINDS)[number];

/**
 * [length]: the kind of each position.
 * @param partners All pairs, [length], -1 for none.
 * @param nested Those of them that do not cross.
 */
export function loopKinds(partners: Int32Array, nested: Int32Array): LoopKind[] {
  const kinds = new Array<LoopKind>(partners.length).fill('exterior');
  // Outer pairs come first, so that inner loops write over what outer ones said.
  for (const [i, j] of basePairs(nested)) {
    const inside: number[] = [];
    let branches = 0;
    for (let k = i + 1; k < j; k++) {
      if (nested[k]! > k) {
        branches++;
        k = nested[k]!;
      } else inside.push(k);
    }
    const kind = branches === 0 ? 'hairpin' : branches === 1 ? 'interior' : 'multiloop';
    for (const k of inside) kinds[k] = kind;
    kinds[i] = kinds[j] = 'stem';
  }
  for (const [k, j] of partners.entries()) if (j >= 0 && nested[k] !== j) kinds[k] = 'pseudoknot';
  return kinds;
}
