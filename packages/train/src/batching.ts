/**
 * Where a run stands in its data, and how sequences are packed into rows. A
 * cursor is three integers in a checkpoint, and with the seed all that is
 * needed to resume a run exactly. What the cursor's parts count is the task's:
 * corpusBatches.ts for pre-training; fine-tuning has one window to an epoch.
 */
import { z } from 'zod';

/** A cursor as a checkpoint holds it. */
export const cursorSchema = z
  .strictObject({ epoch: z.int().nonnegative(), window: z.int().nonnegative(), row: z.int().nonnegative() })
  .readonly();

/** The next row of a window of an epoch. A run begins at `FIRST_CURSOR`. */
export type Cursor = z.infer<typeof cursorSchema>;

export const FIRST_CURSOR: Cursor = { epoch: 0, window: 0, row: 0 };

/**
 * Packs sequences of `lengths` tokens into rows of at most `maxTokens`, first-fit: each, in the order given, goes into
 * the first row that has room for it. Returns the rows, of indices into `lengths`. Throws a RangeError for a length
 * that no row can hold.
 */
export function packRows(lengths: readonly number[], maxTokens: number): number[][] {
  const rows: number[][] = [];
  const room: number[] = [];
  lengths.forEach((length, index) => {
    if (!(length <= maxTokens))
      throw new RangeError(`packRows: sequence ${index} has ${length} tokens, more than a row's ${maxTokens}`);
    let row = room.findIndex((tokens) => length <= tokens);
    if (row < 0) row = room.push(maxTokens) - 1;
    room[row]! -= length;
    (rows[row] ??= []).push(index);
  });
  return rows;
}
