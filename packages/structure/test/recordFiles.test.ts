import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordFormat } from '../src/records/fileNames.ts';
import { parseRecords, type FileRecord, type RecordFileOptions } from '../src/records/files.ts';
import { dotBracket, parseDotBracket } from '../src/secondary/dotBracket.ts';
import { removeGaps } from '../src/secondary/structure.ts';

async function read(
  file: string,
  text: string | readonly string[],
  options: RecordFileOptions = {},
): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  for await (const record of parseRecords(typeof text === 'string' ? [text] : text, file, options))
    records.push(record);
  return records;
}
const brackets = ({ partners }: FileRecord) => partners && dotBracket(partners);

/** Rfam's own layout: features, a consensus in WUSS with a pseudoknot, gaps of both kinds, two alignments. */
const ALIGNMENTS = `# STOCKHOLM 1.0
#=GF ID   hammer
#=GF AU   Me, M\u00fcller

X00001.1/1-13        GGC.AAAGCCUUuu
X00002.1/5-9         G-C.A--G-CU.--
#=GR X00002.1/5-9 SS <<<.A__>>>a.::
X00003.1/1-13        GGCNAAA-CCUUUU
#=GC SS_cons         <<<.A__>>>a.::
#=GC RF              GGCxAAAGCCUUuu
//
# STOCKHOLM 1.0

plain/1-4            ACGT
//
`;

