import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupFolds, kFold, stratifiedKFold } from '../src/commands/data/folds.ts';
import { RandomState } from '../src/commands/data/randomState.ts';
import { overlapGroups } from '../src/commands/data/splice.ts';

const digest = (folds: Int32Array): string => createHash('sha256').update(Uint8Array.from(folds)).digest('hex');

// Every number was printed by NumPy 2.4.6 and scikit-learn 1.9.1.
describe("NumPy's legacy generator", () => {
  test("draws MT19937's integers", () => {
    const random = new RandomState(42);
    expect(Array.from({ length: 6 }, () => random.uint32())).toEqual([
      1608637542, 3421126067, 4083286876, 787846414, 3143890026, 3348747335,
    ]);
    // The 10,000th of init_genrand(5489), as the C++ standard gives it.
    const standard = new RandomState(5489);
    for (let i = 1; i < 10_000; i++) standard.uint32();
    expect(standard.uint32()).toBe(4123659995);
  });

  test('permutes and draws below a bound', () => {
    expect([...new RandomState(42).permutation(20)]).toEqual([
      0, 17, 15, 1, 8, 5, 11, 3, 18, 16, 13, 2, 9, 19, 4, 12, 7, 10, 14, 6,
    ]);
    expect([...new RandomState(2020).permutation(7)]).toEqual([5, 4, 1, 2, 3, 6, 0]);
    const random = new RandomState(42);
    expect(Array.from({ length: 8 }, () => random.below(10))).toEqual([6, 3, 7, 4, 6, 9, 2, 6]);
  });
});

describe("scikit-learn's folds", () => {
  test('KFold', () => {
    expect([...kFold(23, 10, 42)]).toEqual([0, 2, 3, 4, 5, 2, 9, 7, 1, 0, 8, 3, 1, 2, 8, 0, 6, 1, 5, 9, 4, 6, 7]);
    expect(digest(kFold(28_246, 10, 42))).toBe('dc1380d8f87918d745f216d228f98154488bb244c34d09930f29eaafb4b8b90a');
  });

  test('StratifiedKFold, whatever class comes first', () => {
    const sites = [...new Array<number>(13).fill(1), ...new Array<number>(17).fill(0)];
    expect([...stratifiedKFold(sites, 10, 2020)]).toEqual([
      6, 1, 2, 0, 9, 4, 2, 8, 7, 3, 1, 5, 0, 9, 1, 5, 8, 7, 9, 3, 0, 4, 4, 8, 2, 5, 7, 3, 6, 6,
    ]);
    expect([...stratifiedKFold([...'babcabbacbabcca'], 3, 7)]).toEqual([1, 1, 2, 2, 2, 0, 1, 1, 1, 0, 0, 2, 0, 2, 0]);
    const many = [...new Array<number>(9000).fill(1), ...new Array<number>(11_003).fill(0)];
    expect(digest(stratifiedKFold(many, 10, 2020))).toBe(
      '55aef2de5722f9ba38ad2fe99c512d4d3e0b7eb0b0eb9224a8431b546a44ad58',
    );
  });

  test('too few items are refused', () => {
    expect(() => kFold(9, 10, 0)).toThrow('9 items cannot make 10 folds');
    expect(() => stratifiedKFold([0, 1, 0], 3, 0)).toThrow('2 items of the largest class cannot make 3 folds');
  });
});

describe('groups', () => {
  test('stay whole, and folds are about equal', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 60, maxLength: 200 }),
        fc.nat(),
        (groups, seed) => {
          fc.pre(new Set(groups).size >= 5);
          const folds = groupFolds(groups, 5, seed);
          const foldOf = new Map<number, number>();
          groups.forEach((group, i) => {
            expect(foldOf.get(group) ?? folds[i]).toBe(folds[i]);
            foldOf.set(group, folds[i]!);
          });
          const sizes = Array.from({ length: 5 }, (_, fold) => folds.filter((each) => each === fold).length);
          const largest = Math.max(
            ...[...foldOf.keys()].map((group) => groups.filter((each) => each === group).length),
          );
          // Dealt to the emptiest fold each time, no fold is ahead of another by more than a group.
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(largest);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('windows that share nucleotides are one, through others too', () => {
    const window = (id: string) => ({ id, sequence: 'A'.repeat(400) });
    const windows = [
      'POS_Chr1_1000_+',
      'FP_Chr2_1100_+',
      'EXON_Chr1_1399_-',
      'POS_Chr1_1790_+',
      'POS_Chr1_2190_+',
      'without a place',
    ].map(window);
    const [a, b, c, d, e, f] = overlapGroups(windows);
    expect([c, d]).toEqual([a, a]);
    expect(new Set([a, b, e, f]).size).toBe(4);
  });
});
