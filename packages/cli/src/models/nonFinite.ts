/** What to say of a record where a model's numbers are no numbers. */
import { placeOfOverflow } from '@rna/inference/node';
import type { Encoder } from '@rna/model';
import { InputError, type FastaRecord } from '@rna/structure';

export { isFiniteArray, isFinitePrediction } from '@rna/inference/node';

/** The error for a record of which an output is not finite; it names the record and where its numbers overflow. */
export async function overflow(
  encoder: Encoder,
  file: string,
  { id, line = 1, sequence }: Pick<FastaRecord, 'id' | 'sequence'> & { readonly line?: number },
): Promise<InputError> {
  const { weights, activations } = encoder.precision;
  return new InputError(
    file,
    line,
    `record "${id}": the numbers overflow in ${await placeOfOverflow(encoder, sequence)}, so its output is NaN or infinite`,
    weights === 'f32' && activations === 'f32'
      ? 'the weights are too large to be those of a trained model; fetch or train it again'
      : 'run it with --weights f32 --activations f32',
  );
}
