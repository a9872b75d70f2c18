/** Token embedding. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

const CHUNK_ROWS = 64;

/**
 * factor[t] · weight[token[t]].
 * @param tokens u32 [tokens], each below the vocabulary
 * @param factor [tokens]
 * @param weight [vocabulary, dim]
 * @returns [tokens, dim]
 */
export function embedding(tokens: Tensor, factor: Tensor, weight: Tensor): Tensor {
  const [vocabulary = 0, cols = 0] = weight.shape;
  requireShape(
    weight.shape.length === 2 && tokens.dtype === 'u32' && factor.size === tokens.size,
    'embedding',
    tokens.shape,
    factor.shape,
    weight.shape,
  );
  const { device } = weight;
  const rows = tokens.size;
  const { y } = device.run(k.embedding, { tokens, factor, weight }, { y: [rows, cols] }, { count: rows * cols, cols });
  return record(y, [weight, tokens, factor], (dy) => {
    const chunks = Math.ceil(rows / CHUNK_ROWS);
    const { dweight } = device.run(
      k.embeddingBackward,
      { dy, tokens, factor },
      { dweight: [chunks, vocabulary * cols] },
      { rows, cols, chunkRows: CHUNK_ROWS },
      { vocabulary },
    );
    return [
      device.scope(() => columnSum(dweight, chunks, vocabulary * cols).alias(weight.shape)),
      undefined,
      undefined,
    ];
  });
}
