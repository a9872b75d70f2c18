import { lengthScores } from '../src/commands/data/lengthClasses.ts';
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { rna, temporaryFolder } from './harness.ts';
import { prepare, refused, write, rows } from './dataHarness.ts';

const samples = fileURLToPath(new URL('../data', import.meta.url));

describe('rna data splice', () => {
  test("takes Spliceator as RiNALMo does: the middle of the windows, the reference's folds, four tests", async () => {
    const whole = (n: number): string => 'A'.repeat(100) + 'CG'[n % 2]!.repeat(399) + 'ACGT'[n % 4]! + 'T'.repeat(100);
    const gold = (count: number, first: number): string =>
      `ID_uniprot;…\n${Array.from({ length: count }, (_, i) => `${first + i}_x_human;${i % 3 === 0 ? `name;${whole(i)}` : `${whole(i)};more`}\n`).join('')}`;
    const folder = temporaryFolder();
    for (const site of ['donor', 'acceptor']) {
      write(folder, {
        [`spliceator/Training_data/Positive/GS/POS_${site}_600.csv`]: gold(24, 0),
        [`spliceator/Training_data/Negative/GS/GS_1/NEG_600_${site}.csv`]: gold(31, 24),
      });
      for (const species of ['Danio', 'Fly', 'Thaliana', 'Worm']) {
        for (const kind of ['positive', 'negative'])
          write(folder, {
            [`spliceator/Benchmarks/${species}/SA_sequences_${site}_400_Final_3.${kind}.txt`]: `f1;${kind};${'ACGT'.repeat(100)}\nf2;${kind};${'ACGG'.repeat(100)}\n`,
          });
      }
    }
    const { out, counts } = await prepare('splice', folder, '--fold', '3', '--site', 'donor');
    expect(counts).toEqual({
      'donor/train.csv': 49,
      'donor/validation.csv': 6,
      'donor/test_Danio.csv': 4,
      'donor/test_Fly.csv': 4,
      'donor/test_Thaliana.csv': 4,
      'donor/test_Worm.csv': 4,
    });
    // By scikit-learn: the third fold of StratifiedKFold(10, shuffle=True, random_state=2020) of 24 ones and 31 zeros.
    expect(rows(out, 'donor', 'validation.csv').map(([id]) => Number.parseInt(id!))).toEqual([7, 18, 22, 28, 37, 46]);
    const [id, sequence, label, group] = rows(out, 'donor', 'train.csv')[1]!;
    expect([id, sequence, label, group]).toEqual(['1_x_human', 'G'.repeat(399) + 'C', '1', 'human']);
    expect(rows(out, 'donor', 'test_Fly.csv').map((row) => row[2])).toEqual(['0', '0', '1', '1']);
    expect(await refused('splice', folder, '--species', 'fly')).toContain(
      '--species is for windows of several species',
    );
    writeFileSync(join(folder, 'spliceator/Training_data/Positive/GS/POS_donor_600.csv'), 'a_b;ACGT;ACGT\n');
    expect(await refused('splice', folder)).toContain(
      'POS_donor_600.csv:1: expected a sequence of at least 400 nucleotides',
    );
  });

  test('trains on one species and tests on the others; overlapping windows stay together', async () => {
    const { out, counts, notes } = await prepare('splice', join(samples, 'splice'), '--species', 'fly');
    expect(Object.keys(counts)).toEqual(
      ['donor', 'acceptor'].flatMap((site) =>
        ['train', 'validation', 'test_fly', 'test_arabidopsis', 'test_worm'].map((set) => `${site}/${set}.csv`),
      ),
    );
    expect(counts['donor/test_worm.csv']).toBe(100);
    expect(counts['donor/train.csv']! + counts['donor/validation.csv']! + counts['donor/test_fly.csv']!).toBe(100);
    const parts = ['train', 'validation', 'test_fly'].map((set) => rows(out, 'donor', `${set}.csv`));
    const places = parts.flatMap((part, set) =>
      part.map(([id]) => ({ set, chromosome: id!.split('_')[1], position: Number(id!.split('_')[2]) })),
    );
    const overlaps = places.flatMap((a, i) =>
      places
        .slice(i + 1)
        .filter((b) => a.chromosome === b.chromosome && Math.abs(a.position - b.position) < 400)
        .map((b) => [a.set, b.set]),
    );
    expect(overlaps.length).toBeGreaterThan(0);
    expect(overlaps.filter(([a, b]) => a !== b)).toEqual([]);
    expect(notes[0]).toContain('fly, donor');
    expect(await refused('splice', join(samples, 'splice'), '--species', 'mouse')).toContain(
      'no table of mouse donor sites; there are arabidopsis, fly, worm',
    );
    expect(await refused('splice', temporaryFolder())).toContain("neither Spliceator's files");
  });
});

