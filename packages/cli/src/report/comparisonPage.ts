/** Structures of the same RNAs by several engines and models: tables of how far they agree, and each drawn beside the others. */

import { basePairs, meanScore } from '@rna/structure';
import { counted, formatScore, markup, nothing, structureDrawing, type Markup } from '@rna/figures';
import { agreement, mean, scoresOf, type Comparison } from '../commands/compare/comparison.ts';
import { alignedStructures } from './drawingPage.ts';
import { inFigure, page, sideBySide } from './page.ts';
import { htmlTable, type Column, type Table } from './table.ts';

const named = (header: string): Column => ({ header, group: '', align: 'left' });
const number = (header: string): Column => ({ header, group: '', align: 'right' });

/** Mean F1 of the pairs, each with each. */
export function agreementTable({ structures, records }: Comparison): Table {
  return {
    caption: `Agreement: F1 of exact pairs, mean of ${counted(records.length, 'RNA')}`,
    columns: [named('structures by'), ...structures.map(({ name }) => number(name))],
    rowHeaders: 1,
    rows: structures.map((one) => [
      one.name,
      ...structures.map((other) => formatScore(mean(one.rnas.map((rna, k) => agreement(rna, other.rnas[k]!))))),
    ]),
  };
}

/** Mean scores against the known structures. */
export function truthTable({ structures, records, truth = [] }: Comparison): Table {
  return {
    caption: `Against the known structures: exact pairs, means of ${counted(records.length, 'RNA')}`,
    columns: [named('structures by'), ...['precision', 'recall', 'F1'].map(number)],
    rowHeaders: 1,
    rows: structures.map(({ name, rnas }) => {
      const { precision, recall, f1 } = meanScore(scoresOf(truth, rnas));
      return [name, formatScore(precision), formatScore(recall), formatScore(f1)];
    }),
  };
}

/** A complete HTML document. */
export function renderComparison(comparison: Comparison): string {
  const { records, structures, truth } = comparison;
  const names = structures.map(({ name }) => name).join(', ');
  const lead = markup`<p class="quiet">${counted(records.length, 'RNA')}, folded by ${names}. ${
    truth === undefined
      ? 'Nucleotides are coloured by the probability of their pair, or of their being in none.'
      : 'Blue pairs are known ones, orange pairs are not; dashed lines are known pairs that are missing.'
  } Point at a nucleotide or a pair for its position.</p>`;
  return page('Structures compared', lead, [
    markup`<section><h2>Agreement</h2>${htmlTable(agreementTable(comparison))}${
      truth === undefined ? nothing : htmlTable(truthTable(comparison))
    }</section>`,
    markup`<section><h2>Structures</h2>${records.map((_, k) => card(comparison, k))}</section>`,
  ]);
}

function card({ records, structures, truth }: Comparison, k: number): Markup {
  const { id, sequence } = records[k]!;
  const known = truth && basePairs(truth[k]!);
  const figures = structures.map(({ name, rnas }) => {
    const { partners, probabilities, accuracy } = rnas[k]!;
    const structure = { id, sequence, pairs: basePairs(partners), probabilities };
    const svg = structureDrawing(
      structure,
      known === undefined ? {} : { name, against: { name: 'truth', pairs: known } },
    );
    const [score] = truth === undefined ? [] : scoresOf([truth[k]!], [rnas[k]!]);
    const facts = [
      counted(structure.pairs.length, 'pair'),
      `expected accuracy ${formatScore(accuracy)}`,
      ...(score === undefined ? [] : [`F1 ${formatScore(score.f1)}`]),
    ];
    return markup`<div><h4>${name}</h4><p class="quiet">${facts.join(' · ')}</p>${inFigure(svg)}</div>`;
  });
  const agreements = structures.flatMap((one, a) =>
    structures
      .slice(a + 1)
      .map((other) => `${one.name} and ${other.name} ${formatScore(agreement(one.rnas[k]!, other.rnas[k]!))}`),
  );
  return markup`<article>
<h3 class="id">${id}</h3>
<p class="quiet">${counted(sequence.length, 'nucleotide')}${agreements.length === 0 ? '' : ` · F1 between ${agreements.join(', ')}`}</p>
${sideBySide(figures)}
${alignedStructures(sequence, [
  ...(known === undefined ? [] : [{ name: 'truth', pairs: known }]),
  ...structures.map(({ name, rnas }) => ({ name, pairs: basePairs(rnas[k]!.partners) })),
])}
</article>`;
}
