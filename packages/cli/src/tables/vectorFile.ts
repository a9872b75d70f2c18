/**
 * Vectors of records as the tools of data analysis read them: NumPy's `.npy`,
 * CSV, Parquet. Each takes the records one after the other, so memory does not
 * grow with their number.
 */
import type { ByteSink } from '@rna/model';
import { csvLine } from './predictionTable.ts';

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

/** The shape that such a header says, and its bytes; undefined where the file does not begin with one. */
export function npyShape(
  start: Buffer,
): { readonly shape: readonly number[]; readonly headerBytes: number } | undefined {
  if (start.length < 10) return undefined;
  const headerBytes = 10 + start.readUInt16LE(8);
  const [, extents] = /'shape': \(([\d, ]+)\)/.exec(start.toString('latin1', 10, headerBytes)) ?? [];
  const shape = extents
    ?.split(',')
    .filter((each) => each.trim() !== '')
    .map(Number);
  return shape !== undefined && npyHeader(shape).every((byte, i) => byte === start[i])
    ? { shape, headerBytes }
    : undefined;
}

const columnNames = (width: number): string[] => Array.from({ length: width }, (_, column) => `e${column}`);

/** A line a record: its id and columns `e0`, `e1`, …, in the fewest digits that are the same float32. */
export async function writeCsv(sink: ByteSink, { ids, shape: [width = 0], rows }: Vectors): Promise<void> {
  const text = new TextEncoder();
  await sink.write(text.encode(csvLine(['id', ...columnNames(width)])));
  let record = 0;
  for await (const row of rows) {
    const cells = Array.from(row, (value) => Number(value.toPrecision(9)));
    await sink.write(text.encode(csvLine([ids[record++]!, ...cells])));
  }
}

const ROWS_PER_GROUP = 1000;

/** A row a record: `id` and float columns `e0`, `e1`, …; `description` becomes the file's key-value metadata. */
export async function writeParquet(
  sink: ByteSink,
  { ids, shape: [width = 0], rows }: Vectors,
  description: ReadonlyMap<string, string>,
): Promise<void> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  const names = columnNames(width);
  const writer = new ParquetWriter({
    writer: bytes,
    codec: 'UNCOMPRESSED',
    statistics: false,
    createdBy: 'rna',
    kvMetadata: [...description].map(([key, value]) => ({ key, value })),
    schema: [
      { name: 'root', num_children: 1 + width },
      { name: 'id', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      ...names.map((name) => ({ name, type: 'FLOAT', repetition_type: 'REQUIRED' }) as const),
    ],
  });
  const flush = async (): Promise<void> => {
    await sink.write(new Uint8Array(bytes.buffer, 0, bytes.index).slice());
    bytes.index = 0;
  };
  let group: Float32Array[] = [];
  let written = 0;
  const writeGroup = async (): Promise<void> => {
    const columns = names.map((name, column) => ({
      name,
      data: Float32Array.from(group, (row) => row[column]!),
      encoding: 'PLAIN' as const,
    }));
    const data = ids.slice(written, written + group.length);
    await writer.write({
      columnData: [{ name: 'id', data, encoding: 'PLAIN' }, ...columns],
      rowGroupSize: ROWS_PER_GROUP,
    });
    await flush();
    written += group.length;
    group = [];
  };
  for await (const row of rows) {
    // A view of a batch's values would keep all of them.
    if (group.push(row.slice()) === ROWS_PER_GROUP) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  await writer.finish();
  await flush();
}
