/** Predictions of a task's head under the names of what it predicts, in place of bare arrays in the head's order. */
import type { Scalars, TaskHead } from '@rna/model';
import { argmax, tableColumn } from '@rna/structure';

/** Numbers by the name of a class, a label or a title. */
export type ByName<T = number> = Readonly<Record<string, T>>;

/**
 * What a model says of an RNA, by what it was fine-tuned for; `kind` tells which. Probabilities are from 0 to 1, values
 * in the unit of the training set's labels. What is said of nucleotides has an entry for each, in their order.
 */
export type Prediction =
  | { readonly kind: 'probability'; readonly probability: number; readonly predicted: boolean }
  | { readonly kind: 'classes'; readonly predicted: string; readonly probabilities: ByName }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'numbers'; readonly values: ByName }
  | { readonly kind: 'labels'; readonly predicted: readonly string[]; readonly probabilities: ByName }
  | { readonly kind: 'nucleotide-numbers'; readonly values: ByName<Float32Array> }
  | {
      readonly kind: 'nucleotide-classes';
      readonly predicted: readonly string[];
      readonly probabilities: ByName<Float32Array>;
    };

/** How the predictions of a head are told. Throws a RangeError for a head that predicts pairs or coordinates. */
export function teller({ head, sizes }: TaskHead, scalars: Scalars): (prediction: unknown) => Prediction {
  const names = head.classNames?.(sizes) ?? [];
  const nameOf = (column: number): string => names[column] ?? String(column);
  const byName = <T>(count: number, value: (column: number) => T): ByName<T> =>
    Object.fromEntries(Array.from({ length: count }, (_, column) => [nameOf(column), value(column)]));
  const numbers = (prediction: unknown): ByName => {
    const values = prediction as Float32Array;
    return byName(values.length, (column) => values[column]!);
  };
  const columns = (prediction: unknown): ByName<Float32Array> =>
    byName(names.length, (column) =>
      Float32Array.from(tableColumn([prediction as Float32Array], names.length, column)),
    );
  const { kind } = head;
  switch (kind) {
    case 'probability': {
      const threshold = scalars.get('threshold') ?? 0.5;
      return (prediction) => {
        const probability = prediction as number;
        return { kind, probability, predicted: probability > threshold };
      };
    }
    case 'classes':
      return (prediction) => ({
        kind,
        predicted: nameOf(argmax(prediction as Float32Array)),
        probabilities: numbers(prediction),
      });
    case 'number':
      return (prediction) => ({ kind, value: prediction as number });
    case 'numbers':
      return (prediction) => ({ kind, values: numbers(prediction) });
    case 'labels':
      return (prediction) => ({
        kind,
        predicted: names.filter((_, column) => (prediction as Float32Array)[column]! > 0.5),
        probabilities: numbers(prediction),
      });
    case 'nucleotide-numbers':
      return (prediction) => ({ kind, values: columns(prediction) });
    case 'nucleotide-classes':
      return (prediction) => {
        const table = prediction as Float32Array;
        const rows = Array.from({ length: table.length / names.length }, (_, row) =>
          table.subarray(row * names.length, (row + 1) * names.length),
        );
        return { kind, predicted: rows.map((row) => nameOf(argmax(row))), probabilities: columns(table) };
      };
    case 'coordinates':
      throw new RangeError(`a model for ${head.title} predicts coordinates of atoms: predictTertiary gives them`);
    case 'pairs':
      throw new RangeError(`a model for ${head.title} predicts base pairs: fold gives them`);
  }
}
