/**
 * What to say where a model's numbers are no numbers: weights or activations
 * that overflow give NaN at the end, and the block in which it began is found by
 * running the sequence again up to several depths.
 */
import { packTokens, type Encoder } from '@rna/model';
import { tokenize } from '@rna/structure';

export const isFiniteArray = (values: Float32Array): boolean => values.every(Number.isFinite);

/** Whether all numbers of a prediction of whatever kind are finite. */
export function isFinitePrediction(prediction: unknown): boolean {
  if (typeof prediction === 'number') return Number.isFinite(prediction);
  if (prediction instanceof Float32Array) return isFiniteArray(prediction);
  return typeof prediction !== 'object' || prediction === null || Object.values(prediction).every(isFinitePrediction);
}

/** Where the numbers of a sequence overflow, in words: the embedding, a block, or what comes after the encoder. */
export async function placeOfOverflow(encoder: Encoder, sequence: string): Promise<string> {
  const { layers } = encoder.config;
  const packed = packTokens([tokenize(sequence)]);
  const isFiniteAfter = async (blocks: number): Promise<boolean> => {
    const x = encoder.forward(packed, { layers: blocks });
    const values = await x.read();
    x.dispose();
    return isFiniteArray(values);
  };
  // The residual stream keeps what is not finite, so the first depth of it can be searched for in halves.
  let [finite, notFinite] = [-1, layers + 1];
  while (notFinite - finite > 1) {
    const middle = Math.floor((finite + notFinite) / 2);
    if (await isFiniteAfter(middle)) finite = middle;
    else notFinite = middle;
  }
  if (notFinite === 0) return 'the embedding';
  return notFinite > layers ? 'the layers after the encoder' : `block ${notFinite} of ${layers}`;
}
