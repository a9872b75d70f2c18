/** A map of embeddings on one page: both layouts, coloured by labels and by clusters, and what is in each cluster. */

import {
  counted,
  embeddingMap,
  formatScore,
  markup,
  nothing,
  PROJECTIONS,
  type Markup,
  type PlacedRna,
  type Projection,
} from '@rna/figures';
import type { EmbeddingMap } from '../commands/map/map.ts';
import { inFigure, page, sideBySide } from './page.ts';
import { htmlTable, type Table } from './table.ts';

const methods: readonly Projection[] = ['umap', 'tsne'];

/** A complete HTML document. */
export function renderMap(map: EmbeddingMap): string {
  const { ids, source, seed, clusters, labels } = map;
  const lead = markup`<p class="quiet">${counted(ids.length, 'RNA')}, embedded by ${source} and laid out by UMAP and t-SNE (seed ${String(seed)}).
Neighbours are alike; the axes have no unit, and distances between clusters say little. Point at a dot for its RNA.</p>`;
  const figures = (by: 'labels' | 'clusters') =>
    sideBySide(methods.map((method) => inFigure(mapFigure(map, method, by))));
  return page('Map of RNAs', lead, [
    labels === undefined ? nothing : markup`<section><h2>By ${labels.column}</h2>${figures('labels')}</section>`,
    markup`<section><h2>By cluster</h2>
<p class="quiet">${counted(clusters.count, 'cluster')} by k-means in the space of the vectors; mean silhouette ${formatScore(clusters.silhouette)}
(1: clusters are well apart, 0: they are not).</p>${figures('clusters')}
${htmlTable(clusterTable(map))}</section>`,
  ]);
}

/** The map's figure by one method, coloured by the labels or the clusters. */
export function mapFigure(
  { source, ids, places, clusters: found, labels }: EmbeddingMap,
  method: Projection,
  by: 'labels' | 'clusters',
): Markup {
  const rnas = ids.map((id, i): PlacedRna => ({
    ...places[method][i]!,
    id,
    label: by === 'labels' && labels !== undefined ? labels.values[i]! : clusterName(found.of[i]!),
  }));
  const colouredBy = by === 'labels' && labels !== undefined ? labels.column : 'cluster';
  return embeddingMap(`Embeddings by ${source}, ${PROJECTIONS[method]}, coloured by ${colouredBy}`, rnas, method);
}

const clusterName = (cluster: number): string => `cluster ${cluster + 1}`;

const shown = 4;

/** The clusters: how many RNAs, which labels prevail, and the first of their ids. */
function clusterTable({ ids, clusters: { of, count }, labels }: EmbeddingMap): Table {
  const members = Array.from({ length: count }, (_, cluster) => [...of.keys()].filter((i) => of[i] === cluster));
  const isNamed = labels !== undefined && labels.values.every((label) => typeof label === 'string');
  const prevailing = (rnas: readonly number[]): string => {
    const counts = new Map<string, number>();
    for (const i of rnas) {
      const label = String(labels!.values[i]!);
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const order = [...counts].sort((a, b) => b[1] - a[1]);
    return order
      .slice(0, shown)
      .map(([label, n]) => `${label} ${n}`)
      .join(', ');
  };
  return {
    caption: 'What is in the clusters',
    columns: [
      { header: 'cluster', group: '', align: 'left' },
      { header: 'RNAs', group: '', align: 'right' },
      ...(isNamed ? [{ header: labels.column, group: '', align: 'left' as const }] : []),
      { header: 'among them', group: '', align: 'left' },
    ],
    rowHeaders: 1,
    rows: members.map((rnas, cluster) => [
      String(cluster + 1),
      String(rnas.length),
      ...(isNamed ? [prevailing(rnas)] : []),
      `${rnas
        .slice(0, shown)
        .map((i) => ids[i]!)
        .join(', ')}${rnas.length > shown ? ', …' : ''}`,
    ]),
  };
}
