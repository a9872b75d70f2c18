/** Intervals, bins, curves and similarity, against hand counts, published examples and their definitions. */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCalibration,
  areaUnderPrecisionRecall,
  averagePrecision,
  binned,
  bootstrap,
  bootstrapAll,
  bootstrapOf,
  calibrationBins,
  calibrationError,
  familyOf,
  grouped,
  InputError,
  lengthBins,
  nearestIdentity,
  partnersFromPairs,
  precisionRecallCurve,
  readMmseqs,
  rocAuc,
  similarityBins,
} from '../src/index.ts';

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('bootstrap', () => {
  const random = new RandomStream(3);
  const normal = Array.from({ length: 400 }, () => 5 + 2 * random.normal());

  it('of a mean is as wide as the normal approximation says', () => {
    const { mean: centre, low, high } = bootstrap(normal, { resamples: 1000 });
    const deviation = Math.sqrt(mean(normal.map((value) => (value - centre) ** 2)) / normal.length);
    expect(centre).toBe(mean(normal));
    expect((high - low) / (2 * 1.96 * deviation)).toBeCloseTo(1, 1);
    expect(high - centre).toBeCloseTo(centre - low, 1);
    const half = bootstrap(normal, { confidence: 0.5 });
    expect((half.high - half.low) / (2 * 0.6745 * deviation)).toBeCloseTo(1, 1);
  });

  it('holds the truth as often as it says', () => {
    let held = 0;
    for (let trial = 0; trial < 200; trial++) {
      const { low, high } = bootstrap(
        Array.from({ length: 50 }, () => random.normal()),
        { resamples: 200, seed: trial },
      );
      held += Number(low <= 0 && high >= 0);
    }
    // 95 % of 200 and four standard deviations to either side, a little less for so few values.
    expect(held).toBeGreaterThan(174);
    expect(held).toBeLessThan(200);
  });

  it('draws the same at the same seed, for every form', () => {
    const few = { resamples: 100 };
    const interval = bootstrap(normal, few);
    expect(bootstrap(normal, few)).toEqual(interval);
    expect(bootstrap(normal, { ...few, seed: 1 })).not.toEqual(interval);
    expect(bootstrapOf(normal, mean, few)).toEqual(interval);
    const most = (values: readonly number[]) => Math.max(...values);
    expect(bootstrapAll(normal, (values) => ({ mean: mean(values), most: most(values) }), few)).toEqual({
      mean: interval,
      most: bootstrapOf(normal, most, few),
    });
  });

  it('draws weights with their values', () => {
    const { mean: centre, low, high } = bootstrap([1, 3], { weights: [3, 1], confidence: 0.99 });
    expect([centre, low, high]).toEqual([1.5, 1, 3]);
    const even = bootstrap(normal, { weights: normal.map(() => 7), resamples: 100 });
    expect(even.low).toBeCloseTo(bootstrap(normal, { resamples: 100 }).low, 12);
    // A quarter of the draws has no weight at all.
    expect(bootstrap([2, 9], { weights: [1, 0] })).toEqual({ mean: 2, low: 2, high: 2 });
  });

  it('lies between neighbours in proportion', () => {
    // Means of two draws of 0 and 1: 0, 0.5 or 1 in parts of 1/4, 1/2, 1/4.
    expect(bootstrap([0, 1], { confidence: 0.4 })).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
    expect(bootstrap([0, 1], { confidence: 0.8 })).toEqual({ mean: 0.5, low: 0, high: 1 });
    // The quarters of two resamples lie a quarter of the way from either.
    const [all, half] = [0.999_999, 0.5].map((confidence) =>
      bootstrap([0, 8, 16, 24], { resamples: 2, confidence, seed: 4 }),
    );
    expect(all!.high).toBeGreaterThan(all!.low);
    expect((half!.low - all!.low) / (all!.high - all!.low)).toBeCloseTo(0.25, 4);
    expect((half!.high - all!.low) / (all!.high - all!.low)).toBeCloseTo(0.75, 4);
  });

  it('refuses what it cannot draw from', () => {
    expect(() => bootstrap([])).toThrow('nothing to draw from');
    expect(() => bootstrap([1], { weights: [1, 2] })).toThrow('2 weights for 1 values');
    expect(() => bootstrap([1], { weights: [0] })).toThrow('not all zero');
    expect(() => bootstrap([1], { resamples: 0 })).toThrow('whole number from 1');
    expect(() => bootstrap([1], { confidence: 95 })).toThrow('between 0 and 1');
  });
});

