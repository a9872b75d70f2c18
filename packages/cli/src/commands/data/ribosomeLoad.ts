/**
 * `rna data ribosome-load`: 5′ UTRs of Sample et al. 2019. The file of varying
 * lengths (GEO GSM4084997) is split as Optimus 5-Prime and RiNALMo do: for each
 * length the 100 most read of the random UTRs are validation (Random7600), of
 * the human ones test (Human7600), all other random ones training. A table
 * without counts is split at random by the seed.
 */
import { RandomStream } from '@rna/kernels';
import { ribosomeLoad, STREAM } from '@rna/model';
import { checkedSequence } from '@rna/structure';
import { CommandError } from '../../commandLine/errors.ts';
import { counted, formatCount } from '@rna/figures';
import { listRecordFiles } from '../../input/recordFiles.ts';
import { checkedCount, checkedNumber } from '../../input/cells.ts';
import { meanAndDeviation, tableSet, writeSets, type DataSet } from './sets.ts';
import { readTable, TABLE_FILES } from '../../input/tables.ts';

export interface RibosomeLoadOptions {
  readonly input: string;
  readonly out: string;
  /** The seed of a split at random. */
  readonly seed: number;
  readonly json?: boolean;
}

interface Utr {
  readonly utr: string;
  /** As it is written. */
  readonly load: string;
  readonly set: string;
  readonly reads: number;
}

const SHORTEST = 25;
const LONGEST = 100;
const PER_LENGTH = 100;
const LEAST_READS = 10;
const HELD_OUT = 0.1;

/** Throws an InputError with file and line for a table that cannot be read. */
export async function prepareRibosomeLoad({ input, out, seed, json }: RibosomeLoadOptions): Promise<void> {
  const files = await listRecordFiles([input], TABLE_FILES);
  const tables = files.length === 1 ? files : files.filter((file) => /varying_length_25to100\.csv(\.gz)?$/.test(file));
  const [file] = tables;
  if (file === undefined || tables.length > 1)
    throw new CommandError(
      `${input}: ${files.length} tables, ${tables.length} of them named …_varying_length_25to100.csv.gz; give one file`,
    );
  const { utrs, withCounts, notes } = await readUtrs(file);
  const kept = withoutRepeats(utrs, notes);
  const sets = withCounts ? byReads(kept, notes) : atRandom(kept, seed);
  const how = withCounts
    ? `for each length the ${PER_LENGTH} most read held out`
    : `at random by seed ${seed}: ${100 * HELD_OUT} % validation, as many test`;
  await writeSets(
    out,
    { title: `Ribosome load, ${how}`, sets: sets.map(([name, rows]) => utrSet(`${name}.csv`, rows)), notes },
    json,
  );
}

async function readUtrs(file: string): Promise<{ utrs: Utr[]; withCounts: boolean; notes: string[] }> {
  const { sequence, target } = ribosomeLoad.columns!;
  const utrs: Utr[] = [];
  const left = { unmeasured: 0, set: 0, uncounted: 0, reads: 0 };
  let withCounts = false;
  for await (const row of readTable(file, { required: [sequence, target] })) {
    const [utr, load, set, reads] = [
      row.cell(sequence),
      row.cell(target),
      row.optional('set'),
      row.optional('total_reads'),
    ];
    withCounts = set !== undefined && reads !== undefined;
    if (isMissing(load)) left.unmeasured++;
    else if (withCounts && set !== 'random' && set !== 'human') left.set++;
    else if (withCounts && isMissing(reads!)) left.uncounted++;
    else if (withCounts && checkedCount(file, row.line, 'total_reads', reads!) < LEAST_READS) left.reads++;
    else
      utrs.push({
        utr: checkedSequence(file, row.line, `column "${sequence}"`, utr),
        load: checkedNumber(file, row.line, target, load),
        set: set ?? '',
        reads: Number(reads),
      });
  }
  const notes = [
    [left.unmeasured, `without a load`],
    [left.set, `of sets other than random and human`],
    [left.uncounted, `without a count of reads`],
    [left.reads, `with fewer than ${LEAST_READS} reads`],
  ].flatMap(([count, why]) => (count === 0 ? [] : [`left out ${counted(count as number, 'UTR')} ${why as string}`]));
  return { utrs, withCounts, notes };
}

// As the field's tables write it.
const isMissing = (cell: string): boolean => /^(nan|na|null|)$/i.test(cell);

/** All copies of a repeated UTR go: which load is right is not known. */
function withoutRepeats(utrs: readonly Utr[], notes: string[]): Utr[] {
  const copies = new Map<string, number>();
  for (const { utr } of utrs) copies.set(utr, (copies.get(utr) ?? 0) + 1);
  const kept = utrs.filter(({ utr }) => copies.get(utr) === 1);
  if (kept.length < utrs.length)
    notes.push(
      `left out ${counted(utrs.length - kept.length, 'copy').replace('copys', 'copies')} of UTRs that come more than once`,
    );
  return kept;
}

function byReads(utrs: readonly Utr[], notes: string[]): [string, Utr[]][] {
  const random = utrs.filter(({ set }) => set === 'random');
  const validation = mostRead(random, 'random', notes);
  return [
    ['train', random.filter((utr) => !validation.has(utr))],
    ['validation', random.filter((utr) => validation.has(utr))],
    [
      'test',
      [
        ...mostRead(
          utrs.filter(({ set }) => set === 'human'),
          'human',
          notes,
        ),
      ],
    ],
  ];
}

/** The most read of each length, in the file's order. Of UTRs with the same count the earlier is taken. */
function mostRead(utrs: readonly Utr[], set: string, notes: string[]): Set<Utr> {
  const byLength = new Map<number, Utr[]>();
  for (const each of utrs) {
    if (each.utr.length < SHORTEST || each.utr.length > LONGEST) continue;
    const same = byLength.get(each.utr.length);
    if (same === undefined) byLength.set(each.utr.length, [each]);
    else same.push(each);
  }
  const taken = new Set<Utr>();
  let ties = 0;
  for (const same of byLength.values()) {
    same.sort((a, b) => b.reads - a.reads);
    if (same[PER_LENGTH - 1]?.reads === same[PER_LENGTH]?.reads && same.length > PER_LENGTH) ties++;
    for (const each of same.slice(0, PER_LENGTH)) taken.add(each);
  }
  if (ties > 0)
    notes.push(
      `${formatCount(ties)} lengths of the ${set} UTRs have equal counts at the ${PER_LENGTH}th place; the earlier in the file is taken, where the reference's choice depends on its sorting library`,
    );
  return new Set(utrs.filter((each) => taken.has(each)));
}

function atRandom(utrs: readonly Utr[], seed: number): [string, Utr[]][] {
  const held = Math.round(utrs.length * HELD_OUT);
  const order = new RandomStream(seed, STREAM.ribosomeLoadSplit).shuffle([...utrs.keys()]);
  const part = (start: number, end?: number): Utr[] =>
    order
      .slice(start, end)
      .sort((a, b) => a - b)
      .map((i) => utrs[i]!);
  return [
    ['train', part(2 * held)],
    ['validation', part(0, held)],
    ['test', part(held, 2 * held)],
  ];
}

function utrSet(name: string, utrs: readonly Utr[]): DataSet {
  const { sequence, target } = ribosomeLoad.columns!;
  return tableSet(
    name,
    [sequence, target, 'set'],
    utrs.map(({ utr, load, set }) => ({ sequence: utr, cells: [utr, load, set] })),
    meanAndDeviation(utrs.map(({ load }) => Number(load))),
  );
}
