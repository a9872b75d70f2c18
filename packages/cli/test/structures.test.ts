/** `rna structures`: what it writes, what it refuses, and that a run that was killed goes on where it stopped. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dotBracket, parseStructureFile } from '@rna/structure';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { foldingThreads } from '../src/folding/memory.ts';
import { fasta, rna, rnaProcess, temporaryFolder } from './harness.ts';

interface Reference {
  readonly id: string;
  readonly sequence: string;
  readonly contrafold: { readonly mea: string };
  readonly eternafold: { readonly mea: string };
}
const references = (
  JSON.parse(
    readFileSync(new URL('../../structure/test/fixtures/folding/oracle.json', import.meta.url), 'utf8'),
  ) as Reference[]
).slice(0, 6);

const records = (set: 'contrafold' | 'eternafold'): string =>
  references.map((reference) => `>${reference.id}\n${reference.sequence}\n${reference[set].mea}\n`).join('');
const input = (folder: string): string =>
  fasta(
    folder,
    references
      .map(
        ({ id, sequence }, i) =>
          `>${id} words\n${i % 2 === 0 ? sequence : sequence.toLowerCase().replaceAll('u', 't')}\n`,
      )
      .join(''),
  );

test.each(['contrafold', 'eternafold'] as const)(
  'structures of %s as the program gives them, on stdout and in a file, in the order of the input',
  async (set) => {
    const folder = temporaryFolder();
    const file = input(folder);
    const out = join(folder, 'out.dbn');
    if (set === 'contrafold')
      expect(await rna('structures', file, '--arithmetic', 'program', '--jobs', '1')).toMatchObject({
        code: 0,
        stdout: records(set),
      });
    expect(
      await rna('structures', file, '--params', set, '--arithmetic', 'program', '--out', out, '--jobs', '2'),
    ).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(out, 'utf8')).toBe(records(set));
    expect(parseStructureFile(readFileSync(out, 'utf8'), out)).toHaveLength(references.length);
    expect(readdirSync(folder).sort()).toEqual(['input.fasta', 'out.dbn']);
  },
);

test('probabilities, as a table and in JSON', async () => {
  const folder = temporaryFolder();
  const out = join(folder, 'out.dbn');
  const file = fasta(folder, ['GGGGAAAACCCC', 'AAAA']);
  expect(await rna('structures', file, '--out', out, '--probs', '--jobs', '1')).toMatchObject({ code: 0 });
  const [header, ...lines] = readFileSync(`${out}.probs.tsv`, 'utf8').trimEnd().split('\n');
  expect(header).toBe('id\ti\tj\tp');
  const { stdout } = await rna('structures', file, '--jobs', '1', '--json', '--probs');
  const parsed = stdout
    .trimEnd()
    .split('\n')
    .map(
      (line) => JSON.parse(line) as { id: string; structure: string; logZ: number; pairs: [number, number, number][] },
    );
  expect(parsed.map(({ id, structure, pairs }) => [id, structure, pairs.length > 0])).toEqual([
    ['s0', '((((....))))', true],
    ['s1', '....', false],
  ]);
  expect(lines).toEqual(parsed[0]!.pairs.map((pair) => `s0\t${pair.join('\t')}`));
  expect(parsed[0]!.pairs.find(([i, j]) => i === 2 && j === 11)![2]).toBeGreaterThan(0.5);
  expect(
    Object.keys(JSON.parse((await rna('structures', file, '--jobs', '1', '--json')).stdout.split('\n')[0]!) as object),
  ).toEqual(['id', 'sequence', 'structure', 'logZ', 'accuracy']);
  expect(await rna('structures', file, '--probs')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--probs needs --out FILE or --json') as string,
  });
});

test('options change what they say', async () => {
  const folder = temporaryFolder();
  const file = fasta(folder, ['GGGGAAAACCCCAAAAGGGG']);
  const structure = async (...argv: string[]): Promise<string> =>
    (await rna('structures', file, ...argv)).stdout.split('\n')[2]!;
  expect(await structure('--gamma', '0.0001')).toBe('.'.repeat(20));
  const constraints = join(folder, 'constraints.txt');
  writeFileSync(constraints, '>s0\nxxxx................\n');
  expect(await structure('--constraints', constraints)).toBe('........((((....))))');
  const hairpin = fasta(folder, ['GGGGGGAACCCCCC'], 'hairpin.fasta');
  const pairs = async (rules: string): Promise<number> =>
    (await rna('structures', hairpin, '--gamma', '10', '--rules', rules)).stdout.split('\n')[2]!.split('(').length - 1;
  expect(await pairs('contrafold')).toBe(6);
  expect(await pairs('eternafold')).toBe(5);
  const logZ = async (...argv: string[]): Promise<number> =>
    (JSON.parse((await rna('structures', file, '--json', ...argv)).stdout) as { logZ: number }).logZ;
  const [byDefault, program, exact] = [
    await logZ(),
    await logZ('--arithmetic', 'program'),
    await logZ('--arithmetic', 'exact'),
  ];
  expect(exact).toBe(byDefault);
  expect(exact).not.toBe(program);
  expect(Math.abs(exact - program)).toBeLessThan(1e-3);
  expect(await rna('structures', file, '--arithmetic', 'roman')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('exact, program') as string,
  });
});

test('CT and bpseq, one in FILE or each in its own, and scores', async () => {
  const folder = temporaryFolder();
  const file = fasta(folder, ['GGGGAAAACCCC', 'AAAA']);
  const ct = join(folder, 'out.ct');
  const expected = [
    ['s0', '((((....))))'],
    ['s1', '....'],
  ];
  const read = (path: string): string[][] =>
    parseStructureFile(readFileSync(path, 'utf8'), path).map(({ id, partners }) => [id, dotBracket(partners)]);
  expect(await rna('structures', file, '--format', 'ct', '--out', ct)).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(read(ct)).toEqual(expected);
  expect((await rna('structures', file, '--format', 'ct')).stdout).toBe(readFileSync(ct, 'utf8'));
  const out = join(folder, 'rnas');
  expect(await rna('structures', file, '--format', 'dbn,bpseq', '--scores', '--out', out)).toMatchObject({ code: 0 });
  expect(read(`${out}.dbn`)).toEqual(expected);
  expect(readFileSync(`${out}.bpseq`, 'utf8')).toMatch(/^#Name: s0\n1 G 12\n(.*\n){11}#Name: s1\n1 A 0\n/);
  expect(readdirSync(folder).sort()).toEqual(['input.fasta', 'out.ct', 'rnas.bpseq', 'rnas.dbn', 'rnas.scores.tsv']);
  const [header, ...lines] = readFileSync(`${out}.scores.tsv`, 'utf8').trimEnd().split('\n');
  expect(header).toBe('id\tlength\tlogZ\taccuracy');
  const json = (await rna('structures', file, '--json')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; sequence: string; logZ: number; accuracy: number });
  expect(lines).toEqual(json.map((each) => [each.id, each.sequence.length, each.logZ, each.accuracy].join('\t')));
  // Four As can have no pair: the structure is sure, and its sum is the weight of four unpaired nucleotides.
  expect(json[1]!.accuracy).toBe(1);
  expect(json[0]!.accuracy).toBeGreaterThan(0.6);
  expect(json[0]!.accuracy).toBeLessThan(1);
  for (const [argv, message] of [
    [['--format', 'ct,bpseq'], '--format ct,bpseq needs --out FILE'],
    [['--scores'], '--scores needs --out FILE'],
    [['--json', '--format', 'ct'], '--json takes the place of --format'],
    [['--format', 'svg'], 'Expected some of dbn,ct,bpseq'],
  ] as const)
    expect(await rna('structures', file, ...argv)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(message) as string,
    });
});

test('letters that are not A, C, G, U or T stay unpaired, which is said once', async () => {
  const folder = temporaryFolder();
  const file = fasta(folder, ['GGGGAAAACCCC', 'GGGNAAAARCCC', 'NNNN']);
  const { stdout, stderr } = await rna('structures', file, '--jobs', '1');
  expect(stdout.split('\n')[5]).toBe('(((......)))');
  expect(stderr).toBe(
    `rna: letters other than A, C, G, T and U stay unpaired: 2 of 3 records have some; the first is "N" in record "s1" (${file}:3)\n`,
  );
});

describe('sequences that are too long', () => {
  test.each([
    ['30 kb, or a megabase', 1_000_000, 'this machine has'],
    ['what no memory would do for', 70_000, '"long"'],
  ])('%s: refused by name before the work', async (_name, length, message) => {
    const folder = temporaryFolder();
    const file = fasta(folder, `>short\nGGGGAAAACCCC\n>long\n${'ACGU'.repeat(length / 4)}\n`);
    const { code, stdout, stderr } = await rna('structures', file);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(`^rna: .*input.fasta:3: folding the ${length} nucleotides of "long" takes [^ ]+ GB`),
    );
    expect(stderr).toContain(message);
  });

  test('threads are as many as have the memory', () => {
    const record = { id: 'a', length: 10_000, file: 'f', line: 1 };
    const short = { ...record, id: 'b', length: 10 };
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    onTestFinished(() => {
      said.mockRestore();
    });
    expect(foldingThreads([short, record], 'exact', 4, 4.5e9)).toBe(2);
    expect(said).toHaveBeenCalledWith('rna: folding on 2 of 4 threads: "a" takes 1.90 GB of memory on each\n');
    expect(foldingThreads([short], 'exact', 4, 4.5e9)).toBe(4);
    expect(() => foldingThreads([short, record], 'program', 4, 3e9)).toThrow(
      'f:1: folding the 10000 nucleotides of "a" takes 3.50 GB of memory; this machine has 3.00 GB for it',
    );
  });
});

test('parameters whose sums overflow are named', async () => {
  const folder = temporaryFolder();
  const text = readFileSync(
    new URL('../../builtin/engines/contrafold/contrafold.params.complementary', import.meta.url),
    'utf8',
  );
  const params = join(folder, 'steep.params');
  writeFileSync(params, text.replaceAll(/(hairpin_length_at_least_\d+) .*/g, '$1 100'));
  expect(await rna('structures', fasta(folder, ['GGGGAAAACCCC']), '--params', params)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /steep.params: the sum over structures of "s0" leaves the range of numbers/,
    ) as string,
  });
});

