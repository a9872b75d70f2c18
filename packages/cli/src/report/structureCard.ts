/**
 * One RNA's structure in full: true and predicted pairs as arcs, in the plane and
 * as a matrix, with its scores, and as text that can be copied.
 */

import { BRACKET_KINDS, dotBracket, pairsLeftOut, partnersFromPairs } from '@rna/structure';
import {
  arcDiagram,
  type Pair,
  type StructureExample,
  formatCount,
  formatScore,
  markup,
  nothing,
  type Markup,
  pairMatrix,
  structureMap,
} from '@rna/figures';
import { inFigure, sideBySide } from './page.ts';

/** Throws a RangeError if an example's pairs do not fit its sequence. */
export function structuresSection(examples: readonly StructureExample[]): Markup {
  if (examples.length === 0) return nothing;
  return markup`<section><h2>Structures</h2>
<p class="quiet">True and predicted base pairs of RNAs that the model was not trained on.
Point at a pair for its positions.</p>
${examples.map(structureCard)}
</section>`;
}

function structureCard(example: StructureExample): Markup {
  const { id, family, sequence, scores } = example;
  const facts = [family, `${formatCount(sequence.length)} nt`];
  if (scores !== null) {
    const { precision, recall, f1 } = scores;
    facts.push(`precision ${formatScore(precision)}`, `recall ${formatScore(recall)}`, `F1 ${formatScore(f1)}`);
  }
  const map = inFigure(
    structureMap(example),
    'The true structure: blue pairs were found, grey ones missed; orange lines are predicted pairs that are not in it.',
  );
  const matrix = inFigure(pairMatrix(example), 'Probabilities of pairs above the diagonal, true pairs below it.');
  return markup`<article>
<h3 class="id">${id}</h3>
<p class="quiet">${facts.join(' · ')}</p>
<div class="wide">${inFigure(arcDiagram(example), 'Pairs as arcs over the sequence: the true ones above, the predicted ones below.')}</div>
${sideBySide([map, matrix])}
${alignedStrings(example)}
${leftOutNote(example)}
</article>`;
}

/** How many pairs the dot-brackets cannot show, where they cannot show all. */
function leftOutNote({ sequence, truth, prediction }: StructureExample): Markup {
  const left = [truth, prediction ?? []].map((pairs) => pairsLeftOut(partnersFromPairs(pairs, sequence.length)).length);
  if (left.every((count) => count === 0)) return nothing;
  return markup`<p class="quiet">Pairs cross more often than the ${BRACKET_KINDS} kinds of brackets can show: the dot-brackets
leave out ${left[0]!} true and ${left[1]!} predicted pairs, which the figures and the scores have.</p>`;
}

/** Sequence and dot-brackets under a ruler, in text that can be copied. */
function alignedStrings({ sequence, truth, prediction }: StructureExample): Markup {
  const labelled = (label: string, text: string) => markup`<span class="label">${label.padEnd(10)}</span>${text}\n`;
  const brackets = (pairs: readonly Pair[]) => dotBracket(partnersFromPairs(pairs, sequence.length));
  let ruler = '';
  for (let position = 10; position <= sequence.length; position += 10) {
    ruler += String(position).padStart(10, ' ');
  }
  return markup`<pre tabindex="0" aria-label="Sequence and structures">${[
    markup`<span class="label">${' '.repeat(10)}${ruler}</span>\n`,
    labelled('sequence', sequence),
    labelled('true', brackets(truth)),
    ...(prediction === null ? [] : [labelled('predicted', brackets(prediction))]),
  ]}</pre>`;
}
