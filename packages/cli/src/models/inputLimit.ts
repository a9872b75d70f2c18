/** What a model with learned positions cannot read: RNAs longer than its table, refused before any of them is run. */
import { longestInput, type EncoderConfig } from '@rna/model';
import { InputError } from '@rna/structure';

/** An RNA and where it stands; of a planned record only the length is known. */
type Located = { readonly id: string; readonly file: string; readonly line: number } & (
  { readonly length: number } | { readonly sequence: string }
);

/** The error for a record that is too long for a model of `most` tokens. */
export function tooLong(file: string, line: number, id: string, nucleotides: number, most: number): InputError {
  return new InputError(
    file,
    line,
    `record "${id}" has ${nucleotides} nucleotides, and the model has positions for ${most - 2}`,
    `cut it into parts of at most ${most - 2}, leave it out, or use a model with rotary positions (RiNALMo, SSR-LM)`,
  );
}

/** Throws an InputError for the first RNA that is longer than the model reads. */
export function checkLengths(config: EncoderConfig, rnas: Iterable<Located>): void {
  const most = longestInput(config);
  if (most === undefined) return;
  for (const rna of rnas) {
    const length = 'length' in rna ? rna.length : rna.sequence.length;
    // <cls> and <eos> take two positions.
    if (length + 2 > most) throw tooLong(rna.file, rna.line, rna.id, length, most);
  }
}
