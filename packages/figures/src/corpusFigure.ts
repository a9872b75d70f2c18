/**
 * A corpus drawn: lengths, letters and cluster sizes by kind of record, as three
 * drawings for a page, or one below the other as one SVG.
 */
import * as Plot from '@observablehq/plot';
import { colours, figure, moved } from './figure.ts';
import { formatCount } from './format.ts';
import { markup, type Markup } from './markup.ts';
import { plotContent } from './plot.ts';

/** What is drawn of the records of one kind; shares are of its records, nucleotides or clusters. */
export interface CorpusKind {
  readonly kind: string;
  /** Bins of lengths in nucleotides. */
  readonly lengths: readonly { readonly from: number; readonly to: number; readonly share: number }[];
  readonly letters: readonly { readonly letter: string; readonly share: number }[];
  /** Entry k is the share of clusters with 2^k to 2^(k + 1) − 1 records. */
  readonly clusterSizes: readonly number[];
}

/** One drawing of a corpus, to stand under its title. */
export interface CorpusDrawing {
  readonly title: string;
  readonly svg: Markup;
}

const width = 560;
const panelHeight = 110;
const titleHeight = 28;

/** The three drawings. */
export function corpusFigures(kinds: readonly CorpusKind[]): CorpusDrawing[] {
  return charts(kinds).map(({ title, description, height, content }) => ({
    title,
    svg: figure({ width, height, title, description }, content),
  }));
}

/** All drawings in one SVG, one below the other. `name` is what a reader knows the corpus by. */
export function corpusFigure(name: string, kinds: readonly CorpusKind[]): Markup {
  const drawn = charts(kinds);
  let top = 0;
  const parts = drawn.map(({ title, content, height }) => {
    const part = moved(top, markup`<text x="0" y="16" font-weight="600">${title}</text>${moved(titleHeight, content)}`);
    top += titleHeight + height;
    return part;
  });
  const description = drawn.map((chart) => chart.description).join(' ');
  return figure({ width, height: top, title: `The corpus ${name}`, description }, markup`${parts}`);
}

interface Chart {
  readonly title: string;
  readonly description: string;
  readonly height: number;
  readonly content: Markup;
}

function charts(kinds: readonly CorpusKind[]): Chart[] {
  const height = panelHeight * kinds.length + 40;
  const bars = { fill: colours.good, insetLeft: 0.5, insetRight: 0.5 };
  // Every kind has a panel of its own; the axis says records of that kind.
  const frame = {
    width,
    height,
    marginLeft: 56,
    marginRight: 150,
    marginBottom: 36,
    marginTop: 12,
    fy: { domain: kinds.map(({ kind }) => kind), label: null },
    y: { label: null, grid: true, ticks: 3, tickFormat: '~%' },
  };
  const lengths = kinds.flatMap(({ kind, lengths }) => lengths.map((bin) => ({ kind, ...bin })));
  const letters = kinds.flatMap(({ kind, letters }) => letters.map((letter) => ({ kind, ...letter })));
  const clusters = kinds.flatMap(({ kind, clusterSizes }) =>
    clusterSizes.map((share, k) => ({ kind, share, size: sizesOfBin(k) })),
  );
  const sizes = Array.from({ length: Math.max(...kinds.map(({ clusterSizes }) => clusterSizes.length)) }, (_, k) =>
    sizesOfBin(k),
  );
  return [
    {
      title: 'Lengths, as shares of the records',
      height,
      description: 'Histograms of record lengths in nucleotides on a logarithmic axis, one for each kind.',
      content: plotContent({
        ...frame,
        x: { type: 'log', label: 'nucleotides', tickFormat: formatCount, ticks: 5 },
        marks: [Plot.rectY(lengths, { x1: 'from', x2: 'to', y: 'share', fy: 'kind', ...bars }), Plot.ruleY([0])],
      }),
    },
    {
      title: 'Letters, as shares of the nucleotides',
      height,
      description: 'Shares of A, C, G, U and all other letters, for each kind.',
      content: plotContent({
        ...frame,
        x: { type: 'band', label: null, domain: ['A', 'C', 'G', 'U', 'other'] },
        marks: [Plot.barY(letters, { x: 'letter', y: 'share', fy: 'kind', ...bars }), Plot.ruleY([0])],
      }),
    },
    {
      title: 'Records of a cluster, as shares of the clusters',
      height,
      description: 'Histograms of cluster sizes in doubling steps, one for each kind.',
      content: plotContent({
        ...frame,
        x: { type: 'band', label: 'records', domain: sizes },
        marks: [Plot.barY(clusters, { x: 'size', y: 'share', fy: 'kind', ...bars }), Plot.ruleY([0])],
      }),
    },
  ];
}

/** The sizes of bin `k` in words: 1, 2–3, 4–7, … */
const sizesOfBin = (k: number): string => (k === 0 ? '1' : `${formatCount(2 ** k)}–${formatCount(2 ** (k + 1) - 1)}`);
