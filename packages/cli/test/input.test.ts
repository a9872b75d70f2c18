/** What commands are given: packed or not, in files or on stdin, in any encoding; and what they say of what is bad. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { withFasta, type FastaFileRecord, type FastaInputOptions } from '../src/input/fastaInput.ts';
import { readText } from '../src/input/inputText.ts';
import { describeFailure } from '../src/commandLine/errors.ts';
import { checkedCount } from '../src/input/cells.ts';
import { overlapGroups } from '../src/commands/data/splice.ts';
import { readTable } from '../src/input/tables.ts';
import { fasta, rna, rnaProcess, structureModelFolder, temporaryFolder } from './harness.ts';

const TEXT = '>a one\nACGU\n>b\nGGG\nCCC\n';
/** The empty block that ends a BGZF file. */
const BGZF_END = Buffer.from('1f8b08040000000000ff0600424302001b0003000000000000000000', 'hex');
const bgzf = (...parts: readonly string[]): Buffer => Buffer.concat([...parts.map((part) => gzipSync(part)), BGZF_END]);

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const write = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

async function all(text: AsyncIterable<string>): Promise<string> {
  let whole = '';
  for await (const part of text) whole += part;
  return whole;
}

const records = (paths: string | string[], options: FastaInputOptions = {}): Promise<FastaFileRecord[]> =>
  withFasta(paths, options, async (input) => {
    const read: FastaFileRecord[] = [];
    for await (const record of input.records()) read.push(record);
    expect(read.map(({ id }) => id)).toEqual(input.plan.map(({ id }) => id));
    return read;
  });

describe('readText', () => {
  const utf16 = Buffer.from(`\uFEFF${TEXT}`, 'utf16le');
  test.each<[string, string, Uint8Array]>([
    ['plain text', 'a.fa', Buffer.from(TEXT)],
    ['gzip', 'a.fa.gz', gzipSync(TEXT)],
    ['gzip without the name', 'a.fa', gzipSync(TEXT)],
    ['the name without gzip', 'a.fa.gz', Buffer.from(TEXT)],
    ['BGZF in several blocks', 'a.fa.bgz', bgzf('>a one\nAC', 'GU\n>b\nGGG', '\nCCC\n')],
    ['UTF-16, little end first', 'a.fa', utf16],
    ['UTF-16, big end first', 'a.fa', Buffer.from(utf16).swap16()],
    ['UTF-16, packed', 'a.fa', gzipSync(utf16)],
  ])('reads %s', async (_, name, bytes) => {
    expect((await all(readText(write(name, bytes)))).replace('\uFEFF', '')).toBe(TEXT);
    expect((await records(write(name, bytes))).map(({ id, sequence }) => [id, sequence])).toEqual([
      ['a', 'ACGU'],
      ['b', 'GGGCCC'],
    ]);
  });

  test('gives nothing of an empty file, and one byte of one', async () => {
    expect(await all(readText(write('a', '')))).toBe('');
    expect(await all(readText(write('a', 'x')))).toBe('x');
  });

  test('refuses gzip that is cut off', async () => {
    const whole = gzipSync(TEXT.repeat(1000));
    await expect(all(readText(write('a.gz', whole.subarray(0, whole.length - 9))))).rejects.toThrow(
      'a.gz: not a whole gzip file (unexpected end of file)',
    );
  });
});

