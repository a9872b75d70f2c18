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
import {
  pairDistanceBand,
  pairDistanceGradient,
  pairPriorBand,
  pairPriorGradient,
  type PriorScale,
} from './pairPrior.ts';
import type { BlockFilters } from './residualBlock.ts';

/** [rows, width, channels] each, in order; all but the last have the same number of rows. */
type Bands = readonly Tensor[];

export interface PairResNet {
  /** The bias of the sum over a pair, [channels]. */
  readonly bias: Tensor;
  /** Added to that sum, as `pairPrior` and `pairDistance` take them. */
  readonly prior?: { readonly logOdds: Tensor; readonly weight: Tensor; readonly scale: PriorScale };
  readonly distances?: Tensor;
  readonly blocks: readonly BlockFilters[];
  /** Pixels between the filter taps of the blocks, gone through again and again; default 1. */
  readonly dilations?: readonly number[];
  /** [1, channels, size, size], and its bias [1]. */
  readonly out: { readonly filters: Tensor; readonly bias: Tensor };
}

// A size class of the memory pool, so that no band wastes much of its buffer.
const BAND_BYTES = 2 ** 25;
const LEAST_BAND_ROWS = 64;

/** Rows of a band: whole chunks of every sum, and as many as the farthest filter reaches. */
function bandRowsOf(map: MapSize, channels: number, reach: number): number {
  // All three are powers of two.
  const unit = Math.max(LEAST_BAND_ROWS, chunkRowsOf(map), 2 ** Math.ceil(Math.log2(Math.max(1, reach))));
  return Math.max(1, Math.floor(BAND_BYTES / (4 * map.width * channels * unit))) * unit;
}

/**
 * conv(block(… block(pairSum(pq, bias) + prior + distances))).
 * @param pq [length, 2·channels] as `pairSum` takes it, more than one row
 * @param bandRows Rows of a band, a multiple of `chunkRowsOf` that no filter reaches beyond; by default as many as fit
 * in 32 MiB. No bit depends on it.
 * @returns [length, length, 1]
 */
