/** What `rna fold` and reports say of a structure whose pairs cross more often than there are kinds of brackets. */
import { pairsLeftOut, partnersFromPairs } from '@rna/structure';
import { expect, test, vi } from 'vitest';
import { notePairsLeftOut } from '../src/files/outputPaths.ts';
import { structuresSection } from '../src/report/structureCard.ts';

const crossing = (count: number): [number, number][] => Array.from({ length: count }, (_, i) => [i, i + count]);
const example = (id: string, pairs: number) => ({
  id,
  family: '',
  sequence: 'G'.repeat(2 * pairs),
  truth: crossing(pairs),
  prediction: crossing(pairs).slice(1),
  scores: { precision: 1, recall: 1, f1: 1 },
  probabilities: null,
});

test('the report has all structures, and says which pairs its brackets leave out', () => {
  expect(pairsLeftOut(partnersFromPairs(crossing(32), 64))).toHaveLength(2);
  const page = structuresSection([example('tangled', 32), example('behind', 3)]).markup;
  expect(page).toContain('leave out 2 true and 1 predicted pairs');
  expect(page.match(/leave out/g)).toHaveLength(1);
  expect(page.match(/<article>/g)).toHaveLength(2);
  expect(page).toContain('behind');
});

test('dot-bracket files are written with a note of the pairs that they leave out, others without', () => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const structure = (pairs: number) => ({
    ...example('x', pairs),
    partners: partnersFromPairs(crossing(pairs), 2 * pairs),
  });
  notePairsLeftOut({ ...structure(30), file: 'a.fa', line: 3 });
  expect(said).not.toHaveBeenCalled();
  notePairsLeftOut({ ...structure(31), file: 'a.fa', line: 3 });
  const [[text]] = said.mock.calls as [[string]];
  said.mockRestore();
  expect(text).toMatch(
    /^rna: a\.fa:3: the pairs of record "x" cross more .* its dot-bracket leaves out 1 of 31 \(\d+-\d+\), CT and bpseq/,
  );
});
