/** `rna compare`: agreement of structures, scores against known ones, and where both are written. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { agreementTable, truthTable } from '../src/report/comparisonPage.ts';
import { parseDotBracket } from '@rna/structure';
import { fasta, rna, temporaryFolder } from './harness.ts';
import { all, parse } from './pageReader.ts';

const folded = (id: string, brackets: string) => ({
  id,
  partners: parseDotBracket(brackets),
  probabilities: [],
  accuracy: 1,
});

const comparison = {
  records: [
    { id: 'one', sequence: 'GGGGAAAACCCC', file: 'a', line: 1 },
    { id: 'two', sequence: 'GGGAAACCC', file: 'a', line: 3 },
  ],
  structures: [
    { name: 'x', rnas: [folded('one', '((((....))))'), folded('two', '(((...)))')] },
    { name: 'y', rnas: [folded('one', '((........))'), folded('two', '(((...)))')] },
  ],
  truth: [parseDotBracket('(((......)))'), parseDotBracket('(((...)))')],
};

describe('rna compare', () => {
  test('agreement is the mean F1 of exact pairs, and truth gives precision and recall', () => {
    // x has 4 pairs, y 2, of which 2 are the same: F1 = 2 · 2 / (4 + 2); the second RNA's are equal.
    expect(agreementTable(comparison).rows).toEqual([
      ['x', '1.000', '0.833'],
      ['y', '0.833', '1.000'],
    ]);
    // x: 3 of 4 pairs are true, 3 of 3 found; y: 2 of 2, and 2 of 3.
    expect(truthTable(comparison).rows).toEqual([
      ['x', '0.875', '1.000', '0.929'],
      ['y', '1.000', '0.833', '0.900'],
    ]);
  });

  test('two engines, a page, a table and JSON', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, '>one\nGGGGAAAACCCC\n>=two\nGGGAAACCCAAGGGGAAAACCCC\n');
    const truth = join(folder, 'truth.dbn');
    writeFileSync(truth, '>one\nGGGGAAAACCCC\n(((......)))\n>=two\nGGGAAACCCAAGGGGAAAACCCC\n(((...)))..((((....))))\n');
    const out = ['html', 'tsv', 'json'].map((ending) => join(folder, `c.${ending}`));
    const result = await rna(
      ...['compare', input, '--engines', 'contrafold,eternafold', '--truth', truth, '--out', out.join(',')],
    );
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('Agreement: F1 of exact pairs, mean of 2 RNAs');
    const [html, tsv, json] = out.map((path) => readFileSync(path, 'utf8')) as [string, string, string];
    const page = parse(html);
    expect(all(page, 'article svg')).toHaveLength(4);
    expect(all(page, 'article h4').map((title) => title.textContent)).toEqual([
      ...['contrafold', 'eternafold'],
      ...['contrafold', 'eternafold'],
    ]);
    const lines = tsv.trimEnd().split('\n');
    expect(lines).toHaveLength(1 + 2 * 2);
    expect(lines[1]!.split('\t').slice(0, 4)).toEqual(['one', '12', 'contrafold', '4']);
    // A cell that a spreadsheet would compute is made text.
    expect(lines[3]!.startsWith('=')).toBe(false);
    const data = JSON.parse(json) as { means: { by: string; f1: number }[]; rnas: { truth: string }[] };
    expect(data.means.map(({ by }) => by)).toEqual(['contrafold', 'eternafold']);
    expect(data.rnas[0]!.truth).toBe('(((......)))');
  });

  test.each([
    [[], 'nothing folds'],
    [['--engines', 'contrafold', '--out', 'x.png'], 'must end in .html, .tsv, .json'],
  ])('refuses %j', async (argv, message) => {
    const result = await rna('compare', fasta(temporaryFolder(), ['GGGAAACCC']), ...argv);
    expect(result.stderr).toContain(message);
    expect(result.code).toBe(2);
  });
});
