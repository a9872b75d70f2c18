/**
 * What kernels over packed sequences read: each row's sequence, `sequences`
 * [rows], and where each sequence begins and ends, `bounds` [sequences, 2].
 */

/** The number of each row's sequence, [offsets.at(-1)], from the cumulative lengths [sequences + 1]. */
export function sequenceTable(offsets: Uint32Array): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(offsets.at(-1) ?? 0);
  for (let s = 0; s + 1 < offsets.length; s++) table.fill(s, offsets[s], offsets[s + 1]);
  return table;
}

/** WGSL of `row`'s sequence `s`, its rows `first` … `end` − 1. */
export const boundsOfRow = /* wgsl */ `
  let s = sequences[row];
  let first = bounds[2u * s];
  let end = bounds[2u * s + 1u];`;
