/** Readers of RNAs for the fuzzer: every format of records, with structures that are drawn and written as programs do. */
import type { RandomStream } from '@rna/kernels';
import {
  checkPartners,
  findInvalidLetter,
  findInvisible,
  parseRecords,
  writeBpseq,
  writeCt,
  writeDotBracket,
  type FileRecord,
  type Structure,
} from '@rna/structure';
import type { Reader } from './engine.ts';

const LETTERS = 'ACGUTNacgutnRYKMSWBDHVI-';
const NAMES = 'abcXYZ019_.|/:=+@-';

const pick = (text: string, random: RandomStream): string => text[random.below(text.length)]!;
const word = (letters: string, length: number, random: RandomStream): string =>
  Array.from({ length }, () => pick(letters, random)).join('');

/** Up to five RNAs of up to 40 nucleotides with any pairs, crossing or not. */
export function drawStructures(random: RandomStream): Structure[] {
  return Array.from({ length: 1 + random.below(5) }, (_, k) => {
    const length = 2 + random.below(39);
    const partners = new Int32Array(length).fill(-1);
    for (let pairs = random.below(length); pairs > 0; pairs--) {
      const [i, j] = [random.below(length), random.below(length)];
      if (i === j || partners[i] !== -1 || partners[j] !== -1) continue;
      partners[i] = j;
      partners[j] = i;
    }
    return { id: `${k}${word(NAMES, random.below(8), random)}`, sequence: word(LETTERS, length, random), partners };
  });
}

/** A text in parts of any sizes. */
function* parts(text: string, random: RandomStream): Generator<string, void, undefined> {
  for (let at = 0; at < text.length;) {
    const end = at + 1 + random.below(random.below(2) === 0 ? 3 : 200);
    yield text.slice(at, end);
    at = end;
  }
}

/** What no record that was read may be. */
export function recordProblem(records: unknown): string | undefined {
  for (const { id, sequence, partners, line, droppedPairs } of records as FileRecord[]) {
    if (id === '' || findInvisible(id) >= 0) return `the id ${JSON.stringify(id)}`;
    if (findInvalidLetter(sequence) >= 0) return `the sequence ${JSON.stringify(sequence)}`;
    if (!(line >= 1) || !(droppedPairs >= 0)) return `line ${line}, ${droppedPairs} dropped pairs`;
    if (partners === undefined) continue;
    if (partners.length !== sequence.length) return `${partners.length} partners of ${sequence.length} letters`;
    try {
      checkPartners(partners, id);
    } catch (error) {
      return String(error);
    }
  }
  return undefined;
}

interface Format {
  readonly name: string;
  readonly file: string;
  /** A file of structures, of which the format may hold the first alone. */
  write(
    structures: readonly Structure[],
    random: RandomStream,
  ): { readonly text: string; readonly expected: Structure[] };
  /** A change to a file's text after which it must be refused. */
  spoil(text: string, random: RandomStream): string;
}

const withoutPairs = (structures: readonly Structure[]): Structure[] =>
  structures.map(({ id, sequence }) => ({ id, sequence }) as Structure);

/** One of the lines that `isWanted`, changed. */
function changeLine(
  text: string,
  random: RandomStream,
  isWanted: (line: string) => boolean,
  change: (line: string) => string,
): string {
  const rows = text.split('\n');
  const wanted = [...rows.keys()].filter((at) => isWanted(rows[at]!));
  const at = wanted[random.below(wanted.length)]!;
  rows[at] = change(rows[at]!);
  return rows.join('\n');
}

