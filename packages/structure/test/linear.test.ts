/**
 * Readers and writers take time in proportion to their text, whatever it holds:
 * an input that is sixteen times longer may take no more than 64 times longer,
 * where a quadratic one takes 256 times.
 */
import { expect, test } from 'vitest';
import { parseRecords, writeDotBracket } from '../src/records/files.ts';
import { parseRdat, readCoordinates, rnaChains } from '../src/index.ts';
import { titleId } from '../src/records/title.ts';
import { partnersFromPairs } from '../src/secondary/structure.ts';
import { familyKeyOf } from '../src/statistics/groups.ts';
import { collect } from './collect.ts';

const SHORT = 5000;
const FACTOR = 16;

/** Milliseconds of the processor for the quickest of three runs, or the first below `enough`. An error is an answer too. */
async function time(run: () => unknown, enough = 0): Promise<number> {
  let best = Infinity;
  for (let k = 0; k < 3 && best >= enough; k++) {
    const start = process.cpuUsage();
    await Promise.resolve(run()).catch(() => undefined);
    best = Math.min(best, process.cpuUsage(start).user / 1000);
  }
  return best;
}

const reading = (file: string, text: (n: number) => string) => (n: number) => {
  const written = text(n);
  return () => collect(parseRecords([written], file));
};
const blanks = (n: number): string => ' '.repeat(n);
const PDB_ROW = "ATOM      1  C1'   A A   1       1.500   2.500   3.500  1.00  0.00           C\n";
const pdbRow = (i: number): string => PDB_ROW.replace('   1    ', `${String(1 + (i % 9999)).padStart(4)}    `);
const MMCIF_HEAD = `data_x\nloop_\n${['group_PDB', 'label_atom_id', 'label_comp_id', 'label_asym_id', 'label_seq_id', 'Cartn_x', 'Cartn_y', 'Cartn_z'].map((name) => `_atom_site.${name}\n`).join('')}`;
const RDAT_HEAD = 'RDAT_VERSION 0.34\nNAME x\nSEQUENCE GA\n';
const rdatRow = (i: number): string => `ANNOTATION_DATA:${i} mutation:G1A\nREACTIVITY:${i} 1 2\n`;

