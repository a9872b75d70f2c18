/**
 * `rna data splice`: Spliceator's gold standard as SpliceBERT and RiNALMo split
 * it, to the record, or windows cut from annotated genomes, one file a species
 * and site, of which one species is trained on and the others are tests. A
 * window is 400 nucleotides around a site or a place that is none.
 */
import { basename } from 'node:path';
import { checkedSequence, InputError, readable } from '@rna/structure';
import { UsageError } from '../../commandLine/errors.ts';
import { formatCount } from '@rna/figures';
import { groupFolds, stratifiedKFold } from './folds.ts';
import { fileNamed, filesBelow, tableSet, writeSets, type DataSet } from './sets.ts';
import { readCells, readTable } from '../../input/tables.ts';

export const SPLICE_SITES = ['donor', 'acceptor'] as const;
export type SpliceSite = (typeof SPLICE_SITES)[number];

export interface SpliceOptions {
  readonly input: string;
  readonly out: string;
  readonly sites: readonly SpliceSite[];
  /** 1 … 10. */
  readonly fold: number;
  /** The species that is trained on; the one with the most windows by default. */
  readonly species?: string;
  readonly seed: number;
  readonly json?: boolean;
}

interface Window {
  readonly id: string;
  readonly sequence: string;
  readonly label: 0 | 1;
  readonly group: string;
  readonly file: string;
  readonly line: number;
}

const FOLDS = 10;
const LENGTH = 400;
// SpliceBERT's, which RiNALMo kept.
const REFERENCE_SEED = 2020;
const BENCHMARKS = ['Danio', 'Fly', 'Thaliana', 'Worm'];
const SPECIES_FILE = /(?:^|_)([A-Za-z]+)_(donor|acceptor)_\d+\.csv(?:\.gz)?$/;

/** Throws an InputError or CommandError for input that is neither, a UsageError for a species without a file. */
export async function prepareSplice(options: SpliceOptions): Promise<void> {
  const files = await filesBelow(options.input);
  const isSpliceator = files.some((file) => /POS_(donor|acceptor)_600\.csv$/.test(file));
  if (isSpliceator && options.species !== undefined)
    throw new UsageError('--species is for windows of several species; the training set of Spliceator is one');
  await (isSpliceator ? prepareSpliceator(files, options) : prepareSpecies(files, options));
}

async function prepareSpliceator(
  files: readonly string[],
  { input, out, sites, fold, json }: SpliceOptions,
): Promise<void> {
  const sets: DataSet[] = [];
  for (const site of sites) {
    // The order matters to the folds: positives first.
    const windows = [
      ...(await readGoldStandard(fileNamed(files, `Positive/GS/POS_${site}_600.csv`, input), 1)),
      ...(await readGoldStandard(fileNamed(files, `Negative/GS/GS_1/NEG_600_${site}.csv`, input), 0)),
    ];
    const foldOf = stratifiedKFold(
      windows.map(({ label }) => label),
      FOLDS,
      REFERENCE_SEED,
    );
    sets.push(
      windowSet(
        `${site}/train.csv`,
        windows.filter((_, i) => foldOf[i] !== fold - 1),
      ),
    );
    sets.push(
      windowSet(
        `${site}/validation.csv`,
        windows.filter((_, i) => foldOf[i] === fold - 1),
      ),
    );
    for (const species of BENCHMARKS) {
      const [negative, positive] = (['negative', 'positive'] as const).map((kind) =>
        fileNamed(files, `Benchmarks/${species}/SA_sequences_${site}_400_Final_3.${kind}.txt`, input),
      );
      sets.push(
        windowSet(
          `${site}/test_${species}.csv`,
          ofOneLength([
            ...(await readBenchmark(negative!, 0, species)),
            ...(await readBenchmark(positive!, 1, species)),
          ]),
        ),
      );
    }
  }
  await writeSets(
    out,
    { title: `Splice sites of Spliceator, fold ${fold} of ${FOLDS} as RiNALMo's db_${fold}`, sets, notes: [] },
    json,
  );
}

/** Rows `id;sequence;…` or `id;name;sequence;…` of 600 nucleotides, of which the middle 400 are taken. */
async function readGoldStandard(file: string, label: 0 | 1): Promise<Window[]> {
  const windows: Window[] = [];
  for await (const {
    cells: [id = '', second = '', third = ''],
    line,
  } of readCells(file, { ragged: true })) {
    if (id.startsWith('ID_uniprot')) continue;
    const whole = second.length < 100 ? third : second;
    if (whole.length < LENGTH)
      throw new InputError(
        file,
        line,
        `expected a sequence of at least ${LENGTH} nucleotides in the second or third column`,
        'download the file again',
      );
    const left = (whole.length - LENGTH) >> 1;
    const sequence = checkedSequence(file, line, 'row', whole.slice(left, left + LENGTH));
    windows.push({ id, sequence, label, group: id.split('_').at(-1)!, file, line });
  }
  return windows;
}

/** Rows `name;kind;sequence`. */
async function readBenchmark(file: string, label: 0 | 1, species: string): Promise<Window[]> {
  const windows: Window[] = [];
  for await (const {
    cells: [id = '', , sequence = ''],
    line,
  } of readCells(file, { ragged: true })) {
    windows.push({
      id,
      sequence: checkedSequence(file, line, 'third column', sequence),
      label,
      group: species,
      file,
      line,
    });
  }
  return windows;
}