const FORMATS: readonly Format[] = [
  {
    name: 'fasta',
    file: 'a.fa',
    write(structures, random) {
      const wrap = (sequence: string): string =>
        random.below(2) === 0 ? sequence : (sequence.match(/.{1,7}/g) ?? []).join('\n');
      return {
        text: structures.map(({ id, sequence }) => `>${id} words\n${wrap(sequence)}\n`).join(''),
        expected: withoutPairs(structures),
      };
    },
    spoil: (text, random) =>
      changeLine(
        text,
        random,
        (line) => line !== '' && !line.startsWith('>'),
        (line) => `${line}${pick('1XZ*>?', random)}`,
      ),
  },
  {
    name: 'dot-bracket',
    file: 'a.dbn',
    write: (structures, random) => ({
      text: structures
        .map(
          (structure) =>
            `${writeDotBracket(structure).trimEnd()}${['', ' (-1.20)', '  -3.4', '\n\n'][random.below(4)]!}\n`,
        )
        .join(''),
      expected: [...structures],
    }),
    spoil: (text, random) =>
      changeLine(
        text,
        random,
        (line) => /^[(.[]/.test(line),
        (line) => line.slice(1),
      ),
  },
  {
    name: 'ct',
    file: 'a.ct',
    write: (structures, random) => ({
      text: structures
        .map((structure) => {
          const [, ...rows] = writeCt(structure).split('\n');
          return [
            `${structure.partners.length} ${['', 'ENERGY = -1.2 ', ' dG = -1 [initially -2] '][random.below(3)]!}${structure.id}`,
            ...rows,
          ].join('\n');
        })
        .join(''),
      expected: [...structures],
    }),
    spoil: (text, random) =>
      changeLine(
        text,
        random,
        (line) => line.split('\t').length === 6,
        (line) => line.replace(/\t\d+\t(\d+)$/, `\t${2 ** 32 + random.below(9)}\t$1`),
      ),
  },
  {
    name: 'bpseq',
    file: 'a.bpseq',
    write: (structures) => ({ text: structures.map(writeBpseq).join(''), expected: [...structures] }),
    spoil: (text, random) =>
      changeLine(
        text,
        random,
        (line) => /^\d/.test(line),
        (line) => line.replace(/ \d+$/, ` ${[-1, 2 ** 32, 41][random.below(3)]!}`),
      ),
  },
  {
    name: 'st',
    file: 'a.st',
    write: ([structure]) => ({
      text: `#Name: ${structure!.id}\n#Length: 5\n${writeDotBracket(structure!).split('\n').slice(1).join('\n')}EEE\nKKK\n`,
      expected: [structure!],
    }),
    spoil: (text, random) =>
      changeLine(
        text,
        random,
        (line) => /^[(.[]/.test(line),
        (line) => line.slice(1),
      ),
  },
  {
    name: 'stockholm',
    file: 'a.sto',
    write(structures) {
      const sequences = structures.map(({ id, sequence }) => ({ id, sequence: sequence.replaceAll('-', 'N') }));
      const width = Math.max(...sequences.map(({ sequence }) => sequence.length));
      const rows = sequences.map(({ id, sequence }) => `${id} ${sequence.padEnd(width, '.')}`);
      return { text: `# STOCKHOLM 1.0\n\n${rows.join('\n')}\n//\n`, expected: sequences as Structure[] };
    },
    spoil: (text) => text.replace('//\n', ''),
  },
];

export const RECORD_READERS: readonly Reader[] = FORMATS.map((format): Reader => ({
  name: format.name,
  make(random) {
    const { text, expected } = format.write(drawStructures(random), random);
    return {
      bytes: Buffer.from(text),
      expected: expected.map(({ id, sequence, partners }) => ({ id, sequence, partners })),
    };
  },
  spoil: (random) => Buffer.from(format.spoil(format.write(drawStructures(random), random).text, random)),
  async read(bytes, random) {
    const records: Pick<FileRecord, 'id' | 'sequence' | 'partners' | 'line' | 'droppedPairs'>[] = [];
    for await (const record of parseRecords(parts(Buffer.from(bytes).toString(), random), format.file))
      records.push(record);
    const problem = recordProblem(records);
    if (problem !== undefined) throw new Error(problem);
    return records.map(({ id, sequence, partners }) => ({ id, sequence, partners }));
  },
}));
