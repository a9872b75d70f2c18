/**
 * Vectors of RNAs from the files that `rna embed` writes, and from those of others: NumPy's `.npy`, CSV, Parquet,
 * safetensors. They are small beside the models that made them, and are held whole.
 */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { openSafetensors, readFloat32 } from '@rna/model';
import { InputError } from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import { openFileSource } from '../files/files.ts';
import { readCells } from '../input/tables.ts';

export interface NamedVector {
  readonly id: string;
  readonly vector: Float32Array;
}

const READERS: Readonly<Record<string, (path: string) => Promise<NamedVector[]>>> = {
  '.npy': readNpy,
  '.csv': readTableOfVectors,
  '.tsv': readTableOfVectors,
  '.parquet': readParquet,
  '.safetensors': readTensors,
};

export const VECTOR_ENDINGS = Object.keys(READERS);

export const isVectorFile = (path: string): boolean => extname(path).toLowerCase() in READERS;

/**
 * All vectors of a file, in its order. Those of `.npy` have no names, and get `1`, `2`, ….
 * @throws CommandError or InputError for a file without vectors, for vectors of different lengths, and for values that
 * are not finite.
 */
export async function readVectors(path: string): Promise<NamedVector[]> {
  const vectors = await READERS[extname(path).toLowerCase()]!(path);
  const [first] = vectors;
  if (first === undefined || first.vector.length === 0) throw new CommandError(`${path}: there is no vector in it`);
  for (const { id, vector } of vectors) {
    if (vector.length !== first.vector.length)
      throw new CommandError(
        `${path}: the vector of "${id}" has ${vector.length} values, and that of "${first.id}" ${first.vector.length}`,
      );
    if (!vector.every(Number.isFinite))
      throw new CommandError(`${path}: the vector of "${id}" has a value that is not finite`);
  }
  return vectors;
}

const NPY_TYPES = {
  '<f4': { bytes: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) },
  '<f8': { bytes: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) },
} as const;

/** `.npy` of NumPy's format description (NEP 1): an array [records, dim] of float32 or float64, in C order. */
async function readNpy(path: string): Promise<NamedVector[]> {
  const bytes = await readFile(path);
  const refuse = (problem: string) =>
    new CommandError(`${path}: ${problem}; expected a .npy array [records, dim] of float32 or float64`);
  if (bytes.length < 12 || bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw refuse('this is no .npy file');
  const isLong = bytes[6]! >= 2;
  const start = isLong ? 12 : 10;
  const end = start + (isLong ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString('latin1', start, Math.min(end, start + 4096));
  const descr = /'descr': *'([^']{1,8})'/.exec(header)?.[1] ?? '';
  const shape = (/'shape': *\(([\d, ]{1,60})\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((part) => part.trim() !== '');
  const type = NPY_TYPES[descr as keyof typeof NPY_TYPES] as (typeof NPY_TYPES)[keyof typeof NPY_TYPES] | undefined;
  if (type === undefined) throw refuse(`its values are of the type "${descr}"`);
  if (header.includes("'fortran_order': True")) throw refuse('it is in Fortran order');
  const [rows = 0, dim = 0] = shape.map(Number);
  if (shape.length !== 2) throw refuse(`its shape is (${shape.join(',')})`);
  if (bytes.length - end !== rows * dim * type.bytes)
    throw refuse(`it has ${bytes.length - end} bytes of values, and its shape asks for ${rows * dim * type.bytes}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset + end, bytes.length - end);
  return Array.from({ length: rows }, (_, row) => ({
    id: String(row + 1),
    vector: Float32Array.from({ length: dim }, (__, column) => type.read(view, (row * dim + column) * type.bytes)),
  }));
}

/** A table whose first column is the id and whose others are numbers, with a header. */
async function readTableOfVectors(path: string): Promise<NamedVector[]> {
  const vectors: NamedVector[] = [];
  let isHeader = true;
  for await (const { cells, line } of readCells(path)) {
    if (isHeader) {
      isHeader = false;
      continue;
    }
    const [id = '', ...values] = cells;
    const vector = Float32Array.from(values, (value) => (value === '' ? NaN : Number(value)));
    const wrong = vector.findIndex(Number.isNaN);
    if (wrong >= 0)
      throw new InputError(
        path,
        line,
        `column ${wrong + 2} is "${values[wrong]!}"`,
        'give the id in the first column and numbers in all others',
      );
    vectors.push({ id, vector });
  }
  return vectors;
}

/** A column `id` and columns of numbers, in their order. */
async function readParquet(path: string): Promise<NamedVector[]> {
  const { parquetMetadata, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const bytes = await readFile(path);
  const file = new Uint8Array(bytes).buffer;
  const read = async (): Promise<readonly Record<string, unknown>[]> => {
    const metadata = parquetMetadata(file);
    const { children } = parquetSchema(metadata);
    const names = children.map(({ element }) => element.name);
    // What the library reads of a column that the schema does not name is awaited by nobody.
    const isTable =
      new Set(names).size === names.length &&
      children.every((child) => child.children.length === 0) &&
      metadata.row_groups.every(
        ({ columns }) =>
          columns.length === names.length &&
          columns.every(({ meta_data: column }, k) => {
            const [name, ...more] = column?.path_in_schema ?? [];
            return name === names[k] && more.length === 0;
          }),
      );
    if (!isTable) throw new Error('its columns are not one for each name of its schema');
    return parquetReadObjects({ file, metadata });
  };
  const rows = await read().catch((error: unknown) => {
    throw new CommandError(
      `${path}: ${error instanceof Error ? error.message : String(error)}; expected a Parquet file`,
      { cause: error },
    );
  });
  return rows.map((row, k) => {
    const { id, ...values } = row;
    return {
      id: typeof id === 'string' ? id : String(k + 1),
      vector: Float32Array.from(Object.values(values), Number),
    };
  });
}

/** A tensor [dim] for each RNA, or one tensor [records, dim]. */
async function readTensors(path: string): Promise<NamedVector[]> {
  const source = await openFileSource(path);
  try {
    const { tensors } = await openSafetensors(source);
    const vectors: NamedVector[] = [];
    for (const [name, tensor] of tensors) {
      const [rows = 0, dim] = tensor.shape;
      if (tensor.shape.length === 1) vectors.push({ id: name, vector: await readFloat32(tensor) });
      else if (dim !== undefined && tensors.size === 1 && tensor.shape.length === 2) {
        const values = await readFloat32(tensor);
        for (let row = 0; row < rows; row++)
          vectors.push({ id: String(row + 1), vector: values.subarray(row * dim, (row + 1) * dim) });
      } else
        throw new CommandError(
          `${path}: tensor "${name}" has the shape [${tensor.shape.join(', ')}]; expected a vector [dim] for each RNA (rna embed --pool mean)`,
        );
    }
    return vectors;
  } finally {
    await source.close();
  }
}
