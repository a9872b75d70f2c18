/**
 * Tables by which kernels know the sequences of a pack, made on the host from
 * the cumulative lengths. Attention reads `segmentTable`, the ends of each row's
 * sequence. Kernels over whole sequences read `sequenceTable`, the number of
 * each row's sequence, beside the ends of each sequence, `bounds`
 * [sequences, 2].
 */

/** First and end row of each token's sequence, [tokens, 2], from the cumulative lengths [sequences + 1]. */
export function segmentTable(cuSeqlens: Uint32Array): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(2 * (cuSeqlens.at(-1) ?? 0));
  for (let s = 0; s + 1 < cuSeqlens.length; s++) {
    for (let t = cuSeqlens[s]!; t < cuSeqlens[s + 1]!; t++) {
      table[2 * t] = cuSeqlens[s]!;
      table[2 * t + 1] = cuSeqlens[s + 1]!;
    }
  }
  return table;
}

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
