/**
 * 3 × 3 convolutions for software drivers, `patches` among the algorithms of conv2d.ts. There a load by every lane is
 * fetched lane by lane, each behind a check: some sixty instructions for eight values. A value that is the same for all
 * lanes is fetched once. So a value that lanes load is used for as many products as there are registers and time to
 * compile for, and what it is multiplied with is the same for all lanes.
 *
 * Pixels that are `dilation` apart are neighbours here: a map is `dilation`² images of such pixels, and a patch lies in
 * one of them. Products of one sum are added up before the sum, which lies in memory as no register file holds so many,
 * is read and written.
 */
import { flatGrid, type Grid } from './kernel.ts';
import { four, lines, range } from './text.ts';

export type PatchTile = {
  /** Outputs of an invocation. */
  outputs: number;
};

/** Channels of which `patches` has the filters in workgroup memory: 31 KB, of 32 that lavapipe has. */
export const MOST_PATCH_CHANNELS = 36;

const [DOWN, ACROSS] = [2, 2]; // pixels of the patch of an invocation
const GROUP = 128; // invocations that share filters
const TAPS = 3; // of a row of a filter

/** The sum of products as text, from the left. */
const products = (of: readonly string[]): string => of.join(' + ');

/**
 * Patches of `side` along so many pixels in all images, of which the first have a pixel more than the others: patch p
 * is the (p / dilation)-th of image p % dilation.
 */
function patchesAlong(pixels: number, dilation: number, side: number): number {
  const [each, more] = [Math.floor(pixels / dilation), pixels % dilation];
  const patches = Math.ceil(each / side);
  return patches * dilation + (Math.ceil((each + 1) / side) - patches) * more;
}

const patchesAlongWgsl = /* wgsl */ `
fn patchesAlong(pixels: u32, side: u32) -> u32 {
  let each = pixels / u.dilation;
  let patches = (each + side - 1u) / side;
  return patches * u.dilation + ((each + side) / side - patches) * (pixels % u.dilation);
}`;

// ---- y = x * filters -------------------------------------------------------

export const patchWorkgroup: Grid = [GROUP, 1, 1];

export function patchGrid(
  { rows, width, dilation, cols }: { rows: number; width: number; dilation: number; cols: number },
  { outputs }: PatchTile,
): Grid {
  const patches = patchesAlong(rows, dilation, DOWN) * patchesAlong(width, dilation, ACROSS);
  return flatGrid(Math.ceil(patches / GROUP) * Math.ceil(cols / outputs), 1);
}

export const patchDeclarations = ({ outputs }: PatchTile): string => /* wgsl */ `${patchesAlongWgsl}
var<workgroup> taps: array<f32, ${TAPS * TAPS * outputs * MOST_PATCH_CHANNELS}>;`;

/**
 * An invocation computes 2 × 2 pixels of so many `outputs`, and a workgroup has their filters in its memory. As plain
 * loops:
 *
 *     for each channel c
 *       x[0..3][0..3] = the values of channel c under the taps of the four pixels, 0 outside of the map
 *       for each output o, for each of the four pixels
 *         sum[pixel][o] += Σ over the 9 taps, in their order, of x[tap's row][tap's column] · filter[tap][c][o]
 *
 * Buffers, uniforms and `store` are those of `conv2d`.
 */
