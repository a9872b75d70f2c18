/**
 * Vectors of records as the tools of data analysis read them: NumPy's `.npy`
 * and CSV. Each takes the records one after the other, so memory does not grow
 * with their number.
 */
import { csvLine } from '@rna/structure';
import type { ByteSink } from './checkpoint/source.ts';

/** Rows in the order of `ids`, each of `shape`'s product of values. */
export interface Vectors {
  readonly ids: readonly string[];
  readonly shape: readonly number[];
  readonly rows: AsyncIterable<Float32Array>;
}

/** `name.npy`: one array of float32, C order, [records, …shape]. The ids have no place in it. */
export async function writeNpy(sink: ByteSink, { ids, shape, rows }: Vectors): Promise<void> {
  await sink.write(npyHeader([ids.length, ...shape]));
  for await (const row of rows) await sink.write(new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
}

/** What stands before the values of a `.npy` of float32. */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  // Magic, version and length take 10 bytes; the whole is a multiple of 64 and ends in a line end (NEP 1).
  const length = Math.ceil((10 + dict.length + 1) / 64) * 64 - 10;
  const header = new Uint8Array(10 + length);
  header.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0]);
  new DataView(header.buffer).setUint16(8, length, true);
  header.set(new TextEncoder().encode(`${dict.padEnd(length - 1)}\n`), 10);
  return header;
}

/** Names of the columns of a table with a column for each value. */
export const vectorColumns = (width: number): string[] => Array.from({ length: width }, (_, column) => `e${column}`);

/** A line a record: its id and columns `e0`, `e1`, …, in the fewest digits that are the same float32. */
export async function writeCsv(sink: ByteSink, { ids, shape: [width = 0], rows }: Vectors): Promise<void> {
  const text = new TextEncoder();
  await sink.write(text.encode(csvLine(['id', ...vectorColumns(width)])));
  let record = 0;
  for await (const row of rows) {
    const cells = Array.from(row, (value) => Number(value.toPrecision(9)));
    await sink.write(text.encode(csvLine([ids[record++]!, ...cells])));
  }
}