async function prepareSpecies(
  files: readonly string[],
  { input, out, sites, fold, species, seed, json }: SpliceOptions,
): Promise<void> {
  const tables = files.flatMap((file) => {
    const [, name, site] = SPECIES_FILE.exec(basename(file)) ?? [];
    return name === undefined || !(sites as readonly string[]).includes(site!)
      ? []
      : [{ file, name, site: site as SpliceSite }];
  });
  if (tables.length === 0)
    throw new UsageError(
      `${input}: neither Spliceator's files (Training_data/Positive/GS/POS_donor_600.csv and so on) nor tables of species (…_SPECIES_donor_400.csv)`,
    );
  const [sets, notes]: [DataSet[], string[]] = [[], []];
  let train = species;
  for (const site of sites.filter((each) => tables.some((table) => table.site === each))) {
    const windowsOf = new Map<string, readonly Window[]>();
    for (const { file, name } of tables.filter((table) => table.site === site)) {
      if (windowsOf.has(name))
        throw new UsageError(`${input}: two tables of ${name} ${site} sites; give a folder with one`);
      windowsOf.set(name, await readWindows(file, name));
    }
    train ??= [...windowsOf].reduce((most, each) => (each[1].length > most[1].length ? each : most))[0];
    const own = windowsOf.get(train);
    if (own === undefined)
      throw new UsageError(
        `${input}: no table of ${train} ${site} sites; there are ${[...windowsOf.keys()].join(', ') || 'none'}`,
      );
    const groups = overlapGroups(own);
    const shared = own.length - new Set(groups).size;
    if (shared > 0)
      notes.push(
        `${train}, ${site}: ${formatCount(shared)} windows overlap one before them on the chromosome; such are kept in one fold`,
      );
    const foldOf = groupFolds(groups, FOLDS, seed);
    const [test, validation] = [fold - 1, (fold + FOLDS - 2) % FOLDS];
    const part = (wanted: (of: number) => boolean): Window[] => own.filter((_, i) => wanted(foldOf[i]!));
    sets.push(
      windowSet(
        `${site}/train.csv`,
        part((of) => of !== test && of !== validation),
      ),
    );
    sets.push(
      windowSet(
        `${site}/validation.csv`,
        part((of) => of === validation),
      ),
    );
    sets.push(
      windowSet(
        `${site}/test_${train}.csv`,
        part((of) => of === test),
      ),
    );
    for (const [name, windows] of windowsOf) {
      if (name !== train) sets.push(windowSet(`${site}/test_${name}.csv`, windows));
    }
  }
  await writeSets(
    out,
    {
      title: `Splice sites: trained on ${train!}, fold ${fold} of ${FOLDS} held out, seed ${seed}; the other species are tests`,
      sets,
      notes,
    },
    json,
  );
}

async function readWindows(file: string, species: string): Promise<readonly Window[]> {
  const windows: Window[] = [];
  for await (const row of readTable(file, { required: ['id', 'sequence', 'label'] })) {
    const label = row.cell('label');
    if (label !== '0' && label !== '1')
      throw new InputError(file, row.line, `expected the label 0 or 1, got "${readable(label)}"`, 'correct it');
    const sequence = checkedSequence(file, row.line, 'column "sequence"', row.cell('sequence'));
    windows.push({ id: row.cell('id'), sequence, label: label === '1' ? 1 : 0, group: species, file, line: row.line });
  }
  return ofOneLength(windows);
}

/** The windows again. Throws an InputError for one that is not as long as the first. */
function ofOneLength(windows: readonly Window[]): readonly Window[] {
  const [first] = windows;
  const other = windows.find(({ sequence }) => sequence.length !== first!.sequence.length);
  if (other === undefined) return windows;
  throw new InputError(
    other.file,
    other.line,
    `a window of ${other.sequence.length} nucleotides; that of ${first!.file}:${first!.line} has ${first!.sequence.length}`,
    'correct or remove one of them',
  );
}

/**
 * Windows that share nucleotides, directly or through others, have one group: ids are KIND_CHROMOSOME_POSITION_STRAND.
 * A window without such an id is a group of its own.
 */
export function overlapGroups(windows: readonly { readonly id: string; readonly sequence: string }[]): number[] {
  const placed = windows
    .map(({ id, sequence }, index) => {
      const [, chromosome = id, position = '0'] = /^[^_]+_(.+)_(\d+)_[+-]$/.exec(id) ?? [];
      // A number that no position can have says nothing of where the window is.
      const isPlace = Number.isSafeInteger(Number(position));
      return {
        index,
        chromosome: isPlace ? chromosome : id,
        position: isPlace ? Number(position) : 0,
        length: sequence.length,
      };
    })
    .sort((a, b) => (a.chromosome < b.chromosome ? -1 : a.chromosome > b.chromosome ? 1 : a.position - b.position));
  const groups = new Array<number>(windows.length).fill(0);
  let group = -1;
  for (const [i, { index, chromosome, position }] of placed.entries()) {
    const before = placed[i - 1];
    if (before?.chromosome !== chromosome || position - before.position >= before.length) group++;
    groups[index] = group;
  }
  return groups;
}

function windowSet(name: string, windows: readonly Window[]): DataSet {
  const sites = windows.filter(({ label }) => label === 1).length;
  return tableSet(
    name,
    ['id', 'sequence', 'label', 'group'],
    windows.map(({ id, sequence, label, group }) => ({ sequence, cells: [id, sequence, label, group] })),
    { sites, others: windows.length - sites },
  );
}