test.each<[string, (n: number) => () => unknown]>([
  ['blanks in a bracket line', reading('a.dbn', (n) => `>a\nGAC\n(.)${blanks(n)}x\n`)],
  ['blanks and digits behind brackets', reading('a.dbn', (n) => `>a\nGAC\n(.)${' 1'.repeat(n)}x\n`)],
  ['blanks in a sequence', reading('a.dbn', (n) => `>a\nGAC${blanks(n)}1x\n(.)\n`)],
  ['blanks in a dot-bracket title', reading('a.dbn', (n) => `>ENERGY =${blanks(n)}a${blanks(n)}b\nGAC\n(.)\n`)],
  ['blanks in a FASTA title', reading('a.fa', (n) => `>a${blanks(n)}b${blanks(n)}\nACGU\n`)],
  ['blanks in a FASTA sequence', reading('a.fa', (n) => `>a\nACGU${blanks(n)}A\n`)],
  ['a FASTA title without an id', reading('a.fa', (n) => `>${blanks(n)}\nACGU\n`)],
  ['wrapped FASTA', reading('a.fa', (n) => `>a\n${'ACGUACGU\n'.repeat(n)}`)],
  ['dots and brackets in FASTA', reading('a.fa', (n) => `>a\n${'.'.repeat(n)}(\n`)],
  ['wrapped dot-bracket', reading('a.dbn', (n) => `>a\n${'GA\n'.repeat(n)}${'()\n'.repeat(n)}`)],
  ['brackets that open', reading('a.dbn', (n) => `>a\n${'G'.repeat(n)}\n${'('.repeat(n)}\n`)],
  ['lines that end in returns', reading('a.fa', (n) => `>a\r${'AC\r'.repeat(n)}`)],
  ['blanks in a CT title', reading('a.ct', (n) => `1${blanks(n)}dG${blanks(n)}=${blanks(n)}x\n1 A 0 2 0 1\n`)],
  ['blanks in a CT row', reading('a.ct', (n) => `2 a\n1 A 0 2 0 1\n2${blanks(n)}A${blanks(n)}1 3 0 2x\n`)],
  [
    'a CT structure',
    reading(
      'a.ct',
      (n) => `${n} a\n${Array.from({ length: n }, (_, i) => `${i + 1} A ${i} ${i + 2} 0 ${i + 1}\n`).join('')}`,
    ),
  ],
  ['a bpseq structure', reading('a.bpseq', (n) => Array.from({ length: n }, (_, i) => `${i + 1} A 0\n`).join(''))],
  ['blanks in a bpseq comment', reading('a.bpseq', (n) => `#${blanks(n)}Name${blanks(n)}\n1 A 0\n`)],
  ['blanks in ST', reading('a.st', (n) => `#${blanks(n)}Name:${blanks(n)}x\nA\n.${blanks(n)}\n`)],
  [
    'blanks in Stockholm',
    reading(
      'a.sto',
      (n) => `#${blanks(n)}STOCKHOLM 1.0\n#=GC${blanks(n)}SS_cons${blanks(n)}.${blanks(n)}x\na${blanks(n)}A\n//\n`,
    ),
  ],
  ['blanks in a PDB row', coordinates('a.pdb', (n) => `ATOM      1  P ${blanks(n)}A A   1   x\n`)],
  [
    'modified residues of PDB',
    coordinates('a.pdb', (n) => `${'MODRES 1EHZ 2MG A   10    G  2N\n'.repeat(n >> 2)}${PDB_ROW}`),
  ],
  ['rows of PDB', coordinates('a.pdb', (n) => Array.from({ length: n >> 2 }, (_, i) => pdbRow(i)).join(''))],
  ['blanks in mmCIF', coordinates('a.cif', (n) => `${MMCIF_HEAD}ATOM${blanks(n)}C1'${'\n'.repeat(n)}A\n`)],
  ['quotes in mmCIF', coordinates('a.cif', (n) => `${MMCIF_HEAD}${`'a" `.repeat(n)}\n`)],
  ['texts in mmCIF', coordinates('a.cif', (n) => `data_x\n_a\n;${';a\n'.repeat(n)}\n;\n${MMCIF_HEAD}`)],
  ['loops of mmCIF', coordinates('a.cif', (n) => `data_x\n${'loop_\n_a.b\n1\n'.repeat(n >> 2)}`)],
  [
    'chains of mmCIF',
    coordinates(
      'a.cif',
      (n) => MMCIF_HEAD + Array.from({ length: n >> 2 }, (_, i) => `ATOM C1' A X${i} 1 1.5 2.5 ${i}.5\n`).join(''),
    ),
  ],
  ['blanks in RDAT', rdat((n) => `${RDAT_HEAD}SEQPOS${blanks(n)}1 2\nREACTIVITY:1${blanks(n)}1${blanks(n)}x\n`)],
  ['annotations of RDAT', rdat((n) => `${RDAT_HEAD}${'ANNOTATION_DATA:1 mutation:G1A\n'.repeat(n)}`)],
  ['rows of RDAT', rdat((n) => `${RDAT_HEAD}${Array.from({ length: n >> 2 }, (_, i) => rdatRow(i + 1)).join('')}`)],
  ['positions of RDAT', rdat((n) => `SEQUENCE ${'A'.repeat(n)}\nSEQPOS ${'A1 '.repeat(n)}\nREACTIVITY:1 1\n`)],
  [
    'a long title',
    (n) => {
      const title = `dG = ${'1 '.repeat(n)}`;
      return () => titleId(title);
    },
  ],
  [
    'a path as an id',
    (n) => {
      const id = 'a/b\\'.repeat(n);
      return () => familyKeyOf(id);
    },
  ],
  ['hairpins', writing((n) => Array.from({ length: n >> 2 }, (_, i) => [4 * i, 4 * i + 2]))],
  [
    'knots',
    writing((n) =>
      Array.from(
        { length: n >> 2 },
        (_, i) =>
          [
            [4 * i, 4 * i + 2],
            [4 * i + 1, 4 * i + 3],
          ] as Pair[],
      ).flat(),
    ),
  ],
  ['nested pairs', writing((n) => Array.from({ length: n >> 1 }, (_, i) => [i, n - 1 - i]))],
])(
  '%s',
  async (_, make) => {
    const [short, long] = [make(SHORT), make(FACTOR * SHORT)];
    // Shorter times are lost in the noise of the clock; a quadratic run of the long one takes ten seconds and more.
    const limit = 4 * FACTOR * Math.max(await time(short), 40);
    expect(await time(long, limit)).toBeLessThan(limit);
  },
  60_000,
);

test('pairs that all cross are written in proportion too', async () => {
  const make = writing((n) => Array.from({ length: n >> 1 }, (_, i) => [i, i + (n >> 1)]));
  const limit = 4 * 4 * Math.max(await time(make(4000)), 40);
  expect(await time(make(16_000), limit)).toBeLessThan(limit);
}, 60_000);

type Pair = [number, number];

function coordinates(file: string, text: (n: number) => string): (n: number) => () => unknown {
  return (n) => {
    const written = text(n);
    // An error of the reader becomes the answer.
    return () => Promise.resolve().then(() => rnaChains(readCoordinates(written, file)));
  };
}

function rdat(text: (n: number) => string): (n: number) => () => unknown {
  return (n) => {
    const written = text(n);
    return () => parseRdat([written], 'a.rdat');
  };
}

function writing(pairs: (n: number) => Pair[]): (n: number) => () => unknown {
  return (n) => {
    const structure = { id: 'x', sequence: 'A'.repeat(n), partners: partnersFromPairs(pairs(n), n) };
    return () => writeDotBracket(structure);
  };
}
