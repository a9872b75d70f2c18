/** `rna score`: tables, FASTA, scans, correlations with measurements, and what is refused before any work. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fasta, modelFolder, rna, temporaryFolder } from './harness.ts';

const WILD_TYPE = 'GGCUAACGUUCAGCC';

function table(folder: string, text: string): string {
  const path = join(folder, 'variants.csv');
  writeFileSync(path, text);
  return path;
}

const rows = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(','));

describe('rna score', () => {
  it('adds a column to a table, and says how well it ranks what was measured', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'ssrlm-A');
    const input = table(
      folder,
      `name,mutant,fitness\nwild,,1\na,G1A,0.9\nb,C3U:G8A,0.2\nc,A5C,0.5\nd,"U4C,A6G",\ne,T4G,0.4\n`,
    );
    const out = join(folder, 'scores.csv');
    const { code, stdout } = await rna(
      ...['score', model, input, '--wild-type', WILD_TYPE.replaceAll('U', 't'), '--measured', 'fitness'],
      ...['--out', out, '--json'],
    );
    expect(code).toBe(0);
    const [header, ...written] = rows(readFileSync(out, 'utf8').replace('"U4C,A6G"', 'U4C:A6G'));
    expect(header).toEqual(['name', 'mutant', 'fitness', 'score']);
    expect(written.map(([name]) => name)).toEqual(['wild', 'a', 'b', 'c', 'd', 'e']);
    expect(Number(written[0]![3])).toBe(0);
    expect(new Set(written.map((row) => row[3])).size).toBe(6);
    const report = JSON.parse(stdout) as { variants: number; spearman: { mean: number; low: number; high: number } };
    // The wild type and the row without a value do not count.
    expect(report.variants).toBe(4);
    const measured = new Map([
      ['a', 0.9],
      ['b', 0.2],
      ['c', 0.5],
      ['e', 0.4],
    ]);
    const ranks = (values: readonly number[]) => values.map((value) => values.filter((other) => other < value).length);
    const compared = written.filter(([name]) => measured.has(name!));
    const [x, y] = [
      ranks(compared.map((row) => Number(row[3]))),
      ranks(compared.map(([name]) => measured.get(name!)!)),
    ];
    const squares = x.reduce((sum, rank, i) => sum + (rank - y[i]!) ** 2, 0);
    expect(report.spearman.mean).toBeCloseTo(1 - (6 * squares) / (4 * 15), 10);
  });

  it('takes the wild type from the table, sequences in place of mutations, and FASTA', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'ssrlm-A');
    const mutant = `A${WILD_TYPE.slice(1)}`;
    const both = table(folder, `mutant,sequence\n,${WILD_TYPE}\nG1A,${mutant}\n`);
    const scores = [
      rows((await rna('score', model, both)).stdout)
        .at(-1)!
        .at(-1),
      rows((await rna('score', model, fasta(folder, `>w\n${WILD_TYPE}\n>m\n${mutant}\n`))).stdout)
        .at(-1)!
        .at(-1),
      rows((await rna('score', model, table(folder, `sequence\n${mutant}\n`), '--wild-type', WILD_TYPE)).stdout)
        .at(-1)!
        .at(-1),
    ];
    expect(new Set(scores).size).toBe(1);
    expect(Number(scores[0])).not.toBe(0);
  });

  it('scans every single substitution and draws them', async () => {
    const folder = temporaryFolder();
    const svg = join(folder, 'map.svg');
    const { code, stdout } = await rna(
      ...['score', modelFolder(folder, 'rinalmo-A'), fasta(folder, `>r\n${WILD_TYPE}\n`), '--scan', '--svg', svg],
    );
    expect(code).toBe(0);
    const [header, ...written] = rows(stdout);
    expect(header).toEqual(['id', 'position', 'from', 'to', 'score']);
    expect(written.length).toBe(3 * WILD_TYPE.length);
    const [, position, from, to, score] = written[7]!;
    expect(readFileSync(svg, 'utf8')).toContain(`${from!}${position!}${to!}: ${Number(score).toFixed(2)}`);
  });

  it.each([
    ['mutant\nC1A\n', ['--wild-type', WILD_TYPE], /variants\.csv:2: C1A: nucleotide 1 of the wild type is G, not C/],
    ['mutant\nG1A\nG99A\n', ['--wild-type', WILD_TYPE], /variants\.csv:3: G99A lies outside of the wild type/],
    ['mutant\nG1A\n', [], /does not say what the wild type is; give it with --wild-type/],
    ['thing\nG1A\n', ['--wild-type', WILD_TYPE], /variants\.csv:1: no column of mutations or sequences among thing/],
    [
      `mutant,sequence\nG1A,${WILD_TYPE}\n`,
      ['--wild-type', WILD_TYPE],
      /:2: the sequence is not the wild type with G1A/,
    ],
    ['mutant,y\nG1A,NA\n', ['--wild-type', WILD_TYPE, '--measured', 'y'], /no cell of "y" is a number/],
    [
      'mutant,y\nG1A,1\nG1C,no\n',
      ['--wild-type', WILD_TYPE, '--measured', 'y'],
      /:3: expected a number, got "no"; correct/,
    ],
    ['mutant,y\nG1A,1e999\n', ['--wild-type', WILD_TYPE, '--measured', 'y'], /:2: expected a number, got "1e999"/],
    ['mutant\nG1A\n', ['--wild-type', WILD_TYPE, '--svg', 'x.svg'], /--svg draws what --scan scores/],
    ['mutant\nG1A\n', ['--scan', '--measured', 'y'], /--scan takes its wild types from INPUT/],
  ])('refuses %j %j', async (text, options, message) => {
    const folder = temporaryFolder();
    const { code, stdout, stderr } = await rna(
      ...['score', modelFolder(folder, 'ssrlm-A'), table(folder, text), ...options],
    );
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });
});
