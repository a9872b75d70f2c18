/** Tables of labelled RNAs: what their columns are, for the form, and their rows, for fine-tuning. */
import { checkedSequence, InputError, readable, standardLetters } from '@rna/structure';
import type { LabelledRow, RowColumns } from '@rna/train';
import type { TableColumns } from '../calls/modelCalls.ts';
import { tableOf, type Rows } from './rnas.ts';

/** Different cells of a column that are counted; a column of more is no column of classes. */
const MOST_COUNTED = 1000;

/** Throws an InputError that names file and line for what is no table. */
function tableIn(text: string, file: string): Rows {
  const table = tableOf(text, file);
  if (table === undefined)
    throw new InputError(
      file,
      1,
      'this is no table',
      'give a line of names, and a row an RNA with commas, semicolons or tabs between cells',
    );
  const { header } = table;
  const twice = header.find((name, at) => header.indexOf(name) !== at);
  if (twice !== undefined)
    throw new InputError(file, 1, `two columns have the name "${readable(twice)}"`, 'rename or remove one of them');
  return table;
}

/** What the columns of a table hold. */
export function columnsOf(text: string, file: string): TableColumns {
  const { header, rows } = tableIn(text, file);
  const columns = header.map((name, at) => {
    const cells = rows.map((row) => row.cells[at]!).filter((cell) => cell !== '' && cell.toLowerCase() !== 'nan');
    return {
      name,
      isNumeric: cells.length > 0 && cells.every((cell) => Number.isFinite(Number(cell))),
      isSequence: cells.length > 0 && cells.every((cell) => /^[ACGUTNacgutn]{4,}$/.test(cell)),
      different: new Set(cells.slice(0, MOST_COUNTED)).size,
    };
  });
  return { rows: rows.length, columns };
}

/** The rows of a table with the labels of the columns that are asked for. */
export function labelledRowsOf(
  { text, file }: { readonly text: string; readonly file: string },
  { id: idColumn, sequence: sequenceColumn, targets, group: groupColumn }: RowColumns,
): LabelledRow[] {
  const { header, rows } = tableIn(text, file);
  const at = (name: string): number => {
    const found = header.indexOf(name);
    if (found < 0)
      throw new InputError(
        file,
        1,
        `the table has no column "${readable(name)}"`,
        `its columns are ${header.map((each) => readable(each)).join(', ')}`,
      );
    return found;
  };
  const [sequences, labels] = [at(sequenceColumn), targets.map(at)];
  const [ids, groups] = [header.indexOf(idColumn), header.indexOf(groupColumn)];
  return rows.map(({ cells, line }, row): LabelledRow => {
    const sequence = checkedSequence(file, line, `column "${sequenceColumn}"`, cells[sequences]!);
    return {
      id: (ids < 0 ? '' : cells[ids]!) || `row ${row + 1}`,
      sequence: standardLetters(sequence),
      file,
      line,
      labels: labels.map((column) => cells[column]!),
      ...(groups >= 0 && { group: cells[groups]! }),
    };
  });
}
