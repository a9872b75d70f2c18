/**
 * The report of a corpus: lengths, letters and cluster sizes by kind, as one HTML
 * page with the tables, or the drawings alone as SVG.
 */
import { extname } from 'node:path';
import { corpusFigure, corpusFigures, markup, trusted, type CorpusKind } from '@rna/figures';
import { KIND_NAMES, lengthBin } from '@rna/train';
import { UsageError } from '../../commandLine/errors.ts';
import { writeAtomically } from '../../files/files.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { style } from '../../report/style.ts';
import { htmlTable } from '../../report/table.ts';
import { corpusTables, filledSections, letterShares, type DescribedCorpus } from './describe.ts';

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
  return corpusFigure(corpus.file, drawnKinds(corpus)).markup;
}

/** An HTML document that needs nothing from elsewhere. */
export function corpusPage(corpus: DescribedCorpus): string {
  const figures = corpusFigures(drawnKinds(corpus)).map(
    ({ title, svg }) => markup`<figure><h3>${title}</h3><div class="scroll">${svg}</div></figure>`,
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

function drawnKinds({ table }: DescribedCorpus): CorpusKind[] {
  return filledSections(table).map(([kind, section]) => ({
    kind: KIND_NAMES[kind],
    lengths: section.statistics.lengths.flatMap((count, k) =>
      count === 0 ? [] : [{ share: count / section.records, ...lengthBin(k) }],
    ),
    letters: letterShares(section),
    clusterSizes: section.statistics.clusterSizes.map((count) => count / section.clusters),
  }));
}
