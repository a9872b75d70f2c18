import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkPack,
  EmptyBatchError,
  groupByTokenBudget,
  packTokens,
  sequenceRange,
  unpackRows,
  unpackTokens,
  type PackedTokens,
} from '../src/packing.ts';
import { collect } from './collect.ts';

const sequences = fc.array(
  fc.array(fc.nat(21), { minLength: 1, maxLength: 20 }).map((ids) => Uint32Array.from(ids)),
  { minLength: 1 },
);

describe('packTokens', () => {
  it('lays sequences end to end', () => {
    const packed = packTokens([Uint32Array.of(0, 5, 2), Uint32Array.of(0, 2)]);
    expect([...packed.tokens]).toEqual([0, 5, 2, 0, 2]);
    expect([...packed.cuSeqlens]).toEqual([0, 3, 5]);
    expect(sequenceRange(packed, 1)).toEqual({ start: 3, end: 5 });
    expect(() => sequenceRange(packed, 2)).toThrow('no sequence 2 in a pack of 2');
  });

  it('is undone by unpackTokens', () => {
    fc.assert(
      fc.property(sequences, (batch) => {
        expect(unpackTokens(packTokens(batch))).toEqual(batch);
      }),
    );
  });

  it('refuses what is no array of ids, in types and when it runs', () => {
    // @ts-expect-error Text is no array of ids.
    expect(() => packTokens(['GGGAAA'])).toThrow(
      new TypeError(
        'packTokens: expected an array of one Uint32Array of token ids for each sequence, as tokenize of @rna/structure gives them, got the text "GGGAAA" as sequence 0',
      ),
    );
    // @ts-expect-error Nor is a text alone,
    expect(() => packTokens('GGGAAA')).toThrow(/got the text "GGGAAA"$/);
    // @ts-expect-error an array of plain numbers,
    expect(() => packTokens([[0, 5, 2]])).toThrow(/got an Array as sequence 0$/);
    // @ts-expect-error or a sequence without an array around it.
    expect(() => packTokens(Uint32Array.of(0, 5, 2))).toThrow(/got an Uint32Array$/);
    // @ts-expect-error Nothing is left out.
    expect(() => packTokens([Uint32Array.of(0, 2), undefined])).toThrow(/got undefined as sequence 1$/);
  });

  it('is checked before a model runs it', () => {
    const pack = (tokens: number[], ends: number[]): PackedTokens => ({
      tokens: Uint32Array.from(tokens),
      cuSeqlens: Uint32Array.from(ends),
    });
    expect(() => {
      checkPack(pack([0, 5, 2], [0, 3]), 22);
    }).not.toThrow();
    expect(() => {
      checkPack(pack([0, 22, 2], [0, 3]), 22);
    }).toThrow(new RangeError("token 22 at 1 is none of the model's 22"));
    for (const ends of [[0], [], [0, 2], [1, 3], [0, 2, 2, 3], [0, 4]]) {
      expect(() => {
        checkPack(pack([0, 5, 2], ends), 22);
      }).toThrow(RangeError);
    }
    // @ts-expect-error Tokens alone are no pack.
    expect(() => checkPack(Uint32Array.of(0, 5, 2), 22)).toThrow(TypeError);
  });

  it('refuses an empty batch by name, and an empty sequence', () => {
    expect(() => packTokens([])).toThrow(EmptyBatchError);
    expect(() => packTokens([Uint32Array.of(0, 2), new Uint32Array(0)])).toThrow('sequence 1 of 2 has no tokens');
  });
});

describe('unpackRows', () => {
  it('gives each sequence its rows', () => {
    const packed = packTokens([Uint32Array.of(0, 5, 2), Uint32Array.of(0, 2)]);
    const rows = unpackRows(
      Float32Array.from({ length: 10 }, (_, i) => i),
      packed,
      2,
    );
    expect(rows.map((r) => [...r])).toEqual([
      [0, 1, 2, 3, 4, 5],
      [6, 7, 8, 9],
    ]);
    expect(() => unpackRows(new Float32Array(9), packed, 2)).toThrow('[5, 2]');
  });
});

describe('groupByTokenBudget', () => {
  const group = (lengths: number[], budget: number) => collect(groupByTokenBudget(lengths, budget, (n) => n));

  it('fills batches in order and gives a longer record a batch of its own', async () => {
    expect(await group([3, 3, 4, 1, 20, 2], 10)).toEqual([[3, 3, 4], [1], [20], [2]]);
    expect(await group([], 10)).toEqual([]);
    await expect(group([1], 0)).rejects.toThrow('at least one token');
  });

  it('keeps every record and its order, and exceeds the budget with single records alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 50 })),
        fc.integer({ min: 1, max: 60 }),
        async (lengths, budget) => {
          const batches = await group(lengths, budget);
          expect(batches.flat()).toEqual(lengths);
          for (const [b, batch] of batches.entries()) {
            const used = batch.reduce((sum, n) => sum + n, 0);
            expect(batch.length === 1 || used <= budget).toBe(true);
            const following = batches[b + 1]?.[0];
            if (following !== undefined) expect(used + following).toBeGreaterThan(budget);
          }
        },
      ),
    );
  });

  it('asks for no record before it is due', async () => {
    let taken = 0;
    const stream = function* () {
      for (;;) {
        taken++;
        yield 5;
      }
    };
    const batches = groupByTokenBudget(stream(), 10, (n) => n);
    expect((await batches.next()).value).toEqual([5, 5]);
    expect(taken).toBe(3);
    await batches.return();
  });
});
