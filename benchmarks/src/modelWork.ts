/**
 * What a training step and inference of a preset cost by the book: floating-
 * point operations and bytes of device memory. Knows no GPU.
 */
import { encoderParameters, forwardFlops, weightBytes, type EncoderConfig, type WeightType } from '@rna/model';

export type ModelSuite = 'step' | 'inference';

/** A batch of `rows` rows, each of `length`-token sequences end to end. */
export interface BatchSize {
  readonly rows: number;
  readonly rowTokens: number;
  readonly length: number;
}

/** The batch that is timed: eight rows on a GPU, half a row on a software driver. */
export function batchSize(adapterClass: 'cpu' | 'gpu'): BatchSize {
  return adapterClass === 'gpu' ? { rows: 8, rowTokens: 1024, length: 256 } : { rows: 1, rowTokens: 512, length: 256 };
}

/** `forwardFlops` of sequences of one length; three times that for a step. */
export function modelFlops(suite: ModelSuite, config: EncoderConfig, tokens: number, length: number): number {
  const forward = forwardFlops(
    config,
    Array.from({ length: tokens / length + 1 }, (_, i) => i * length),
  );
  return suite === 'step' ? 3 * forward : forward;
}

/**
 * Bytes of device memory, within about a quarter: parameters (with gradient and moments) and the activations that live
 * at once.
 */
export function modelBytes(
  suite: ModelSuite,
  config: EncoderConfig,
  tokens: number,
  weights: WeightType = 'f32',
): number {
  const parameters = weightBytes(encoderParameters(config), weights);
  const { dim, ffnDim, heads, kvHeads, layers } = config;
  const qkv = (heads + 2 * kvHeads) * (dim / heads);
  // A block's outputs: norms, qkv twice, attention, its product, both residuals; gate and up, their product.
  const block = 4 * tokens * (6 * dim + 2 * qkv + 3 * ffnDim);
  // Buffers come in classes up to a quarter larger than what is asked for.
  return 1.25 * (suite === 'step' ? 4 * parameters + layers * block : parameters + 2 * block);
}
