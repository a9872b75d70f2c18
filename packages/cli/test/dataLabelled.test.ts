import { gzipSync } from 'node:zlib';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  HEADS,
  ncrnaFamily,
  ribosomeLoad,
  secondaryStructure,
  spliceSite,
  translationEfficiency,
  type Head,
} from '@rna/model';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { LabelledFileRna } from '@rna/train';
import { readLabelled, readUnlabelled } from '../src/input/labelled.ts';
import { temporaryFolder } from './harness.ts';

const samples = fileURLToPath(new URL('../data', import.meta.url));

function file(content: string | Uint8Array, name: string, folder = temporaryFolder()): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const read = <S extends object, T>(
  head: Head<S, T>,
  paths: readonly string[],
  sizes: object = {},
): Promise<LabelledFileRna<T>[]> => readLabelled(head, head.sizes.parse(sizes), paths);

async function unlabelled(head: Head | undefined, ...paths: string[]) {
  const rnas = [];
  for await (const rna of readUnlabelled(head && { head, sizes: head.sizes.parse({}) }, paths)) rnas.push(rna);
  return rnas;
}

describe('tables', () => {
  test('of splice sites, with a header and as RiNALMo writes them without', async () => {
    const table = file('id;sequence;label\na;acgt;1\n\nb;ACGU;0\n', 'sites.csv');
    expect(await read(spliceSite, [table])).toEqual([
      { id: 'a', sequence: 'ACGU', target: 1, file: table, line: 2 },
      { id: 'b', sequence: 'ACGU', target: 0, file: table, line: 4 },
    ]);
    const bare = file('human;ACGT;1\nmouse;GGGG;0\n', 'Train_donor_400.csv');
    expect(await read(spliceSite, [bare])).toEqual([
      { id: 'Train_donor_400:1', sequence: 'ACGU', target: 1, file: bare, line: 1, group: 'human' },
      { id: 'Train_donor_400:2', sequence: 'GGGG', target: 0, file: bare, line: 2, group: 'mouse' },
    ]);
    expect((await unlabelled(spliceSite, bare)).map(({ sequence }) => sequence)).toEqual(['ACGU', 'GGGG']);
  });

  test('with commas, tabs, quotes, a byte-order mark, CRLF, gzip and columns in any order', async () => {
    const expected = [
      ['AC', 1.5],
      ['GU', -2],
    ];
    const contents: Record<string, string | Uint8Array> = {
      'a.csv': '\uFEFFrl,note,utr\r\n1.5,"a, ""b""\nc",AC\r\n-2,,GT\r\n',
      'b.tsv': 'utr\trl\nAC\t1.5\nGT\t-2',
      'c.csv.gz': gzipSync('"utr";"rl"\n"AC";"1.5"\n"GT";"-2"\n'),
    };
    for (const [name, content] of Object.entries(contents)) {
      expect(
        (await read(ribosomeLoad, [file(content, name)])).map(({ sequence, target }) => [sequence, target]),
      ).toEqual(expected);
    }
  });

  test('of translation lose the padding, of families have names, of ribosome load sets', async () => {
    const utrs = file(',utr,te_log,rnaseq_log\n0,ACGT<pad><pad>,0.5,1\n', 'train.csv');
    expect(await read(translationEfficiency, [utrs])).toMatchObject([{ sequence: 'ACGU', target: 0.5 }]);
    const families = file('name,width,sequence,class_id\nRF00005,4,ACGT,3\n', 'train.csv');
    expect(await read(ncrnaFamily, [families])).toMatchObject([{ target: 3, group: 'RF00005' }]);
    const unread = file('utr,rl,note,note\nACGT,3,x,y\n', 'unread.csv');
    expect(await read(ribosomeLoad, [unread])).toMatchObject([{ target: 3 }]);
    const loads = file('utr,rl,total_reads,set\nACGT,3,12,random\n', 'loads.csv');
    expect(await read(ribosomeLoad, [loads])).toMatchObject([{ target: 3, group: 'random' }]);
  });

  test.each([
    [
      'no column',
      ribosomeLoad,
      'utr,load\nACGT,1\n',
      ':1: expected a header with the columns "utr", "rl", got "utr", "load"; name the columns so',
    ],
    ['no row', ribosomeLoad, 'utr,rl\n', ':1: no row in the table'],
    ['nothing', ribosomeLoad, '', ':1: no row in the table'],
    [
      'a bad label',
      ribosomeLoad,
      'utr,rl\nACGT,1\nACGT,much\n',
      ':3: the label (rl) cannot be read: expected a number, got "much"',
    ],
    ['no label', ribosomeLoad, 'utr,rl\nACGT,\n', ':2: the label (rl) cannot be read: expected a number, got ""'],
    ['no sequence', ribosomeLoad, 'utr,rl\n,1\n', ':2: no sequence in the column "utr"'],
    ['no nucleotide', ribosomeLoad, 'utr,rl\nACGT,1\nACXT,1\n', ':3: "X" is not a nucleotide code'],
    ['a row cut off', ribosomeLoad, 'utr,rl\nACGT,1\nACGT\n', ':3: Invalid Record Length'],
    [
      'an open quote',
      ribosomeLoad,
      'utr,rl\nAC,1\n\n"ACGT,1\nAC,2\nAC,3\n',
      ':4: a quoted cell of the row that begins here is not closed',
    ],
    ['a quote that closes lines below', ribosomeLoad, 'utr,rl\n"ACGT,1\nAC,2\n"AC",3\n', ' (the row begins on line 2)'],
    ['a line break in a sequence', ribosomeLoad, 'utr,rl\n"AC\nGT",1\n', ':3: "\\n" is not a nucleotide code'],
    [
      'a letter that cannot be seen',
      ribosomeLoad,
      'utr,rl\nAC\u200BGT,1\n',
      ':2: "\\u{200b}" is not a nucleotide code',
    ],
    ['a letter beyond 16 bits', ribosomeLoad, 'utr,rl\nAC🧬GT,1\n', ':2: "🧬" is not a nucleotide code'],
    [
      'a long label',
      ribosomeLoad,
      `utr,rl\nAC,"\u001B[31m${'x'.repeat(999)}"\n`,
      `:2: the label (rl) cannot be read: expected a number, got "\\u{1b}[31m${'x'.repeat(35)}…"; correct it`,
    ],
    [
      'a column twice',
      ribosomeLoad,
      'utr,rl,utr\nAC,1,GT\n',
      ':1: two columns have the name "utr"; rename or remove one of them',
    ],
    ['a group twice', ribosomeLoad, 'utr,set,rl,set\nAC,1,2,3\n', ':1: two columns have the name "set"'],
    [
      'many columns',
      ribosomeLoad,
      `${Array.from({ length: 99 }, (_, i) => `c${i}`).join()}\n`,
      'got "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", … (99); name',
    ],
    ...['0x10', '0B1', '-0o7', ' 0x1'].map(
      (text) =>
        [
          'a number that is not decimal',
          ribosomeLoad,
          `utr,rl\nACGT,1e3\nACGT,${text}\n`,
          `:3: the label (rl) cannot be read: expected a number, got "${text.trim()}"`,
        ] as const,
    ),
    [
      'a label that is none',
      spliceSite,
      'human;ACGT;2\n',
      ':1: the label (label) cannot be read: expected 0 or 1, got "2"',
    ],
    [
      'a column of another name',
      spliceSite,
      'id;seq;label\na;ACGT;1\n',
      ':1: expected a header with the columns "sequence", "label", got "id", "seq", "label"',
    ],
    ['too few columns', spliceSite, 'ACGT;1\n', 'or give 3 columns without a header: group, sequence, label'],
  ] as const)('with %s are refused by file and line', async (_, head: Head, content, message) => {
    const table = file(content, 'table.csv');
    await expect(read(head, [table])).rejects.toThrow(table);
    await expect(read(head, [table])).rejects.toThrow(message);
  });
});

