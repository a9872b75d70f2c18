import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { rna, temporaryFolder } from './harness.ts';

const samples = fileURLToPath(new URL('../data', import.meta.url));

/** A file of that name and content, in a folder of its own. */
function file(name: string, content: string): string {
  const path = join(temporaryFolder(), name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function refused(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await rna('data', ...argv, '--out', join(temporaryFolder(), 'out'));
  expect([code, stdout]).toEqual([1, '']);
  return stderr;
}

describe('rna data refuses, by the line of the download', () => {
  const header = ',utr,te_log,rnaseq_log\n';

  test.each([
    ['mrl', 'x.csv', 'utr,rl\nACGT,1\nACXT,1\n', ':3: "X" is not a nucleotide code'],
    ['mrl', 'x.csv', 'utr,rl\nACGT,1\n,2\n', ':3: no sequence in the column "utr"'],
    ['mrl', 'x.csv', 'utr,rl\n"AC\nGT",1\n', ':3: "\\n" is not a nucleotide code'],
    [
      'mrl',
      'x.csv',
      'utr,rl,total_reads,set\nAC,1,12,random\nGT,1,many,human\n',
      ':3: total_reads cannot be read: expected a number, got "many"',
    ],
    [
      'mrl',
      'x.csv',
      'utr,rl,total_reads,set\nAC,1,0x20,random\n',
      ':2: total_reads cannot be read: expected a number, got "0x20"',
    ],
    ['mrl', 'x.csv', 'utr,rl,total_reads,set,set\nAC,1,12,random,human\n', ':1: two columns have the name "set"'],
    ['translation', 'HEK_sequence.csv', `${header}0,<pad>,1,1\n`, ':2: no sequence in the column "utr"'],
    ['translation', 'HEK_sequence.csv', `${header}0,AC1<pad>,1,1\n`, ':2: "1" is not a nucleotide code'],
    ['splice', 'x_fly_donor_4.csv', 'id;sequence;label\na;ACGT;1\nb;ACGJ;0\n', ':3: "J" is not a nucleotide code'],
    ['splice', 'x_fly_donor_4.csv', 'id;sequence;label\na;ACGT;1\nb;;0\n', ':3: no sequence in the column "sequence"'],
    [
      'splice',
      'x_fly_donor_4.csv',
      'id;sequence;label\na;ACGT;1\nb;ACG;0\n',
      ':3: a window of 3 nucleotides; that of ',
    ],
    [
      'splice',
      'x_fly_donor_4.csv',
      'id;sequence;label\na;ACGT;"\u0007ring"\n',
      ':2: expected the label 0 or 1, got "\\u{7}ring"',
    ],
  ])('%s %s %j', async (command, name, content, message) => {
    const path = file(name, content);
    expect(await refused(command, command === 'splice' ? dirname(path) : path)).toContain(`${path}${message}`);
  });

  test.each([
    [
      'Training_data/Positive/GS/POS_donor_600.csv',
      `a_b;${'A'.repeat(600)}\na_b;${'A'.repeat(300)}?${'A'.repeat(299)}\n`,
      ':2: "?" is not a nucleotide code',
    ],
    [
      'Benchmarks/Fly/SA_sequences_donor_400_Final_3.negative.txt',
      `a;b;${'A'.repeat(399)}!\n`,
      ':1: "!" is not a nucleotide code',
    ],
    [
      'Benchmarks/Fly/SA_sequences_donor_400_Final_3.positive.txt',
      `a;b;${'A'.repeat(400)}\na;b;\n`,
      ':2: no sequence in the third column',
    ],
    [
      'Benchmarks/Fly/SA_sequences_donor_400_Final_3.positive.txt',
      `a;b;${'A'.repeat(399)}\n`,
      ':1: a window of 399 nucleotides; that of ',
    ],
  ])('splice %s', async (name, content, message) => {
    const folder = temporaryFolder();
    const write = (path: string, text: string): void => {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    const gold = `a_b;${'A'.repeat(600)}\n`.repeat(20);
    write('Training_data/Positive/GS/POS_donor_600.csv', gold);
    write('Training_data/Negative/GS/GS_1/NEG_600_donor.csv', gold);
    for (const species of ['Danio', 'Fly', 'Thaliana', 'Worm']) {
      for (const kind of ['positive', 'negative'])
        write(`Benchmarks/${species}/SA_sequences_donor_400_Final_3.${kind}.txt`, `a;b;${'A'.repeat(400)}\n`);
    }
    write(name, content);
    expect(await refused('splice', folder, '--site', 'donor')).toContain(`${join(folder, name)}${message}`);
  });
});

test('UTRs without a count of reads are left out, and counted apart from those with few', async () => {
  const utrs = Array.from(
    { length: 60 },
    (_, i) =>
      `${'ACGT'.repeat(8).slice(0, 25)}${[0, 1, 2].map((k) => 'ACGT'[(i >> (2 * k)) & 3]!).join('')},1.5,${['12', '', 'NaN', '9'][i] ?? '40'},${i % 2 ? 'human' : 'random'}\n`,
  );
  const out = join(temporaryFolder(), 'out');
  // As many random UTRs of the length as are validation leave none to train on: others are longer.
  const longer = utrs.map((line) => `${'ACGT'.repeat(30)}${line}`);
  const { code, stdout } = await rna(
    'data',
    'mrl',
    file('x.csv', `utr,rl,total_reads,set\n${[...utrs, ...longer.slice(4)].join('')}`),
    '--out',
    out,
    '--json',
  );
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as { notes: string[] }).notes).toEqual([
    'left out 2 UTRs without a count of reads',
    'left out 1 UTR with fewer than 10 reads',
  ]);
});

test('two tables of the same cells are refused', async () => {
  const folder = temporaryFolder();
  for (const name of ['a', 'b']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'HEK_sequence.csv'), `utr,te_log,rnaseq_log\n${'ACGT,1,1\n'.repeat(20)}`);
  }
  expect(await refused('translation', folder)).toContain('two tables of HEK; give a folder with one');
});

