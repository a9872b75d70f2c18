/** The texts of a folded record. */
import { inertCell, parseDotBracket, writeBpseq, writeCt, writeDotBracket, type Structure } from '@rna/structure';
import type { FoldedRecord } from './journal.ts';

const WRITERS = { dbn: writeDotBracket, ct: writeCt, bpseq: writeBpseq } satisfies Record<
  string,
  (structure: Structure) => string
>;
export type StructureFormat = keyof typeof WRITERS;

/** What a file holds: a line before all records, and the text of each. */
export interface RecordText {
  readonly header: string;
  readonly of: (record: FoldedRecord) => string;
}

export const structureText = (format: StructureFormat): RecordText => ({
  header: '',
  of: ({ id, sequence, structure }) => WRITERS[format]({ id, sequence, partners: parseDotBracket(structure) }),
});

export const JSON_TEXT: RecordText = { header: '', of: (record) => `${JSON.stringify(record)}\n` };

export const PROBABILITY_TABLE: RecordText = {
  header: 'id\ti\tj\tp\n',
  of: ({ id, pairs }) => pairs!.map((pair) => `${inertCell(id)}\t${pair.join('\t')}\n`).join(''),
};

export const SCORE_TABLE: RecordText = {
  header: 'id\tlength\tlogZ\taccuracy\n',
  of: ({ id, sequence, logZ, accuracy }) => `${inertCell(id)}\t${sequence.length}\t${logZ}\t${accuracy}\n`,
};
