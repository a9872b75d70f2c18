/**
 * A corpus drawn: lengths, letters and cluster sizes by kind, as one HTML page
 * with the tables, or the drawings alone as SVG.
 */
import { extname } from 'node:path';
import * as Plot from '@observablehq/plot';
import { KIND_NAMES, lengthBin } from '@rna/train';
import { UsageError } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import { checkOutputFile } from '../outputs.ts';
import { colours, figure, moved, plotContent } from '../report/figure.ts';
import { formatCount } from '../report/format.ts';
import { markup, trusted, type Markup } from '../report/markup.ts';
import { style } from '../report/style.ts';
import { htmlTable } from '../report/table.ts';
import { corpusTables, filledSections, letterShares, type DescribedCorpus } from './describe.ts';

const width = 560;
const panelHeight = 110;
const titleHeight = 28;

interface Chart {
  readonly title: string;
  readonly description: string;
  readonly height: number;
  readonly content: Markup;
}

/** Before the work: whether a report can be written there. @throws UsageError for another extension. */
export async function checkReportFile(path: string): Promise<void> {
  if (!['.html', '.svg'].includes(extname(path).toLowerCase()))
    throw new UsageError(`${path}: a report is .html or .svg`);
  await checkOutputFile(path);
}

export async function writeCorpusReport(path: string, corpus: DescribedCorpus): Promise<void> {
  const text = extname(path).toLowerCase() === '.svg' ? corpusSvg(corpus) : corpusPage(corpus);
  await writeAtomically(path, (sink) => sink.write(new TextEncoder().encode(text)));
}

/** All drawings in one SVG, one below the other. */
export function corpusSvg(corpus: DescribedCorpus): string {
  const drawn = charts(corpus);
  let top = 0;
  const parts = drawn.map(({ title, content, height }) => {
    const part = moved(top, markup`<text x="0" y="16" font-weight="600">${title}</text>${moved(titleHeight, content)}`);
    top += titleHeight + height;
    return part;
  });
  const description = drawn.map((chart) => chart.description).join(' ');
  return figure({ width, height: top, title: `The corpus ${corpus.file}`, description }, markup`${parts}`).markup;
}

/** An HTML document that needs nothing from elsewhere. */
export function corpusPage(corpus: DescribedCorpus): string {
  const figures = charts(corpus).map(
    ({ title, description, height, content }) =>
      markup`<figure><h3>${title}</h3><div class="scroll">${figure({ width, height, title, description }, content)}</div></figure>`,
  );
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${`The corpus ${corpus.file}`}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header><h1>${`The corpus ${corpus.file}`}</h1></header>
<main>
${corpusTables(corpus).map(htmlTable)}
<div class="figures">${figures}</div>
</main>
</body>
</html>
`.markup;
}

function charts({ table }: DescribedCorpus): Chart[] {
  const sections = filledSections(table);
  const kinds = sections.map(([kind]) => KIND_NAMES[kind]);
  const height = panelHeight * sections.length + 40;
  const bars = { fill: colours.good, insetLeft: 0.5, insetRight: 0.5 };
  // Every kind has a panel of its own; the axis says records of that kind.
  const frame = {
    width,
    height,
    marginLeft: 56,
    marginRight: 150,
    marginBottom: 36,
    marginTop: 12,
    fy: { domain: kinds, label: null },
    y: { label: null, grid: true, ticks: 3, tickFormat: '~%' },
  };
  const lengths = sections.flatMap(([kind, { records, statistics }]) =>
    statistics.lengths.flatMap((count, k) =>
      count === 0 ? [] : [{ kind: KIND_NAMES[kind], share: count / records, ...lengthBin(k) }],
    ),
  );
  const letters = sections.flatMap(([kind, section]) =>
    letterShares(section).map((entry) => ({ kind: KIND_NAMES[kind], ...entry })),
  );
  const clusters = sections.flatMap(([kind, section]) =>
    section.statistics.clusterSizes.map((count, k) => ({
      kind: KIND_NAMES[kind],
      share: count / section.clusters,
      size: clusterSize(k),
    })),
  );
  const sizes = Array.from(
    { length: Math.max(...sections.map(([, { statistics }]) => statistics.clusterSizes.length)) },
    (_, k) => clusterSize(k),
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
const clusterSize = (k: number): string => (k === 0 ? '1' : `${formatCount(2 ** k)}–${formatCount(2 ** (k + 1) - 1)}`);
