/** What a model's work is by the book: floating-point operations, whatever kernels do them. */
import { elementCount, encoderParameters, type EncoderConfig } from './config.ts';

/**
 * Operations of a forward pass over packed sequences, with the LM head: 2·N for each token, of the products with
 * weights (N without the embedding, which is looked up), and 4·layers·dim for each pair of tokens of a sequence, of
 * attention. A training step is three times as much (Kaplan et al. 2020, section 2.1).
 */
export function forwardFlops(config: EncoderConfig, cuSeqlens: ArrayLike<number>): number {
  let weights = 0;
  const shapes = encoderParameters(config);
  for (const [name, shape] of shapes) if (!name.startsWith('embedding.')) weights += elementCount(shape);
  // A decoder that is the embedding is a product all the same.
  if (!shapes.has('lmHead.decoder.weight')) weights += config.vocabularySize * config.dim;
  let pairs = 0;
  for (let i = 0; i + 1 < cuSeqlens.length; i++) pairs += (cuSeqlens[i + 1]! - cuSeqlens[i]!) ** 2;
  return 2 * weights * (cuSeqlens[cuSeqlens.length - 1] ?? 0) + 4 * config.layers * config.dim * pairs;
}
