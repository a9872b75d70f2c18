/**
 * Drawings of structures read back: what is drawn is counted in the parsed SVG and compared with what was put in. That
 * nothing crosses is tested with the layout; here numbers and names must not lie on nucleotides.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { basePairs, parseDotBracket, parseStructureFile } from '@rna/structure';
import type { Pair } from '../src/data.ts';
import { loopKinds } from '../src/drawing/loopKinds.ts';
import { probabilityPaint } from '../src/drawing/nucleotideColours.ts';
import { rna2dJson } from '../src/drawing/rna2d.ts';
import { drawnProbabilities } from '../src/drawing/structure.ts';
import { structureDrawing } from '../src/drawing/structureDrawing.ts';
import { all, parseFigure, type Node } from './markupReader.ts';

const pairsOf = (dotBracket: string): Pair[] => basePairs(parseDotBracket(dotBracket));

const sequence = 'GGGUAAAGCCCAAAGCCACGGCCGGCU';
const structure = { id: 'example', sequence, pairs: pairsOf('((((...))))..(((..((..)))))') };
const knotted = { id: 'knot', sequence: 'GGGAAACCCCAAAGGG', pairs: pairsOf('(((..[[[)))..]]]') };

const nucleotides = (figure: Node): Node[] => all(figure, '.nucleotides > g');

describe('structureDrawing', () => {
  test.each(['radial', 'arcs', 'circle'] as const)('draws every nucleotide and every pair (%s)', (layout) => {
    const figure = parseFigure(structureDrawing(structure, { layout }));
    expect(nucleotides(figure)).toHaveLength(sequence.length);
    expect(all(figure, '.nucleotides text').map((text) => text.textContent)).toEqual([...sequence]);
    expect(all(figure, '.bonds > .alone')).toHaveLength(structure.pairs.length);
    expect(all(figure, '.numbers text').map((text) => text.textContent)).toEqual(['10', '20']);
    expect(all(figure, '.ends text').map((text) => text.textContent)).toEqual(['5′', '3′']);
    expect(figure.querySelector('svg')?.outerHTML).not.toMatch(/NaN|Infinity|undefined/);
    expect(all(figure, '.nucleotides title')[0]?.textContent).toBe('G1–C11');
    expect(all(figure, '.nucleotides title')[5]?.textContent).toBe('A6, unpaired');
  });

  test('a wobble pair is a dot and a pseudoknot a curve', () => {
    const figure = parseFigure(structureDrawing(structure, { colour: 'none' }));
    // U4 pairs with G8.
    expect(all(figure, '.bonds g circle')).toHaveLength(1);
    const curves = all(parseFigure(structureDrawing(knotted)), '.bonds > path');
    expect(curves).toHaveLength(3);
    expect(curves.every((curve) => curve.getAttribute('d')?.includes('Q'))).toBe(true);
  });

  test('marks the differences of two structures', () => {
    const against = { name: 'truth', pairs: pairsOf('((((...))))..((......))....') };
    const figure = parseFigure(structureDrawing(structure, { against, name: 'model' }));
    expect(all(figure, '.both')).toHaveLength(4);
    expect(all(figure, '.first')).toHaveLength(5);
    expect(all(figure, '.second')).toHaveLength(2);
    expect(all(figure, '.legend text').map((text) => text.textContent)).toEqual([
      '4 pairs in both',
      '5 only in model',
      '2 only in truth',
    ]);
  });

  test('colours by the probability of the pair, or of no pair', () => {
    const probabilities = [
      [0, 10, 0.75],
      [4, 20, 0.25],
    ] as const;
    expect([...drawnProbabilities({ ...structure, probabilities })].slice(0, 6)).toEqual([0.75, 0, 0, 0, 0.75, 1]);
    const figure = parseFigure(structureDrawing({ ...structure, probabilities }));
    const fill = (k: number): string | null => all(figure, '.nucleotides circle')[k]!.getAttribute('fill');
    expect([fill(0), fill(5), fill(1)]).toEqual([0.75, 1, 0].map((p) => probabilityPaint(p).fill));
    expect(figure.querySelector('.scale')?.textContent).toContain('probability');
    expect(() => structureDrawing(structure, { colour: 'probability' })).toThrow(/no pair probabilities/);
  });

  test('refuses pairs that do not fit, by the name of the RNA', () => {
    expect(() => structureDrawing({ ...structure, pairs: [[0, 99]] })).toThrow(/example: drawn pair 0–99/);
    expect(() => structureDrawing(structure, { against: { name: 'truth', pairs: [[3, 2]] } })).toThrow(/truth/);
  });

  test('an id with markup stays text, and an empty sequence is said', () => {
    const { markup } = structureDrawing({ ...structure, id: '<script>' }, { heading: '<b>' });
    expect(markup).not.toContain('<script>');
    expect(markup).not.toContain('<b>');
    expect(structureDrawing({ id: 'none', sequence: '', pairs: [] }).markup).toContain('empty sequence');
  });

  test('numbers stand clear of nucleotides on real RNAs', () => {
    const file = new URL('../../cli/data/demo_test.dbn', import.meta.url);
    const rnas = parseStructureFile(readFileSync(file, 'utf8'), 'demo_test.dbn').slice(0, 20);
    let [numbers, covered] = [0, 0];
    for (const { id, sequence, partners } of rnas) {
      const figure = parseFigure(structureDrawing({ id, sequence, pairs: basePairs(partners) }));
      const at = (node: Node, [x, y]: [string, string]) => [Number(node.getAttribute(x)), Number(node.getAttribute(y))];
      const circles = all(figure, '.nucleotides circle').map((node) => at(node, ['cx', 'cy']));
      for (const node of all(figure, '.numbers text')) {
        const [x, y] = at(node, ['x', 'y']) as [number, number];
        numbers++;
        const halfWidth = (node.textContent.length * 6.2) / 2;
        const isCovered = circles.some(
          ([cx, cy]) =>
            Math.hypot(Math.max(0, Math.abs(cx! - x) - halfWidth), Math.max(0, Math.abs(cy! - y) - 4)) < 7.7,
        );
        if (isCovered) covered++;
      }
    }
    expect(numbers).toBeGreaterThan(100);
    expect(covered).toBe(0);
  });
});

test('loopKinds names each kind', () => {
  const partners = parseDotBracket('.((..((...)).[.((.(...)))))]');
  const nested = parseDotBracket('.((..((...))...((.(...))))).');
  const letters = { stem: 's', hairpin: 'h', interior: 'i', multiloop: 'm', exterior: 'e', pseudoknot: 'k' } as const;
  expect(
    loopKinds(partners, nested)
      .map((kind) => letters[kind])
      .join(''),
  ).toBe('essmmsshhhssmkmssishhhsssssk');
});

describe('rna2dJson', () => {
  interface File {
    readonly rnaComplexes: readonly {
      readonly name: string;
      readonly rnaMolecules: readonly {
        readonly name: string;
        readonly sequence: readonly { residueIndex: number; residueName: string; x: number; y: number }[];
        readonly basePairs: readonly { residueIndex1: number; residueIndex2: number; basePairType: string }[];
        readonly labels: readonly { residueIndex: number; labelLine: object; labelContent: { label: string } }[];
      }[];
    }[];
    readonly classes: readonly { readonly name: string }[];
  }

  test('has the names of the RNA 2D schema, positions from 1, and types of pairs', () => {
    const json = JSON.parse(rna2dJson({ ...structure, sequence: sequence.replaceAll('U', 't') })) as File;
    const molecule = json.rnaComplexes[0]!.rnaMolecules[0]!;
    expect(molecule.name).toBe('example');
    expect(molecule.sequence.map(({ residueName }) => residueName).join('')).toBe(sequence);
    expect(molecule.sequence.map(({ residueIndex }) => residueIndex).slice(0, 3)).toEqual([1, 2, 3]);
    expect(molecule.basePairs).toHaveLength(structure.pairs.length);
    expect(molecule.basePairs.slice(2, 4)).toEqual([
      { residueIndex1: 3, residueIndex2: 9, basePairType: 'canonical', classes: ['bond'] },
      { residueIndex1: 4, residueIndex2: 8, basePairType: 'wobble', classes: ['bond'] },
    ]);
    expect(molecule.labels.map(({ labelContent }) => labelContent.label)).toEqual(['10', '20']);
    expect(Object.keys(molecule.labels[0]!.labelLine).sort()).toEqual(['classes', 'x1', 'x2', 'y1', 'y2']);
    const [a, b] = [molecule.sequence[2]!, molecule.sequence[8]!];
    expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeCloseTo(18, 1);
  });
});
