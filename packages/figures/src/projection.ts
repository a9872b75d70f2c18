/**
 * Embeddings laid out in the plane by t-SNE (van der Maaten & Hinton 2008) and
 * UMAP (McInnes et al. 2018), coloured by what each RNA is. The layouts are
 * DruidJS's and follow from a seed (UMAP's to the last bit of the engine's exp).
 * t-SNE compares all with all, so a large set is drawn in a sample. Distances
 * between clusters say little in either.
 */

import { RandomStream } from '@rna/kernels';
import * as Plot from '@observablehq/plot';
import { colours, emptyNote, figure, type DrawnEntry, type Figure, type LegendEntry } from './figure.ts';
import { counted, formatCount, formatLoss } from './format.ts';
import { look, markerEntry } from './look.ts';
import type { Markup } from './markup.ts';
import { plotFigure } from './plot.ts';
import { PROJECTIONS, type Projection } from './projectionNames.ts';

export interface EmbeddedRna {
  readonly id: string;
  /** [dim], of one length for all. */
  readonly vector: ArrayLike<number>;
  /** A class is a text, a measured value a number. */
  readonly label: string | number;
}

const width = 460;
const height = 420;
/** Seconds of t-SNE on one core; the time grows with the square. */
const mostRnas = 600;
/** Classes with a colour and a marker of their own; the others are grey. */
const mostClasses = 16;
const tsneSteps = 500;
const umapSteps = 350;

/**
 * Positions of vectors in the plane, the same for the same vectors and seed.
 * @throws RangeError for fewer than four vectors, of which no neighbourhood can be told, or for different lengths.
 */
export async function project(
  vectors: readonly ArrayLike<number>[],
  method: Projection,
  seed = 0,
): Promise<{ x: number; y: number }[]> {
  const dim = vectors[0]?.length ?? 0;
  if (vectors.length < 4) throw new RangeError(`project: ${vectors.length} vectors; at least 4 are needed`);
  if (vectors.some((vector) => vector.length !== dim))
    throw new RangeError(`project: the vectors are of different lengths; the first has ${dim}`);
  // Half a megabyte that most reports do not need.
  const { TSNE, UMAP } = await import('@saehrimnir/druidjs');
  const rows = vectors.map((vector) => Float64Array.from(vector));
  // DruidJS takes a seed of 0 for none.
  const options = { d: 2, seed: seed + 1 };
  const laidOut =
    method === 'tsne'
      ? new TSNE(rows, { ...options, perplexity: Math.min(30, (rows.length - 1) / 3) }).transform(tsneSteps)
      : new UMAP(rows, { ...options, n_neighbors: Math.min(15, rows.length - 1) }).transform(umapSteps);
  return Array.from(laidOut, (row) => ({ x: row[0] ?? NaN, y: row[1] ?? NaN }));
}

/** The embeddings by t-SNE and by UMAP, of 600 RNAs at most, which alone are embedded. */
export async function embeddingFigures<R extends Omit<EmbeddedRna, 'vector'>>(
  rnas: readonly R[],
  embed: (drawn: readonly R[]) => Promise<readonly ArrayLike<number>[]>,
  what: string,
  seed = 0,
): Promise<Figure[]> {
  const sampled = sample(rnas, seed);
  const vectors = await embed(sampled);
  const drawn = sampled.map(({ id, label }, i) => ({ id, label, vector: vectors[i]! }));
  const of =
    drawn.length < rnas.length ? `, ${formatCount(drawn.length)} drawn by chance of ${formatCount(rnas.length)}` : '';
  return Promise.all(
    (Object.keys(PROJECTIONS) as Projection[]).map(async (method) => ({
      name: `embeddings-${method}`,
      caption: `Embeddings of ${counted(rnas.length, 'RNA')}${of}, laid out by ${PROJECTIONS[method]} (seed ${seed}). Neighbours are alike; the axes have no unit.`,
      svg: await projectedMap(`Embeddings by ${what}, ${PROJECTIONS[method]}`, drawn, method, seed),
    })),
  );
}

function sample<T>(items: readonly T[], seed: number): readonly T[] {
  if (items.length <= mostRnas) return items;
  const random = new RandomStream(seed);
  const order = [...items.keys()];
  for (let k = 0; k < mostRnas; k++) {
    const other = k + random.below(order.length - k);
    [order[k], order[other]] = [order[other]!, order[k]!];
  }
  return order
    .slice(0, mostRnas)
    .sort((a, b) => a - b)
    .map((i) => items[i]!);
}

