/**
 * A drawing as data for other programs: the RNA 2D JSON schema (github.com/LDWLab/RNA2D-data-schema) that R2DT
 * (Sweeney et al., Nature Communications 12:3494, 2021) writes and that RNAcanvas, XRNA-React and Traveler read.
 */

import { basePairs, isCanonicalPair, nestedPartners, partnersFromPairs } from '@rna/structure';
import { radialLayout } from '../layout/radialLayout.ts';
import { numbered, placeLabels } from './labels.ts';
import { checkedStructure, type DrawnStructure } from './structure.ts';

/** Units of the file for a step of the backbone; R2DT's drawings have about as many. */
const step = 12;

const round = (value: number): number => Math.round(value * 1000) / 1000;

/**
 * The JSON text of a structure in the radial layout: a molecule with its nucleotides and where they stand, its pairs
 * (`canonical`, `wobble` or `mismatch`) and a number at every tenth position. Positions are counted from 1, as R2DT
 * does, and y grows downwards. Throws a RangeError for pairs that do not fit the sequence.
 */
export function rna2dJson(structure: DrawnStructure): string {
  const { id, sequence, pairs } = checkedStructure(structure);
  const letters = [...sequence.toUpperCase().replaceAll('T', 'U')];
  const nested = basePairs(nestedPartners(partnersFromPairs(pairs, sequence.length)));
  const points = radialLayout(sequence.length, nested);
  const labels = placeLabels(points, nested, numbered(sequence.length));
  const scaled = (value: number): number => round(value * step);
  return `${JSON.stringify({
    classes: [
      { name: 'nucleotide', 'font-family': 'Helvetica', 'font-size': String(round(step * 0.66)), fill: 'rgb(0, 0, 0)' },
      { name: 'bond', stroke: 'rgb(0, 0, 0)', 'stroke-width': '1' },
      { name: 'numbering-label', 'font-family': 'Helvetica', 'font-size': '7', fill: 'rgb(110, 110, 110)' },
      { name: 'numbering-line', stroke: 'rgb(160, 160, 160)', 'stroke-width': '0.6' },
    ],
    rnaComplexes: [
      {
        name: id,
        rnaMolecules: [
          {
            name: id,
            sequence: letters.map((residueName, k) => ({
              residueIndex: k + 1,
              residueName,
              x: scaled(points[k]!.x),
              y: scaled(points[k]!.y),
              classes: ['nucleotide'],
            })),
            basePairs: pairs.map(([i, j]) => ({
              residueIndex1: i + 1,
              residueIndex2: j + 1,
              basePairType: pairType(letters[i]!, letters[j]!),
              classes: ['bond'],
            })),
            labels: labels.map(({ position, text, at, line: [from, to] }) => ({
              residueIndex: position + 1,
              labelLine: {
                x1: scaled(from.x),
                y1: scaled(from.y),
                x2: scaled(to.x),
                y2: scaled(to.y),
                classes: ['numbering-line'],
              },
              labelContent: { label: text, x: scaled(at.x), y: scaled(at.y), classes: ['numbering-label'] },
            })),
          },
        ],
      },
    ],
  })}\n`;
}

export type BondType = 'canonical' | 'wobble' | 'mismatch';

/** Watson-Crick, GU, or another. */
export function pairType(a: string, b: string): BondType {
  if (!isCanonicalPair(a, b)) return 'mismatch';
  return (a === 'G' && b === 'U') || (a === 'U' && b === 'G') ? 'wobble' : 'canonical';
}
