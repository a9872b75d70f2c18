/**
 * Predictions as columns of a table, by what a head predicts: for `rna predict`
 * and for the CSV files of `rna evaluate`. Base pairs have files of their own
 * (fold.ts).
 */
import { argmax } from '@rna/structure';
import { inertCell } from '../input/cells.ts';
import { type Scalars, type TaskHead } from '@rna/model';

export type Cells = Readonly<Record<string, string | number>>;

/**
 * How the predictions of a head are written: the columns, and the cells of one prediction; the scalar `threshold` says
 * what is a yes. Throws a RangeError for a head that predicts pairs.
 */
export function predictionColumns(
  { head, sizes }: TaskHead,
  scalars: Scalars,
): { readonly names: readonly string[]; readonly cells: (prediction: unknown) => Cells } {
  switch (head.kind) {
    case 'probability': {
      const threshold = scalars.get('threshold') ?? 0.5;
      return {
        names: ['probability', 'predicted'],
        cells: (probability) => ({
          probability: significant(probability as number),
          predicted: (probability as number) > threshold ? 1 : 0,
        }),
      };
    }
    case 'classes': {
      const classes = head.classNames?.(sizes) ?? [];
      return {
        names: ['predicted', 'probability', ...classes.map((name) => `p(${name})`)],
        cells(prediction) {
          const probabilities = prediction as Float32Array;
          const best = argmax(probabilities);
          return {
            predicted: classes[best] ?? best,
            probability: significant(probabilities[best]!),
            ...Object.fromEntries(classes.map((name, c) => [`p(${name})`, significant(probabilities[c]!)])),
          };
        },
      };
    }
    case 'number':
      return { names: ['predicted'], cells: (value) => ({ predicted: significant(value as number) }) };
    case 'pairs':
      throw new RangeError(`${head.name}: base pairs are no cells of a table`);
  }
}

/** A label as the reader of a table knows it. */
export function labelCell({ head, sizes }: TaskHead, target: unknown): string | number {
  return head.kind === 'classes'
    ? (head.classNames?.(sizes)[target as number] ?? (target as number))
    : (target as number);
}

/** A line of a CSV file. */
export const csvLine = (cells: readonly (string | number)[]): string =>
  `${cells.map((cell) => csvText(String(cell))).join(',')}\n`;

function csvText(written: string): string {
  const text = inertCell(written);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Digits that a float32 holds. */
const significant = (value: number): number => Number(value.toPrecision(7));