async function projectedMap(
  title: string,
  rnas: readonly EmbeddedRna[],
  method: Projection,
  seed: number,
): Promise<Markup> {
  if (rnas.length < 4)
    return figure(
      { width, height: 80, title, description: 'There are too few RNAs.' },
      emptyNote(width, 44, 'fewer than four RNAs'),
    );
  const places = await project(
    rnas.map(({ vector }) => vector),
    method,
    seed,
  );
  return embeddingMap(
    title,
    rnas.map(({ id, label }, i) => ({ ...places[i]!, id, label })),
    method,
  );
}

/** An RNA where a projection puts it. */
export interface PlacedRna {
  readonly x: number;
  readonly y: number;
  readonly id: string;
  /** A class is a text, a measured value a number; all of them are one or the other. */
  readonly label: string | number;
}

/** An SVG of RNAs in the plane, coloured by their labels. */
export function embeddingMap(title: string, rnas: readonly PlacedRna[], method: Projection): Markup {
  const { marks, entries, description } = typeof rnas[0]?.label === 'number' ? byValue(rnas) : byClass(rnas);
  return plotFigure({ width, height, title, description }, entries, {
    marginTop: 8,
    marginLeft: 28,
    marginRight: 8,
    marginBottom: 28,
    x: { axis: null, inset: 8 },
    y: { axis: null, inset: 8 },
    marks: [
      ...marks,
      Plot.frame({ stroke: 'currentColor', strokeOpacity: 0.25 }),
      Plot.text([`${PROJECTIONS[method]} 1`], { frameAnchor: 'bottom', dy: 18, fill: 'currentColor' }),
      Plot.text([`${PROJECTIONS[method]} 2`], { frameAnchor: 'left', dx: -16, rotate: -90, fill: 'currentColor' }),
    ],
  });
}

interface Dots {
  readonly marks: Plot.Markish[];
  readonly entries: (LegendEntry | DrawnEntry)[];
  readonly description: string;
}

const place = { x: 'x', y: 'y', r: 3, title: ({ id, label }: PlacedRna) => `${id}: ${label}` };

function byClass(dots: readonly PlacedRna[]): Dots {
  const classes = [...new Set(dots.map(({ label }) => String(label)))]
    .map((name) => ({ name, members: dots.filter(({ label }) => String(label) === name) }))
    .sort((a, b) => b.members.length - a.members.length || (a.name < b.name ? -1 : 1));
  const [shown, others] = [classes.slice(0, mostClasses), classes.slice(mostClasses)];
  const rest = others.flatMap(({ members }) => members);
  return {
    marks: [
      Plot.dot(rest, { ...place, r: 2, fill: colours.absent, fillOpacity: 0.4 }),
      ...shown.map(({ members }, k) =>
        Plot.dot(members, { ...place, fill: look(k).colour, symbol: look(k).marker, fillOpacity: 0.85 }),
      ),
    ],
    entries: [
      ...shown.map(({ name, members }, k) => markerEntry(`${name} (${members.length})`, k)),
      ...(others.length === 0
        ? []
        : [{ label: `others, in ${others.length} smaller classes`, colour: colours.absent, shape: 'dot' as const }]),
    ],
    description: `${counted(dots.length, 'RNA')} of ${classes.length} classes: ${shown.map(({ name, members }) => `${name} ${members.length}`).join(', ')}${others.length === 0 ? '' : `, and ${rest.length} of others`}.`,
  };
}

function byValue(dots: readonly PlacedRna[]): Dots {
  const values = dots.map(({ label }) => Number(label));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const part = ({ label }: PlacedRna): number => (high > low ? (Number(label) - low) / (high - low) : 1);
  return {
    // Pale to full, which a printer without colours keeps.
    marks: [
      Plot.dot(dots, {
        ...place,
        fill: colours.good,
        fillOpacity: (dot: PlacedRna) => 0.08 + 0.92 * part(dot),
        stroke: colours.good,
        strokeOpacity: 0.5,
        strokeWidth: 0.5,
      }),
    ],
    entries: [
      { label: formatLoss(low), colour: colours.good, shape: 'ring' },
      { label: formatLoss(high), colour: colours.good, shape: 'dot' },
    ],
    description: `${counted(dots.length, 'RNA')}, values from ${formatLoss(low)} (pale) to ${formatLoss(high)} (dark).`,
  };
}
