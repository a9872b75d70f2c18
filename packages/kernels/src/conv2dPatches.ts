/**
 * A 3 × 3 convolution for software drivers, `patches` among the algorithms of conv2d.ts. An invocation computes 2 × 2
 * pixels, `dilation` apart, so that each value of x that it loads is under up to four of its taps, and so many
 * `outputs` of each. As plain loops:
 *
 *     for each channel c, `depth` of them at a time
 *       x[0..3][0..3] = the values of channel c under the taps of the four pixels, 0 outside of the map
 *       for each output o, for each of the four pixels
 *         sum[pixel][o] += Σ over the 9 taps, in their order, of x[tap's row][tap's column] · filter[tap][c][o]
 *
 * There a load by every lane is fetched lane by lane behind a check, some sixty instructions for eight values, while a
 * value of workgroup memory at the same index for all lanes is fetched once. So filters go through workgroup memory,
 * one barrier for `depth` channels, and values of x stay in registers. The nine products of a sum are added up before
 * the sum, which lies in memory as no register file holds so many, is read and written.
 */
import { flatGrid, type Grid } from './kernel.ts';
import { lines, range } from './text.ts';

export type PatchTile = {
  /** Outputs of an invocation. */
  outputs: number;
  /** Channels whose filters are in workgroup memory at once: 36 · outputs · depth bytes. */
  depth: number;
};

const SIDE = 2; // of a patch of pixels
const TAPS = 3; // in a row
const REACH = SIDE + TAPS - 1;
const GROUP = 64;

export const patchWorkgroup: Grid = [GROUP, 1, 1];

/** Rows or columns of patches over so many pixels, which are `dilation` images of pixels that are that far apart. */
const patchesAlong = (pixels: number, dilation: number): number =>
  Math.ceil(Math.ceil(pixels / dilation) / SIDE) * dilation;

export function patchGrid(
  { rows, width, dilation, cols }: { rows: number; width: number; dilation: number; cols: number },
  { outputs }: PatchTile,
): Grid {
  const groups = Math.ceil((patchesAlong(rows, dilation) * patchesAlong(width, dilation)) / GROUP);
  return flatGrid(groups * Math.ceil(cols / outputs), 1);
}

export const patchDeclarations = ({ outputs, depth }: PatchTile): string => /* wgsl */ `
var<workgroup> taps: array<f32, ${TAPS * TAPS * outputs * depth}>;`;

/** Buffers, uniforms and `store` are those of `conv2d`. */
export function patchBody({ outputs, depth }: PatchTile): string {
  const [reach, side, columns, all] = [range(REACH), range(SIDE), range(outputs), range(TAPS * TAPS)];
  const square = (each: (row: number, col: number) => string): string =>
    lines(reach.flatMap((row) => reach.map((col) => each(row, col))));
  const pixels = side.flatMap((row) => side.map((col) => ({ row, col, name: `${row}${col}` })));
  const products = (row: number, col: number, o: number): string =>
    all.map((tap) => `x${row + Math.floor(tap / TAPS)}${col + (tap % TAPS)} * f${tap}_${o}`).join(' + ');
  const staged = TAPS * TAPS * outputs;
  return /* wgsl */ `
  let d = u.dilation;
  // Patches of one image of pixels that are d apart are d apart among all.
  let down = ((u.rows + d - 1u) / d + ${SIDE - 1}u) / ${SIDE}u * d;
  let across = ((u.width + d - 1u) / d + ${SIDE - 1}u) / ${SIDE}u * d;
  let groupsOfPatches = (down * across + ${GROUP - 1}u) / ${GROUP}u;
  let group = wid.y * groups.x + wid.x;
  let firstCol = group / groupsOfPatches * ${outputs}u;
  let own = group % groupsOfPatches * ${GROUP}u + lane;
  let patchRow = own / across;
  let patchCol = own % across;
  let pixelRow = patchRow / d * ${SIDE}u * d + patchRow % d;
  let pixelCol = patchCol / d * ${SIDE}u * d + patchCol % d;
  // Above and left of the map the differences wrap to large numbers.
${lines(reach.map((i) => `  let row${i} = pixelRow + u.above + ${i}u * d - d;`))}
${lines(reach.map((i) => `  let col${i} = pixelCol + ${i}u * d - d;`))}
${square((row, col) => `  let in${row}${col} = row${row} < u.height && col${col} < u.width;`)}
${square((row, col) => `  let at${row}${col} = select(0u, (row${row} * u.width + col${col}) * u.channels, in${row}${col});`)}
${lines(pixels.flatMap(({ name }) => columns.map((o) => `  var s${name}_${o} = 0.0;`)))}
  let paddedCols = (u.cols + 3u) / 4u * 4u;
  for (var first = 0u; first < u.channels; first += ${depth}u) {
    let end = min(first + ${depth}u, u.channels);
    workgroupBarrier();
    for (var i = lane; i < (end - first) * ${staged}u; i += ${GROUP}u) {
      let c = first + i / ${staged}u;
      let tap = i / ${outputs}u % ${TAPS * TAPS}u;
      let col = min(firstCol + i % ${outputs}u, u.cols - 1u);
      let at = (tap * u.channels + c) * paddedCols + col;
      taps[i] = b[at / 4u][at % 4u];
    }
    workgroupBarrier();
    for (var c = first; c < end; c++) {
${square((row, col) => `      let x${row}${col} = select(0.0, x[at${row}${col} + c], in${row}${col});`)}
      let at = (c - first) * ${staged}u;
${lines(
  columns.map(
    (o) => /* wgsl */ `
${lines(all.map((tap) => `      let f${tap}_${o} = taps[at + ${tap * outputs + o}u];`))}
${lines(pixels.map(({ row, col, name }) => `      s${name}_${o} += ${products(row, col, o)};`))}`,
  ),
)}
    }
  }
${lines(
  pixels.map(
    ({ row, col, name }) => /* wgsl */ `
  if (pixelRow + ${row}u * d < u.rows && pixelCol + ${col}u * d < u.width) {
    let pixel = (pixelRow + ${row}u * d) * u.width + pixelCol + ${col}u * d;
${lines(columns.map((o) => `    if (firstCol + ${o}u < u.cols) { store(pixel, firstCol + ${o}u, s${name}_${o}); }`))}
  }`,
  ),
)}`;
}
