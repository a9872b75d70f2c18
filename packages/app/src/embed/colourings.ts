/** By what a map is coloured: columns of the table, clusters, or the length. A column is of classes or of numbers. */
import type { Column } from '../calls/modelCalls.ts';

export interface Coloured {
  readonly columns: readonly Column[];
  readonly clusters: readonly number[] | undefined;
  readonly lengths: readonly number[];
}

/** More classes than this are numbers, where all cells are. */
const CLASSES = 12;

/** What can be chosen, the most telling first; keys are kept in addresses. */
export const colouringsOf = (
  columns: readonly Column[],
  clusters: readonly number[] | undefined,
): readonly { readonly key: string; readonly title: string }[] => [
  ...columns.map(({ name }) => ({ key: `column ${name}`, title: name })),
  ...(clusters === undefined ? [] : [{ key: 'cluster', title: 'cluster' }]),
  { key: 'length', title: 'length' },
];

/** A text or a number for each RNA. */
export function labelsOf(key: string, { columns, clusters, lengths }: Coloured): readonly (string | number)[] {
  if (key === 'cluster' && clusters !== undefined) return clusters.map((cluster) => `cluster ${cluster + 1}`);
  const column = columns.find(({ name }) => key === `column ${name}`);
  if (column === undefined) return lengths;
  const { name, cells } = column;
  const isNumeric =
    new Set(cells).size > CLASSES && cells.every((cell) => cell !== '' && Number.isFinite(Number(cell)));
  return isNumeric ? cells.map(Number) : cells.map((cell) => (cell === '' ? `no ${name}` : cell));
}
