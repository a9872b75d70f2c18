/**
 * Clusters of vectors by k-means (the library's, from k-means++ centres that follow from a seed), their number chosen by
 * the silhouette (Rousseeuw 1987): how much nearer an RNA is to its own cluster than to the next one, from -1 to 1.
 */
import { RandomStream } from '@rna/kernels';
import { kmeans } from 'ml-kmeans';

export interface Clusters {
  /** [vectors]: from 0, the largest cluster first. */
  readonly of: readonly number[];
  readonly count: number;
  /** Mean over the vectors; NaN for one cluster. */
  readonly silhouette: number;
}

const mostClusters = 20;
/** The silhouette compares all with all; of more vectors a sample speaks for them. */
const mostCompared = 600;
/** Starts of each number of clusters, of which the tightest is taken. */
const starts = 4;

/**
 * @param count Number of clusters; by default that from 2 to 20 with the greatest silhouette.
 * @throws RangeError for fewer vectors than clusters, or fewer than 3.
 */
export function clusters(vectors: readonly ArrayLike<number>[], count?: number, seed = 0): Clusters {
  if (vectors.length < Math.max(3, count ?? 0))
    throw new RangeError(`clusters: ${vectors.length} vectors; at least ${Math.max(3, count ?? 0)} are needed`);
  const data = vectors.map((vector) => Array.from(vector));
  const compared = sampleOf(data.length, seed);
  const candidates =
    count !== undefined
      ? [count]
      : Array.from({ length: Math.min(mostClusters, Math.floor(data.length / 2)) - 1 }, (_, k) => k + 2);
  let best: Clusters | undefined;
  for (const k of candidates) {
    const of = bySize(tightest(data, k, seed));
    const silhouette = meanSilhouette(data, of, compared);
    if (best === undefined || silhouette > best.silhouette) best = { of, count: new Set(of).size, silhouette };
  }
  return best!;
}

function tightest(data: number[][], k: number, seed: number): number[] {
  let best: { clusters: number[]; spread: number } | undefined;
  for (let start = 0; start < starts; start++) {
    const { clusters, centroids } = kmeans(data, k, { seed: seed * starts + start + 1, maxIterations: 200 });
    const spread = data.reduce((sum, vector, i) => sum + squared(vector, centroids[clusters[i]!]!), 0);
    if (best === undefined || spread < best.spread) best = { clusters, spread };
  }
  return best!.clusters;
}

function squared(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d]! - b[d]!) ** 2;
  return sum;
}

/** Numbers clusters by their size. */
function bySize(of: readonly number[]): number[] {
  const sizes = new Map<number, number>();
  for (const cluster of of) sizes.set(cluster, (sizes.get(cluster) ?? 0) + 1);
  const order = [...sizes].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([cluster]) => cluster);
  const place = new Map(order.map((cluster, k) => [cluster, k]));
  return of.map((cluster) => place.get(cluster)!);
}

function sampleOf(length: number, seed: number): number[] {
  const order = Array.from({ length }, (_, k) => k);
  if (length <= mostCompared) return order;
  const random = new RandomStream(seed);
  for (let k = 0; k < mostCompared; k++) {
    const other = k + random.below(length - k);
    [order[k], order[other]] = [order[other]!, order[k]!];
  }
  return order.slice(0, mostCompared);
}

/** The mean of (b - a) / max(a, b) over the vectors compared, 0 for one that is alone in its cluster. */
export function meanSilhouette(
  data: readonly (readonly number[])[],
  of: readonly number[],
  compared: readonly number[] = data.map((_, k) => k),
): number {
  const count = Math.max(...of) + 1;
  if (count < 2) return NaN;
  let total = 0;
  for (const i of compared) {
    const sums = new Float64Array(count);
    const sizes = new Float64Array(count);
    for (const j of compared) {
      if (i === j) continue;
      sums[of[j]!]! += Math.sqrt(squared(data[i]!, data[j]!));
      sizes[of[j]!]!++;
    }
    const own = of[i]!;
    if (sizes[own] === 0) continue;
    const within = sums[own]! / sizes[own]!;
    let next = Infinity;
    for (let cluster = 0; cluster < count; cluster++)
      if (cluster !== own && sizes[cluster]! > 0) next = Math.min(next, sums[cluster]! / sizes[cluster]!);
    const larger = Math.max(within, next);
    if (next < Infinity && larger > 0) total += (next - within) / larger;
  }
  return total / compared.length;
}