export function patchBody({ outputs }: PatchTile): string {
  const [rows, cols] = [range(DOWN + TAPS - 1), range(ACROSS + TAPS - 1)];
  const [columns, taps] = [range(outputs), range(TAPS * TAPS)];
  const under = (each: (at: string, row: number, col: number) => string): string =>
    lines(rows.flatMap((row) => cols.map((col) => each(`${row}${col}`, row, col))));
  const pixels = range(DOWN).flatMap((row) => range(ACROSS).map((col) => ({ row, col, name: `${row}${col}` })));
  const ofChannel = taps.length * outputs;
  return /* wgsl */ `
  let d = u.dilation;
  let across = patchesAlong(u.width, ${ACROSS}u);
  let groupsOfPatches = (patchesAlong(u.rows, ${DOWN}u) * across + ${GROUP - 1}u) / ${GROUP}u;
  let group = wid.y * groups.x + wid.x;
  // An output beyond the last is the last one, again.
  let firstCol = group / groupsOfPatches * ${outputs}u;
  let own = group % groupsOfPatches * ${GROUP}u + lane;
  let ownRow = own / across;
  let ownCol = own % across;
  let pixelRow = ownRow / d * ${DOWN}u * d + ownRow % d;
  let pixelCol = ownCol / d * ${ACROSS}u * d + ownCol % d;
  // Above and left of the map the differences wrap to large numbers.
${lines(rows.map((i) => `  let row${i} = pixelRow + u.above + ${i}u * d - d;`))}
${lines(cols.map((i) => `  let col${i} = pixelCol + ${i}u * d - d;`))}
${under((at, row, col) => `  let in${at} = row${row} < u.height && col${col} < u.width;`)}
${under((at, row, col) => `  let at${at} = select(0u, (row${row} * u.width + col${col}) * u.channels, in${at});`)}
  let paddedCols = (u.cols + 3u) / 4u * 4u;
  for (var i = lane; i < u.channels * ${ofChannel}u; i += ${GROUP}u) {
    let row = i / ${outputs}u % ${taps.length}u * u.channels + i / ${ofChannel}u;
    taps[i] = b[row * paddedCols + min(firstCol + i % ${outputs}u, u.cols - 1u)];
  }
  workgroupBarrier();
${lines(pixels.flatMap(({ name }) => columns.map((o) => `  var s${name}_${o} = 0.0;`)))}
  for (var c = 0u; c < u.channels; c++) {
${under((at) => `    let x${at} = select(0.0, x[at${at} + c], in${at});`)}
    let ofChannel = c * ${ofChannel}u;
${lines(
  columns.map(
    (o) => /* wgsl */ `
${lines(taps.map((tap) => `    let f${tap}_${o} = taps[ofChannel + ${tap * outputs + o}u];`))}
${lines(
  pixels.map(
    ({ row, col, name }) =>
      `    s${name}_${o} += ${products(taps.map((tap) => `x${row + Math.floor(tap / TAPS)}${col + (tap % TAPS)} * f${tap}_${o}`))};`,
  ),
)}`,
  ),
)}
  }
${lines(
  pixels.map(
    ({ row, col, name }) => /* wgsl */ `
  if (pixelRow + ${row}u * d < u.rows && pixelCol + ${col}u * d < u.width) {
    let pixel = (pixelRow + ${row}u * d) * u.width + pixelCol + ${col}u * d;
${lines(columns.map((o) => `    store(pixel, min(firstCol + ${o}u, u.cols - 1u), s${name}_${o});`))}
  }`,
  ),
)}`;
}

// ---- the gradient of the filters ---------------------------------------------

const STRIP = 4; // pixels of a row

export type WeightPatchTile = {
  /** Lanes of the subgroup: channels of an invocation. */
  lanes: number;
  /** Outputs of a workgroup, a multiple of four and of `lanes`. */
  outputs: number;
};

export const weightPatchDeclarations = patchesAlongWgsl;

export const weightPatchWorkgroup = ({ lanes }: WeightPatchTile): Grid => [lanes, 1, 1];

export const weightPatchGrid = (
  { channels, cols }: { channels: number; cols: number },
  { lanes, outputs }: WeightPatchTile,
  chunks: number,
): Grid => [Math.ceil(channels / lanes) * Math.ceil(cols / outputs), 1, chunks];

