/**
 * Predictions as columns of a table, by what a head predicts: for `rna predict`
 * and for the CSV files of `rna evaluate`. Base pairs have files of their own
 * (fold.ts).
 */
import { argmax, tableColumn, type Cell } from '@rna/structure';
import type { Scalars, TaskHead } from '@rna/model';

export type Cells = Readonly<Record<string, Cell>>;

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
    case 'numbers':
    case 'nucleotide-numbers': {
      const titles = head.classNames?.(sizes) ?? [];
      const names = titles.map((title) => `predicted(${title})`);
      return {
        names,
        cells: (prediction) =>
          cellsOf(names, (c) => columnCell(head, prediction as Float32Array, titles.length, c, significant)),
      };
    }
    case 'labels': {
      const labels = head.classNames?.(sizes) ?? [];
      const names = labels.map((label) => `p(${label})`);
      return {
        names: ['predicted', ...names],
        cells: (prediction) => ({
          predicted: labels.filter((_, c) => (prediction as Float32Array)[c]! > 0.5).join(';'),
          ...cellsOf(names, (c) => significant((prediction as Float32Array)[c]!)),
        }),
      };
    }
    case 'nucleotide-classes': {
      const classes = head.classNames?.(sizes) ?? [];
      const names = classes.map((name) => `p(${name})`);
      return {
        names: ['predicted', ...names],
        cells(prediction) {
          const table = prediction as Float32Array;
          const rows = Array.from({ length: table.length / classes.length }, (_, row) =>
            table.subarray(row * classes.length, (row + 1) * classes.length),
          );
          return {
            predicted: rows.map((row) => classes[argmax(row)]!),
            ...cellsOf(names, (c) => rows.map((row) => significant(row[c]!))),
          };
        },
      };
    }
    case 'pairs':
    case 'coordinates':
      throw new RangeError(`${head.name}: ${head.title} are no cells of a table`);
  }
}

const cellsOf = (names: readonly string[], cell: (column: number) => Cell): Cells =>
  Object.fromEntries(names.map((name, c) => [name, cell(c)]));

/** A column of a table of numbers: one number, or of a table with a row for each nucleotide a list. */
function columnCell(
  { kind }: Pick<TaskHead['head'], 'kind'>,
  table: ArrayLike<number>,
  columns: number,
  at: number,
  text: (value: number) => string | number,
): Cell {
  return kind.startsWith('nucleotide-') ? Array.from(tableColumn([table], columns, at), text) : text(table[at]!);
}

/** Labels as the reader of a table knows them: the columns, and the cells of one label. What is not known is nan. */
export function labelCells({ head, sizes }: TaskHead): {
  readonly names: readonly string[];
  readonly cells: (target: unknown) => Cells;
} {
  const titles = head.classNames?.(sizes) ?? [];
  const known = (value: number): number | string => (Number.isNaN(value) ? 'nan' : value);
  switch (head.kind) {
    case 'classes':
      return { names: ['label'], cells: (target) => ({ label: titles[target as number] ?? (target as number) }) };
    case 'numbers':
    case 'labels':
    case 'nucleotide-numbers': {
      const names = titles.map((title) => `label(${title})`);
      return {
        names,
        cells: (target) => cellsOf(names, (c) => columnCell(head, target as Float64Array, titles.length, c, known)),
      };
    }
    case 'nucleotide-classes':
      return {
        names: ['label'],
        cells: (target) => ({ label: Array.from(target as Float64Array, (c) => titles[c] ?? 'nan') }),
      };
    default:
      return { names: ['label'], cells: (target) => ({ label: target as number }) };
  }
}

/** Digits that a float32 holds. */
const significant = (value: number): number => Number(value.toPrecision(7));