describe('all sets are written or none', () => {
  const archive = join(samples, 'archiveII_150.dbn');
  const everything = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort();

  test('where the second site cannot be read', async () => {
    const folder = temporaryFolder();
    for (const name of readdirSync(join(samples, 'splice')))
      writeFileSync(join(folder, name), readFileSync(join(samples, 'splice', name)));
    writeFileSync(join(folder, 'splice_worm_acceptor_100.csv'), 'id;sequence;label\na;AC?T;1\n');
    const outer = temporaryFolder();
    const run = (out: string, ...more: string[]) =>
      rna('data', 'splice', folder, '--species', 'fly', '--out', out, ...more);
    expect((await run(join(outer, 'new', 'out'))).stderr).toContain('splice_worm_acceptor_100.csv:2: "?"');
    expect(everything(outer)).toEqual([]);
    // Every file of an earlier run stays as it was.
    expect((await run(outer, '--site', 'donor')).code).toBe(0);
    const texts = () =>
      everything(join(outer, 'donor')).map((name) => readFileSync(join(outer, 'donor', name), 'utf8'));
    const before = texts();
    expect((await run(outer, '--seed', '1')).code).toBe(1);
    expect(texts()).toEqual(before);
    expect((await run(outer, '--seed', '1', '--site', 'donor')).code).toBe(0);
    expect(texts()).not.toEqual(before);
    expect(everything(outer)).toEqual([
      'donor',
      ...everything(join(outer, 'donor')).map((name) => join('donor', name)),
    ]);
  });

  test('where something stands in the way', async () => {
    const out = temporaryFolder();
    mkdirSync(join(out, 'tmRNA', 'test.dbn'), { recursive: true });
    expect((await rna('data', 'secondary', archive, '--out', out)).stderr).toContain(
      `${join(out, 'tmRNA', 'test.dbn')}: a folder stands where a set is to be written`,
    );
    expect(everything(out)).toEqual(['tmRNA', join('tmRNA', 'test.dbn')]);
    const path = file('x', '');
    expect((await rna('data', 'secondary', archive, '--out', path)).stderr).toContain(
      'is a file; give the name of a folder',
    );
    expect(existsSync(path)).toBe(true);
  });

  test('where Ctrl-C comes while they are written', async () => {
    const out = temporaryFolder();
    const running = rna('data', 'secondary', archive, '--out', out);
    while (everything(out).length === 0) await setImmediate();
    // By this name the next run finds what a killed one left.
    const name = `^\\.${basename(out)}\\.[0-9a-f]{8}-${process.pid}-[0-9a-f]{8}\\.partial$`;
    expect(everything(out)[0]).toMatch(new RegExp(name));
    process.emit('SIGINT');
    expect(await running).toEqual({ code: 130, stdout: '', stderr: 'rna: interrupted\n' });
    expect(everything(out)).toEqual([]);
  });
});

test('--help says where the limit of 512 holds', async () => {
  expect((await rna('data', 'secondary', '--help')).stdout.replace(/\s+/g, ' ')).toContain(
    '(default: 512 for RNAs of ArchiveII that are split here, else none)',
  );
});