test('rna data ribosome-load splits the counted table as pandas does in the reference', async () => {
  const lengthOf = (i: number): number => 25 + (i % 4);
  const utr = (i: number): string =>
    Array.from({ length: lengthOf(i) }, (_, k) => 'ACGT'[k < 8 ? (i >> (2 * k)) & 3 : (i * 7 + k) % 4]).join('');
  const text = `utr,rl,total_reads,set,len\n${Array.from({ length: 900 }, (_, i) => {
    const named = i % 60 === 11 ? i - 4 : i;
    return `${utr(named)},${i % 50 === 7 ? '' : (((i * 31) % 97) / 10).toFixed(1)},${i % 40 === 13 ? 9 : (i * 7919) % 10007},${i % 45 === 3 ? 'snv' : i % 3 ? 'random' : 'human'},${lengthOf(named)}\n`;
  }).join('')}`;
  expect(createHash('sha256').update(text).digest('hex')).toBe(
    '2d9f6b46709d8d0c0f7c0a3819aa393405ca6059968bfa364d93d0534b5e9768',
  );
  const folder = write(temporaryFolder(), {
    'GSM4084997_varying_length_25to100.csv.gz': gzipSync(text),
    'GSM3130435_egfp_unmod_1.csv.gz': gzipSync('other'),
  });
  const { out, counts, notes } = await prepare('mrl', folder);
  expect(counts).toEqual({ 'train.csv': 147, 'validation.csv': 400, 'test.csv': 269 });
  const digest = (set: string): string =>
    createHash('sha256')
      .update(
        rows(out, `${set}.csv`)
          .map(([sequence]) => sequence)
          .join('\n'),
      )
      .digest('hex');
  // From the same table by pandas 3.0.3, with the reference's calls.
  expect(digest('train')).toBe('dc7eccc9e3f372f4a8caf0a2ad77ce354d91b570e88375f6ea1271362587e184');
  expect(digest('validation')).toBe('b88fbef92be39906d1b2ac258b058497507943701653571d200efdc837a18a27');
  expect(digest('test')).toBe('d4f71822175e0bdb56f431c8454efd8643acbbf1055eb68713b2400856719aab');
  expect(notes).toEqual([
    expect.stringMatching(/^left out 18 UTRs without a load$/),
    expect.stringMatching(/of sets other than random and human$/),
    expect.stringMatching(/with fewer than 10 reads$/),
    expect.stringMatching(/copies of UTRs that come more than once$/),
  ]);
});

test('rna data ribosome-load splits a table without counts by the seed', async () => {
  const table = join(
    write(temporaryFolder(), {
      'utrs.csv': `,utr,rl\n${Array.from({ length: 40 }, (_, i) => `${i},${'ACGT'[i % 4]!.repeat(10 + i)},${i / 4}\n`).join('')}`,
    }),
    'utrs.csv',
  );
  const [first, again, other] = [
    await prepare('ribosome-load', table),
    await prepare('ribosome-load', table),
    await prepare('ribosome-load', table, '--seed', '1'),
  ];
  expect(first.counts).toEqual({ 'train.csv': 32, 'validation.csv': 4, 'test.csv': 4 });
  const tested = ({ out }: { out: string }): string[] => rows(out, 'test.csv').map(([sequence]) => sequence!);
  expect(tested(again)).toEqual(tested(first));
  expect(tested(other)).not.toEqual(tested(first));
  const all = ['train', 'validation', 'test'].flatMap((set) =>
    rows(first.out, `${set}.csv`).map(([sequence]) => sequence),
  );
  expect(new Set(all).size).toBe(40);
  writeFileSync(table, 'utr,rl\nACGT,1\nACG,high\n');
  expect(await refused('mrl', table)).toContain(`${table}:3: rl cannot be read: expected a number, got "high"`);
});

test("rna data translation takes scikit-learn's folds, the one before as validation", async () => {
  const text = `,utr,te_log,rnaseq_log\n${Array.from({ length: 57 }, (_, i) => `${i},${'ACGT'[i % 4]!.repeat(20 + (i % 7))}${'ACGT'[(i >> 2) % 4]!}<pad>,${i / 8},${-i / 4}\n`).join('')}`;
  const folder = write(temporaryFolder(), { 'HEK_sequence.csv': text, 'Muscle_sequence.csv': text });
  const ids = (out: string, set: string): number[] => rows(out, 'HEK', `${set}.csv`).map(([id]) => Number(id));
  // By scikit-learn: KFold(10, shuffle=True, random_state=42) of 57 rows.
  const { out, counts } = await prepare('translation', folder, '--fold', '3');
  expect(counts).toEqual({
    'HEK/train.csv': 45,
    'HEK/validation.csv': 6,
    'HEK/test.csv': 6,
    'Muscle/train.csv': 45,
    'Muscle/validation.csv': 6,
    'Muscle/test.csv': 6,
  });
  expect([ids(out, 'test'), ids(out, 'validation')]).toEqual([
    [19, 36, 37, 40, 48, 53],
    [4, 6, 8, 17, 26, 43],
  ]);
  expect(rows(out, 'HEK', 'test.csv')[0]).toEqual(['19', `${'T'.repeat(25)}A`, '2.375', '-4.75']);
  const first = await prepare('translation', join(folder, 'HEK_sequence.csv'));
  expect([ids(first.out, 'test'), ids(first.out, 'validation')]).toEqual([
    [0, 5, 13, 30, 34, 55],
    [14, 28, 38, 42, 51],
  ]);
  expect(await refused('translation', samples)).toContain('no table named CELLS_sequence.csv');
});

