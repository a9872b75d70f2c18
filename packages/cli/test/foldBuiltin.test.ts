/** The demonstration's first part: what it prints is what `rna fold` says, scored against what is known. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDotBracket, scoreBasePairs } from '@rna/structure';
import { expect, test } from 'vitest';
import { foldBuiltin } from '../src/commands/demo/foldBuiltin.ts';
import { fasta, rna, temporaryFolder } from './harness.ts';

const unseen = [
  ['one', 'GGGGAAAACCCC', '((((....))))'],
  ['two', 'GGCGUUCGCGCCAAAA', '((((....))))....'],
  ['three', 'ACGGAAACCGAGGCAACC', '.(((...)))((....))'],
  ['four', 'GCGCAAAAGCGCUU', '((((....))))..'],
].map(([id = '', sequence = '', text = '']) => ({ id, sequence, partners: parseDotBracket(text) }));

const BLOCK = /^>(\S+), \d+ nucleotides\n(\w+)\n(\S+) known\n(\S+) built-in model, F1 ([\d.]+)$/gm;

test('folds, scores and draws as it says', async () => {
  const folder = temporaryFolder();
  const { text, builtin, drawings } = await foldBuiltin(unseen, join(folder, 'new'));
  const blocks = [...text.matchAll(BLOCK)].map(([, id = '', sequence = '', known = '', predicted = '', f1]) => ({
    id,
    sequence,
    known,
    predicted,
    f1: Number(f1),
  }));
  expect(blocks.length).toBe(4);
  expect(blocks[0]!.id).toBe('tRNA-Phe');
  const input = fasta(folder, blocks.map(({ id, sequence }) => `>${id}\n${sequence}\n`).join(''));
  expect((await rna('fold', input)).stdout.replace(/ accuracy=\S+/g, '')).toBe(
    blocks.map(({ id, sequence, predicted }) => `>${id}\n${sequence}\n${predicted}\n`).join(''),
  );
  for (const { known, predicted, f1 } of blocks)
    expect(scoreBasePairs(parseDotBracket(known), parseDotBracket(predicted), { flexible: false }).f1).toBeCloseTo(
      f1,
      3,
    );
  const mean = builtin.reduce((sum, { strict }) => sum + strict.f1, 0) / unseen.length;
  expect(text).toContain(`over the 4: built-in model ${mean.toFixed(3)}, CONTRAfold `);
  const names = drawings.map((path) => path.slice(join(folder, 'new').length + 1));
  expect(names.sort()).toEqual(readdirSync(join(folder, 'new')).sort());
  for (const path of drawings) expect(readFileSync(path, 'utf8')).toMatch(/^(<\?xml|<svg)/);
});