describe('withFasta', () => {
  test('reads several files as one, and names each', async () => {
    const paths = [write('a.fa', '>a\nA\n'), write('b.fa.gz', gzipSync('>b\nC\n\n>c\nG\n'))];
    expect((await records(paths)).map(({ id, file, line }) => [id, file, line])).toEqual([
      ['a', paths[0], 1],
      ['b', paths[1], 1],
      ['c', paths[1], 4],
    ]);
  });

  test('reads the sequences of a file of structures', async () => {
    const paths = [write('a.dbn', '>a\nACGU\n(..)\n'), write('b.ct', '2 ENERGY = -1 b\n1 G 0 2 0 1\n2 C 1 0 0 2\n')];
    expect((await records(paths)).map(({ id, sequence, line }) => [id, sequence, line])).toEqual([
      ['a', 'ACGU', 1],
      ['b', 'GC', 1],
    ]);
    await expect(records(write('c.fa', '>c\nACGU\n(..)\n'))).rejects.toThrow('not FASTA; give it the extension .dbn');
    await expect(records(write('c.dbn', '>c\nACGU\n(..\n'))).rejects.toThrow('c.dbn:3: ');
  });

  test('refuses an id that two files have', async () => {
    const paths = [write('a.fa', '>a\nA\n'), write('b.fa', '>b\nC\n>a\nG\n')];
    await expect(records(paths)).rejects.toThrow(
      `${paths[1]!}:3: a second record has the id "a" (the first is ${paths[0]!}:1)`,
    );
    expect((await records(paths, { skipBad: true })).map(({ id }) => id)).toEqual(['a', 'b']);
    await expect(records(['-', '-'])).rejects.toThrow('stdin (-) is named twice');
  });

  test('leaves out what is bad where it is told to, and nothing else', async () => {
    const path = write('a.fa', '>a\nAXA\n>b\nAC\n>b\nG\n>c\n>\nA\n>d\nA1\nGG\n>e\nGG\n');
    await expect(records(path)).rejects.toThrow('a.fa:2: "X" in record "a"');
    expect((await records(path, { skipBad: true })).map(({ id, sequence }) => [id, sequence])).toEqual([
      ['b', 'AC'],
      ['e', 'GG'],
    ]);
    await expect(records(write('b.fa', '>a\nX\n'), { skipBad: true })).rejects.toThrow('b.fa: no record is left');
    await expect(records(write('c.fa', 'ACGU\n'), { skipBad: true })).rejects.toThrow('a sequence without a header');
  });
});

describe('rna fold', () => {
  test('takes several files, packed or not, and stdin, and says once what stays unpaired', async () => {
    const model = await structureModelFolder(folder, 'rinalmo-A', 0.5);
    const [a, b] = [write('a.fa.gz', gzipSync('>a\nGGNAACC\n')), write('b.fa', '>b\nRY\n>c\nACGT\n')];
    expect(await rna('fold', model, a, b)).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^>a .*\nGGNAACC\n.{7}\n>b .*\nRY\n\.\.\n>c .*\nACGU\n.{4}\n$/) as string,
      stderr: `rna: letters other than A, C, G, T and U stay unpaired: 2 of 3 records have some; the first is "N" in record "a" (${a}:1)\nrna: pairs above 0.5 (tuned with the model)\n`,
    });
  });

  test('--skip-bad lists what is left out; without it nothing is begun', async () => {
    const model = await structureModelFolder(folder, 'rinalmo-A', 0.5);
    const input = fasta(folder, '>a\nAC\n>b\nAZ\n>c\nGU\n');
    const out = join(folder, 'out');
    expect(await rna('fold', model, input, '--out', out)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('input.fasta:4: "Z" in record "b" is not a nucleotide code') as string,
    });
    expect(existsSync(out)).toBe(false);
    const { code, stderr } = await rna('fold', model, input, '--out', out, '--skip-bad');
    expect(code).toBe(0);
    expect(stderr).toContain(`left out: ${input}:4: "Z" in record "b"`);
    expect(stderr).toContain('1 of 3 records are left out');
    expect(readdirSync(out).sort()).toEqual(['a.dbn', 'c.dbn']);
  });
});

