/**
 * A file of named tensors, whatever its format: names, dtypes and shapes are
 * known at once, data are read by range when asked for. Conversion to float32
 * is here and works in chunks, so that a checkpoint larger than memory can go
 * straight to the GPU. Reading a format is safetensors.ts and pytorch.ts.
 */
import { decodeHalves } from '@rna/kernels';
import { elementCount, type Shape } from '../config.ts';
import { CheckpointError } from '../errors.ts';

/** The dtypes that files may hold, with their width in bytes. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;
export type DType = keyof typeof DTYPE_BYTES;

export const isDType = (name: string): name is DType => Object.hasOwn(DTYPE_BYTES, name);

export interface StoredTensor {
  /** The file that holds it (a shard, where there are several). */
  readonly file: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteLength: number;
  /** Little-endian bytes of the row-major tensor, counted from its first element. */
  readonly read: (byteOffset: number, byteLength: number) => Promise<Uint8Array>;
}

export interface TensorFile {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Free text that the format carries beside the tensors. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Plain numbers that the file carries, such as a tuned `threshold`. */
  readonly scalars: ReadonlyMap<string, number>;
}

/** Default size of a chunk: large enough to amortise a read, small beside any model. */
export const CHUNK_BYTES = 16 * 2 ** 20;

/** `count` elements from element `start`, as float32. F16 and BF16 are exact; F64 is rounded. */
export async function readFloat32(
  tensor: StoredTensor,
  start = 0,
  count = elementCount(tensor.shape) - start,
): Promise<Float32Array> {
  const width = DTYPE_BYTES[tensor.dtype];
  const convert = CONVERSIONS[tensor.dtype];
  if (convert === undefined) {
    throw new CheckpointError(
      tensor.file,
      `tensor "${tensor.name}" is ${tensor.dtype}; weights are ${Object.keys(CONVERSIONS).join(', ')}`,
    );
  }
  const bytes = await tensor.read(start * width, count * width);
  // Typed arrays need an aligned start, which a slice of a larger buffer may not have.
  return convert(bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes));
}

export interface Chunk {
  /** Index of the chunk's first element, counted from `start`. */
  readonly offset: number;
  readonly data: Float32Array;
}

/** The elements of `readFloat32` in order, in chunks of at most `maxBytes` of float32. */
export async function* readFloat32Chunks(
  tensor: StoredTensor,
  maxBytes = CHUNK_BYTES,
  start = 0,
  count = elementCount(tensor.shape) - start,
): AsyncGenerator<Chunk, void, undefined> {
  const step = Math.max(1, Math.floor(maxBytes / 4));
  for (let offset = 0; offset < count; offset += step) {
    yield { offset, data: await readFloat32(tensor, start + offset, Math.min(step, count - offset)) };
  }
}

const words = (bytes: Uint8Array): Uint16Array => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);

// JavaScript engines run on little-endian machines only, so views need no swapping.
const CONVERSIONS: Partial<Record<DType, (bytes: Uint8Array) => Float32Array>> = {
  F32: (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
  F16: (bytes) => decodeHalves(words(bytes)),
  BF16: (bytes) => {
    const uppers = words(bytes);
    const bits = new Uint32Array(uppers.length);
    for (let i = 0; i < uppers.length; i++) bits[i] = uppers[i]! << 16;
    return new Float32Array(bits.buffer);
  },
  F64: (bytes) => new Float32Array(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8)),
};
