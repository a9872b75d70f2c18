/** The example for those who have nothing but a FASTA: the commands of its README run as they stand. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rna, type Result } from './harness.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const readme = readFileSync(join(root, 'examples/fasta/README.md'), 'utf8');
const commands = [...readme.matchAll(/^npx rna (.*)$/gm)].map((match) => match[1]!);
const TRNA = '(((((((..((((........)))).(((((.......))))).....(((((.......))))))))))))....';

let folder: string;
const results = new Map<string, Result>();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rna-fasta-'));
  const placed = (word: string): string =>
    word.startsWith('examples/')
      ? join(root, word)
      : word === 'structures' || /\.(csv|html)$/.test(word)
        ? join(folder, word)
        : word;
  for (const command of commands) results.set(command, await rna(...command.split(' ').map(placed)));
}, 240_000);
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('each command ends well', () => {
  expect(commands).toHaveLength(7);
  for (const [command, { code, stderr }] of results) expect(code, `${command}\n${stderr}`).toBe(0);
});

test('the model folds the hairpin and most of the tRNA', () => {
  const { stdout } = results.get('fold examples/fasta/rnas.fasta')!;
  const structures = stdout.split('\n').filter((line) => /^[().[\]{}]+$/.test(line));
  expect(structures).toHaveLength(3);
  expect(structures[0]).toBe('((((....))))');
  expect(structures[2]).toHaveLength(TRNA.length);
  const same = [...structures[2]!].filter((letter, i) => letter === TRNA[i]).length;
  expect(same).toBeGreaterThan(0.8 * TRNA.length);
});

test('files hold every record', () => {
  const vectors = readFileSync(join(folder, 'embeddings.csv'), 'utf8').trimEnd().split('\n');
  expect(vectors).toHaveLength(4);
  for (const page of ['drawings.html', 'comparison.html'])
    expect(readFileSync(join(folder, page), 'utf8')).toContain('hairpin');
  expect(readFileSync(join(folder, 'structures/hairpin.svg'), 'utf8')).toContain('<svg');
});