describe('Stockholm', () => {
  it('maps the consensus on each sequence, and counts pairs that a gap has broken', async () => {
    const records = await read('a.sto', ALIGNMENTS);
    expect(
      records.map((record) => [record.id, record.sequence, brackets(record), record.droppedPairs, record.line]),
    ).toEqual([
      ['X00001.1/1-13', 'GGCAAAGCCUUuu', '((([..)))]...', 0, 5],
      ['X00002.1/5-9', 'GCAGCU', '(([))]', 0, 6],
      ['X00003.1/1-13', 'GGCNAAACCUUUU', '((..[..))]...', 1, 8],
      ['plain/1-4', 'ACGT', undefined, 0, 14],
    ]);
  });

  it('reads interleaved alignments as it reads whole ones', async () => {
    const rows = ALIGNMENTS.split('\n').filter((line) => /^X|SS_cons/.test(line));
    const cut = (from: number, to?: number) =>
      rows.map((row) => row.slice(0, 21) + row.slice(21 + from, to && 21 + to)).join('\n');
    const blocked = `# STOCKHOLM 1.0\n\n${cut(0, 5)}\n\n${cut(5, 6)}\n\n${cut(6)}\n//\n`;
    const fields = ({ id, sequence, partners, droppedPairs }: FileRecord) => ({ id, sequence, partners, droppedPairs });
    expect((await read('a.stk', blocked)).map(fields)).toEqual(
      (await read('a.stk', ALIGNMENTS)).slice(0, 3).map(fields),
    );
  });

  it.each([
    ['no header', 'a ACGU\n//\n', 1, 'an alignment does not begin with "# STOCKHOLM 1.0"'],
    ['no end', '# STOCKHOLM 1.0\na ACGU\n', 1, 'the alignment that begins here has no end'],
    ['rows of different widths', '# STOCKHOLM 1.0\na ACGU\nb ACG\n//\n', 3, '"b" has 3 columns, its alignment 4'],
    [
      'a consensus of another width',
      '# STOCKHOLM 1.0\na ACGU\n#=GC SS_cons <.>\n//\n',
      2,
      '"a" has 4 columns, its alignment 3',
    ],
    [
      'a consensus that does not close',
      '# STOCKHOLM 1.0\na ACGU\n#=GC SS_cons <...\n//\n',
      3,
      '"<" at position 1 is never closed',
    ],
    ['a name twice in a block', '# STOCKHOLM 1.0\na ACGU\na ACGU\n//\n', 3, 'a second row of "a" in one block'],
    ['a letter that is none', '# STOCKHOLM 1.0\na ACXU\n//\n', 2, '"X" is not a nucleotide code'],
    ['a blank in a row', '# STOCKHOLM 1.0\na AC GU\n//\n', 2, 'not a name and a row of letters'],
    ['no record', '\n', 1, 'no structure in the file'],
  ])('refuses %s', async (_, text, line, message) => {
    await expect(read('x.sto', text)).rejects.toMatchObject({
      name: 'InputError',
      line,
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('files as streams', () => {
  const TEXTS: Record<string, string> = {
    'a.dbn': '>a one\nGGGAAACCC\n(((...)))\n\n>b\r\nACGU\r\n.... (-1.20)\r\n',
    'a.ct': '4 a\n1 G 0 2 4 1\n2 A 1 3 0 2\n3 A 2 4 0 3\n4 C 3 5 1 4\n2 b\n1 A 0 2 0 1\n2 C 1 3 0 2\n',
    'a.bpseq': '#Name: a\n1 G 3\n2 A 0\n3 C 1\n',
    'a.st': '#Name: a\n#Length: 4\nGAAC\n(..)\nSEEE\n',
    'a.sto': ALIGNMENTS,
    'a.fa': '>a one\nACGU\nAC\n>b\nnnn\n',
  };

  it.each(Object.entries(TEXTS))('%s is the same in chunks of any size', async (file, text) => {
    const whole = await read(file, text);
    expect(whole.length).toBeGreaterThan(0);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(
          await read(
            file,
            at.slice(1).map((end, k) => text.slice(at[k], end)),
          ),
        ).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('knows formats by name, gzipped or not', () => {
    expect(['Rfam.seed.gz', 'x.FASTA', 'dir.ct/x.dbn.GZ', 'x.ct', 'x.txt', 'x.gz', 'ct'].map(recordFormat)).toEqual([
      'stockholm',
      'fasta',
      'dotBracket',
      'ct',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('takes repeated ids where it is told to', async () => {
    for (const [file, text] of [
      ['a.fa', '>a\nA\n>a\nC\n'],
      ['a.dbn', '>a\nA\n.\n>a\nC\n.\n'],
    ] as const) {
      await expect(read(file, text)).rejects.toThrow('a second record has the id "a"');
      expect(await read(file, text, { allowRepeatedIds: true })).toHaveLength(2);
    }
  });
});

describe('removeGaps', () => {
  it('renumbers pairs, and drops those with a gap at one end', () => {
    const { sequence, partners, droppedPairs } = removeGaps({
      sequence: '-GG-A-CC-',
      partners: parseDotBracket('.((...)).'),
    });
    expect([sequence, dotBracket(partners), droppedPairs]).toEqual(['GGACC', '((.))', 0]);
    expect(removeGaps({ sequence: 'G-AAC-', partners: parseDotBracket('((..))') })).toEqual({
      sequence: 'GAAC',
      partners: Int32Array.of(-1, -1, -1, -1),
      droppedPairs: 2,
    });
    expect(removeGaps({ sequence: 'G-A' })).toEqual({ sequence: 'GA', droppedPairs: 0 });
    expect(() => removeGaps({ sequence: 'G-A', partners: Int32Array.of(-1) })).toThrow('1 partners for 3 letters');
  });
});

describe('coordinates', () => {
  const fixture = (name: string) => readFileSync(new URL(`fixtures/tertiary/${name}`, import.meta.url));

  it('gives the canonical pairs of a purine riboswitch, the knot of its loops among them', async () => {
    const [record, ...others] = await read('1y26.pdb', gunzipSync(fixture('1y26_X.pdb.gz')).toString());
    expect(others).toEqual([]);
    expect(record!.id).toBe('1y26');
    const pairs = [...record!.partners!].flatMap((j, i) => (j > i ? [`${i + 13}-${j + 13}`] : []));
    // Serganov et al., Chem. Biol. 11, 1729, 2004: three helices, two pairs between the loops, two in the core.
    const helix = (i: number, j: number, length: number) =>
      Array.from({ length }, (_, step) => `${i + step}-${j - step}`);
    const core = ['22-52', '46-53'];
    expect(pairs.sort()).toEqual(
      [...helix(13, 83, 9), ...helix(25, 45, 6), ...helix(54, 72, 6), ...helix(37, 61, 2), ...core].sort(),
    );
  });

  it('has a place for nucleotides without atoms, in both formats alike', async () => {
    const [cif, pdb] = await Promise.all(
      ['cif', 'pdb'].map((ending) => read(`4qln.${ending}`, fixture(`4qln_15-19.${ending}`).toString())),
    );
    expect(cif).toEqual(pdb);
    expect(cif![0]!.sequence).toMatch(/^GGAUCGCUGAACCC/);
  });

  it('refuses a file without RNA', async () => {
    const protein = 'ATOM      1  CA  ALA A   1      11.000  12.000  13.000  1.00 20.00           C\n';
    await expect(read('p.pdb', protein)).rejects.toThrow('p.pdb:1: the file has no RNA chain');
  });
});
