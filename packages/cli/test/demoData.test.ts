/**
 * The demo's RNAs kept apart: what SOURCE.md says of them is checked here, so that a score on the
 * test files cannot come from an RNA that was trained on, or nearly so.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Rna {
  readonly id: string;
  readonly sequence: string;
  readonly structure: string;
}

function read(file: string): Rna[] {
  const lines = readFileSync(new URL(`../data/${file}.dbn`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
  return Array.from({ length: lines.length / 3 }, (_, k) => {
    const [id = '', sequence = '', structure = ''] = lines.slice(3 * k, 3 * k + 3);
    return { id: id.slice(1), sequence, structure };
  });
}

/**
 * Whether 1 − edit distance / length of the longer is at least `fraction`. Only cells that so few
 * edits can reach are filled (Ukkonen 1985), which makes comparing all pairs a matter of seconds.
 */
function isSimilar(a: string, b: string, fraction: number): boolean {
  const longer = Math.max(a.length, b.length);
  const edits = Math.floor((1 - fraction) * longer + 1e-9);
  const far = edits + 1;
  let above = new Uint8Array(b.length + 1);
  for (let j = 0; j <= b.length; j++) above[j] = Math.min(j, far);
  let row = new Uint8Array(b.length + 1);
  for (let i = 1; i <= a.length; i++) {
    const letter = a.charCodeAt(i - 1);
    row.fill(far);
    if (i <= edits) row[0] = i;
    let least = far;
    for (let j = Math.max(1, i - edits); j <= Math.min(b.length, i + edits); j++) {
      const substituted = above[j - 1]! + (letter === b.charCodeAt(j - 1) ? 0 : 1);
      const distance = Math.min(far, substituted, above[j]! + 1, row[j - 1]! + 1);
      row[j] = distance;
      least = Math.min(least, distance);
    }
    if (least === far) return false;
    [above, row] = [row, above];
  }
  return above[b.length]! <= edits;
}

const [pretrain, train, valid, kept, other] = ['pretrain', 'train', 'valid', 'test', 'test_other'].map((name) =>
  read(`demo_${name}`),
) as [Rna[], Rna[], Rna[], Rna[], Rna[]];

test('similarity is measured on edit distance', () => {
  expect(isSimilar('GATTACA', 'GATTACA', 1)).toBe(true);
  expect(isSimilar('GATTACA', 'GCTTAA', 5 / 7)).toBe(true);
  expect(isSimilar('GATTACA', 'GCTTAA', 0.72)).toBe(false);
  expect(isSimilar('A'.repeat(80), 'A'.repeat(100), 0.8)).toBe(true);
  expect(isSimilar('A'.repeat(79), 'A'.repeat(100), 0.8)).toBe(false);
});

describe('the demo’s selection', () => {
  test('has the counts and lengths that SOURCE.md gives', () => {
    const range = (rnas: readonly Rna[]) => {
      const lengths = rnas.map((rna) => rna.sequence.length);
      return [rnas.length, Math.min(...lengths), Math.max(...lengths)];
    };
    expect([pretrain, train, valid, kept, other].map(range)).toEqual([
      [714, 33, 130],
      [66, 71, 126],
      [12, 77, 121],
      [24, 75, 121],
      [36, 53, 129],
    ]);
  });

  test('trains on no RNA that is 80 % identical to one held apart', () => {
    const near = [...pretrain, ...train].flatMap((seen) =>
      [...valid, ...kept, ...other]
        .filter((held) => isSimilar(seen.sequence, held.sequence, 0.8))
        .map((held) => `${seen.id} ~ ${held.id}`),
    );
    expect(near).toEqual([]);
  }, 60_000);

  test('tunes the threshold on no RNA that is 80 % identical to a test RNA', () => {
    const near = valid.filter((v) => [...kept, ...other].some((t) => isSimilar(v.sequence, t.sequence, 0.8)));
    expect(near).toEqual([]);
  });

  test('is taken from the samples unchanged, each RNA once', () => {
    const samples = ['archiveII_150', 'bprna_TR0_200', 'bprna_VL0_60', 'bprna_TS0_60'].flatMap(read);
    const known = new Map(samples.map((rna) => [rna.id, rna]));
    for (const rnas of [pretrain, train, valid, kept, other]) {
      expect(new Set(rnas.map((rna) => rna.sequence)).size).toBe(rnas.length);
      expect(new Set(rnas.map((rna) => rna.id)).size).toBe(rnas.length);
      for (const rna of rnas) {
        if (!rna.id.startsWith('RF')) expect(rna).toEqual(known.get(rna.id));
        expect(rna.structure).toHaveLength(rna.sequence.length);
      }
    }
    expect(pretrain.filter((rna) => rna.id.startsWith('RF')).length).toBeGreaterThan(400);
  });
});
