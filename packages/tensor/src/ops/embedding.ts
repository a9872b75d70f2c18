/** Embeddings of tokens and of their positions. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { longestSequence, type Pack } from './attention.ts';
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

/**
 * x plus a learned row for each token's place in its sequence, which restarts at each.
 * @param x [tokens, dim]
 * @param weight [positions, dim]
 * @param first The row that a sequence's first token reads. Throws a ShapeError where the longest sequence has no rows.
 * @returns [tokens, dim]
 */
export function positionEmbedding(x: Tensor, weight: Tensor, pack: Pack, first: number): Tensor {
  const [rows = 0, cols = 0] = x.shape;
  const { segments } = pack;
  requireShape(
    x.shape.length === 2 &&
      weight.shape[1] === cols &&
      segments.size === 2 * rows &&
      first + longestSequence(pack.cuSeqlens) <= weight.shape[0]!,
    'positionEmbedding',
    x.shape,
    weight.shape,
    segments.shape,
  );
  const { device } = x;
  const { y } = device.run(
    k.positionEmbedding,
    { x, weight, segments },
    { y: x.shape },
    { count: rows * cols, cols, first },
  );
  return record(y, [x, weight, segments], (dy, [needsX, needsWeight]) => [
    needsX === true ? dy.alias() : undefined,
    needsWeight === true
      ? device.run(
          k.positionEmbeddingBackward,
          { dy, segments },
          { dweight: weight.shape },
          { count: weight.size, cols, first, tokens: rows },
        ).dweight
      : undefined,
    undefined,
  ]);
}
