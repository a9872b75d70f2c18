/** The work of `rna map`: vectors embedded or read, laid out by UMAP and t-SNE, and their clusters. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { clusters, figureFile, project, type Clusters, type Projection } from '@rna/figures';
import { inertCell } from '@rna/structure';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { readTable } from '../../input/tables.ts';
import { BUILTIN } from '../../models/builtin.ts';
import { mapFigure, renderMap } from '../../report/mapPage.ts';
import { writeText } from '../../tables/pairTable.ts';
import { isVectorFile, readVectors, type NamedVector } from '../../tables/readVectors.ts';
import { embed } from '../embed/embed.ts';

export interface MapOptions {
  /** FASTA, `-` for stdin, or a file of vectors. */
  readonly input: string;
  readonly model?: string;
  /** Files by their endings: .html, .svg, .tsv. */
  readonly out?: readonly string[];
  /** The layout of an SVG. */
  readonly method: Projection;
  readonly labels?: string;
  readonly column: string;
  readonly clusters?: number;
  readonly seed: number;
}

export interface EmbeddingMap {
  readonly source: string;
  readonly seed: number;
  readonly ids: readonly string[];
  readonly places: Readonly<Record<Projection, readonly { readonly x: number; readonly y: number }[]>>;
  readonly clusters: Clusters;
  /** What colours the map beside the clusters; '' for an RNA without a label. */
  readonly labels?: { readonly column: string; readonly values: readonly (string | number)[] };
}

const leastRnas = 4;
/** t-SNE compares all with all at each of its steps: 17 seconds for 1,000 on one core, by the square. */
const mostRnas = 3000;

/** Throws an InputError, CheckpointError, UsageError or CommandError before any output is begun. */
export async function map(options: MapOptions): Promise<void> {
  const { out = [], input, model } = options;
  for (const file of out) {
    if (!['.html', '.svg', '.tsv'].includes(extname(file).toLowerCase()))
      throw new UsageError(`--out ${file}: the name must end in .html, .svg, .tsv`);
    await checkOutputFile(file);
  }
  if (isVectorFile(input) && model !== undefined)
    throw new UsageError(`${input} holds vectors; leave out --model, which embeds sequences`);
  await interruptible(async (signal) => {
    const rows = isVectorFile(input) ? await readVectors(input) : await embedded(input, model ?? BUILTIN);
    signal.throwIfAborted();
    if (rows.length < leastRnas)
      throw new CommandError(`${input}: ${rows.length} RNAs are too few for a map; give at least ${leastRnas}`);
    if (rows.length > mostRnas)
      throw new CommandError(
        `${input}: ${rows.length} RNAs are too many for a map that is laid out in memory; give at most ${mostRnas}`,
      );
    const labels = options.labels === undefined ? undefined : await labelsOf(rows, options, options.labels);
    const vectors = rows.map(({ vector }) => vector);
    if (options.clusters !== undefined && options.clusters > rows.length)
      throw new UsageError(`--clusters ${options.clusters}: there are ${rows.length} RNAs`);
    note(`${rows.length} vectors of ${vectors[0]!.length} values; laid out by UMAP and t-SNE`);
    const [umap, tsne] = [await project(vectors, 'umap', options.seed), await project(vectors, 'tsne', options.seed)];
    const result: EmbeddingMap = {
      source: isVectorFile(input) ? input : (model ?? BUILTIN),
      seed: options.seed,
      ids: rows.map(({ id }) => id),
      places: { umap, tsne },
      clusters: clusters(vectors, options.clusters, options.seed),
      ...(labels && { labels: { column: options.column, values: labels } }),
    };
    note(
      `${result.clusters.count} clusters, mean silhouette ${result.clusters.silhouette.toFixed(3)} (1 is well apart, 0 is not)`,
    );
    if (out.length === 0) return writeResult(tsvText(result));
    for (const file of out) {
      await writeText(file, [textOf(result, extname(file).toLowerCase(), options.method)]);
      note(`${file} is written`);
    }
  });
}

/** Mean vectors of sequences, by way of a file as `rna embed` writes it. */
async function embedded(input: string, model: string): Promise<NamedVector[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rna-map-'));
  try {
    const out = join(folder, 'vectors.safetensors');
    await embed({ model, input, out, pool: 'mean', weights: 'f32', activations: 'f32' });
    return await readVectors(out);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The labels of the rows, by id, or by order where the vectors have no ids. Numbers where all labels are. */
async function labelsOf(
  rows: readonly NamedVector[],
  { input, column }: MapOptions,
  table: string,
): Promise<(string | number)[]> {
  if (!existsSync(table)) throw new CommandError(`${table}: no such file`);
  const isByOrder = extname(input).toLowerCase() === '.npy';
  const byId = new Map<string, string>();
  let row = 0;
  for await (const line of readTable(table, { required: [...(isByOrder ? [] : ['id']), column] })) {
    row++;
    byId.set(isByOrder ? String(row) : line.cell('id'), line.cell(column));
  }
  if (isByOrder && row !== rows.length)
    throw new CommandError(`${table}: ${row} rows for the ${rows.length} vectors of ${input}, which have no ids`);
  const labels = rows.map(({ id }) => byId.get(id) ?? '');
  const known = labels.filter((label) => label !== '');
  if (known.length === 0) throw new CommandError(`${table}: none of its ids is one of ${input}`);
  if (known.length < labels.length)
    note(`${labels.length - known.length} of ${labels.length} RNAs have no ${column} in ${table}`);
  const isNumeric =
    known.length === labels.length &&
    new Set(known).size > 12 &&
    known.every((label) => Number.isFinite(Number(label)));
  return isNumeric ? labels.map(Number) : labels.map((label) => (label === '' ? `no ${column}` : label));
}

function textOf(result: EmbeddingMap, ending: string, method: Projection): string {
  switch (ending) {
    case '.html':
      return renderMap(result);
    case '.svg':
      return figureFile({
        name: 'map',
        caption: '',
        svg: mapFigure(result, method, result.labels === undefined ? 'clusters' : 'labels'),
      });
    default:
      return tsvText(result);
  }
}

/** A line an RNA: its id, where it stands by each method, its cluster, its label. */
function tsvText({ ids, places, clusters: { of }, labels }: EmbeddingMap): string {
  const lines = ids.map((id, i) => {
    const coordinates = [places.umap[i]!, places.tsne[i]!].flatMap(({ x, y }) => [x.toPrecision(6), y.toPrecision(6)]);
    return [id, ...coordinates, of[i]! + 1, ...(labels === undefined ? [] : [labels.values[i]!])];
  });
  const header = [
    'id',
    'umap1',
    'umap2',
    'tsne1',
    'tsne2',
    'cluster',
    ...(labels === undefined ? [] : [labels.column]),
  ];
  return [header, ...lines]
    .map(
      (cells) =>
        `${cells.map((cell, at) => (at > 0 && at < 5 ? String(cell) : inertCell(String(cell))).replace(/[\t\r\n]/g, ' ')).join('\t')}\n`,
    )
    .join('');
}
