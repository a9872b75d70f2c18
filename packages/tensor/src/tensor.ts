/**
 * A tensor: a shape over a storage on a device. Dense, row-major, no strides.
 * It knows who owns it (a scope, a tape, or the caller) so that nothing waits
 * for the garbage collector; it has no arithmetic, which is in `ops/`.
 */
import { encodeHalves, groupedRowWords, quantizedRowWords } from '@rna/kernels';
import type { Device } from './device.ts';
import { ShapeError } from './errors.ts';
import type { Storage } from './memory.ts';

/**
 * How values are stored: words, halves (`f16`), a matrix of signed bytes with a scale per row (`i8`; kernels'
 * quantize.ts), or one of 4 bits with a scale per group (`i4`; quantizeGroups.ts). Arithmetic is that of 32 bits for all
 * of them.
 */
export type DType = 'f32' | 'f16' | 'u32' | 'i32' | 'i8' | 'i4';
/** How floats of activations and trained weights may be stored. */
export type FloatType = 'f32' | 'f16';
export type Shape = readonly number[];
export type HostArray = Float32Array | Uint32Array | Int32Array;

/** What frees a tensor: a scope or a tape that holds it. */
export interface Owner {
  readonly kind: 'scope' | 'tape';
  drop(tensor: Tensor): void;
}

export class Tensor {
  readonly device: Device;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly size: number;
  /** Set on parameters that train: `backward` accumulates their gradient here. */
  gradient: Tensor | undefined;
  /** Whether a gradient with respect to this tensor is wanted: a trainable parameter or a recorded output. */
  tracked = false;
  owner: Owner | undefined;
  #storage: Storage | undefined;

  constructor(device: Device, storage: Storage, shape: Shape, dtype: DType) {
    this.device = device;
    this.#storage = storage;
    this.shape = shape;
    this.dtype = dtype;
    this.size = elements(shape);
  }

  /** The storage. Throws if the tensor was disposed. */
  get storage(): Storage {
    if (this.#storage === undefined) throw new Error(`tensor ${describe(this.shape)} is used after dispose`);
    return this.#storage;
  }

  get disposed(): boolean {
    return this.#storage === undefined;
  }

  /** Frees the tensor and its gradient. Does nothing the second time. */
  dispose(): void {
    if (this.#storage === undefined) return;
    this.owner?.drop(this);
    this.owner = undefined;
    this.device.memory.release(this.#storage);
    this.#storage = undefined;
    this.gradient?.dispose();
    this.gradient = undefined;
  }

  /**
   * Frees the tensor ahead of the end of the scope that holds it. Does nothing to one that a tape needs, or that is the
   * caller's to dispose of, such as a parameter.
   */
  release(): void {
    if (this.owner?.kind === 'scope') this.dispose();
  }

  /** Takes the tensor out of its scope: it lives until `dispose`. */
  keep(): this {
    this.owner?.drop(this);
    this.owner = undefined;
    return this;
  }

  /** Asks `backward` for this tensor's gradient (or stops asking). Keeps the tensor. */
  train(on = true): this {
    this.tracked = on;
    if (!on) {
      this.gradient?.dispose();
      this.gradient = undefined;
    }
    return this.keep();
  }

  /** Another tensor on the same storage, not recorded on a tape. Throws a ShapeError when the sizes differ. */
  alias(shape: Shape = this.shape): Tensor {
    if (elements(shape) !== this.size)
      throw new ShapeError(`alias: ${describe(this.shape)} cannot be seen as ${describe(shape)}`);
    this.device.memory.retain(this.storage);
    return this.device.adopt(new Tensor(this.device, this.storage, shape, this.dtype));
  }

  /**
   * A tensor on a part of this one's storage, from element `offset` on, not recorded on a tape; parts begin at
   * multiples of 64 elements. Kernels that write whole vectors may write up to three elements behind it.
   */
  part(offset: number, shape: Shape): Tensor {
    const { device, dtype, storage } = this;
    requireShape(
      dtype !== 'f16' && !isQuantized(this) && offset + elements(shape) <= this.size,
      'part',
      this.shape,
      shape,
    );
    const bytes = Math.min(16 * Math.ceil(elements(shape) / 4), storage.bytes - 4 * offset);
    return device.adopt(new Tensor(device, device.memory.part(storage, 4 * offset, bytes), shape, dtype));
  }

  /** Exchanges values with a tensor of the same kind, without moving them. Nothing on an open tape may need either. */
  exchange(other: Tensor): void {
    requireShape(
      this.device === other.device && this.dtype === other.dtype && describe(this.shape) === describe(other.shape),
      'exchange',
      this.shape,
      other.shape,
    );
    [this.#storage, other.#storage] = [other.#storage, this.#storage];
  }

  /** Reads the values back as f32, once everything recorded before has run. */
  read(): Promise<Float32Array> {
    if (this.dtype !== 'f32' && this.dtype !== 'f16')
      throw new TypeError(`read: tensor is ${this.dtype}, not f32 or f16`);
    return this.device.read(this) as Promise<Float32Array>;
  }

  /** Reads the only value of a tensor of one element. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new ShapeError(`item: ${describe(this.shape)} has ${this.size} elements, not one`);
    return (await this.read())[0]!;
  }
}

export function elements(shape: Shape): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** How what follows from a float tensor is stored where nothing else is said: as it is. */
export const floatTypeOf = ({ dtype }: Tensor): FloatType => (dtype === 'f16' ? 'f16' : 'f32');

/** Whether a tensor is a quantised matrix, which only the right operand of a product may be. */
export const isQuantized = ({ dtype }: Pick<Tensor, 'dtype'>): boolean => dtype === 'i8' || dtype === 'i4';

/** Bytes that values take, in whole words. */
export function byteLength(shape: Shape, dtype: DType): number {
  switch (dtype) {
    case 'f16':
      return 4 * Math.ceil(elements(shape) / 2);
    case 'i8':
      return 4 * (shape[0] ?? 0) * quantizedRowWords(shape[1] ?? 0);
    case 'i4':
      return 4 * (shape[0] ?? 0) * groupedRowWords(shape[1] ?? 0);
    default:
      return 4 * elements(shape);
  }
}

export function describe(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Throws a ShapeError naming `op` unless the condition holds. */
export function requireShape(condition: boolean, op: string, ...shapes: readonly Shape[]): asserts condition {
  if (!condition) throw new ShapeError(`${op}: shapes ${shapes.map(describe).join(' and ')} do not fit`);
}

/** Values as a tensor stores them. */
export function hostBytes(tensor: Tensor, values: HostArray): HostArray | Uint16Array<ArrayBuffer> {
  if (isQuantized(tensor))
    throw new TypeError(`write: ${describe(tensor.shape)} is a quantised matrix; quantise f32 values instead`);
  if (tensor.dtype !== 'f16') return values;
  if (!(values instanceof Float32Array) || values.length !== tensor.size) {
    throw new TypeError(
      `write: a tensor in half precision takes all its ${tensor.size} values at once, as a Float32Array`,
    );
  }
  const halves = new Uint16Array(2 * Math.ceil(values.length / 2));
  halves.set(encodeHalves(values));
  return halves;
}