describe('groups', () => {
  it('a bin holds its lower edge, and empty bins are left out', () => {
    expect(binned([0, 9, 10, 30], (n) => n, [0, 10, 20, 30, Infinity])).toEqual([
      { label: '0–10', low: 0, high: 10, items: [0, 9] },
      { label: '10–20', low: 10, high: 20, items: [10] },
      { label: '≥ 30', low: 30, high: Infinity, items: [30] },
    ]);
    expect(() => binned([-1], (n) => n, [0, 1])).toThrow('-1 is in no bin');
  });

  it('every length and identity has its one bin', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(3000)),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true })),
        (lengths, identities) => {
          for (const [values, bins] of [
            [lengths, lengthBins(lengths, (n) => n)],
            [identities, similarityBins(identities, (n) => n)],
          ] as const) {
            expect(bins.flatMap(({ items }) => items).sort((a, b) => a - b)).toEqual([...values].sort((a, b) => a - b));
            for (const { low, high, items } of bins)
              expect(items.length > 0 && items.every((value) => value >= low && value < high)).toBe(true);
          }
        },
      ),
    );
    expect(similarityBins([0.55, 1], (n) => n).map(({ label }) => label)).toEqual(['50–60 %', '≥ 90 %']);
  });

  it('families of ArchiveII by the names of its files', () => {
    expect(
      [
        '5s_Acanthamoeba-castellanii-1',
        'ct/tmRNA_Myco.mobi._TRW-267748_1-376',
        'grp1_a.I1.e.B.bassiana',
        '16s_A.fulgidus_domain1',
        'tRNA_tdbR00000133',
      ].map(familyOf),
    ).toEqual(['5S rRNA', 'tmRNA', 'Group I intron', '16S rRNA', 'tRNA']);
    expect(['bpRNA_RFAM_1', 'toString_1', ''].map(familyOf)).toEqual([undefined, undefined, undefined]);
    expect([...grouped(['b1', 'a1', 'b2'], (name) => name[0]!)]).toEqual([
      ['b', ['b1', 'b2']],
      ['a', ['a1']],
    ]);
  });
});

describe('curves', () => {
  const binary = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
      fc.constantFrom(0, 1),
    ),
    { minLength: 2, maxLength: 40 },
  );

  it("agree with scikit-learn's example", () => {
    // average_precision_score and roc_auc_score of its user guide
    const curve = precisionRecallCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
    expect(curve.map(({ threshold }) => threshold)).toEqual([0.8, 0.4, 0.35, 0.1]);
    expect(curve.map(({ precision }) => precision)).toEqual([1, 1 / 2, 2 / 3, 1 / 2]);
    expect(curve.map(({ recall }) => recall)).toEqual([0.5, 0.5, 1, 1]);
    expect(areaUnderPrecisionRecall(curve)).toBeCloseTo(0.8333333333, 9);
    expect(rocAuc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75);
  });

  it('ROC is the chance of the right order', () => {
    fc.assert(
      fc.property(binary, (pairs) => {
        const [scores, labels] = [pairs.map(([score]) => score), pairs.map(([, label]) => label)];
        const wins = pairs.flatMap(([score, label]) =>
          label === 1
            ? pairs.filter(([, other]) => other === 0).map(([other]) => (Math.sign(score - other) + 1) / 2)
            : [],
        );
        if (wins.length === 0) expect(() => rocAuc(scores, labels)).toThrow('at least one of both');
        else expect(rocAuc(scores, labels)).toBeCloseTo(mean(wins), 12);
      }),
    );
  });

  it('precision and recall are the area that structures are scored by', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.integer({ min: 0, max: 5 }).map((n) => n / 5),
          { minLength: 15, maxLength: 15 },
        ),
        (probabilities) => {
          const target = partnersFromPairs(
            [
              [0, 5],
              [1, 4],
            ],
            6,
          );
          // Row by row: (0, 5) is the fifth pair, (1, 4) the eighth.
          const labels = probabilities.map((_, i) => Number(i === 4 || i === 7));
          const single = Float32Array.from(probabilities);
          expect(areaUnderPrecisionRecall(precisionRecallCurve(single, labels))).toBeCloseTo(
            averagePrecision(single, target),
            12,
          );
        },
      ),
    );
    expect(precisionRecallCurve([0.3], [0])).toEqual([]);
    expect(() => precisionRecallCurve([NaN], [1])).toThrow('NaN');
    expect(() => precisionRecallCurve([1, 2], [1])).toThrow('2 values and 1 labels');
    expect(() => rocAuc([1, 2], [1, 2])).toThrow('label 1 is 2');
  });

  it('calibration bins count, and those of parts add up', () => {
    const bins = calibrationBins([0.1, 0.3, 0.45, 1], [0, 1, 0, 1], 2);
    expect(bins.map(({ count }) => count)).toEqual([3, 1]);
    expect(bins[0]!.predicted).toBeCloseTo(0.85 / 3, 12);
    expect(bins.map(({ observed }) => observed)).toEqual([1 / 3, 1]);
    expect(calibrationError(bins)).toBeCloseTo((3 / 4) * (1 / 3 - 0.85 / 3), 12);
    expect(() => calibrationBins([1.5], [1])).toThrow('value 0 is 1.5');
    expect(() => addCalibration([bins, bins.slice(1)])).toThrow('different numbers of bins');
    fc.assert(
      fc.property(binary, fc.nat(), (pairs, cut) => {
        const of = (part: typeof pairs) =>
          calibrationBins(
            part.map(([score]) => score),
            part.map(([, label]) => label),
          );
        const at = cut % pairs.length;
        addCalibration([of(pairs.slice(0, at)), of(pairs.slice(at))]).forEach(({ count, predicted, observed }, b) => {
          const whole = of(pairs)[b]!;
          expect(count).toBe(whole.count);
          if (count > 0)
            expect(
              [predicted - whole.predicted, observed - whole.observed].every((error) => Math.abs(error) < 1e-12),
            ).toBe(true);
          else expect([predicted, observed]).toEqual([NaN, NaN]);
        });
      }),
    );
  });
});

