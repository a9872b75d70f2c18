/**
 * What a parameter belongs to, by its name: the encoder, its language-model head, or a task's head; and within the
 * encoder to a block, or to a linear layer. Names are those of `encoderParameters` and `headParameters`.
 */

/** Whether a parameter is the encoder's own: the embedding with its positions, the blocks or the norm behind them. */
export const isEncoder = (name: string): boolean => /^(embedding|blocks|finalNorm)\./.test(name);

/** Whether a parameter is of the head that predicts masked tokens, which a fine-tuned model may lack. */
export const isLmHead = (name: string): boolean => name.startsWith('lmHead.');

/** Whether a parameter is of a task's head. */
export const isTaskHead = (name: string): boolean => !isEncoder(name) && !isLmHead(name);

/** Whether a parameter is a table of which rows are looked up: the tokens' vectors, or those of learned positions. */
export const isEmbedding = (name: string): boolean => /^embedding\.(positions\.)?weight$/.test(name);

/** Whether a parameter has a row for each token of the vocabulary. */
export const hasTokenRows = (name: string): boolean =>
  name === 'embedding.weight' || name.startsWith('lmHead.decoder.');

/** Number of the block that a parameter, or a layer, is in, from 0; undefined for one outside of the blocks. */
export function blockOf(name: string): number | undefined {
  const [, block] = /^blocks\.(\d+)\./.exec(name) ?? [];
  return block === undefined ? undefined : Number(block);
}

/**
 * The layer inside of a block whose matrix a parameter may be, and its kind: of `blocks.3.attention.qkv.weight` layer
 * `blocks.3.attention.qkv` of kind `qkv`. Undefined for all else.
 */
export function blockLayer(name: string): { readonly layer: string; readonly kind: string } | undefined {
  const [, layer, kind] = /^(blocks\.\d+\..*\.(\w+))\.weight$/.exec(name) ?? [];
  return layer === undefined || kind === undefined ? undefined : { layer, kind };
}