describe('rna data ncrna-family', () => {
  const fasta = (classes: Readonly<Record<string, number>>, first = 0): string =>
    Object.entries(classes)
      .flatMap(([name, count], k) =>
        Array.from(
          { length: count },
          (_, i) => `>${name}_${first + i} ${name}\r\n${'ACGT'[k % 4]!.repeat(20 + first + i)}\r\n`,
        ),
      )
      .join('');

  test('keeps what the test has out of training', async () => {
    const folder = write(temporaryFolder(), {
      'dataset_Rfam_6320_13classes.fasta': fasta({ tRNA: 30, miRNA: 20 }),
      'dataset_Rfam_validated_2600_13classes.fasta': fasta({ tRNA: 8, miRNA: 8 }, 28),
    });
    const { out, counts, notes } = await prepare('ncrna-family', folder);
    expect(counts).toEqual({ 'train.csv': 43, 'validation.csv': 5, 'test.csv': 16 });
    expect(notes).toEqual([
      'left out of training 2 RNAs of dataset_Rfam_6320_13classes.fasta that the test has too',
      'fine-tune with --head.classes 2 --head.names miRNA,tRNA',
    ]);
    expect(new Set(rows(out, 'test.csv').map(([, , id, name]) => `${id!} ${name!}`))).toEqual(
      new Set(['0 miRNA', '1 tRNA']),
    );
  });

  test('splits any FASTA with classes by the seed, each class in every set', async () => {
    const { counts, sets } = await prepare('ncrna-family', join(samples, 'rfam_families.fasta'));
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(256);
    expect(sets.map(({ labels }) => labels['classes'])).toEqual([7, 7, 7]);
    expect(sets[2]!.labels).toMatchObject({ 'smallest class': 2, 'largest class': 4 });
    const small = write(temporaryFolder(), {
      'few.fasta': fasta({ tRNA: 12, miRNA: 9 }),
      'one.fasta': fasta({ tRNA: 12 }),
      'bare.fasta': '>a\nACGT\n',
    });
    expect(await refused('ncrna-family', join(small, 'few.fasta'))).toContain(
      'the class miRNA has 9 RNAs to train on; at least 10 are needed',
    );
    expect(await refused('ncrna-family', join(small, 'one.fasta'))).toContain('all RNAs are of the class tRNA');
    expect(await refused('ncrna-family', join(small, 'bare.fasta'))).toContain('bare.fasta:1: record "a" has no class');
  });

  test('takes one of equal sequences, and refuses one with two classes', async () => {
    const folder = write(temporaryFolder(), {
      'twice.fasta': `${fasta({ tRNA: 20, miRNA: 20 })}>copy tRNA\n${'a'.repeat(20)}\n>other miRNA\n${'c'.repeat(21)}\n`,
    });
    const { counts, notes } = await prepare('ncrna-family', join(folder, 'twice.fasta'));
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(40);
    expect(notes[0]).toBe('left out 2 RNAs of twice.fasta with the sequence and the class of one before');
    write(folder, { 'both.fasta': `${fasta({ tRNA: 20, miRNA: 20 })}>copy miRNA\n${'A'.repeat(21)}\n` });
    expect(await refused('ncrna-family', join(folder, 'both.fasta'))).toContain(
      'both.fasta:81: "copy" of the class miRNA has the sequence of "tRNA_1" on line 3, which is of the class tRNA',
    );
  });
});

test('the table names files, lengths and labels; what is not there is said', async () => {
  const out = join(temporaryFolder(), 'new', 'folder');
  const { code, stdout, stderr } = await rna(
    'data',
    'ncrna-family',
    join(samples, 'rfam_families.fasta'),
    '--out',
    out,
  );
  expect(code).toBe(0);
  expect(stdout).toContain(join(out, 'validation.csv'));
  expect(stdout).toContain('smallest class');
  expect(stderr).toContain('rna: fine-tune with --head.classes 7');
  expect(existsSync(join(out, 'test.csv'))).toBe(true);
  expect(await refused('splice', join(out, 'nowhere'))).toContain('nowhere: no such file or folder');
  expect((await rna('data', 'splice', samples, '--out', out, '--fold', '11')).stderr).toContain(
    'Expected a whole number from 1 to 10.',
  );
});