test('the vendored samples are read for every task that has one', async () => {
  const sites = await read(spliceSite, [join(samples, 'splice')]);
  expect([sites.length, sites.filter(({ target }) => target === 1).length]).toEqual([600, 300]);
  expect(new Set(sites.map(({ sequence }) => sequence.length))).toEqual(new Set([400]));
  const names = ['Hammerhead_3', 'IRE_I', 'Purine', 'SECIS_1', 'U7', 'let-7', 'mir-10'];
  const families = await read(ncrnaFamily, [join(samples, 'rfam_families.fasta')], { classes: 7, names });
  expect(
    families
      .map(({ target }) => target)
      .reduce((counts, target) => counts.with(target, counts[target]! + 1), new Array<number>(7).fill(0)),
  ).toEqual([40, 40, 40, 40, 40, 36, 20]);
  const structures = await read(secondaryStructure, [join(samples, 'bprna_TS0_60.dbn')]);
  expect(structures.length).toBe(60);
  expect(structures.every(({ sequence, target }) => sequence.length === target.length)).toBe(true);
  expect(structures[1]!.line).toBe(4);
});

describe('FASTA', () => {
  test('has the label behind the id', async () => {
    const rnas = file('>a 1 and more\nACGT\nAC\n>b 0\nGG\n', 'sites.fasta');
    expect(await read(spliceSite, [rnas])).toEqual([
      { id: 'a', sequence: 'ACGUAC', target: 1, file: rnas, line: 1 },
      { id: 'b', sequence: 'GG', target: 0, file: rnas, line: 4 },
    ]);
    const bare = file('>a\nACGT\n', 'bare.fasta');
    await expect(read(spliceSite, [bare])).rejects.toThrow(`${bare}:1: record "a" has no label`);
    expect(await unlabelled(spliceSite, bare)).toMatchObject([{ id: 'a', sequence: 'ACGU', line: 1 }]);
  });

  test("of RiNALMo's splice benchmarks is lines, the labels in a file beside", async () => {
    const folder = join(temporaryFolder(), 'Fly');
    mkdirSync(folder);
    const sequences = file('ACGT\nGGTA\n', 'SA_sequences_donor_400_Final_3.fasta', folder);
    file('0\n1\n', 'SA_labels_donor_400_Final_3.fasta', folder);
    expect(
      (await read(spliceSite, [folder])).map(({ sequence, target, line, group }) => [sequence, target, line, group]),
    ).toEqual([
      ['ACGU', 0, 1, 'Fly'],
      ['GGUA', 1, 2, 'Fly'],
    ]);
    expect((await unlabelled(spliceSite, sequences)).length).toBe(2);
    const labels = file('0\n', 'SA_labels_donor_400_Final_3.fasta', folder);
    await expect(read(spliceSite, [folder])).rejects.toThrow(`${labels}:2: the file ends before its sequences do`);
    file('0\n1\n1\n', 'SA_labels_donor_400_Final_3.fasta', folder);
    await expect(read(spliceSite, [folder])).rejects.toThrow(`${labels}:3: a label without a sequence`);
  });
});

