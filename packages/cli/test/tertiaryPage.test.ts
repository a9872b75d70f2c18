/** The page of structures in space read back: one viewer, all structures and distances inside, nothing from elsewhere. */
import { CONFIDENCE_CLASSES, confidenceColour, confidenceFigure } from '@rna/figures';
import { expect, test } from 'vitest';
import { renderTertiary, type ShownStructure } from '../src/report/tertiaryPage.ts';
import { loadViewer } from '../src/report/viewer.ts';
import { all, parse } from './pageReader.ts';

const structure = (id: string): ShownStructure => ({
  id,
  sequence: 'GGGAAACCC',
  plddt: Float64Array.from([0.95, 0.9, 0.8, 0.7, 0.5, 0.45, 0.1, 0, 1]),
  partners: Int32Array.of(8, 7, 6, -1, -1, -1, 2, 1, 0),
  pdb: 'ATOM      1  P     G A   1       0.000   0.000   0.000  1.00 95.00           P  \nEND\n',
  distances: Float32Array.from({ length: 81 }, (_, at) => at),
});

const viewer = await loadViewer();
const text = renderTertiary({
  model: 'runs/x/model',
  evidence: { trainedChains: 2, heldOutChains: 1, heldOutLddt: 0.42 },
  command: 'rna tertiary runs/x/model a.fasta --out out',
  table: { caption: 'Two', columns: [], rowHeaders: 0, rows: [] },
  structures: [structure('a<b'), structure('second')],
  more: 3,
  viewer,
});

test('every structure has its file, its distances and its confidence', () => {
  const document = parse(text);
  expect(all(document, 'article')).toHaveLength(2);
  for (const [at, slot] of all(document, '.viewer').entries()) {
    const file = all(document, `#${slot.getAttribute('data-structure')!}`);
    expect(slot.getAttribute('data-structure')).toBe(`structure-${at}`);
    expect(file[0]!.textContent).toContain('ATOM      1  P     G A   1');
  }
  const [matrix] = all(document, 'canvas.matrix');
  const bytes = Buffer.from(matrix!.getAttribute('data-bytes')!, 'base64');
  expect(bytes).toHaveLength(81);
  // 39 Å and more are as dark as can be.
  expect([bytes[0], bytes[13], bytes[39], bytes[80]]).toEqual([0, 85, 255, 255]);
  expect(all(document, 'h3').map(({ textContent }) => textContent)).toEqual(['a<b', 'second']);
  expect(text).toContain('3 more structures are in the files');
  expect(text).toMatch(/trained on 2 chains.*for no others.*lDDT of C1′ was 0\.42.*mostly wrong/s);
});

test('the page carries the viewer with its licences, and asks for nothing', () => {
  expect(viewer.script.length).toBeGreaterThan(100_000);
  expect(text).toContain('Redistribution and use in source and binary forms');
  expect(text).toContain('Vitaly Puzrin and Andrei Tuputcyn');
  const document = parse(text);
  expect(all(document, 'script').filter((script) => script.getAttribute('src') !== null)).toHaveLength(0);
  expect(all(document, 'link, img, iframe')).toHaveLength(0);
});

test('bars and arcs are those of the data, in the colours of their classes', () => {
  const { id, sequence, plddt } = structure('a');
  const svg = confidenceFigure({
    id,
    sequence,
    plddt,
    pairs: [
      [0, 8],
      [1, 7],
    ],
  });
  const document = parse(`<html>${svg.markup}</html>`);
  const fills = all(document, 'path').map((path) => path.getAttribute('fill'));
  // The legend has four of its own.
  expect(fills.filter((fill) => fill?.startsWith('#')).slice(4)).toEqual(
    Array.from(plddt, (value) => confidenceColour(value)),
  );
  expect(
    all(document, 'path title')
      .map(({ textContent }) => textContent)
      .slice(0, 2),
  ).toEqual(['G1–C9', 'G2–C8']);
  expect([0.9, 0.89, 0.7, 0.5, 0.49].map(confidenceColour)).toEqual(
    [0, 1, 1, 2, 3].map((at) => CONFIDENCE_CLASSES[at]!.colour),
  );
  expect(() => confidenceFigure({ id, sequence, plddt: [1], pairs: [] })).toThrow(/1 values for 9 nucleotides/);
  expect(() => confidenceFigure({ id, sequence, plddt, pairs: [[3, 9]] })).toThrow(/the pair 3-9/);
});