test('rna data ncrna-family filters and balances families of Rfam as scikit-learn and pandas do in the reference', async () => {
  // Counts in training, validation and test, and the length of the i-th RNA.
  const families: Readonly<Record<string, readonly [number, number, number, (i: number) => number]>> = {
    RF00010: [420, 1300, 60, (i) => 60 + ((i * 37) % 50)],
    RF00002: [410, 50, 55, (i) => 150 + ((i * 13) % 90)],
    RF00005: [420, 60, 40, (i) => 70 + ((i * 11) % 9)],
    RF00100: [430, 40, 40, () => 30],
    RF00009: [300, 40, 40, (i) => 80 + ((i * 7) % 60)],
    RF00050: [450, 30, 30, (i) => 90 + ((i * 29) % 70)],
    RF00777: [100, 10, 0, () => 100],
    RF00004: [410, 45, 45, (i) => 75 + ((i * 17) % 40)],
  };
  const sequence = (name: string, i: number, length: number): string => {
    const number = Number(name.slice(2)) * 131 + i * 7;
    const letters = Array.from({ length }, (_, k) => 'ACGT'[((number >> (k % 11)) + k * k + i) % 4]).join('');
    return i % 97 === 5 ? `${letters.slice(0, -1)}N` : letters;
  };
  const texts = [0, 1, 2].map((set) =>
    Array.from({ length: 1300 }, (_, i) =>
      Object.entries(families)
        .map(([name, counts]) =>
          i < (counts[set] as number) ? `>${name}\n${sequence(name, i + 1000 * set, counts[3](i + set))}\n` : '',
        )
        .join(''),
    ).join(''),
  );
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  expect(sha256(texts.join(''))).toBe('30471878186d258321f26e49286450960ccb3804b2b379a3e29a2746e90a86fe');
  const folder = write(temporaryFolder(), {
    'x_train.fasta': texts[0]!,
    'x_val.fasta': texts[1]!,
    'x_test.fasta': texts[2]!,
  });
  const { out, counts, notes } = await prepare('ncrna-family', folder);
  expect(counts).toEqual({ 'train.csv': 4860, 'validation.csv': 1350, 'test.csv': 173 });
  // From the same files by scikit-learn 1.9.1 and pandas 3.0.3, with the reference's calls.
  const digest = (set: string): string =>
    sha256(
      rows(out, `${set}.csv`)
        .map(([, letters, id]) => `${id!} ${letters!.replaceAll('U', 'T')}`)
        .join('\n'),
    );
  expect(['train', 'validation', 'test'].map(digest)).toEqual([
    'c085040e63ebb59fc6c51ce7ebcc25b2fbcc0a04cc111d368f127257e8a4d129',
    '1327e8b387b6b4ace65a60ffaa4780f9cb7846a8fb2ff3fc849b131b6abdbb96',
    '19885254180f20d5a24b051f49c1c51e1766ed975febdc7f99ce3beb7c6fbd5c',
  ]);
  expect(notes.at(-1)).toBe('fine-tune with --head.classes 4 --head.names RF00050,RF00010,RF00005,RF00004');
  const noisy = await prepare('ncrna-family', folder, '--boundary-noise', '200');
  const [plain, longer] = [rows(out, 'test.csv')[0]![1]!, rows(noisy.out, 'test.csv')[0]![1]!];
  expect(longer.slice(longer.length / 2 - plain.length / 2).startsWith(plain)).toBe(true);
  expect(longer.length).toBe(plain.length + 4 * Math.floor(plain.length / 2));
  expect(
    await refused('ncrna-family', write(temporaryFolder(), { 'train_test_val_sets_177_families.RDa': '' })),
  ).toContain('writeXStringSet');
});

test("F1 of lengths is scikit-learn's", () => {
  // Three classes whose lengths overlap; by DecisionTreeClassifier(max_depth=10) and f1_score over StratifiedKFold(10,
  // True, 42).
  const rnas = Array.from({ length: 300 }, (_, i) => ({
    name: 'abc'[(i * 7) % 3]!,
    length: 40 + ((i * 7) % 3) * 12 + ((i * i) % 31),
  }));
  expect([...lengthScores(rnas)].map(([name, f1]) => [name, f1.toFixed(12)])).toEqual([
    ['a', '0.685725658019'],
    ['b', '0.489674548691'],
    ['c', '0.673018888576'],
  ]);
});