describe('a run that did not end', () => {
  const settings = ['--params', 'eternafold'];
  const sequences = Array.from({ length: 40 }, (_, i) =>
    references
      .map(({ sequence }) => sequence)
      .join('')
      .repeat(4)
      .slice(i, i + 450),
  );
  const journal = (folder: string): string | undefined =>
    readdirSync(folder).find((name) => name.startsWith('.out.dbn') && name.endsWith('.partial'));
  const done = (folder: string): number => {
    const name = journal(folder);
    return name === undefined ? 0 : readFileSync(join(folder, name), 'utf8').split('\n').length - 1;
  };

  test('goes on where it was killed, with the same result', async () => {
    const folder = temporaryFolder();
    const file = fasta(folder, sequences);
    const out = join(folder, 'out.dbn');
    await killWhen(['structures', file, '--out', out, ...settings, '--jobs', '1'], () => done(folder) >= 4);
    const kept = done(folder);
    expect(kept).toBeGreaterThanOrEqual(4);
    expect(existsSync(out)).toBe(false);
    // Half a line, as a process leaves it that is killed while it writes.
    const path = join(folder, journal(folder)!);
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"id":"s`);
    const again = await rna('structures', file, ...settings, '--out', out);
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toContain(`continuing: ${kept} of 40 records were folded before`);
    expect(readdirSync(folder).sort()).toEqual(['input.fasta', 'out.dbn']);
    expect(readFileSync(out, 'utf8')).toBe((await rna('structures', file, ...settings)).stdout);
  });

  test('keeps what it has at Ctrl-C, and takes nothing of it for another input or another setting', async () => {
    const folder = temporaryFolder();
    const file = fasta(folder, sequences);
    const out = join(folder, 'out.dbn');
    const { code, stderr } = await rnaProcess(['structures', file, '--out', out, ...settings, '--jobs', '1'], {
      interruptWhen: () => done(folder) >= 2,
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(/\d+ of 40 records are kept; the same command continues there/);
    const first = fasta(folder, [sequences[0]!, 'GGGGAAAACCCC'], 'other.fasta');
    expect((await rna('structures', first, '--out', out, ...settings, '--jobs', '1', '--gamma', '3')).stderr).toBe('');
    expect((await rna('structures', first, '--out', out, '--jobs', '1')).stderr).toBe('');
    expect((await rna('structures', first, ...settings, '--jobs', '1', '--out', out)).stderr).toContain(
      'continuing: 1 of 2',
    );
    expect(readFileSync(out, 'utf8')).toBe((await rna('structures', first, ...settings, '--jobs', '1')).stdout);
  });
});

describe('refused, with the file and the line', () => {
  const refused = async (
    lines: string,
    constraint: string | undefined,
    parameters: string | undefined,
    message: string,
  ): Promise<void> => {
    const folder = temporaryFolder();
    const out = join(folder, 'out.dbn');
    const argv = ['structures', fasta(folder, lines), '--out', out];
    if (constraint !== undefined) {
      writeFileSync(join(folder, 'c.txt'), constraint);
      argv.push('--constraints', join(folder, 'c.txt'));
    }
    if (parameters !== undefined) {
      writeFileSync(join(folder, 'p.txt'), parameters);
      argv.push('--params', join(folder, 'p.txt'));
    }
    const { code, stderr } = await rna(...argv);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) as string });
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
  };
  const good = '>a\nGGGGAAAACCCC\n';

  test.each([
    ['a FASTA file without header', 'ACGU\n', undefined, undefined, 'input.fasta:1: a sequence without a header'],
    ['a letter that is none', '>a\nAC!U\n', undefined, undefined, 'input.fasta:2: "!"'],
    [
      'parameters that are none',
      good,
      undefined,
      'base_pair_AA zero\n',
      'p.txt:1: the weight of "base_pair_AA" is "zero"; expected a number from -100 to 100',
    ],
    [
      'parameters that end too early',
      good,
      undefined,
      'base_pair_AA 0\n',
      'p.txt:1: ends without the feature "base_pair_AC"',
    ],
    ['a constraint of nobody', good, '>b\n....\n', undefined, 'c.txt:1: '],
    [
      'a constraint too short',
      good,
      '>a\n....\n',
      undefined,
      'c.txt:2: a constraint of 4 characters for the 12 nucleotides of "a"',
    ],
    ['a constraint without a header', good, '............\n', undefined, 'c.txt:1: a constraint without a header'],
    [
      'brackets around what cannot pair',
      good,
      '>a\n(...)......x\n',
      undefined,
      'c.txt:2: positions 1 and 5 are to pair, but G and A cannot',
    ],
    [
      'what no structure meets',
      good,
      '>a\n....|.......\n',
      undefined,
      'c.txt:2: no structure of "a" meets the constraint',
    ],
  ])('%s', (_name, lines, constraint, parameters, message) => refused(lines, constraint, parameters, message));

  test('a parameter file that is not there', async () => {
    const folder = temporaryFolder();
    expect(await rna('structures', fasta(folder, good), '--params', join(folder, 'none'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('none: no such file') as string,
    });
  });
});

/** Runs the program and kills it, as a machine does that goes down, when `condition` holds. */
function killWhen(argv: readonly string[], condition: () => boolean): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../bin/rna.js', import.meta.url)), ...argv], {
    stdio: 'ignore',
  });
  return new Promise((resolve, reject) => {
    const watch = setInterval(() => {
      if (condition()) child.kill('SIGKILL');
    }, 5);
    child.on('error', reject);
    child.on('exit', () => {
      clearInterval(watch);
      resolve();
    });
  });
}
