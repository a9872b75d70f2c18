/**
 * The ResNet over a map of pairs (RiNALMo section 3.3) as one step of the tape,
 * for maps too large to keep or to bind: a map is a list of bands of its rows,
 * so no buffer is larger than a band's few dozen MiB, and of a block nothing is
 * kept but its input; the walk back makes the rest again, each map freed as soon
 * as it is done with. A band's convolution reads the rows next to it, and what
 * is summed over a map is summed by chunks that no band cuts, in their order: the
 * bits are those of the ops one by one on whole maps (`residualBlock`), however
 * the map is cut.
 */
import * as k from '@rna/kernels';
import { accumulate } from '../accumulate.ts';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { chunkRowsOf, convolve, filterGradient, filtersTakeRowsOf, type MapSize } from './conv2d.ts';
import { instanceNormGradients, instanceStats, normalise } from './instanceNorm.ts';
import { columnSum } from './matmul.ts';
import { concatenate, pairSumGradient } from './pair.ts';
import type { BlockFilters } from './residualBlock.ts';

/** [rows, width, channels] each, in order; all but the last have the same number of rows. */
type Bands = readonly Tensor[];

export interface PairResNet {
  /** Of the sum over a pair, [channels]. */
  readonly bias: Tensor;
  readonly blocks: readonly BlockFilters[];
  /** [1, channels, size, size], and its bias [1]. */
  readonly out: { readonly filters: Tensor; readonly bias: Tensor };
}

// A size class of the memory pool, so that no band wastes much of its buffer.
const BAND_BYTES = 2 ** 25;
const LEAST_BAND_ROWS = 64;

/** Rows of a band: whole chunks of every sum. */
function bandRowsOf(map: MapSize, channels: number): number {
  const unit = Math.max(LEAST_BAND_ROWS, chunkRowsOf(map));
  return Math.max(1, Math.floor(BAND_BYTES / (4 * map.width * channels * unit))) * unit;
}

/**
 * conv(block(… block(pairSum(pq, bias)))).
 * @param pq [length, 2·channels] as `pairSum` takes it, more than one row
 * @param bandRows Rows of a band, a multiple of `chunkRowsOf`; by default as many as fit in 32 MiB. No bit depends on
 * it.
 * @returns [length, length, 1]
 */
export function pairResNet(pq: Tensor, { bias, blocks, out }: PairResNet, bandRows?: number): Tensor {
  const { device } = pq;
  const [length = 0] = pq.shape;
  const channels = bias.size;
  const map = { height: length, width: length };
  requireShape(
    pq.shape.length === 2 &&
      pq.shape[1] === 2 * channels &&
      out.filters.shape[0] === 1 &&
      out.filters.shape[1] === channels,
    'pairResNet',
    pq.shape,
    bias.shape,
    out.filters.shape,
  );
  const rows = bandRows ?? bandRowsOf(map, channels);
  const inputs = [pq, bias, ...blocks.flat(), out.filters, out.bias];
  const keeps = device.tape !== undefined && inputs.some(({ tracked }) => tracked);

  // The input of each block, and the output of the last one.
  const { maps, y } = device.scope(() => {
    const made: Bands[] = [pairSumBands(pq, bias, rows)];
    for (const filters of blocks) {
      const input = made.at(-1)!;
      made.push(residualBlockBands(input, filters, map));
      if (!keeps) free(input);
    }
    return {
      maps: keeps ? made : [],
      y: concatenate(convolveBands(made.at(-1)!, out.filters, map, { bias: out.bias }), [length, length, 1]),
    };
  });
  return record(
    y,
    inputs,
    (dy, [needsPq, needsBias, ...needs]) =>
      device.scope(() => {
        const [needsOut, needsOutBias] = needs.slice(3 * blocks.length);
        const last = maps.at(-1)!;
        const cut = perBand(
          last,
          ({ shape: [count = 0] }, first) =>
            device.run(k.rows, { x: dy }, { y: [count, length, 1] }, { count: count * length, offset: first * length })
              .y,
        );
        const gradients = [
          needsOut === true ? bandsFilterGradient(last, undefined, cut, out.filters, map) : undefined,
          needsOutBias === true ? columnSum(dy, length * length, 1) : undefined,
        ];
        free(last);
        let dx: Bands = convolveBands(cut, out.filters, map, { turn: true, frees: true });
        for (let b = blocks.length - 1; b >= 0; b--) {
          const back = residualBlockGradient(maps[b]!, blocks[b]!, dx, map, needs.slice(3 * b, 3 * b + 3));
          free(maps[b]!);
          gradients.unshift(...back.filters);
          dx = back.dx;
        }
        return [
          needsPq === true ? pairSumGradient(pq.shape, dx) : undefined,
          needsBias === true ? pixelSum(dx) : undefined,
          ...gradients,
        ];
      }),
    maps.flat(),
  );
}

