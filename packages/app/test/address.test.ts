/** Addresses bring back what they were made from, and nothing in them can be wrong enough to break the page. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WEIGHTS } from '../src/calls/modelCalls.ts';
import { modelAddress, readModelAddress } from '../src/modelAddress.ts';
import {
  COLOURS,
  foldAddress,
  LONGEST_LINK,
  METHODS,
  PICTURES,
  readAddress,
  readFoldAddress,
  type FoldAddress,
} from '../src/address.ts';

const read = (hash: string): FoldAddress => readFoldAddress(readAddress(hash).query);

test('what an address is made from is read back from it', () => {
  const addresses = fc
    .record({
      method: fc.constantFrom(...METHODS, 'model:lab/my model' as const),
      against: fc.constantFrom(undefined, ...METHODS, 'model:other' as const),
      picture: fc.constantFrom(...PICTURES),
      colour: fc.constantFrom(...COLOURS),
      rna: fc.integer({ min: 1, max: 5000 }),
      fasta: fc.string({ unit: 'binary' }),
    })
    .filter(({ method, against }) => method !== against);
  fc.assert(
    fc.property(addresses, (address) => {
      const hash = foldAddress(address);
      expect(readAddress(hash).view).toBe('fold');
      // As a browser gives it back.
      expect(read(new URL(hash, 'https://example.test/').hash)).toEqual(address);
    }),
  );
});

test('a sequence that is too long for a link is left out', () => {
  const address = read('#/fold?method=contrafold');
  expect(read(foldAddress({ ...address, fasta: 'A'.repeat(LONGEST_LINK) })).fasta).toHaveLength(LONGEST_LINK);
  expect(read(foldAddress({ ...address, fasta: 'A'.repeat(LONGEST_LINK + 1) })).fasta).toBeUndefined();
});

test.each(['', '#', '#/', '#/fold', '#/fold?rna=-1&view=3d&colour=&method=mfold&against=x', '#/fold?rna=1e99'])(
  '%j has the defaults',
  (hash) => {
    expect(read(hash)).toEqual({
      method: 'builtin',
      against: undefined,
      picture: 'structure',
      colour: 'probability',
      rna: 1,
      fasta: undefined,
    });
  },
);

test('a method is not compared with itself', () => {
  expect(read('#/fold?method=contrafold&against=contrafold').against).toBeUndefined();
});

test('addresses of the views that run models bring back what they were made from', () => {
  const addresses = fc.record({
    model: fc.constantFrom('builtin', 'lab/tiny', 'a model & <more>'),
    weights: fc.constantFrom(...WEIGHTS),
    fasta: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
  });
  fc.assert(
    fc.property(addresses, (address) => {
      const hash = modelAddress('embed', address, { pool: 'cls' });
      const { view, query } = readAddress(new URL(hash, 'https://example.test/').hash);
      expect([view, query.get('pool')]).toEqual(['embed', 'cls']);
      expect(readModelAddress(query)).toEqual(address);
    }),
  );
  expect(modelAddress('embed', { model: 'builtin', weights: 'f32', fasta: undefined })).toBe('#/embed');
});