describe('similarity', () => {
  it('is one less the edits over the longer length, of the nearest', () => {
    expect(['ACGU', 'acgtacgt', 'GGGG'].map(nearestIdentity(['ACGUACGU', 'ACCU', 'AAAAAAAA']))).toEqual([
      0.75, 1, 0.25,
    ]);
    expect(nearestIdentity([])('ACGU')).toBe(0);
  });

  it('finds the nearest wherever it stands', () => {
    const rna = fc.string({ unit: fc.constantFrom(...'ACGU'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(rna, fc.array(rna, { maxLength: 12 }), (query, training) => {
        const best = Math.max(
          0,
          ...training.map((each) => 1 - edits(query, each) / Math.max(query.length, each.length)),
        );
        expect(nearestIdentity(training)(query)).toBeCloseTo(best, 12);
      }),
    );
  });

  it("reads MMseqs2's columns, with their names or without", () => {
    const rows =
      'q1\tt1\t0.871\t120\t15\t1\t1\t120\t3\t121\t1.2E-30\t130\nq1\tt2\t0.9\t60\t6\t0\t1\t60\t1\t60\t1E-9\t70\nq2\tt1\t0.5\t40\t20\t0\t1\t40\t1\t40\t1E-3\t30\n';
    expect([...readMmseqs(rows, 'hits.m8')]).toEqual([
      ['q1', 0.9],
      ['q2', 0.5],
    ]);
    expect([...readMmseqs('query\tevalue\tpident\r\nq1\t1E-3\t87.5\r\n', 'hits.tsv')]).toEqual([['q1', 0.875]]);
    expect([...readMmseqs('query\ttarget\tpident\tfident\nq1\tt1\t87.5\t0.875\n', 'hits.tsv')]).toEqual([
      ['q1', 0.875],
    ]);
  });

  it('names the file, the line and the columns that it needs', () => {
    expect(() => readMmseqs('q1\tt1\t0.8\nq1\tt1\t87.5\n', 'hits.m8')).toThrow(InputError);
    expect(() => readMmseqs('q1\tt1\t0.8\nq1\tt1\t87.5\n', 'hits.m8')).toThrow(
      'hits.m8:2: expected an identity from 0 to 1 in column 3, got "87.5"; write it by mmseqs with --format-output query,target,fident',
    );
    expect(() => readMmseqs('q1 t1 0.8', 'hits.m8')).toThrow('hits.m8:1: expected at least 3 columns');
    expect(() => readMmseqs('query\ttarget\tevalue', 'hits.m8')).toThrow(
      'hits.m8:1: expected a column "fident" or "pident"',
    );
  });
});

/** Levenshtein's distance by its recursion. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + Number(letter !== other)));
    row = next;
  }
  return row.at(-1)!;
}
