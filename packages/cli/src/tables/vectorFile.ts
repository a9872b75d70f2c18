/** Vectors of records as Parquet, and what a `.npy` says of its shape. */
import { npyHeader, vectorColumns, type ByteSink, type Vectors } from '@rna/model';

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

const ROWS_PER_GROUP = 1000;

/** A row a record: `id` and float columns `e0`, `e1`, …; `description` becomes the file's key-value metadata. */
export async function writeParquet(
  sink: ByteSink,
  { ids, shape: [width = 0], rows }: Vectors,
  description: ReadonlyMap<string, string>,
): Promise<void> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  const names = vectorColumns(width);
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
