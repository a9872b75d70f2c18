/** Clusters of vectors: their number, their order, and the silhouette by its definition. */
import { describe, expect, test } from 'vitest';
import { clusters, meanSilhouette } from '../src/clusters.ts';

/** Three groups round the corners of a triangle: 6, 5 and 4 points in 3 dimensions. */
const corners = [
  [0, 0, 0],
  [10, 0, 1],
  [0, 10, 2],
] as const;
const group = [...'000000111112222'].map(Number);
const points = group.map((g, i) => Float32Array.from(corners[g]!, (value, d) => value + 0.5 * Math.sin(7 * i + 3 * d)));

describe('clusters', () => {
  test('finds three groups by itself, the largest first', () => {
    const { of, count, silhouette } = clusters(points);
    expect(count).toBe(3);
    expect(of).toEqual(group);
    expect(silhouette).toBeGreaterThan(0.85);
    expect(clusters(points, 2).count).toBe(2);
    expect(() => clusters(points.slice(0, 2))).toThrow(/at least 3/);
  });

  test('the silhouette is that of its definition', () => {
    // On a line, 0 and 1 against 5: (5 - 1) / 5 and (4 - 1) / 4, and 0 for the one that is alone.
    expect(meanSilhouette([[0], [1], [5]], [0, 0, 1])).toBeCloseTo((4 / 5 + 3 / 4 + 0) / 3, 12);
  });
});
