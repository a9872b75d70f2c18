/**
 * Tensors side by side in one buffer, so that one call of an elementwise kernel
 * takes all of them: what an optimiser does with a model's many small parameters.
 */
import type { Device } from './device.ts';
import { PART_BYTES } from './memory.ts';
import { elements, type Shape, type Tensor } from './tensor.ts';

export interface FlatTensors {
  /** All values, with zeros between the parts. */
  readonly whole: Tensor;
  readonly parts: readonly Tensor[];
  /** The element of the whole at which each part begins. */
  readonly offsets: readonly number[];
}

const UNIT = PART_BYTES / 4;

/** Zeros of these shapes in one buffer, which lives until all of them and the whole are disposed. */
export function flatZeros(device: Device, shapes: readonly Shape[]): FlatTensors {
  const room = shapes.map((shape) => UNIT * Math.ceil(elements(shape) / UNIT));
  const whole = device.zeros([room.reduce((sum, size) => sum + size, 0)]).keep();
  let end = 0;
  const offsets = room.map((size) => (end += size) - size);
  return { whole, parts: shapes.map((shape, i) => whole.part(offsets[i]!, shape).keep()), offsets };
}

/**
 * Moves tensors into one buffer, in which they stay; nothing on an open tape may need them. Returns its values as one
 * tensor.
 */
export function flatten(tensors: readonly Tensor[]): Tensor {
  const { device } = tensors[0]!;
  const { whole, parts } = flatZeros(
    device,
    tensors.map(({ shape }) => shape),
  );
  for (const [i, tensor] of tensors.entries()) {
    const part = parts[i]!;
    device.copy(tensor, part);
    tensor.exchange(part);
    part.dispose();
  }
  return whole;
}

export function disposeFlat({ whole, parts }: FlatTensors): void {
  parts.forEach((part) => {
    part.dispose();
  });
  whole.dispose();
}
