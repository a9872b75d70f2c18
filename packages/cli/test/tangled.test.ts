/** A report of a structure whose pairs cross more often than there are kinds of brackets. */
import { pairsLeftOut, partnersFromPairs } from '@rna/structure';
import { expect, test } from 'vitest';
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
