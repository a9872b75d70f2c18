/**
 * In which precision a model is stored, by tensor. Sums are f32 whatever is
 * stored; what may be smaller are the matrices of the blocks and of the LM head's
 * dense layer, which are nearly all of a model's bytes, and the activations
 * between them. The embedding, norms, biases and the decoder onto the vocabulary
 * are f32, and so are the residual stream, the representation and the logits.
 */
import { cast, quantize, type FloatType, type Tensor } from '@rna/tensor';
import { elementCount, type ParameterShapes } from './config.ts';
import { blockLayer } from './parameterGroups.ts';

/** Weights in 8 bits (a scale per row; kernels' quantize.ts) are for inference. */
export type WeightType = FloatType | 'int8';

export interface Precision {
  readonly weights: WeightType;
  /** What goes from product to product inside a block; f16 needs an adapter with shader-f16. */
  readonly activations: FloatType;
}

export const FULL_PRECISION: Precision = { weights: 'f32', activations: 'f32' };

/** Whether a parameter is one of the matrices that a smaller precision applies to. */
export const isReducible = (name: string): boolean =>
  ['qkv', 'out', 'gateUp', 'up', 'down'].includes(blockLayer(name)?.kind ?? '') || name === 'lmHead.dense.weight';

/**
 * A parameter as `weights` stores it, in place of the f32 tensor, which is freed; itself where it stays as it is. Kept.
 */
export function storeParameter(name: string, tensor: Tensor, weights: WeightType): Tensor {
  if (weights === 'f32' || !isReducible(name)) return tensor;
  const stored = (weights === 'int8' ? quantize(tensor) : cast(tensor, weights)).keep();
  tensor.dispose();
  return stored;
}

/** Bytes of a model's parameters on a device, stored as `weights` says; 8 bits have a scale a row of 4 bytes. */
export function weightBytes(shapes: ParameterShapes, weights: WeightType): number {
  let bytes = 0;
  for (const [name, shape] of shapes) {
    const count = elementCount(shape);
    if (weights === 'f32' || !isReducible(name)) bytes += 4 * count;
    else bytes += weights === 'f16' ? 2 * count : count + 4 * shape[0]!;
  }
  return bytes;
}
