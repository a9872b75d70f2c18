import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey } from '@rna/kernels';
import { keyedPermutation } from '../src/permutation.ts';
import { createSampling, type ClusterRun, type SamplingOptions } from '../src/sampling.ts';

const sizes = fc
  .record({ structured: fc.nat(100), ncrna: fc.nat(100), other: fc.nat(80) })
  .filter(({ structured, ncrna, other }) => structured + ncrna + other > 0);
const options = fc.record({
  seed: fc.nat(),
  window: fc.integer({ min: 1, max: 150 }),
  otherShare: fc.constantFrom<SamplingOptions['otherShare'][]>(0.5, 0.5, 0.3, 0.9, 'natural'),
});

type Sizes = { readonly structured: number; readonly ncrna: number; readonly other: number };

const sections = ({ structured, ncrna, other }: Sizes) => ({
  structured: { records: structured, clusters: structured },
  ncrna: { records: ncrna, clusters: ncrna },
  other: { records: other, clusters: other },
});

/** The draws of runs, one by one: the cluster by its section and number, and the pass. */
const drawsOf = (runs: readonly ClusterRun[]) =>
  runs.flatMap(({ kind, first, count, pass }) =>
    Array.from({ length: count }, (_, i) => ({
      group: kind === 'other' ? 'other' : 'ncrna',
      cluster: `${kind} ${first + i}`,
      pass,
    })),
  );

function epochOf(sizes: Sizes, options: SamplingOptions, epoch: number) {
  const sampling = createSampling(sections(sizes), options);
  const windows = Array.from({ length: sampling.windows }, (_, window) => drawsOf(sampling.runs(epoch, window)));
  return { sampling, windows, draws: windows.flat() };
}