function pairSumBands(pq: Tensor, bias: Tensor, bandRows: number): Bands {
  const {
    device,
    shape: [length = 0],
  } = pq;
  const channels = bias.size;
  return Array.from({ length: Math.ceil(length / bandRows) }, (_, band) => {
    const first = band * bandRows;
    const rows = Math.min(bandRows, length - first);
    return device.run(
      k.pairSum,
      { pq, bias },
      { y: [rows, length, channels] },
      { count: rows * length * channels, length, channels, first },
    ).y;
  });
}

/** The bands of x + relu(norm(conv(relu(norm(conv(relu(norm(conv(x)))))))). */
function residualBlockBands(x: Bands, [first, second, third]: BlockFilters, map: MapSize): Bands {
  const { device } = first;
  return device.scope(() => {
    const c1 = convolveBands(x, first, map);
    const c2 = convolveBands(c1, second, map, { stats: instanceStats(...c1), frees: true });
    const c3 = convolveBands(c2, third, map, { stats: instanceStats(...c2), frees: true });
    const stats = instanceStats(...c3);
    return c3.map((c, i) => {
      const y = normalise(c, stats, { relu: true, residual: x[i]! });
      c.dispose();
      return y;
    });
  });
}

/** The gradients of a block's input and filters. Frees dy. */
function residualBlockGradient(
  x: Bands,
  [w1, w2, w3]: BlockFilters,
  dy: Bands,
  map: MapSize,
  needs: readonly (boolean | undefined)[],
) {
  const { device } = w1;
  return device.scope(() => {
    const ofFilters = (
      index: number,
      input: Bands,
      stats: Tensor | undefined,
      gradient: Bands,
      filters: Tensor,
    ): Tensor | undefined =>
      needs[index] === true ? bandsFilterGradient(input, stats, gradient, filters, map) : undefined;
    let c1 = convolveBands(x, w1, map);
    const stats1 = instanceStats(...c1);
    const c2 = convolveBands(c1, w2, map, { stats: stats1, frees: true });
    const stats2 = instanceStats(...c2);
    const c3 = convolveBands(c2, w3, map, { stats: stats2 });
    const dc3 = normGradient(c3, instanceStats(...c3), dy);
    const dw3 = ofFilters(2, c2, stats2, dc3, w3);
    const dn2 = convolveBands(dc3, w3, map, { turn: true, frees: true });
    const dc2 = normGradient(c2, stats2, dn2, true);
    c1 = convolveBands(x, w1, map);
    const dw2 = ofFilters(1, c1, stats1, dc2, w2);
    const dn1 = convolveBands(dc2, w2, map, { turn: true, frees: true });
    const dc1 = normGradient(c1, stats1, dn1, true);
    const dw1 = ofFilters(0, x, undefined, dc1, w1);
    const dx = convolveBands(dc1, w1, map, { turn: true, frees: true }).map((through, i) =>
      accumulate(dy[i]!, through),
    );
    return { dx, filters: [dw1, dw2, dw3] };
  });
}

// ---- steps in bands --------------------------------------------------------

const free = (bands: Bands): void => {
  bands.forEach((band) => {
    band.dispose();
  });
};

/** One tensor for each band, made in a scope of its own and told the band's first row. */
function perBand(bands: Bands, make: (band: Tensor, firstRow: number, index: number) => Tensor): Tensor[] {
  let first = 0;
  return bands.map((band, i) => {
    const at = first;
    first += band.shape[0]!;
    return band.device.scope(() => make(band, at, i));
  });
}

