/**
 * Convolution over a map [height, width, channels] with odd square filters,
 * stride 1 and zero padding to the same size, as a matrix product whose left
 * operand is read out of the map in place (implicit im2col): a row is a pixel,
 * an inner index is (tap, input channel), tap = size · row + column of the
 * filter. Filters are stored [outputs, channels, size, size] and packed first.
 * Their taps are `dilation` pixels apart.
 *
 * The gradient of the map is the same kernel with the filters turned around.
 * The gradient of the filters is a product over all pixels, taken in chunks
 * that are summed in a fixed order, for parallelism and for accuracy.
 *
 * All may run on a band of a map's rows: x then has the rows of the band and
 * those that its filters reach above and below, as far as the map goes, and
 * every sum is made as it is on the whole map.
 */
import {
  gemmBody,
  gemmDeclarations,
  gemmDefaults,
  gemmGrid,
  gemmShape,
  gemmSpace,
  gemmWorkgroup,
  type GemmVariant,
} from './gemm.ts';
import {
  MOST_PATCH_CHANNELS,
  patchBody,
  patchDeclarations,
  patchGrid,
  patchWorkgroup,
  weightPatchBody,
  weightPatchDeclarations,
  weightPatchGrid,
  weightPatchWorkgroup,
  type PatchTile,
} from './conv2dPatches.ts';
import type { GemmText, TileOperand } from './gemmText.ts';
import { DEPTH, storedOperand } from './gemmTiles.ts';
import {
  defineKernel,
  elementwise,
  flatIndex,
  isNewerLavapipe,
  type AdapterTraits,
  type ElementType,
} from './kernel.ts';
import { gatherA4 } from './matrixLoaders.ts';
import { four } from './text.ts';

const unturned: { turn: boolean } = { turn: false };
const withoutBias: { bias: boolean } = { bias: false };

/**
 * y[(tap, channel), output] = filters[output, channel, tap], columns padded with zeros to a multiple of four.
 * With `turn`, for the gradient of the map, y[(tap, output), channel] = filters[output, channel, taps − 1 − tap].
 */
