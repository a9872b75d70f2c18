/**
 * In which precision a model is stored, by tensor. Sums are f32 whatever is
 * stored; what may be smaller are the matrices of the blocks and of the LM head's
 * dense layer, which are nearly all of a model's bytes, and the activations
 * between them. The embedding, norms, biases and the decoder onto the vocabulary
 * are f32, and so are the residual stream, the representation and the logits.
 */
import { byteLength, cast, quantize, quantizeGroups, type DType, type FloatType, type Tensor } from '@rna/tensor';
import type { ParameterShapes } from './config.ts';
import { blockLayer } from './parameterGroups.ts';

/**
 * Weights in 8 bits (a scale per row; kernels' quantize.ts) and in 4 (a scale per group of 32; quantizeGroups.ts) are
 * for inference. With `int4` a matrix that 4 bits change by more than `LARGEST_INT4_ERROR` is stored in 8.
 */
export type WeightType = FloatType | 'int8' | 'int4';

/**
 * How much 4 bits may change a matrix: the root of the sum of squares of the change over that of the matrix. Normal
 * numbers come to 0.10 and uniform ones to 0.07, whatever their size; numbers with a long tail, of which one makes the
 * step of its whole group, come to more.
 */
export const LARGEST_INT4_ERROR = 0.125;

export interface Precision {
  readonly weights: WeightType;
  /** What goes from product to product inside a block; f16 needs an adapter with shader-f16. */
  readonly activations: FloatType;
}

export const FULL_PRECISION: Precision = { weights: 'f32', activations: 'f32' };

/** Whether a parameter is one of the matrices that a smaller precision applies to. */
export const isReducible = (name: string): boolean =>
  ['qkv', 'out', 'gateUp', 'up', 'down'].includes(blockLayer(name)?.kind ?? '') || name === 'lmHead.dense.weight';

/** How the matrices are stored that a precision applies to. */
const DTYPES: Readonly<Record<WeightType, DType>> = { f32: 'f32', f16: 'f16', int8: 'i8', int4: 'i4' };

/** Whether a parameter is stored as an encoder of such weights takes it; f16 it makes of f32 itself. */
export function isStoredAs(name: string, dtype: DType, weights: WeightType): boolean {
  if (!isReducible(name) || weights === 'f32' || weights === 'f16') return true;
  return dtype === DTYPES[weights] || (weights === 'int4' && dtype === 'i8');
}

/**
 * A parameter as `weights` stores it, in place of the f32 tensor, which is freed; itself where it stays as it is. Kept.
 * With `int4` it waits for what 4 bits change of the matrix.
 */
export async function storeParameter(name: string, tensor: Tensor, weights: WeightType): Promise<Tensor> {
  if (weights === 'f32' || !isReducible(name)) return tensor;
  const stored =
    weights === 'int4' ? await fewestBits(tensor) : weights === 'int8' ? quantize(tensor) : cast(tensor, weights);
  tensor.dispose();
  return stored.keep();
}

/** A matrix in 4 bits, or in 8 where those change too much of it. */
async function fewestBits(tensor: Tensor): Promise<Tensor> {
  const { weight, squares } = quantizeGroups(tensor);
  weight.keep();
  squares.keep();
  const [changed, all] = await squares.read();
  squares.dispose();
  // A matrix of zeros is stored exactly. Where a sum is not finite the matrix is not to be judged, and the answer no.
  if (changed! <= LARGEST_INT4_ERROR ** 2 * all!) return weight;
  weight.dispose();
  return quantize(tensor);
}

/**
 * Bytes of a model's parameters on a device, stored as `weights` says. 8 bits have a scale a row of 4 bytes, and 4 bits
 * one a group of 2 bytes. Which matrices `int4` leaves in 8 bits is known when they are read, and here it is none.
 */
export function weightBytes(shapes: ParameterShapes, weights: WeightType): number {
  let bytes = 0;
  for (const [name, shape] of shapes) bytes += byteLength(shape, isReducible(name) ? DTYPES[weights] : 'f32');
  return bytes;
}
