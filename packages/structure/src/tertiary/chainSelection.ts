/**
 * Which chains of the PDB a structure model is trained on: by length and
 * resolution, and one of each cluster of similar ones (SSR-LM section 4.1:
 * 16 to 256 nucleotides, 4 Å, MMseqs2's clusters of 80 % identity).
 */

import type { RnaChain } from './chains.ts';
import { resolvedCount } from './chainScores.ts';

export interface ChainFilters {
  /** Nucleotides at least and at most, those that are not resolved among them. */
  readonly shortest: number;
  readonly longest: number;
  /** Å at most, of chains that state a resolution. */
  readonly resolution: number;
  /** Whether chains that state none are left out, as those of NMR are. */
  readonly statedResolution: boolean;
}

export interface ChainSelection<C> {
  /** In their order. */
  readonly chains: readonly C[];
  /** How many were left out, by the first reason. */
  readonly leftOut: Readonly<Record<LeftOut, number>>;
}

export const LEFT_OUT = ['length', 'resolution', 'unresolved', 'cluster'] as const;
export type LeftOut = (typeof LEFT_OUT)[number];

/**
 * The chains that pass the filters, one of each cluster: the one with the most resolved nucleotides, of equals the one
 * of the finest resolution, of equals the first.
 * @param clusterOf What chains of one cluster have in common. Default: the sequence.
 */
export function selectChains<C extends { readonly chain: RnaChain }>(
  chains: readonly C[],
  { shortest, longest, resolution, statedResolution }: ChainFilters,
  clusterOf: (chain: C) => string = ({ chain }) => chain.sequence,
): ChainSelection<C> {
  const leftOut: Record<LeftOut, number> = { length: 0, resolution: 0, unresolved: 0, cluster: 0 };
  const reason = ({ chain }: C): LeftOut | undefined => {
    const { length } = chain.sequence;
    if (length < shortest || length > longest) return 'length';
    if (chain.resolution === undefined ? statedResolution : chain.resolution > resolution) return 'resolution';
    return resolvedCount(chain) < 2 ? 'unresolved' : undefined;
  };
  const best = new Map<string, { readonly at: number; readonly resolved: number; readonly resolution: number }>();
  for (const [at, each] of chains.entries()) {
    const why = reason(each);
    if (why !== undefined) {
      leftOut[why]++;
      continue;
    }
    const one = { at, resolved: resolvedCount(each.chain), resolution: each.chain.resolution ?? Infinity };
    const cluster = clusterOf(each);
    const other = best.get(cluster);
    if (other !== undefined) leftOut.cluster++;
    if (
      other === undefined ||
      one.resolved > other.resolved ||
      (one.resolved === other.resolved && one.resolution < other.resolution)
    )
      best.set(cluster, one);
  }
  const kept = [...best.values()].sort((a, b) => a.at - b.at);
  return { chains: kept.map(({ at }) => chains[at]!), leftOut };
}
