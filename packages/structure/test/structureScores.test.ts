/** Scoring of predicted structures, with a predictor whose probabilities are known. */
import { readFileSync } from 'node:fs';
import { basePairs, decodeBasePairs, parseStructureFile, scoreBasePairs, type Structure } from '../src/index.ts';
import { describe, expect, it } from 'vitest';
import { evaluateStructures, chooseThreshold } from '../src/secondary/structureScores.ts';

const records = parseStructureFile(
  readFileSync(new URL('../../train/test/fixtures/short.dbn', import.meta.url), 'utf8'),
  'short.dbn',
);

/** True pairs at `high`, wrong ones (i, i + 5) at `low`, all others at 0. */
function predictor(high: number, low: number) {
  return (sequence: string): Promise<Float32Array> => {
    const { partners } = records.find((record) => record.sequence === sequence)!;
    const probabilities = new Float32Array((sequence.length * (sequence.length - 1)) / 2);
    let at = 0;
    for (let i = 0; i < sequence.length; i++) {
      for (let j = i + 1; j < sequence.length; j++)
        probabilities[at++] = partners[i] === j ? high : j === i + 5 ? low : 0;
    }
    return Promise.resolve(probabilities);
  };
}

const free = { allowNcPairs: true, allowSharpLoops: true };

describe('evaluateStructures', () => {
  it('gives perfect scores to the truth', async () => {
    const seen: string[] = [];
    const result = await evaluateStructures(predictor(0.9, 0), records, { ...free, threshold: 0.5 }, ({ id }) => {
      seen.push(id);
    });
    expect([result.strict.f1, result.flexible.f1, result.averagePrecision]).toEqual([1, 1, 1]);
    expect(seen).toEqual(records.map(({ id }) => id));
    result.rnas.forEach(({ predicted, target }) => {
      expect(predicted).toEqual(target);
    });
  });

  it('averages over RNAs what each of them has', async () => {
    const options = { ...free, threshold: 0.1 };
    const predict = predictor(0.15, 0.2);
    const result = await evaluateStructures(predict, records, options);
    const expected = await Promise.all(
      records.map(
        async ({ sequence, partners }) =>
          scoreBasePairs(partners, decodeBasePairs(await predict(sequence), sequence, options), { flexible: true }).f1,
      ),
    );
    expect(result.flexible.f1).toBeCloseTo(expected.reduce((a, b) => a + b) / expected.length, 12);
    expect(result.strict.f1).toBeLessThan(1);
    expect(result.strict.f1).toBeLessThanOrEqual(result.flexible.f1);
  });

  it('refuses an empty set', async () => {
    await expect(evaluateStructures(predictor(1, 0), [], { threshold: 0.5 })).rejects.toThrow(/no scores/);
  });
});

describe('chooseThreshold', () => {
  it('parts true pairs from less probable wrong ones, and scores as an evaluation at that threshold', async () => {
    const predict = predictor(0.2, 0.125);
    const tuned = await chooseThreshold(predict, records, { ...free, flexible: false });
    expect(tuned.threshold).toBeCloseTo(0.13, 12);
    expect(tuned.strict.f1).toBe(1);
    expect(await evaluateStructures(predict, records, { ...free, threshold: tuned.threshold })).toEqual(tuned);
  });

  it('leaves out what the decode forbids', async () => {
    const tuned = await chooseThreshold(predictor(0.2, 0), records, { flexible: true });
    const canonical = ({ sequence, partners }: Structure) =>
      basePairs(partners).filter(
        ([i, j]) => ['AU', 'UA', 'CG', 'GC', 'GU', 'UG'].includes(sequence[i]! + sequence[j]!) && j - i >= 4,
      ).length;
    expect(tuned.rnas.map(({ predicted }) => basePairs(predicted).length)).toEqual(records.map(canonical));
  });
});
