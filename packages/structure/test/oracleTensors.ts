/** Tensors of the tertiary oracle's files among the fixtures: safetensors of F32 and I32. */

import { readFileSync } from 'node:fs';

/** Values by name, as doubles. */
export function oracleTensors(name: string): Record<string, Float64Array> {
  const bytes = readFileSync(new URL(`fixtures/tertiary/${name}.safetensors`, import.meta.url));
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerLength).toString()) as Record<
    string,
    { dtype: 'F32' | 'I32'; data_offsets: [number, number] }
  >;
  const data = bytes.subarray(8 + headerLength);
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        key,
        {
          dtype,
          data_offsets: [from, to],
        },
      ]) => [
        key,
        Float64Array.from({ length: (to - from) / 4 }, (_, i) =>
          dtype === 'I32' ? data.readInt32LE(from + 4 * i) : data.readFloatLE(from + 4 * i),
        ),
      ],
    ),
  );
}

/** The largest difference of two lists of one length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
