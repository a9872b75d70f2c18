/** What workers refuse that is no fault of a file. */

/** An RNA is too long for what folds it or the machine it is folded on. */
export class TooLongError extends Error {
  override readonly name = 'TooLongError';
}

/** A model that cannot do what it is asked for. */
export class UnfitModelError extends Error {
  override readonly name = 'UnfitModelError';
}
