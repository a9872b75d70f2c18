/** Drawings of structures on one page, each with its sequence and dot-bracket as text that can be copied. */

import { dotBracket, partnersFromPairs, scoreBasePairs } from '@rna/structure';
import { counted, formatScore, markup, nothing, type Markup, type Pair } from '@rna/figures';
import type { Drawing } from '../commands/draw/draw.ts';
import { inFigure, page } from './page.ts';

/** A complete HTML document. */
export function renderDrawings(drawings: readonly Drawing[]): string {
  const [by] = drawings.flatMap((drawing) => (drawing.by === undefined ? [] : [drawing.by]));
  const lead = markup`<p class="quiet">${counted(drawings.length, 'structure')}${by === undefined ? '' : `, folded by ${by}`}.
A line is a Watson-Crick pair, a dot a GU pair, an open circle another; pseudoknots are curves. Point at a nucleotide or a
pair for its position.</p>`;
  return page(drawings.length === 1 ? `Structure of ${drawings[0]!.structure.id}` : 'Structures', lead, [
    markup`<section>${drawings.map(card)}</section>`,
  ]);
}

function card({ structure, folded, against, draw }: Drawing): Markup {
  const { id, sequence, pairs } = structure;
  const facts = [counted(sequence.length, 'nucleotide'), counted(pairs.length, 'pair')];
  if (folded !== undefined) facts.push(`expected accuracy ${formatScore(folded.accuracy)}`);
  if (against !== undefined) {
    const [target, drawn] = [against.pairs, pairs].map((each) => partnersFromPairs(each, sequence.length)) as [
      Int32Array,
      Int32Array,
    ];
    const { precision, recall, f1 } = scoreBasePairs(target, drawn, { flexible: false });
    facts.push(
      `against ${against.name}: precision ${formatScore(precision)}, recall ${formatScore(recall)}, F1 ${formatScore(f1)}`,
    );
  }
  return markup`<article>
<h3 class="id">${id}</h3>
<p class="quiet">${facts.join(' · ')}</p>
${inFigure(draw())}
${alignedStructures(sequence, [
  { name: 'structure', pairs },
  ...(against === undefined ? [] : [{ name: against.name, pairs: against.pairs }]),
])}
</article>`;
}

/** A sequence and dot-brackets under a ruler. */
export function alignedStructures(
  sequence: string,
  structures: readonly { readonly name: string; readonly pairs: readonly Pair[] }[],
): Markup {
  if (sequence === '') return nothing;
  const width = Math.max(10, ...structures.map(({ name }) => name.length + 2));
  const line = (label: string, text: string): Markup =>
    markup`<span class="label">${label.padEnd(width)}</span>${text}\n`;
  let ruler = '';
  for (let position = 10; position <= sequence.length; position += 10) ruler += String(position).padStart(10);
  return markup`<pre tabindex="0" aria-label="Sequence and structures">${[
    markup`<span class="label">${' '.repeat(width)}${ruler}</span>\n`,
    line('sequence', sequence),
    ...structures.map(({ name, pairs }) => line(name, dotBracket(partnersFromPairs(pairs, sequence.length)))),
  ]}</pre>`;
}
