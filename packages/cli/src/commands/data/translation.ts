/**
 * `rna data translation`: translation efficiency and expression level of 5′ UTRs
 * in three cell types (Cao et al. 2021, as UTR-LM and RiNALMo take them). Ten
 * folds of scikit-learn's KFold with seed 42, to the record: fold i is the test,
 * the one before it validation. Both labels stay in the tables, so one split
 * serves both tasks.
 */
import { basename } from 'node:path';
import { expressionLevel, translationEfficiency } from '@rna/model';
import { checkedSequence } from '@rna/structure';
import { CommandError } from '../../commandLine/errors.ts';
import { checkedNumber } from '../../input/cells.ts';
import { kFold } from './folds.ts';
import { filesBelow, meanAndDeviation, tableSet, writeSets, type DataSet } from './sets.ts';
import { readTable } from '../../input/tables.ts';

export interface TranslationOptions {
  readonly input: string;
  readonly out: string;
  /** 0 … 9, as the reference numbers them. */
  readonly fold: number;
  readonly json?: boolean;
}

interface Utr {
  readonly id: string;
  readonly utr: string;
  /** The labels of both tasks, as they are written. */
  readonly labels: readonly string[];
}

const FOLDS = 10;
const REFERENCE_SEED = 42;
const TARGETS = [translationEfficiency, expressionLevel].map(({ columns }) => columns!.target);
const SEQUENCE = translationEfficiency.columns!.sequence;

/** Throws an InputError with file and line for a table that cannot be read, a CommandError without one. */
export async function prepareTranslation({ input, out, fold, json }: TranslationOptions): Promise<void> {
  const tables = (await filesBelow(input)).flatMap((file) => {
    const [, cells] = /^([^/\\]+)_sequence\.csv(?:\.gz)?$/.exec(basename(file)) ?? [];
    return cells === undefined ? [] : [{ file, cells }];
  });
  if (tables.length === 0)
    throw new CommandError(
      `${input}: no table named CELLS_sequence.csv; the download has Muscle_sequence.csv, pc3_sequence.csv and HEK_sequence.csv`,
    );
  const sets: DataSet[] = [];
  for (const [k, { file, cells }] of tables.entries()) {
    if (tables.findIndex((table) => table.cells === cells) < k)
      throw new CommandError(`${input}: two tables of ${cells}; give a folder with one`);
    const utrs = await readUtrs(file);
    const foldOf = kFold(utrs.length, FOLDS, REFERENCE_SEED);
    const validation = (fold + FOLDS - 1) % FOLDS;
    const parts = {
      train: utrs.filter((_, i) => foldOf[i] !== fold && foldOf[i] !== validation),
      validation: utrs.filter((_, i) => foldOf[i] === validation),
      test: utrs.filter((_, i) => foldOf[i] === fold),
    };
    for (const [name, rows] of Object.entries(parts)) sets.push(utrSet(`${cells}/${name}.csv`, rows));
  }
  await writeSets(
    out,
    { title: `Translation efficiency and expression level, fold ${fold} of ${FOLDS}`, sets, notes: [] },
    json,
  );
}

async function readUtrs(file: string): Promise<Utr[]> {
  const utrs: Utr[] = [];
  for await (const row of readTable(file, { required: [SEQUENCE, ...TARGETS] })) {
    const labels = TARGETS.map((column) => checkedNumber(file, row.line, column, row.cell(column)));
    utrs.push({
      id: String(utrs.length),
      utr: checkedSequence(file, row.line, `column "${SEQUENCE}"`, row.cell(SEQUENCE).replaceAll('<pad>', '')),
      labels,
    });
  }
  return utrs;
}

function utrSet(name: string, utrs: readonly Utr[]): DataSet {
  const measures = Object.fromEntries(
    TARGETS.map((column, k) => [`mean ${column}`, meanAndDeviation(utrs.map(({ labels }) => Number(labels[k]))).mean]),
  );
  return tableSet(
    name,
    ['id', SEQUENCE, ...TARGETS],
    utrs.map(({ id, utr, labels }) => ({ sequence: utr, cells: [id, utr, ...labels] })),
    measures,
  );
}
