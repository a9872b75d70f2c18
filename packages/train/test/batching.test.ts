import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenize } from '@rna/model';
import { createBatches, cropTokens, FIRST_CURSOR, type BatchingOptions, type Cursor, type TrainingBatch } from '../src/batching.ts';

const options = fc.record({
  lengths: fc.array(fc.integer({ min: 3, max: 60 }), { minLength: 1, maxLength: 80 }),
  maxTokens: fc.integer({ min: 3, max: 50 }),
  rowsPerStep: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(),
  window: fc.integer({ min: 1, max: 100 }),
});

/** The steps from a cursor to the end of its epoch. */
function epochFrom(batchAt: (cursor: Cursor) => TrainingBatch, cursor: Cursor): TrainingBatch[] {
  const batches = [batchAt(cursor)];
  while (!batches.at(-1)!.endsEpoch) batches.push(batchAt(batches.at(-1)!.next));
  return batches;
}

describe('createBatches', () => {
  it('places each sequence once an epoch, within the row, cropped only if it must be', () => {
    fc.assert(
      fc.property(options, fc.nat(3), (options, epoch) => {
        const batches = epochFrom(createBatches(options), { epoch, row: 0 });
        const placements = batches.flatMap(({ rows }) => rows.flat());
        expect(placements.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...options.lengths.keys()]);
        for (const { index, start, length } of placements) {
          const nucleotides = options.lengths[index]! - 2;
          expect(length).toBe(Math.min(nucleotides, options.maxTokens - 2));
          expect(start).toBeGreaterThanOrEqual(0);
          expect(start + length).toBeLessThanOrEqual(nucleotides);
        }
        for (const row of batches.flatMap(({ rows }) => rows)) {
          expect(row.length).toBeGreaterThan(0);
          expect(row.reduce((sum, { length }) => sum + length + 2, 0)).toBeLessThanOrEqual(options.maxTokens);
        }
        for (const { rows, endsEpoch } of batches) {
          if (endsEpoch) expect(rows.length).toBeLessThanOrEqual(options.rowsPerStep);
          else expect(rows).toHaveLength(options.rowsPerStep);
        }
        expect(batches.at(-1)!.next).toEqual({ epoch: epoch + 1, row: 0 });
      }),
    );
  });

  it('packs first-fit: no sequence would have fitted into an earlier row of its window', () => {
    fc.assert(
      fc.property(options, (options) => {
        const whole = { ...options, window: options.lengths.length };
        const rows = epochFrom(createBatches(whole), FIRST_CURSOR).flatMap(({ rows }) => rows);
        const tokens = rows.map((row) => row.map(({ length }) => length + 2));
        for (let later = 1; later < tokens.length; later++) {
          for (const earlier of tokens.slice(0, later)) {
            expect(earlier.reduce((a, b) => a + b, 0) + tokens[later]![0]!).toBeGreaterThan(whole.maxTokens);
          }
        }
      }),
    );
  });

  it('resumes from any cursor as if it had never stopped', () => {
    fc.assert(
      fc.property(options, (options) => {
        const running = createBatches(options);
        let cursor = FIRST_CURSOR;
        for (let step = 0; step < 12; step++) {
          const batch = running(cursor);
          expect(createBatches(options)(JSON.parse(JSON.stringify(cursor)) as Cursor)).toEqual(batch);
          cursor = batch.next;
        }
      }),
      { numRuns: 30 },
    );
  });

  it('orders, packs and crops each epoch and seed anew', () => {
    const lengths = Array.from({ length: 50 }, (_, i) => 20 + i);
    const make = (seed: number): BatchingOptions => ({ lengths, maxTokens: 40, rowsPerStep: 4, seed });
    const of = (seed: number, epoch: number) => epochFrom(createBatches(make(seed)), { epoch, row: 0 }).flatMap(({ rows }) => rows.flat());
    const order = (placements: readonly { index: number }[]) => placements.map(({ index }) => index).join();
    expect(new Set([order(of(1, 0)), order(of(1, 1)), order(of(2, 0))]).size).toBe(3);
    const starts = Array.from({ length: 200 }, (_, epoch) => of(1, epoch).find(({ index }) => index === 22)!.start);
    expect([...new Set(starts)].sort((a, b) => a - b)).toEqual([0, 1, 2]);
  });

  it('gives a sequence the same crop whatever else is trained on', () => {
    const crop = (lengths: number[]) =>
      epochFrom(createBatches({ lengths, maxTokens: 50, rowsPerStep: 1, seed: 4 }), { epoch: 3, row: 0 })
        .flatMap(({ rows }) => rows.flat())
        .find(({ index }) => index === 0);
    expect(crop([500, 30, 700])).toEqual(crop([500]));
  });

  it.each([
    [{ lengths: [] }, 'no sequences'],
    [{ lengths: [5, 2] }, 'sequence 1 has 2 tokens'],
    [{ maxTokens: 2 }, 'maxTokens must be an integer of 3 or more, got 2'],
    [{ rowsPerStep: 0 }, 'rowsPerStep'],
    [{ window: 0.5 }, 'window'],
  ])('refuses %j', (wrong, message) => {
    expect(() => createBatches({ lengths: [5], maxTokens: 10, rowsPerStep: 1, seed: 0, ...wrong })).toThrow(message);
  });

  it('refuses a cursor that is not of this run', () => {
    expect(() => createBatches({ lengths: [5], maxTokens: 10, rowsPerStep: 1, seed: 0 })({ epoch: 0, row: 1 })).toThrow('has no row 1');
  });
});

describe('cropTokens', () => {
  it('puts a stretch between <cls> and <eos>', () => {
    const tokens = tokenize('ACGUAC');
    expect(cropTokens(tokens, { start: 1, length: 3 })).toEqual(tokenize('CGU'));
    expect(cropTokens(tokens, { start: 0, length: 6 })).toEqual(tokens);
    expect(() => cropTokens(tokens, { start: 4, length: 3 })).toThrow('3 nucleotides from 4');
  });
});