test('- is FASTA on stdin', async () => {
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(
    Readable.from([Buffer.from('>a\nAC'), Buffer.from('GT\n>b\nGG\n')], {
      objectMode: false,
    }) as unknown as typeof process.stdin,
  );
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  expect(await unlabelled(undefined, '-')).toEqual([
    { id: 'a', sequence: 'ACGU', file: 'stdin', line: 1 },
    { id: 'b', sequence: 'GG', file: 'stdin', line: 3 },
  ]);
});

test('a file of another kind is refused with what is expected', async () => {
  const structures = file('>a\nGGAAACC\n((...))\n', 'a.dbn');
  await expect(read(spliceSite, [structures])).rejects.toThrow(
    `${structures}: splice sites are learned from tables (.csv .tsv .txt .jsonl .ndjson) with the columns sequence and label`,
  );
  await expect(read(spliceSite, [file('', 'a.xlsx')])).rejects.toThrow(
    'no format has this extension; expected one of .csv .tsv .txt .jsonl .ndjson .rdat .fasta',
  );
  await expect(read(secondaryStructure, [file('>a\nACGT\n', 'a.fasta')])).rejects.toThrow('FASTA has no structures');
  expect(HEADS.filter(({ columns }) => columns === undefined).map(({ name: task }) => task)).toEqual([
    'secondary-structure',
    'tertiary-structure',
  ]);
});
