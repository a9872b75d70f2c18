/**
 * What to say where a model's numbers are no numbers: weights or activations
 * that overflow give NaN at the end, and the block in which it began is found by
 * running the record again up to several depths.
 */
import { packTokens, type Encoder } from '@rna/model';
import { InputError, tokenize, type FastaRecord } from '@rna/structure';

export const isFiniteArray = (values: Float32Array): boolean => values.every(Number.isFinite);

/** Whether all numbers of a prediction of whatever kind are finite. */
export function isFinitePrediction(prediction: unknown): boolean {
  if (typeof prediction === 'number') return Number.isFinite(prediction);
  if (prediction instanceof Float32Array) return isFiniteArray(prediction);
  return typeof prediction !== 'object' || prediction === null || Object.values(prediction).every(isFinitePrediction);
}

/** The error for a record of which an output is not finite; it names the record and where its numbers overflow. */
export async function overflow(
  encoder: Encoder,
  file: string,
  { id, line = 1, sequence }: Pick<FastaRecord, 'id' | 'sequence'> & { readonly line?: number },
): Promise<InputError> {
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
  const where =
    notFinite === 0
      ? 'the embedding'
      : notFinite > layers
        ? 'the layers after the encoder'
        : `block ${notFinite} of ${layers}`;
  const { weights, activations } = encoder.precision;
  return new InputError(
    file,
    line,
    `record "${id}": the numbers overflow in ${where}, so its output is NaN or infinite`,
    weights === 'f32' && activations === 'f32'
      ? 'the weights are too large to be those of a trained model; fetch or train it again'
      : 'run it with --weights f32 --activations f32',
  );
}