export const packFilters = defineKernel({
  name: 'packFilters',
  inputs: { filters: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', channels: 'u32', outputs: 'u32', taps: 'u32' },
  variant: unturned,
  ...elementwise,
  body: ({ turn }) => {
    const [inner, cols] = turn ? ['u.outputs', 'u.channels'] : ['u.channels', 'u.outputs'];
    return /* wgsl */ `${flatIndex}
  let width = (${cols} + 3u) / 4u * 4u;
  let col = min(i % width, ${cols} - 1u);
  let row = i / width;
  let tap = row / ${inner};
  let k = row % ${inner};
  let value = filters[${turn ? '(k * u.channels + col) * u.taps + u.taps - 1u - tap' : '(col * u.channels + k) * u.taps + tap'}];
  y[i] = select(0.0, value, i % width < ${cols});`;
  },
});

/**
 * `valueUnder(pixel, tap, c)`: the value of x under a filter's tap, 0 outside of x. Quotients go through
 * floats and are then set right: an integer division is slow, on software drivers above all, and unlike a float
 * one is never moved out of the loop over the inner index. Exact for operands below 2²⁴.
 */
const valueUnderWgsl = /* wgsl */ `
fn quotient(a: u32, b: u32) -> u32 {
  let q = u32(f32(a) / f32(b));
  let rest = i32(a - q * b);
  return u32(i32(q) + select(0, 1, rest >= i32(b)) - select(0, 1, rest < 0));
}
fn valueUnder(pixel: u32, tap: u32, c: u32) -> f32 {
  let pixelRow = quotient(pixel, u.width);
  let tapRow = quotient(tap, u.size);
  // Above and left of the map the differences wrap to large numbers.
  let row = pixelRow + u.above + (tapRow - u.size / 2u) * u.dilation;
  let col = pixel - pixelRow * u.width + (tap - tapRow * u.size - u.size / 2u) * u.dilation;
  let inside = row < u.height && col < u.width;
  return select(0.0, x[select(0u, (row * u.width + col) * u.channels + c, inside)], inside);
}`;

/**
 * y[pixel] = Σ over taps of x[pixel under tap, tap] (+ bias): the second half of a convolution with one output,
 * whose products with each tap's filter [pixels, taps] come first. A product with one column would waste a tile. The
 * first row of y is below `above` of x, which has `height`.
 */
export const sumTaps = defineKernel({
  name: 'sumTaps',
  inputs: { x: 'f32', bias: 'f32' },
  optional: ['bias'],
  outputs: { y: 'f32' },
  uniforms: { count: 'u32', height: 'u32', width: 'u32', above: 'u32', size: 'u32', dilation: 'u32' },
  variant: withoutBias,
  ...elementwise,
  body: ({ bias }) => /* wgsl */ `${flatIndex}
  let row = i / u.width + u.above - u.size / 2u * u.dilation;
  let col = i % u.width - u.size / 2u * u.dilation;
  var sum = ${bias ? 'bias[0]' : '0.0'};
  for (var tap = 0u; tap < u.size * u.size; tap++) {
    let r = row + tap / u.size * u.dilation;
    let c = col + tap % u.size * u.dilation;
    if (r < u.height && c < u.width) { sum += x[(r * u.width + c) * u.size * u.size + tap]; }
  }
  y[i] = sum;`,
});

/** x has `height` rows, y `rows`; the first of y is below `above` of x. A whole map has as many and none. */
const mapUniforms = {
  height: 'u32',
  width: 'u32',
  rows: 'u32',
  above: 'u32',
  channels: 'u32',
  size: 'u32',
  dilation: 'u32',
  cols: 'u32',
} as const;

export type Conv2dVariant = Omit<GemmVariant, 'algorithm'> &
  PatchTile & {
    /** gemm.ts's, or `patches` (conv2dPatches.ts), which is `subgroup` for filters that are not `patchable`. */
    algorithm: GemmVariant['algorithm'] | 'patches';
    /** Filters are 3 × 3, and in `conv2d` of at most `MOST_PATCH_CHANNELS` channels. */
    patchable: boolean;
    /** `channels` is a multiple of four: `tiled` reads x in vectors. */
    alignedX: boolean;
    /** Adds `bias` [cols]. */
    bias: boolean;
  };
const convDefaults: Conv2dVariant = { ...gemmDefaults, outputs: 24, patchable: false, alignedX: false, bias: false };

/** The variant as gemm.ts has it; undefined where it is in patches. */
function gemmVariant<V extends Pick<Conv2dVariant, keyof GemmVariant | 'patchable'>>(
  variant: V,
): (V & GemmVariant) | undefined {
  const { algorithm, patchable } = variant;
  if (algorithm !== 'patches') return { ...variant, algorithm };
  return patchable ? undefined : { ...variant, algorithm: 'subgroup' };
}

/** Whether x is read in vectors: in tiles alone. */
const readsVectors = ({ algorithm, alignedX }: Pick<Conv2dVariant, 'algorithm' | 'alignedX'>): boolean =>
  algorithm === 'tiled' && alignedX;

/** What is worth timing. */
function convSpace(traits: AdapterTraits): Partial<Conv2dVariant>[] {
  const { subgroupSize: lanes } = traits;
  return [
    ...(isNewerLavapipe(traits) && lanes !== undefined
      ? [8, 24].map((outputs) => ({ algorithm: 'patches' as const, lanes, outputs }))
      : []),
    ...gemmSpace(traits),
  ];
}

/**
 * Where x lies under a tap, for tiles: both the pixel and the tap are taken apart once and then counted on, so that no
 * division is in the loop. Above and left of the map the differences wrap to large numbers.
 */
const underTap = /* wgsl */ `
struct Pixel { row: u32, col: u32 }
struct Tap { row: u32, col: u32, channel: u32 }
fn pixelAt(index: u32) -> Pixel {
  let row = index / u.width;
  return Pixel(row, index - row * u.width);
}
fn tapAt(index: u32) -> Tap {
  let tap = index / u.channels;
  let row = tap / u.size;
  let reach = u.size / 2u;
  return Tap((row - reach) * u.dilation + u.above, (tap - row * u.size - reach) * u.dilation, index - tap * u.channels);
}
fn vectorUnder(pixel: Pixel, tap: Tap) -> vec4f {
  let row = pixel.row + tap.row;
  let col = pixel.col + tap.col;
  let inside = row < u.height && col < u.width;
  return select(vec4f(), x[select(0u, ((row * u.width + col) * u.channels + tap.channel) / 4u, inside)], inside);
}`;

/** An operand of which each of four values is found by `loadA`. */
const gatheredOperand = (
  contiguous: TileOperand['contiguous'],
  { rows, end }: { readonly rows: string; readonly end: string },
): TileOperand => ({
  contiguous,
  whole: contiguous === 'outer',
  text: /* wgsl */ `
alias OuterA = u32;
alias InnerA = u32;
fn outerA(index: u32) -> u32 { return ${contiguous === 'outer' ? '4u * index' : 'index'}; }
fn innerA(k: u32) -> u32 { return k; }
fn nextA(k: u32) -> u32 { return k + ${DEPTH}u; }
fn vectorA(outer: u32, k: u32) -> vec4f {
  return ${four((e) =>
    contiguous === 'outer'
      ? `loadA(min(outer + ${e}u, ${rows} - 1u), min(k, ${end} - 1u))`
      : `loadA(min(outer, ${rows} - 1u), min(k + ${e}u, ${end} - 1u))`,
  )};
}`,
});

const forwardSizes = { rows: 'u.rows * u.width', cols: 'u.cols', first: '0u', end: 'u.size * u.size * u.channels' };

/** Rows are pixels, inner indices taps with their channels. */
const mapOperand: TileOperand = {
  contiguous: 'inner',
  whole: true,
  text: /* wgsl */ `${underTap}
alias OuterA = Pixel;
alias InnerA = Tap;
fn outerA(index: u32) -> Pixel { return pixelAt(min(index, ${forwardSizes.rows} - 1u)); }
fn innerA(k: u32) -> Tap { return tapAt(k); }
fn nextA(at: Tap) -> Tap {
  var tap = at;
  tap.channel += ${DEPTH}u;
  // The column beyond a filter's last.
  let end = (u.size - u.size / 2u) * u.dilation;
  while (tap.channel >= u.channels) {
    tap.channel -= u.channels;
    tap.col += u.dilation;
    if (tap.col == end) {
      tap.col -= u.size * u.dilation;
      tap.row += u.dilation;
    }
  }
  return tap;
}
fn vectorA(pixel: Pixel, tap: Tap) -> vec4f { return vectorUnder(pixel, tap); }`,
};

const forwardText = ({ alignedX }: { readonly alignedX: boolean }): GemmText => ({
  ...forwardSizes,
  a: alignedX ? mapOperand : gatheredOperand('inner', { rows: `(${forwardSizes.rows})`, end: forwardSizes.end }),
  b: storedOperand('B', {
    buffer: 'b',
    contiguous: 'outer',
    inner: `(${forwardSizes.end})`,
    outer: '((u.cols + 3u) / 4u * 4u)',
    aligned: true,
  }),
});

const forwardLoads = /* wgsl */ `
${valueUnderWgsl}
fn loadA(row: u32, k: u32) -> f32 {
  let tap = quotient(k, u.channels);
  return valueUnder(row, tap, k - tap * u.channels);
}
${gatherA4(forwardSizes.end)}
fn loadB(k: u32, vector: u32) -> vec4f { return b[k * ((u.cols + 3u) / 4u) + vector]; }`;

/** y [rows, width, cols] = x * filters (+ bias); b from `packFilters`. */
export const conv2d = defineKernel({
  name: 'conv2d',
  inputs: { x: 'f32', b: 'vec4f', bias: 'f32' },
  optional: ['bias'],
  outputs: { y: 'f32' },
  uniforms: mapUniforms,
  variant: convDefaults,
  derived: ({ size, channels }) => ({
    patchable: size === 3 && channels <= MOST_PATCH_CHANNELS,
    alignedX: channels % 4 === 0,
  }),
  elements: (variant): Record<string, ElementType> => ({
    ...(gemmVariant(variant) === undefined ? { b: 'f32' } : {}),
    ...(readsVectors(variant) ? { x: 'vec4f' } : {}),
  }),
  workgroup: (variant) => {
    const gemm = gemmVariant(variant);
    return gemm === undefined ? patchWorkgroup : gemmWorkgroup(gemm);
  },
  grid: (uniforms, variant) => {
    const gemm = gemmVariant(variant);
    return gemm === undefined
      ? patchGrid(uniforms, variant)
      : gemmGrid(uniforms.rows * uniforms.width, uniforms.cols, gemm);
  },
  subgroups: (variant) => gemmVariant(variant)?.algorithm === 'subgroup',
  tuning: {
    space: convSpace,
    shape: ({ rows, width, channels, size, cols }, { patchable }) =>
      `${gemmShape(rows * width, size * size * channels, cols)}${patchable ? ' patchable' : ''}`,
  },
  declarations: (variant) => {
    const gemm = gemmVariant(variant);
    return /* wgsl */ `
${gemm === undefined ? patchDeclarations(variant) : gemmDeclarations(gemm, forwardText(gemm)) + (readsVectors(gemm) ? '' : forwardLoads)}
fn store(row: u32, col: u32, value: f32) { y[row * u.cols + col] = value${variant.bias ? ' + bias[col]' : ''}; }`;
  },
  body: (variant) => {
    const gemm = gemmVariant(variant);
    return gemm === undefined ? patchBody(variant) : gemmBody(gemm, forwardText(gemm));
  },
});

const backwardSizes = {
  rows: 'u.size * u.size * u.channels',
  cols: 'u.cols',
  first: 'wid.z * u.chunkPixels',
  end: 'min(u.rows * u.width, first + u.chunkPixels)',
};

/** Rows are taps with their channels, inner indices pixels. */
const turnedMapOperand: TileOperand = {
  contiguous: 'outer',
  whole: true,
  text: /* wgsl */ `${underTap}
alias OuterA = Tap;
alias InnerA = Pixel;
fn outerA(vector: u32) -> Tap { return tapAt(min(4u * vector, ${backwardSizes.rows} - 1u)); }
fn innerA(k: u32) -> Pixel { return pixelAt(k); }
fn nextA(at: Pixel) -> Pixel {
  var pixel = at;
  pixel.col += ${DEPTH}u;
  while (pixel.col >= u.width) {
    pixel.col -= u.width;
    pixel.row++;
  }
  return pixel;
}
fn vectorA(tap: Tap, pixel: Pixel) -> vec4f { return vectorUnder(pixel, tap); }`,
};

const backwardText = ({ alignedX, aligned }: Pick<Conv2dWeightVariant, 'alignedX' | 'aligned'>): GemmText => ({
  ...backwardSizes,
  a: alignedX
    ? turnedMapOperand
    : gatheredOperand('outer', { rows: `(${backwardSizes.rows})`, end: '(u.rows * u.width)' }),
  b: storedOperand('B', { buffer: 'dy', contiguous: 'outer', inner: '(u.rows * u.width)', outer: 'u.cols', aligned }),
});

export type Conv2dWeightVariant = Omit<Conv2dVariant, 'bias'> & {
  /** `cols` is a multiple of four: dy is read in vectors. */
  aligned: boolean;
};
const weightDefaults: Conv2dWeightVariant = {
  ...gemmDefaults,
  outputs: 24,
  patchable: false,
  alignedX: false,
  aligned: false,
};

/** What is worth timing. */
function weightSpace(traits: AdapterTraits): Partial<Conv2dWeightVariant>[] {
  const { subgroupSize: lanes } = traits;
  return [
    ...(isNewerLavapipe(traits) && lanes !== undefined
      ? [8, 24]
          .filter((outputs) => outputs % lanes === 0)
          .map((outputs) => ({ algorithm: 'patches' as const, lanes, outputs }))
      : []),
    ...gemmSpace(traits),
  ];
}

const weightLoads = (variant: Conv2dWeightVariant): string => (readsVectors(variant) ? '' : weightGathers(variant));

const weightGathers = ({ aligned }: Conv2dWeightVariant): string => /* wgsl */ `
${valueUnderWgsl}
fn loadA(row: u32, k: u32) -> f32 {
  let tap = quotient(row, u.channels);
  return valueUnder(k, tap, row - tap * u.channels);
}
${gatherA4('(u.rows * u.width)')}
fn loadB(k: u32, vector: u32) -> vec4f {
  return ${aligned ? 'dy[k * (u.cols / 4u) + vector]' : four((e) => `dy[k * u.cols + min(4u * vector + ${e}u, u.cols - 1u)]`)};
}`;

/**
 * y[chunk, (tap, channel), col] = Σ over the pixels p of a chunk (a multiple of four) of x[p under tap, channel] ·
 * dy[p, col]; dy has `rows` rows.
 */
export const conv2dBackwardWeight = defineKernel({
  name: 'conv2dBackwardWeight',
  inputs: { x: 'f32', dy: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { ...mapUniforms, chunkPixels: 'u32' },
  variant: weightDefaults,
  derived: ({ size, channels, cols }) => ({
    aligned: cols % 4 === 0,
    alignedX: channels % 4 === 0,
    patchable: size === 3,
  }),
  elements: (variant): Record<string, ElementType> => ({
    ...(gemmVariant(variant)?.aligned === true ? { dy: 'vec4f' } : {}),
    ...(readsVectors(variant) ? { x: 'vec4f' } : {}),
  }),
  workgroup: (variant) => {
    const gemm = gemmVariant(variant);
    return gemm === undefined ? weightPatchWorkgroup(variant) : gemmWorkgroup(gemm);
  },
  grid: (uniforms, variant) => {
    const { rows, width, channels, size, cols, chunkPixels } = uniforms;
    const [gemm, chunks] = [gemmVariant(variant), Math.ceil((rows * width) / chunkPixels)];
    return gemm === undefined
      ? weightPatchGrid(uniforms, variant, chunks)
      : gemmGrid(size * size * channels, cols, gemm, chunks);
  },
  subgroups: (variant) => gemmVariant(variant)?.algorithm !== 'register' && variant.algorithm !== 'tiled',
  tuning: {
    space: weightSpace,
    shape: ({ rows, width, channels, size, cols, chunkPixels }, { patchable }) =>
      `${gemmShape(size * size * channels, Math.min(rows * width, chunkPixels), cols)}${patchable ? ' patchable' : ''}`,
  },
  declarations: (variant) => {
    const gemm = gemmVariant(variant);
    return /* wgsl */ `
${gemm === undefined ? weightPatchDeclarations : gemmDeclarations(gemm, backwardText(gemm)) + weightLoads(gemm)}
var<private> chunk: u32;
fn store(row: u32, col: u32, value: f32) { y[(chunk * ${backwardSizes.rows} + row) * u.cols + col] = value; }`;
  },
  body: (variant) => {
    const gemm = gemmVariant(variant);
    return /* wgsl */ `
  chunk = wid.z;
${gemm === undefined ? weightPatchBody(variant) : gemmBody(gemm, backwardText(gemm))}`;
  },
});

/**
 * dfilters[output, channel, tap] = Σ over chunks of x[chunk, (tap, channel), output], in their order. With
 * `turn`, where map and gradient had changed places, of x[chunk, (taps − 1 − tap, output), channel].
 */
export const sumFilters = defineKernel({
  name: 'sumFilters',
  inputs: { x: 'f32' },
  outputs: { dfilters: 'f32' },
  uniforms: { count: 'u32', channels: 'u32', outputs: 'u32', taps: 'u32', chunks: 'u32' },
  variant: unturned,
  ...elementwise,
  body: ({ turn }) => /* wgsl */ `${flatIndex}
  let tap = i % u.taps;
  let c = i / u.taps % u.channels;
  let output = i / u.taps / u.channels;
  let at = ${turn ? '((u.taps - 1u - tap) * u.outputs + output) * u.channels + c' : '(tap * u.channels + c) * u.outputs + output'};
  var sum = 0.0;
  for (var chunk = 0u; chunk < u.chunks; chunk++) { sum += x[chunk * u.count + at]; }
  dfilters[i] = sum;`,
});
