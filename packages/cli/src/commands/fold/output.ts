/**
 * What `rna fold` writes of a record: structures in the formats of the field,
 * a table of pair probabilities, a line of JSON. Each file is written whole or
 * not at all.
 */
import { dotBracket, writeBpseq, writeCt, writeDotBracket, type ScoredPair, type Structure } from '@rna/structure';
import { join } from 'node:path';
import { writeResult } from '../../commandLine/terminal.ts';
import { UsageError } from '../../commandLine/errors.ts';
import { makeFolder } from '../../files/files.ts';
import { fileNames, notePairsLeftOut } from '../../files/outputPaths.ts';
import type { FastaFileRecord, PlannedRecord } from '../../input/fastaInput.ts';
import { pairLines, writeText as writeTextFile } from '../../tables/pairTable.ts';

/** A record with its structure, whatever it was folded by. */
export interface FoldedRecord extends Structure, Pick<FastaFileRecord, 'file' | 'line'> {
  /** The expected share of nucleotides that the structure has right. */
  readonly accuracy: number;
  /** Pairs with a probability of at least 0.0001, in the order of i and then of j, each time anew. */
  readonly pairs: () => Iterable<ScoredPair>;
  /** How it was folded, as JSON has it. */
  readonly by: Readonly<Record<string, unknown>>;
}

/** What takes the records as they are folded, in order. */
export interface FoldSink {
  /** Called when everything is read and checked, before the first record is folded. */
  readonly begin: () => Promise<void>;
  /** undefined: the record is left out. */
  readonly take: (record: FoldedRecord | undefined) => Promise<void>;
}

/** Digits of probabilities and of shares. */
const DIGITS = 6;
const rounded = (value: number): number => Number(value.toPrecision(DIGITS));

const titled = (record: FoldedRecord) => ({ ...record, remark: `accuracy=${record.accuracy.toFixed(4)}` });

/** Text of a record, and what its file's name ends in. */
interface Writer {
  readonly ending: string;
  readonly text: (record: FoldedRecord) => string | Promise<string>;
}

const dotBracketText = (record: FoldedRecord): string => writeDotBracket(titled(record));

const WRITERS = {
  dbn: { ending: 'dbn', text: dotBracketText },
  ct: { ending: 'ct', text: (record) => writeCt(titled(record)) },
  bpseq: { ending: 'bpseq', text: (record) => writeBpseq(titled(record)) },
  svg: { ending: 'svg', text: async (record) => (await import('./drawings.ts')).svgText(record) },
  r2dt: { ending: 'r2dt.json', text: async (record) => (await import('./drawings.ts')).r2dtText(record) },
} satisfies Record<string, Writer>;

export type FoldFormat = keyof typeof WRITERS;

export interface FoldOutputOptions {
  readonly out?: string;
  readonly format: readonly FoldFormat[];
  readonly probs?: boolean;
  readonly json?: boolean;
}

/** Throws a UsageError for what only a folder has room for. */
export function checkOutput({ out, format, probs, json }: FoldOutputOptions): void {
  if (out !== undefined) return;
  const other = format.filter((each) => each !== 'dbn');
  if (other.length > 0 || (probs && !json))
    throw new UsageError(
      `${other.length > 0 ? `--format ${format.join(',')}` : '--probs'} needs --out FOLDER${other.length > 0 ? '; only dbn goes to stdout' : ' or --json; stdout holds one text'}`,
    );
}

/** Throws a UsageError for what the one file of a shard has no room for. */
export function checkShardOutput({ format, probs, json }: FoldOutputOptions): void {
  if (format.some((each) => each !== 'dbn') || (probs && !json))
    throw new UsageError(
      '--shard writes one file, dot-bracket or with --json a line a record; leave out --format, and --probs without --json',
    );
}

/** Writes records one by one: as one text to `writeOne`, where there is one, else as --out says. Throws an InputError as `fileNames` does. */
export function foldOutput(
  plan: readonly PlannedRecord[],
  { out: folder, format, probs = false, json = false }: FoldOutputOptions,
  writeOne?: (text: string) => Promise<void>,
): { readonly begin: () => Promise<void>; readonly write: (record: FoldedRecord) => Promise<void> } {
  const out = writeOne === undefined ? folder : undefined;
  const writeText = writeOne ?? writeResult;
  const names = out === undefined ? undefined : fileNames(plan);
  return {
    begin: async () => {
      if (out !== undefined) await makeFolder(out);
    },
    write: async (record) => {
      if (out === undefined || format.includes('dbn')) notePairsLeftOut(record);
      if (names !== undefined && out !== undefined) {
        const path = join(out, names.get(record.id)!);
        for (const each of format) {
          const { ending, text }: Writer = WRITERS[each];
          await writeTextFile(`${path}.${ending}`, [await text(record)]);
        }
        if (probs) await writeTextFile(`${path}.probs.tsv`, pairLines(record.pairs()));
      }
      if (json) await writeText(`${JSON.stringify(jsonOf(record, probs))}\n`);
      else if (out === undefined) await writeText(dotBracketText(record));
    },
  };
}

function jsonOf({ id, sequence, partners, accuracy, pairs, by }: FoldedRecord, withPairs: boolean) {
  return {
    id,
    length: sequence.length,
    sequence,
    structure: dotBracket(partners),
    accuracy: rounded(accuracy),
    ...by,
    ...(withPairs && { pairs: Array.from(pairs(), ({ i, j, probability }) => [i + 1, j + 1, rounded(probability)]) }),
  };
}