describe('keyedPermutation', () => {
  it('is a permutation of any number of things', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (count, seed) => {
        const at = keyedPermutation(count, deriveKey(seed));
        expect(Array.from({ length: count }, (_, i) => at(i)).sort((a, b) => a - b)).toEqual(
          Array.from({ length: count }, (_, i) => i),
        );
      }),
    );
  });

  it('needs no list: a place among four thousand million is at hand', () => {
    const at = keyedPermutation(2 ** 32, deriveKey(1));
    const places = Array.from({ length: 1000 }, (_, i) => at(i));
    expect(new Set(places).size).toBe(1000);
    expect(places.every((place) => Number.isInteger(place) && place >= 0 && place < 2 ** 32)).toBe(true);
    expect(Math.abs(places.reduce((sum, place) => sum + place / 2 ** 32, 0) / 1000 - 0.5)).toBeLessThan(0.05);
  });

  it('gives these places on every platform', () => {
    const at = keyedPermutation(1000, deriveKey(7, 3));
    expect(Array.from({ length: 8 }, (_, i) => at(i))).toMatchInlineSnapshot(`
      [
        751,
        257,
        733,
        914,
        595,
        245,
        732,
        802,
      ]
    `);
  });

  it('sends every element everywhere, equally often', () => {
    const counts = new Float64Array(7 * 7);
    for (let seed = 0; seed < 7000; seed++) {
      const at = keyedPermutation(7, deriveKey(seed));
      for (let i = 0; i < 7; i++) counts[i * 7 + at(i)]!++;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it.each([0, 1.5, 2 ** 33])('refuses a count of %s', (count) => {
    expect(() => keyedPermutation(count, [0, 0])).toThrow('the count must be');
  });
  it('refuses an index that is none', () => {
    expect(() => keyedPermutation(5, [0, 0])(5)).toThrow('5 is not in 0 … 4');
  });
});

describe('createSampling', () => {
  it('visits each cluster once in every whole pass, and every cluster at least once an epoch', () => {
    fc.assert(
      fc.property(sizes, options, fc.nat(5), (sizes, options, epoch) => {
        const { draws, sampling } = epochOf(sizes, options, epoch);
        expect(draws).toHaveLength(sampling.draws);
        const passes = new Map<string, string[]>();
        for (const { group, cluster, pass } of draws) {
          const name = `${group} ${pass}`;
          passes.set(name, passes.get(name) ?? []);
          passes.get(name)!.push(cluster);
        }
        const groupSizes = { ncrna: sizes.structured + sizes.ncrna, other: sizes.other };
        let onceOnly = 0;
        for (const [group, size] of Object.entries(groupSizes)) {
          const own = [...passes].filter(([name]) => name.startsWith(group)).map(([, clusters]) => clusters);
          for (const clusters of own) expect(new Set(clusters).size).toBe(clusters.length);
          for (const clusters of own.slice(0, -1)) expect(clusters).toHaveLength(size);
          if (size > 0) expect(own[0]).toHaveLength(size);
          if (size > 0 && own.length === 1) onceOnly++;
        }
        expect(onceOnly).toBeGreaterThan(0);
        if (options.otherShare === 'natural') expect(draws).toHaveLength(groupSizes.ncrna + groupSizes.other);
      }),
    );
  });

  it('draws both groups in their ratio in every window, and what there is of one alone', () => {
    fc.assert(
      fc.property(sizes, options, fc.nat(5), (sizes, options, epoch) => {
        const { windows, sampling } = epochOf(sizes, options, epoch);
        const ncrna = sizes.structured + sizes.ncrna;
        for (const draws of windows) {
          const others = draws.filter(({ group }) => group === 'other').length;
          const share =
            ncrna === 0
              ? 1
              : sizes.other === 0
                ? 0
                : options.otherShare === 'natural'
                  ? sizes.other / (ncrna + sizes.other)
                  : options.otherShare;
          expect(Math.abs(others - share * draws.length)).toBeLessThanOrEqual(1);
          expect(draws.length).toBeLessThanOrEqual(options.window);
          expect(draws.length).toBeGreaterThanOrEqual(Math.floor(Math.min(options.window, sampling.draws) / 2));
        }
      }),
      { examples: [[{ structured: 3, ncrna: 0, other: 1000 }, { seed: 0, window: 64, otherShare: 0.5 }, 0]] },
    );
  });

  it('keeps two visits of a cluster a whole pass of its group apart', () => {
    fc.assert(
      fc.property(sizes, options, fc.nat(5), (sizes, options, epoch) => {
        const { draws } = epochOf(sizes, options, epoch);
        for (const group of ['ncrna', 'other']) {
          const own = draws.filter((draw) => draw.group === group).map(({ cluster }) => cluster);
          const size = group === 'other' ? sizes.other : sizes.structured + sizes.ncrna;
          expect(own.slice(size)).toEqual(own.slice(0, Math.max(0, own.length - size)));
        }
      }),
    );
  });

  it('orders every epoch and seed anew, in blocks from many places', () => {
    const size = { structured: 3000, ncrna: 2000, other: 0 };
    const order = (seed: number, epoch: number): string[] =>
      epochOf(size, { seed, window: 512, otherShare: 0.5 }, epoch).draws.map(({ cluster }) => cluster);
    expect(new Set([order(1, 0), order(1, 1), order(2, 0)].map(String)).size).toBe(3);
    const sampling = createSampling(sections(size), { seed: 1, window: 512, otherShare: 0.5 });
    for (let window = 0; window < sampling.windows; window++)
      expect(sampling.runs(0, window).length).toBeGreaterThanOrEqual(14);
    // The place of a cluster in the order is as good as random: no correlation with its number.
    const places = order(1, 0).flatMap((cluster, place) =>
      cluster.startsWith('structured') ? [[Number(cluster.slice(11)) / 3000 - 0.5, place / 5000 - 0.5] as const] : [],
    );
    expect(
      Math.abs(places.reduce((sum, [number, place]) => sum + 12 * number * place, 0) / places.length),
    ).toBeLessThan(0.25);
  });

  it('needs no list of a large corpus', () => {
    const sampling = createSampling(sections({ structured: 2e7, ncrna: 1.7e7, other: 1e7 }), {
      seed: 1,
      window: 2048,
      otherShare: 0.5,
    });
    // The last would be another other RNA, of which each has been drawn three times and more.
    expect(sampling.draws).toBe(7.4e7 - 1);
    const draws = drawsOf(sampling.runs(3, sampling.windows - 1));
    expect(draws.length).toBeGreaterThan(2000);
    expect(draws.filter(({ group }) => group === 'other')).toHaveLength(Math.floor(draws.length / 2));
  });

  it.each([
    [{ window: 0 }, 'window must be'],
    [{ otherShare: 0 }, 'share of other RNA'],
    [{ otherShare: 1 }, 'share of other RNA'],
  ])('refuses %j', (wrong, message) => {
    expect(() =>
      createSampling(sections({ structured: 1, ncrna: 1, other: 1 }), {
        seed: 0,
        window: 8,
        otherShare: 0.5,
        ...wrong,
      }),
    ).toThrow(message);
  });
  it('refuses an empty corpus', () => {
    expect(() =>
      createSampling(sections({ structured: 0, ncrna: 0, other: 0 }), { seed: 0, window: 8, otherShare: 0.5 }),
    ).toThrow('no records');
  });
});