/** A band with up to `reach` rows of its neighbours, fewer where the map ends. */
function withNeighbours(bands: Bands, index: number, reach: number): { x: Tensor; above: number } {
  const band = bands[index]!;
  const {
    device,
    shape: [rows = 0, width = 0, channels = 0],
  } = band;
  const [before, after] = [bands[index - 1], bands[index + 1]];
  const [above, below] = [before, after].map((neighbour) => Math.min(reach, neighbour?.shape[0] ?? 0)) as [
    number,
    number,
  ];
  if (above + below === 0) return { x: band.alias(), above };
  const [a, row] = [before ?? band, width * channels];
  const count = (above + rows + below) * row;
  const { y } = device.run(
    k.joinRows,
    { a, x: band, b: after ?? band },
    { y: [above + rows + below, width, channels] },
    { count, offset: a.size - above * row, before: above * row, middle: band.size },
  );
  return { x: y, above };
}

/** `withNeighbours` of relu of the norm, where there are statistics for it. */
function inputOf(bands: Bands, index: number, reach: number, stats: Tensor | undefined): { x: Tensor; above: number } {
  const { x, above } = withNeighbours(bands, index, reach);
  if (stats === undefined) return { x, above };
  const normal = normalise(x, stats, { relu: true });
  x.dispose();
  return { x: normal, above };
}

const reachOf = ({ shape }: Tensor): number => (shape[3]! - 1) / 2;

interface BandOptions {
  /** Of the map, which is normalised with them, and negative values made 0, on the way in. */
  readonly stats?: Tensor;
  readonly bias?: Tensor;
  readonly turn?: boolean;
  /** Frees each band of the input once it is done with. */
  readonly frees?: boolean;
}

function convolveBands(
  bands: Bands,
  filters: Tensor,
  { width }: MapSize,
  { stats, bias, turn = false, frees = false }: BandOptions = {},
): Tensor[] {
  const reach = reachOf(filters);
  const made = perBand(bands, (band, _, i) => {
    const { x, above } = inputOf(bands, i, reach, stats);
    const y = convolve(
      x,
      filters,
      { height: x.shape[0]!, width },
      { bias, turn, window: { rows: band.shape[0]!, above } },
    );
    if (frees && (reach === 0 || i > 0)) bands[reach === 0 ? i : i - 1]!.dispose();
    return y;
  });
  if (frees) free(bands);
  return made;
}

/** The gradient of the map that was normalised. Frees that map, and dy where it is told so. */
function normGradient(bands: Bands, stats: Tensor, dy: Bands, freesDy = false): Tensor[] {
  const gradientOf = instanceNormGradients(bands, stats, dy, true);
  return bands.map((band, i) => {
    const dx = gradientOf(i);
    band.dispose();
    if (freesDy) dy[i]!.dispose();
    return dx;
  });
}

function bandsFilterGradient(
  bands: Bands,
  stats: Tensor | undefined,
  dy: Bands,
  filters: Tensor,
  map: MapSize,
): Tensor {
  const reach = reachOf(filters);
  const reaches = filtersTakeRowsOf(filters);
  return filterGradient(
    filters,
    map,
    bands.map((_, i) => () => {
      if (reaches === 'x') return { ...inputOf(bands, i, reach, stats), dy: dy[i]! };
      const { x: around, above } = withNeighbours(dy, i, reach);
      return { x: inputOf(bands, i, 0, stats).x, dy: around, above };
    }),
  );
}

/** Σ over pixels of a map in bands: the partial sums of `columnSum`, whose chunks are rows of a square map. */
function pixelSum(bands: Bands): Tensor {
  const {
    device,
    shape: [, width = 0, channels = 0],
  } = bands[0]!;
  const rows = bands.reduce((sum, { shape }) => sum + shape[0]!, 0);
  if (bands.length === 1) return columnSum(bands[0]!, rows * width, channels);
  const aligned = channels % 4 === 0;
  return device.scope(() => {
    const parts = bands.map(
      (x) =>
        device.run(
          k.columnSum,
          { x },
          { y: [x.shape[0]!, channels] },
          { rows: x.shape[0]! * width, cols: channels, chunkRows: width },
          { aligned },
        ).y,
    );
    return device.run(
      k.columnSum,
      { x: concatenate(parts, [rows, channels]) },
      { y: [channels] },
      { rows, cols: channels, chunkRows: rows },
      { aligned },
    ).y;
  });
}
