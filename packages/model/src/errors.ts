/**
 * The one error of configs and checkpoints. Its message opens with the file,
 * names the tensor or field, and says what was expected and what to do.
 */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';

  constructor(
    /** Name of the file (or folder, or hub model) that is at fault. */
    readonly file: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}`, options);
  }
}