export function pairResNet(pq: Tensor, net: PairResNet, bandRows?: number): Tensor {
  const { bias, prior, distances, out } = net;
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
  const blocks = dilatedBlocks(net);
  const reach = Math.max(
    reachOf(out.filters),
    ...blocks.flatMap(({ filters, dilation }) => filters.map((each) => reachOf(each, dilation))),
  );
  const rows = bandRows ?? bandRowsOf(map, channels, reach);
  if (rows < reach && rows < length)
    throw new RangeError(`pairResNet: filters reach over ${reach} rows, so bands of ${rows} are too small`);
  const beside = [...(prior ? [prior.weight] : []), ...(distances ? [distances] : [])];
  const weights = [pq, bias, ...beside, ...blocks.flatMap(({ filters }) => filters), out.filters, out.bias];
  const keptInputs = prior ? [prior.logOdds] : [];
  const inputs = [...weights, ...keptInputs];
  const keeps = device.tape !== undefined && inputs.some(({ tracked }) => tracked);

  // The input of each block, and the output of the last one.
  const { maps, y } = device.scope(() => {
    const made: Bands[] = [inputBands(pq, net, rows)];
    for (const block of blocks) {
      const input = made.at(-1)!;
      made.push(residualBlockBands(input, block, map));
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
    (dy, needed) =>
      device.scope(() => {
        const [needsPq, needsBias, ...others] = needed;
        const needsBeside = others.slice(0, beside.length);
        const needs = others.slice(beside.length, weights.length - 2);
        const [needsOut, needsOutBias] = needs.slice(-2);
        const last = maps.at(-1)!;
        const cut = perBand(
          last,
          ({ shape: [count = 0] }, first) =>
            device.run(k.rows, { x: dy }, { y: [count, length, 1] }, { count: count * length, offset: first * length })
              .y,
        );
        const gradients = [
          needsOut === true ? bandsFilterGradient(last, undefined, cut, out.filters, map, 1) : undefined,
          needsOutBias === true ? columnSum(dy, length * length, 1) : undefined,
        ];
        free(last);
        let dx: Bands = convolveBands(cut, out.filters, map, { turn: true, frees: true });
        let end = needs.length - 2;
        for (let b = blocks.length - 1; b >= 0; b--) {
          const begin = end - blocks[b]!.filters.length;
          const back = residualBlockGradient(maps[b]!, blocks[b]!, dx, map, needs.slice(begin, end));
          end = begin;
          free(maps[b]!);
          gradients.unshift(...back.filters);
          dx = back.dx;
        }
        return [
          needsPq === true ? pairSumGradient(pq.shape, dx) : undefined,
          needsBias === true ? pixelSum(dx) : undefined,
          ...beside.map(({ shape }, i) => {
            if (needsBeside[i] !== true) return undefined;
            return i === 0 && prior
              ? pairPriorGradient(dx, prior.logOdds, shape, prior.scale)
              : pairDistanceGradient(dx, shape);
          }),
          ...gradients,
          ...keptInputs.map(() => undefined),
        ];
      }),
    maps.flat(),
  );
}

interface DilatedBlock {
  readonly filters: BlockFilters;
  readonly dilation: number;
}

const dilatedBlocks = ({ blocks, dilations = [1] }: PairResNet): DilatedBlock[] =>
  blocks.map((filters, b) => ({ filters, dilation: dilations[b % dilations.length]! }));

/** The map that the first block takes. */
function inputBands(pq: Tensor, { bias, prior, distances }: PairResNet, bandRows: number): Bands {
  let bands = pairSumBands(pq, bias, bandRows);
  const next = (make: (band: Tensor, first: number) => Tensor): void => {
    const before = bands;
    bands = perBand(before, make);
    free(before);
  };
  if (prior) next((x, first) => pairPriorBand(x, prior.logOdds, prior.weight, prior.scale, first));
  if (distances) next((x, first) => pairDistanceBand(x, distances, first));
  return bands;
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

/** The bands of x + relu(norm(conv( … relu(norm(conv(x)))))). */
function residualBlockBands(x: Bands, { filters: [first, ...others], dilation }: DilatedBlock, map: MapSize): Bands {
  return first.device.scope(() => {
    const last = others.reduce<Bands>(
      (c, filters) => convolveBands(c, filters, map, { dilation, stats: instanceStats(...c), frees: true }),
      convolveBands(x, first, map, { dilation }),
    );
    const stats = instanceStats(...last);
    return last.map((c, i) => {
      const y = normalise(c, stats, { relu: true, residual: x[i]! });
      c.dispose();
      return y;
    });
  });
}

/** The gradients of a block's input and filters. Frees dy. */
function residualBlockGradient(
  x: Bands,
  { filters, dilation }: DilatedBlock,
  dy: Bands,
  map: MapSize,
  needs: readonly (boolean | undefined)[],
) {
  return filters[0].device.scope(() => {
    const firstMap = (): Bands => convolveBands(x, filters[0], map, { dilation });
    // What each convolution gives. The first map is made twice, so that one less is alive at a time.
    const maps: Bands[] = [firstMap()];
    const stats: Tensor[] = [];
    for (const [i, each] of filters.slice(1).entries()) {
      stats.push(instanceStats(...maps[i]!));
      maps.push(convolveBands(maps[i]!, each, map, { dilation, stats: stats[i]!, frees: i === 0 }));
    }
    stats.push(instanceStats(...maps.at(-1)!));
    const gradients: (Tensor | undefined)[] = [];
    let through = dy;
    for (let i = filters.length - 1; i >= 0; i--) {
      const gradient = normGradient(maps[i]!, stats[i]!, through, i < filters.length - 1);
      if (i === 1) maps[0] = firstMap();
      const [input, before] = i === 0 ? [x, undefined] : [maps[i - 1]!, stats[i - 1]!];
      gradients.unshift(
        needs[i] === true ? bandsFilterGradient(input, before, gradient, filters[i]!, map, dilation) : undefined,
      );
      through = convolveBands(gradient, filters[i]!, map, { dilation, turn: true, frees: true });
    }
    return { dx: through.map((each, i) => accumulate(dy[i]!, each)), filters: gradients };
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

const reachOf = ({ shape }: Tensor, dilation = 1): number => (dilation * (shape[3]! - 1)) / 2;

interface BandOptions {
  /** Statistics of the map, which is normalised with them, and negative values made 0, on the way in. */
  readonly stats?: Tensor;
  readonly bias?: Tensor;
  readonly turn?: boolean;
  readonly dilation?: number;
  /** Frees each band of the input once it is done with. */
  readonly frees?: boolean;
}

function convolveBands(
  bands: Bands,
  filters: Tensor,
  { width }: MapSize,
  { stats, bias, turn = false, dilation = 1, frees = false }: BandOptions = {},
): Tensor[] {
  const reach = reachOf(filters, dilation);
  const made = perBand(bands, (band, _, i) => {
    const { x, above } = inputOf(bands, i, reach, stats);
    const y = convolve(
      x,
      filters,
      { height: x.shape[0]!, width },
      { bias, turn, dilation, window: { rows: band.shape[0]!, above } },
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
  dilation: number,
): Tensor {
  const reach = reachOf(filters, dilation);
  const reaches = filtersTakeRowsOf(filters);
  return filterGradient(
    filters,
    map,
    bands.map((_, i) => () => {
      if (reaches === 'x') return { ...inputOf(bands, i, reach, stats), dy: dy[i]! };
      const { x: around, above } = withNeighbours(dy, i, reach);
      return { x: inputOf(bands, i, 0, stats).x, dy: around, above };
    }),
    dilation,
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
  return device.scope(() => {
    const parts = bands.map(
      (x) =>
        device.run(
          k.columnSum,
          { x },
          { y: [x.shape[0]!, channels] },
          { rows: x.shape[0]! * width, cols: channels, chunkRows: width },
        ).y,
    );
    return device.run(
      k.columnSum,
      { x: concatenate(parts, [rows, channels]) },
      { y: [channels] },
      { rows, cols: channels, chunkRows: rows },
    ).y;
  });
}
