import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { basePairs, parseDotBracket } from '@rna/structure';
import { compareKeys, encodeRecord, memoryCorpus, type CorpusInput } from '@rna/train';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createBuckets } from '../src/commands/corpus/buckets.ts';
import { readClusters } from '../src/commands/corpus/clusters.ts';
import { readRecords } from '../src/input/trainingInput.ts';
import { rna, rnaProcess, temporaryFolder } from './harness.ts';

const data = fileURLToPath(new URL('../data/', import.meta.url));
let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

interface Info {
  readonly digest: string;
  readonly sections: Readonly<
    Record<
      string,
      { readonly records: number; readonly clusters: number; readonly nucleotides: number; readonly pairs: number }
    >
  >;
  readonly inputs: readonly unknown[];
  readonly notes: Readonly<Record<string, number>>;
}

async function built(...argv: string[]): Promise<Info> {
  const { code, stdout, stderr } = await rna('corpus', 'build', join(folder, 'out.corpus'), ...argv, '--json');
  expect(stderr).toContain('wrote');
  expect(code).toBe(0);
  return JSON.parse(stdout) as Info;
}

describe('rna corpus build', () => {
  test('reads every format, gzipped or not, and counts what it leaves out', async () => {
    const ncrna = [
      write('a.fasta', '>one\nacgtn-RY\n>two\nGGGAAACCC\n>gaps\n--\n>odd\nACGX\n>long\nACGUACGUACGUACGUACGU\n'),
      write('b.dbn.gz', gzipSync('>folded\nGGGAAATCCC\n(((....)))\n>two\nGGGAAACCC\n(((...)))\n')),
      write('c.ct', '3 ct\n1 G 0 2 3 1\n2 A 1 3 0 2\n3 C 2 4 1 3\n'),
      write('d.bpseq', '1 G 4\n2 A 0\n3 A 0\n4 C 1\n'),
      write('e.st', '#Name: st\nGAAAC\n(...)\n'),
      write(
        'f.sto.gz',
        gzipSync(
          Buffer.from(
            '# STOCKHOLM 1.0\n#=GF AU M\u00fcller\ns/1-6 GGAAC-C\nt/1-4 G-AAC-C\n#=GC SS_cons <<..>.>\n//\n',
            'latin1',
          ),
        ),
      ),
    ];
    const other = write('m.fa', '>m1\nAUGGCC\n>m2\nGGGAAACCC\n>m3\nAUGGCC\n');
    const info = await built('--ncrna', ...ncrna, '--other', other, '--max-length', '15');
    expect(info.sections).toMatchObject({ structured: { records: 7 }, ncrna: { records: 2 }, other: { records: 1 } });
    expect(info.notes).toEqual({
      'left out: letters outside IUPAC': 1,
      'left out: no letter but gaps': 1,
      'gaps taken out of records': 1,
      'longer than 15 nucleotides (kept)': 1,
      'pairs dropped with a gap at one end': 1,
      'left out: duplicates of a record with structure': 2,
      'left out: duplicates, without structure': 1,
    });
    const record = (sequence: string, brackets: string): CorpusInput => ({
      sequence,
      partners: parseDotBracket(brackets),
    });
    expect(info.digest).toBe(
      memoryCorpus([
        record('GGGAAAUCCC', '(((....)))'),
        record('GGGAAACCC', '(((...)))'),
        record('GAC', '(.)'),
        record('GAAC', '(..)'),
        record('GAAAC', '(...)'),
        record('GGAACC', '((..))'),
        record('GAACC', '(...)'),
        { sequence: 'ACGUNRY' },
        { sequence: 'ACGUACGUACGUACGUACGU' },
        { sequence: 'AUGGCC', kind: 'other' },
      ]).digest,
    );
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('takes clusters from a file, and a cluster each for records that it does not name', async () => {
    const records = write(
      'a.fa',
      ['GGA', 'GGC', 'GGU', 'AAC', 'AAG'].map((sequence, i) => `>r${i}\n${sequence}\n`).join(''),
    );
    const clusters = write('c.tsv.gz', gzipSync('r0\tr0\nr0\tr1\nr2\tr2\nr0\tr3\n'));
    const info = await built('--ncrna', records, '--clusters', clusters);
    expect(info.sections['ncrna']).toMatchObject({ records: 5, clusters: 3, largestCluster: 3 });
    expect(info.notes).toEqual({ 'not in the cluster file (a cluster each)': 1 });
    expect(info.digest).toBe(
      memoryCorpus([
        { sequence: 'GGA', cluster: 'r0' },
        { sequence: 'GGC', cluster: 'r0' },
        { sequence: 'AAC', cluster: 'r0' },
        { sequence: 'GGU', cluster: 'r2' },
        { sequence: 'AAG' },
      ]).digest,
    );
  });

  test('makes the same of the same records, whatever their order', async () => {
    const names = ['bprna_TR0_200.dbn', 'bprna_VL0_60.dbn', 'demo_test.dbn'].map((name) => join(data, name));
    const there = await built('--ncrna', ...names);
    expect(there.sections['structured']!.records).toBe(200 + 60 + 24);
    expect((await built('--ncrna', ...names.toReversed())).digest).toBe(there.digest);
  });

  test("loses nothing of Rfam's seed alignments but duplicates, and most of their pairs are ones that pair", async () => {
    const info = await built('--ncrna', join(data, 'rfam_seed_small.stk'));
    const duplicates = Object.entries(info.notes).reduce(
      (sum, [what, count]) => sum + (what.startsWith('left out: duplicates') ? count : 0),
      0,
    );
    expect(info.sections['structured']!.records + duplicates).toBe(485);
    const pairs = (await readRecords([join(data, 'rfam_seed_small.stk')])).flatMap(({ sequence, partners }) =>
      basePairs(partners!).map(([i, j]) => [sequence[i]!, sequence[j]!].sort().join('')),
    );
    expect(pairs.filter((pair) => ['AU', 'CG', 'GU'].includes(pair)).length / pairs.length).toBeGreaterThan(0.9);
  });

  test('reads folders, and says what it does not read in them', async () => {
    mkdirSync(join(folder, 'in'));
    write('in/a.fa', '>a\nACGU\n');
    write('in/notes.txt', 'nothing');
    const { stderr, code } = await rna('corpus', 'build', join(folder, 'out.corpus'), '--ncrna', join(folder, 'in'));
    expect([code, stderr]).toEqual([0, expect.stringContaining('1 file of another kind is not read')]);
  });

  test.each([
    ['a name without .corpus', ['x.bin', '--ncrna', 'a.fa'], 2, 'a corpus has a name that ends in .corpus'],
    ['no input', ['x.corpus'], 2, 'no input: give files or folders with --ncrna or --other'],
    ['a file that is not there', ['x.corpus', '--ncrna', 'nowhere.fa'], 1, 'no such file or folder'],
    ['a format that it does not know', ['x.corpus', '--ncrna', 'a.txt'], 1, 'no format has this extension'],
    ['a line that is no record', ['x.corpus', '--ncrna', 'bad.dbn'], 1, 'bad.dbn:3: ")" at position 1 closes no "("'],
    ['a gzip file that was cut off', ['x.corpus', '--ncrna', 'cut.fa.gz'], 1, 'cut.fa.gz: not a whole gzip file'],
    [
      'a cluster file of one column',
      ['x.corpus', '--ncrna', 'a.fa', '--clusters', 'a.txt'],
      1,
      'a.txt:1: not "representative<TAB>member"',
    ],
    ['a report of another kind', ['x.corpus', '--ncrna', 'a.fa', '--report', 'r.png'], 2, 'a report is .html or .svg'],
    ['records of which none is left', ['x.corpus', '--ncrna', 'none.fa'], 1, 'no record is left'],
  ])('refuses %s, and leaves what was there', async (_, argv, expected, message) => {
    write('a.fa', '>a\nACGU\n');
    write('a.txt', 'one\n');
    write('bad.dbn', '>a\nACGU\n)..(\n');
    write('none.fa', '>a\nACGX\n');
    write('cut.fa.gz', gzipSync(`>a\n${'ACGU'.repeat(1000)}\n`).subarray(0, 30));
    write('x.corpus', 'before');
    const { code, stderr } = await rna(
      'corpus',
      'build',
      ...argv.map((arg) => (arg.includes('.') ? join(folder, arg) : arg)),
    );
    expect([code, stderr]).toEqual([expected, expect.stringContaining(message)]);
    expect(readFileSync(join(folder, 'x.corpus'), 'utf8')).toBe('before');
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('a corpus file', () => {
  let file = '';
  beforeEach(async () => {
    file = join(folder, 'out.corpus');
    await built('--ncrna', join(data, 'bprna_VL0_60.dbn'), '--other', write('m.fa', '>m\nAUGGCCUAA\n'));
  });

  test('is shown as tables and as JSON, whole', async () => {
    const { stdout } = await rna('corpus', 'info', file);
    expect(stdout).toMatch(/kind +records +clusters/);
    expect(stdout).toMatch(/ncRNA with structure +60 +60 /);
    expect(stdout).toMatch(/other RNA +1 +1 +1 +9 +9 +9 +9 +– +–\n/);
    expect(stdout).toContain('dotBracket');
    const info = JSON.parse((await rna('corpus', 'info', file, '--json')).stdout) as Info;
    expect(info).toMatchObject({
      digest: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
      sections: { structured: { records: 60 }, other: { letters: { A: 3, C: 2, G: 2, U: 2 } } },
    });
  });

  test('is drawn as a page and as SVG', async () => {
    for (const [name, start] of [
      ['r.html', '<!doctype html>'],
      ['r.svg', '<svg'],
    ] as const) {
      expect((await rna('corpus', 'info', file, '--report', join(folder, name))).code).toBe(0);
      const text = readFileSync(join(folder, name), 'utf8');
      expect(text.startsWith(start)).toBe(true);
      for (const title of ['Lengths', 'Letters', 'Records of a cluster', 'ncRNA with structure', 'other RNA'])
        expect(text).toContain(title);
      // A bar for each letter that occurs, of both kinds.
      expect(text.split('<rect').length - 1).toBeGreaterThanOrEqual(8);
      expect(text).not.toMatch(/NaN|undefined/);
    }
  });

  test('is checked, and damage is found', async () => {
    const whole = await rna('corpus', 'verify', file);
    expect([whole.code, whole.stdout]).toEqual([
      0,
      expect.stringMatching(/out\.corpus: whole; 61 records, [\d,]+ bytes, digest [0-9a-f]{32}\n$/),
    ]);
    const bytes = readFileSync(file);
    bytes[2000]! ^= 1;
    writeFileSync(file, bytes);
    expect((await rna('corpus', 'info', file)).code).toBe(0);
    const damaged = await rna('corpus', 'verify', file);
    expect([damaged.code, damaged.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^rna: .*out\.corpus: damaged: block 1 of 1 of the structured data \(bytes 16 to \d+\) does not match its checksum; copy or download/,
      ),
    ]);
    const text = await rna('corpus', 'info', join(folder, 'm.fa'));
    expect([text.code, text.stderr]).toEqual([1, expect.stringContaining('not a corpus')]);
  });

  test('shows what an epoch of batches holds', async () => {
    const { code, stdout } = await rna('corpus', 'epoch', file, '--max-tokens', '512', '--json');
    const figures = JSON.parse(stdout) as Record<'rows' | 'sequences' | 'tokens' | 'filled' | 'corrupted', number> & {
      targets: Record<string, number>;
    };
    expect(code).toBe(0);
    // One to one: the one other RNA comes again after each of the sixty but the last.
    expect(figures.sequences).toBe(119);
    expect(figures.filled).toBeCloseTo(figures.tokens / (512 * figures.rows), 12);
    expect(figures.corrupted).toBeGreaterThan(0.14);
    expect(figures.corrupted).toBeLessThan(0.2);
    expect(Object.keys(figures.targets)).toEqual(['sm', 'ssmStem', 'ssmLoop']);
    expect((await rna('corpus', 'epoch', file, '--masking', 'mlm')).stdout).toMatch(/slots filled\s+\d\d\.\d\d %/);
    expect((await rna('corpus', 'epoch', file, '--other-share', '1')).code).toBe(2);
  });

  test('gives its records back', async () => {
    const out = join(folder, 'back.dbn');
    expect((await rna('corpus', 'export', file, '--kind', 'structured', '--out', out)).code).toBe(0);
    const content = async (path: string) =>
      (await readRecords([path])).map(({ sequence, partners }) => `${sequence} ${partners!.join(' ')}`).sort();
    expect(await content(out)).toEqual(await content(join(data, 'bprna_VL0_60.dbn')));
  });
});

describe('on the way to a corpus', () => {
  test('buckets give back all records, in the order of their keys over buckets and as they came within', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('A', 'C', 'G', 'N'), minLength: 1, maxLength: 90 }), {
          maxLength: 40,
        }),
        fc.integer({ min: 1, max: 9 }),
        async (sequences, count) => {
          const records = sequences.map((sequence) => encodeRecord({ sequence }));
          const buckets = createBuckets(temporaryFolder(), 'b', count);
          for (const record of records) await buckets.add(record, record.key);
          const sorted = [];
          for (let bucket = 0; bucket < count; bucket++)
            sorted.push(...(await buckets.take(bucket)).sort((a, b) => compareKeys(a.key, b.key)));
          const plain = ({ bytes, ...rest }: (typeof records)[number]) => ({
            ...rest,
            key: [...rest.key],
            bytes: [...bytes],
          });
          expect(sorted.map(plain)).toEqual(records.sort((a, b) => compareKeys(a.key, b.key)).map(plain));
        },
      ),
      { numRuns: 20 },
    );
  });

  test('the cluster table finds every member, and no other', async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `r${i - (i % 3)}\tr${i}\n`);
    const clusters = await readClusters(write('c.tsv', lines.join('')));
    expect(clusters.members).toBe(5000);
    const found = Array.from({ length: 5000 }, (_, i) => clusters.find(`r${i}`)!.join());
    expect(new Set(found).size).toBe(1667);
    found.forEach((hash, i) => {
      expect(hash).toBe(found[i - (i % 3)]);
    });
    expect(clusters.find('r5000')).toBeUndefined();
    await expect(readClusters(write('d.tsv', 'a\tb\nc\tb\n'))).rejects.toThrow(
      'd.tsv:2: "b" is in the file for the second time',
    );
  });
});

test('Ctrl-C leaves nothing behind', async () => {
  const input = write(
    'a.fa',
    Array.from(
      { length: 200_000 },
      (_, i) => `>${i}\nACGU${i.toString(4).replace(/\d/g, (digit) => 'ACGU'[Number(digit)]!)}\n`,
    ).join(''),
  );
  const isAtWork = (): boolean =>
    readdirSync(folder).some((name) => name.startsWith('.out.corpus.') && name.endsWith('.partial'));
  const { code, stderr } = await rnaProcess(['corpus', 'build', join(folder, 'out.corpus'), '--ncrna', input], {
    interruptWhen: isAtWork,
  });
  expect([code, stderr]).toEqual([130, expect.stringContaining('interrupted')]);
  expect(readdirSync(folder)).toEqual(['a.fa']);
});