/**
 * A workgroup is one subgroup; a lane has a channel and the sums of all taps and so many `outputs`. As plain loops:
 *
 *     for each row of the chunk, for each strip of 4 pixels of it, `dilation` apart
 *       x[0..2][0..5] = the channel's values under the taps of the four pixels, 0 outside of the map
 *       for each output o, for each tap
 *         sum[tap][o] += Σ over the 4 pixels of x[tap's row][pixel + tap's column] · dy[pixel][o]
 *
 * where dy is 0 for pixels outside of the map and of the chunk. Its values are loaded by a lane each and handed to all.
 */
export function weightPatchBody({ lanes, outputs }: WeightPatchTile): string {
  const [rows, cols, pixels, taps] = [range(TAPS), range(STRIP + TAPS - 1), range(STRIP), range(TAPS * TAPS)];
  const [columns, loads] = [range(outputs), range(outputs / lanes)];
  const under = (each: (at: string, row: number, col: number) => string): string =>
    lines(rows.flatMap((row) => cols.map((col) => each(`${row}${col}`, row, col))));
  return /* wgsl */ `
  let d = u.dilation;
  let colTiles = (u.cols + ${outputs - 1}u) / ${outputs}u;
  let firstCol = wid.x % colTiles * ${outputs}u;
  let channel = wid.x / colTiles * ${lanes}u + sid;
  let c = min(channel, u.channels - 1u);
${lines(loads.map((l) => `  let o${l} = min(firstCol + ${l * lanes}u + sid, u.cols - 1u);`))}
  let first = wid.z * u.chunkPixels;
  let end = min(first + u.chunkPixels, u.rows * u.width);
  let across = patchesAlong(u.width, ${STRIP}u);
${lines(taps.flatMap((tap) => columns.map((o) => `  var s${tap}_${o} = 0.0;`)))}
  for (var pixelRow = first / u.width; pixelRow * u.width < end; pixelRow++) {
    // Above and left of the map the differences wrap to large numbers.
${lines(rows.map((i) => `    let row${i} = pixelRow + u.above + ${i}u * d - d;`))}
    for (var strip = 0u; strip < across; strip++) {
      let pixelCol = strip % d + strip / d * ${STRIP}u * d;
${lines(cols.map((i) => `      let col${i} = pixelCol + ${i}u * d - d;`))}
${under((at, row, col) => `      let in${at} = row${row} < u.height && col${col} < u.width;`)}
${under((at, row, col) => `      let x${at} = select(0.0, x[select(0u, (row${row} * u.width + col${col}) * u.channels, in${at}) + c], in${at});`)}
${lines(
  pixels.map(
    (p) => /* wgsl */ `
      let pixel${p} = pixelRow * u.width + col${p + 1};
      let counts${p} = col${p + 1} < u.width && pixel${p} >= first && pixel${p} < end;
      let of${p} = select(0u, pixel${p} * u.cols, counts${p});
${lines(loads.map((l) => `      let dy${p}_${l} = select(0.0, dy[of${p} + o${l}], counts${p});`))}`,
  ),
)}
${lines(
  columns.map(
    (o) => /* wgsl */ `
${lines(pixels.map((p) => `      let g${p}_${o} = subgroupBroadcast(dy${p}_${Math.floor(o / lanes)}, ${o % lanes}u);`))}
${lines(
  taps.map(
    (tap) =>
      `      s${tap}_${o} += ${products(pixels.map((p) => `x${Math.floor(tap / TAPS)}${p + (tap % TAPS)} * g${p}_${o}`))};`,
  ),
)}`,
  ),
)}
    }
  }
  if (channel < u.channels) {
    for (var e = 0u; e < 4u; e++) {
${lines(
  range(outputs / 4).map(
    (v) => /* wgsl */ `
      let col${v} = firstCol + ${4 * v}u + e;
      if (col${v} < u.cols) {
${lines(taps.map((tap) => `        store(${tap}u * u.channels + channel, col${v}, ${four((e) => `s${tap}_${4 * v + e}`)}[e]);`))}
      }`,
  ),
)}
    }
  }`;
}
