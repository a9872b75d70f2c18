/**
 * The peer suite as an SVG: a panel a case, a dot and a line an implementation,
 * time on a logarithmic scale. It stands alone, in light
 * colours, and names adapter and date, without which a figure is none.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { IMPLEMENTATIONS } from './peers/protocol.ts';
import { milliseconds, type Results, type Row } from './rows.ts';

// Okabe and Ito's palette, told apart with every common colour blindness.
const COLOURS = { ours: '#0072b2', peer: '#b0b7c3' } as const;
const WIDTH = 800;
const ROW = 16;
const MARGIN = { top: 78, right: 90, bottom: 36, left: 140 } as const;

/** The part of a plot's root element that is used; Plot's own types are the DOM's. */
interface PlotRoot {
  setAttribute(name: string, value: string): void;
  readonly outerHTML: string;
}

/** Throws where the results have no row of the peer suite. */
export function peerChart({ rows, adapter, date, commit }: Results): string {
  const peers = rows.filter(({ suite }) => suite === 'peers');
  if (peers.length === 0)
    throw new Error(
      'the results have no row of the suite peers, which the chart shows: run `npm run bench -- peers --svg FILE`',
    );
  const cases = [...new Set(peers.map((row) => row.case))];
  const implementations = IMPLEMENTATIONS.filter((name) => peers.some((row) => row.implementation === name));
  const { document } = parseHTML('<!doctype html><html><body></body></html>') as { document: unknown };
  const at = { fy: 'case', y: 'implementation' } as const;
  const heading = (text: string, dy: number): Plot.Markish =>
    Plot.text([text], {
      frameAnchor: 'top-left',
      facet: 'super',
      dx: 6 - MARGIN.left,
      dy: dy - MARGIN.top,
      textAnchor: 'start',
    });
  const options: Plot.PlotOptions = {
    width: WIDTH,
    height: MARGIN.top + MARGIN.bottom + cases.length * (implementations.length + 2) * ROW,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    style: { fontSize: '12px', fontFamily: 'system-ui, sans-serif', background: 'white', color: '#222' },
    x: { type: 'log', label: 'median milliseconds', grid: true, tickFormat: (ms: number) => String(ms) },
    y: { label: null, domain: implementations },
    fy: { axis: null, domain: cases, padding: 0.2 },
    marks: [
      Plot.ruleY(peers, { ...at, x1: 'minMs', x2: 'maxMs', stroke: '#555' }),
      Plot.dot(peers, {
        ...at,
        x: 'medianMs',
        r: 4.5,
        fill: (row: Row) => (row.implementation === 'rna' ? COLOURS.ours : COLOURS.peer),
        stroke: '#555',
        strokeWidth: 0.5,
      }),
      Plot.text(peers, {
        ...at,
        x: 'maxMs',
        text: (row: Row) => `${milliseconds(row.medianMs)} ms`,
        textAnchor: 'start',
        dx: 8,
      }),
      Plot.text(cases, {
        fy: (name: string) => name,
        text: (name: string) => name,
        frameAnchor: 'top-left',
        dy: -13,
        textAnchor: 'start',
        fontWeight: 'bold',
      }),
      heading(adapter, 16),
      heading(`${date.slice(0, 10)}, commit ${commit.slice(0, 12)}. Dot: median; line: least to largest sample.`, 34),
    ],
  };
  const root = Plot.plot({ ...options, document }) as unknown as PlotRoot;
  root.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${root.outerHTML}\n`;
}
