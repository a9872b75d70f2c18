/**
 * Predicted structures in space on one page: each in 3D, with the confidence
 * along the sequence, the secondary structure, and the distances that the model
 * expects between nucleotides.
 */

import { basePairs, dotBracket } from '@rna/structure';
import {
  CONFIDENCE_CAPTION,
  confidenceFigure,
  counted,
  distanceBytes,
  DISTANCES_CAPTION,
  formatScore,
  markup,
  nothing,
  PLDDT_MEANING,
  STRUCTURE_CAPTION,
  structureTrust,
  trusted,
  type Markup,
  type StructureEvidence,
} from '@rna/figures';
import { inFigure, page, sideBySide } from './page.ts';
import { htmlTable, type Table } from './table.ts';
import { matrixSlot, viewerScripts, viewerSlot, viewerStyle, type Viewer } from './viewer.ts';

export interface ShownStructure {
  readonly id: string;
  readonly sequence: string;
  /** [L], 0 to 1. */
  readonly plddt: ArrayLike<number>;
  /** [L], −1 without. */
  readonly partners: Int32Array;
  /** The file of the structure as PDB. */
  readonly pdb: string;
  /** [L, L], Å: expected distances between the glycosidic nitrogens. */
  readonly distances: Float32Array;
  /** Scores against a known structure, and whatever else is to be said in a line. */
  readonly facts?: readonly string[];
}

export interface TertiaryPage {
  readonly model: string;
  readonly evidence: StructureEvidence;
  readonly command: string;
  readonly table: Table;
  readonly structures: readonly ShownStructure[];
  /** Structures that are in files alone. */
  readonly more: number;
  readonly viewer: Viewer;
}

/** A complete HTML document. */
export function renderTertiary({ model, evidence, command, table, structures, more, viewer }: TertiaryPage): string {
  const lead = markup`<style>${trusted(viewerStyle)}</style>
<p class="quiet">Predicted by ${model}. ${structureTrust(evidence).join(' ')}</p>
<p class="quiet">${PLDDT_MEANING}</p>
<p class="quiet">Drag a structure to turn it, and scroll to come nearer.</p>`;
  return page(structures.length === 1 ? `Structure of ${structures[0]!.id} in space` : 'Structures in space', lead, [
    markup`<section>${htmlTable(table)}</section>`,
    markup`<section>${structures.map(card)}
${more === 0 ? nothing : markup`<p class="quiet">${counted(more, 'more structure')} are in the files of this folder.</p>`}</section>`,
    markup`<section><h2>How to repeat it</h2><pre tabindex="0" aria-label="Command">${command}</pre></section>`,
    viewerScripts(viewer),
  ]);
}

function card({ id, sequence, plddt, partners, pdb, distances, facts = [] }: ShownStructure, at: number): Markup {
  const pairs = basePairs(partners).map(([i, j]) => [i, j] as const);
  const mean = Array.from(plddt).reduce((sum, value) => sum + value, 0) / sequence.length;
  const line = [
    counted(sequence.length, 'nucleotide'),
    `mean plDDT ${formatScore(mean)}`,
    counted(pairs.length, 'base pair'),
    ...facts,
  ];
  return markup`<article>
<h3 class="id">${id}</h3>
<p class="quiet">${line.join(' · ')}</p>
${sideBySide([
  markup`<figure>${viewerSlot(`structure-${at}`, pdb)}<figcaption>${STRUCTURE_CAPTION}</figcaption></figure>`,
  markup`<figure>${matrixSlot(`Expected distances within ${id}`, distanceBytes(distances), sequence.length)}<figcaption>${DISTANCES_CAPTION}</figcaption></figure>`,
])}
${inFigure(confidenceFigure({ id, sequence, plddt, pairs }), CONFIDENCE_CAPTION)}
<pre tabindex="0" aria-label="Sequence and structure">${sequence}
${dotBracket(partners)}</pre>
</article>`;
}
