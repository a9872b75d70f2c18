/** The errors of configs and checkpoints, and of sequences that a model cannot read. */

/**
 * The one error of configs and checkpoints. Its message opens with the file,
 * names the tensor or field, and says what was expected and what to do.
 */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  /** What there would have to be beside the file; absent where that is not the fault. */
  readonly lacks?: 'config';

  constructor(
    /** Name of the file (or folder, or hub model) that is at fault. */
    readonly file: string,
    problem: string,
    { lacks, ...options }: ErrorOptions & { readonly lacks?: 'config' } = {},
  ) {
    super(`${file}: ${problem}`, options);
    if (lacks !== undefined) this.lacks = lacks;
  }
}

/** A sequence of more tokens than a model has learned positions for. */
export class SequenceLengthError extends Error {
  override readonly name = 'SequenceLengthError';

  constructor(
    readonly tokens: number,
    /** Tokens at most, `<cls>` and `<eos>` among them. */
    readonly most: number,
  ) {
    super(
      `a sequence of ${tokens} tokens is longer than the ${most} that the model has positions for: ` +
        `cut it into parts of at most ${most - 2} nucleotides, or use a model with rotary positions`,
    );
  }
}