describe('lines without headers', () => {
  test('are records of their own where that is allowed, up to the first header', async () => {
    const path = write('my rnas.txt', 'ACGU\n\n; a comment\nGG CC\n>a\nAC\nGU\n');
    await expect(records(path)).rejects.toThrow('rnas.txt:1: a sequence without a header');
    expect((await records(path, { allowUnnamed: true })).map(({ id, sequence, line }) => [id, sequence, line])).toEqual(
      [
        ['my_rnas', 'ACGU', 1],
        ['my_rnas-2', 'GGCC', 4],
        ['a', 'ACGU', 5],
      ],
    );
    expect(
      (await records(write('b.txt', 'AC\nA1\nGU\n'), { allowUnnamed: true, skipBad: true })).map(({ id }) => id),
    ).toEqual(['b', 'b-3']);
  });

  test('are folded', async () => {
    const { code, stdout } = await rnaProcess(['fold', '--engine', 'contrafold', '-'], {
      stdin: 'GGGGAAAACCCC\nAAA\n',
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^>stdin .*\nGGGGAAAACCCC\n\(\(\(\(\.{4}\)\)\)\)\n>stdin-2 .*\nAAA\n\.\.\.\n$/);
  });
});

describe('stdin', () => {
  test('rna structures and rna corpus build read FASTA there, packed too', async () => {
    const structures = await rnaProcess(['structures', '-'], { stdin: gzipSync('>a\nGGGGAAAACCCC\n>n\nANA\n') });
    expect(structures).toMatchObject({
      code: 0,
      stdout: '>a\nGGGGAAAACCCC\n((((....))))\n>n\nANA\n...\n',
      stderr: expect.stringContaining('the first is "N" in record "n" (stdin:3)') as string,
    });
    const out = join(folder, 'a.corpus');
    const built = await rnaProcess(['corpus', 'build', out, '--ncrna', '-', '--json'], { stdin: bgzf(TEXT) });
    expect(built.code).toBe(0);
    const { inputs } = JSON.parse(built.stdout) as { inputs: unknown[] };
    expect(inputs).toEqual([{ folder: 'stdin', as: 'ncRNA', format: 'fasta', files: 1, records: 2 }]);
  });
});

describe('rna corpus build', () => {
  const three = '>a\nGGGAAACGCUUCGGCGAAACCC\n>b\nGGGAAACGCUUCGGCGAAACCG\n>c\nGGGAAACGCUUCGGCGAAACGG\n';
  const build = (clusters: string) =>
    rna(
      'corpus',
      'build',
      join(folder, 'a.corpus'),
      '--ncrna',
      write('abc.fa', three),
      '--clusters',
      write('c.tsv', clusters),
    );

  test('refuses clusters of which no record is', async () => {
    expect(await build('a\t0\na\t1\nc\t2\n')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'c.tsv: none of its 3 members (the first is "0") is the id of a record (the first is "a"); give the cluster file',
      ) as string,
    });
    expect(existsSync(join(folder, 'a.corpus'))).toBe(false);
  });

  test('knows members by the first words of their titles, and says how many records are in none', async () => {
    expect(await build('a desc\ta desc\na desc\tb desc\n')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('1 of 3 records are not in') as string,
    });
  });

  test('says that FASTA with brackets is dot-bracket', async () => {
    const input = write('pk.fa', '>PK\nGGGGAAAACCCC\n((((....))))\n>plain\nACGUACGUAC\n');
    expect(await rna('corpus', 'build', join(folder, 'a.corpus'), '--ncrna', input)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pk.fa:3: record "PK" has brackets under its sequence') as string,
    });
  });
});

describe('tables', () => {
  test('a long file without a line end is read in a moment', async () => {
    const path = write('a.csv', 'x'.repeat(1_000_000));
    const start = performance.now();
    await expect(readTable(path, { required: ['sequence'] }).next()).rejects.toThrow(
      'a.csv:1: expected a header with the columns "sequence"',
    );
    // 65,000 characters took 19 s.
    expect(performance.now() - start).toBeLessThan(30_000);
  });
});

test('counts and places that none can be are refused, or say nothing', () => {
  expect(checkedCount('a.csv', 2, 'total_reads', '12.5')).toBe(12.5);
  for (const cell of ['-1', '1e300', '99999999999999999999'])
    expect(() => checkedCount('a.csv', 2, 'total_reads', cell)).toThrow(
      `a.csv:2: total_reads is ${cell}, which is no count`,
    );
  const sequence = 'A'.repeat(400);
  const groups = (...ids: string[]) => overlapGroups(ids.map((id) => ({ id, sequence })));
  expect(groups('p_chr1_100_+', 'n_chr1_200_+')).toEqual([0, 0]);
  // Both are 2^53 to a number in doubles.
  expect(new Set(groups('p_chr1_9007199254740992_+', 'n_chr1_9007199254740993_+'))).toEqual(new Set([0, 1]));
});

test('what stands in files and names does not steer the terminal', async () => {
  const input = fasta(folder, '>a\x1b[31m\nA\n');
  const { stderr } = await rna('structures', input);
  expect(stderr).toContain('input.fasta:1: the id holds the character U+001B');
  expect(
    describeFailure(
      new (class CommandError extends Error {
        override name = 'CommandError';
      })('a\x1b]0;x\x07\nb\u202E'),
    ).message,
  ).toBe('rna: a\\u{1b}]0;x\\u{7}\nb\\u{202e}');
  expect(readFileSync(input, 'utf8')).toContain('\x1b');
});
