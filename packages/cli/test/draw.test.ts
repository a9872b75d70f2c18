/** `rna draw`: where drawings go, what folds, and the differences of two structures. The drawing itself is tested in figures. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fasta, rna, rnaProcess, temporaryFolder } from './harness.ts';
import { all, parse } from './pageReader.ts';

const hairpin = '>one\nGGGGAAAACCCC\n((((....))))\n';
const two = `${hairpin}>two/b\nGGGAAACCCAA\n(((...)))..\n`;

/** A file in a folder that goes when the test ends. */
function file(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('rna draw', () => {
  test('one record goes to stdout as SVG', async () => {
    const folder = temporaryFolder();
    const { code, stdout } = await rna('draw', file(folder, 'a.dbn', hairpin));
    expect(code).toBe(0);
    expect(stdout.startsWith('<?xml')).toBe(true);
    const figure = parse(stdout.slice(stdout.indexOf('<svg')));
    expect(all(figure, '.nucleotides circle')).toHaveLength(12);
    expect(all(figure, '.bonds > *')).toHaveLength(4);
    expect(stdout).toContain('one, 12 nt');
  });

  test('several records go into a folder, as SVG and as RNA 2D JSON, or onto a page', async () => {
    const folder = temporaryFolder();
    const input = file(folder, 'a.dbn', two);
    const out = join(folder, 'drawings');
    expect((await rna('draw', input, '--out', out, '--format', 'svg,r2dt', '--layout', 'arcs')).code).toBe(0);
    expect(readFileSync(join(out, 'two_b.svg'), 'utf8')).toContain('two/b');
    const json = JSON.parse(readFileSync(join(out, 'one.r2dt.json'), 'utf8')) as {
      rnaComplexes: [{ rnaMolecules: [{ basePairs: unknown[] }] }];
    };
    expect(json.rnaComplexes[0].rnaMolecules[0].basePairs).toHaveLength(4);
    const html = join(folder, 'all.html');
    expect((await rna('draw', input, '--out', html)).code).toBe(0);
    expect(all(parse(readFileSync(html, 'utf8')), 'article svg')).toHaveLength(2);
    const refused = await rna('draw', input);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--out FOLDER');
  });

  test('folds sequences by an engine, in colours of probability, and marks what differs from known structures', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, '>one\nGGGGAAAACCCC\n');
    const plain = await rna('draw', input, '--engine', 'contrafold');
    expect(plain.code).toBe(0);
    expect(plain.stdout).toContain('probability of the pair');
    const against = file(folder, 'truth.dbn', '>one\nGGGGAAAACCCC\n(((......)))\n');
    const page = join(folder, 'a.html');
    expect((await rna('draw', input, '--engine', 'contrafold', '--against', against, '--out', page)).code).toBe(0);
    const labels = all(parse(readFileSync(page, 'utf8')), '.legend text').map((label) => label.textContent);
    expect(labels).toEqual(['3 pairs in both', '1 only in contrafold', '0 only in truth.dbn']);
    expect(readFileSync(page, 'utf8')).toContain('precision 0.750, recall 1.000');
  });

  test('reads what rna fold wrote from stdin', async () => {
    const { code, stdout } = await rnaProcess(['draw', '-'], { stdin: hairpin });
    expect(code).toBe(0);
    expect(stdout).toContain('one, 12 nt');
  });

  test('refuses what does not fit before anything is written', async () => {
    const folder = temporaryFolder();
    const input = file(folder, 'a.dbn', hairpin);
    const other = file(folder, 'b.dbn', '>one\nGGGGAAAACCC\n(((.....)))\n');
    const out = join(folder, 'never');
    const mixed = fasta(folder, '>three\nGGGAAACCC\n');
    for (const [argv, code, message] of [
      [[input, '--colour', 'probability'], 2, 'needs pair probabilities'],
      [[input, '--engine', 'contrafold', '--model', 'x'], 2, 'rna compare'],
      [[input, '--out', 'x.html', '--format', 'svg'], 2, 'leave out --format'],
      [[input, '--against', other, '--out', out], 1, '11 nucleotides, and 12'],
      [[input, mixed, '--out', out], 1, 'has no structure'],
      [[input, input, '--out', out], 1, 'a second record has the id "one"'],
    ] as const) {
      const refused = await rna('draw', ...argv);
      expect(refused.stderr).toContain(message);
      expect(refused.code).toBe(code);
    }
    expect(existsSync(out)).toBe(false);
  });
});
