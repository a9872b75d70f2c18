/** Shards of a corpus: joined they are what one process writes, to the byte, whatever happened on the way. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '@rna/kernels';
import { batchesOf, batchPart, openShards, ownOf, type Batch } from '@rna/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../src/files/files.ts';
import { shardName, shardRange } from '../src/shards/shard.ts';
import {
  fasta,
  modelFolder,
  rna,
  rnaProcess,
  structureModelFolder,
  temporaryFolder,
  tensors,
  type Result,
} from './harness.ts';
import { rnas, structures as structureFile } from './training.ts';

const SEQUENCES = [
  'GGGGAAAACCCC',
  'ACGUACGUNNACGUAA',
  'GG',
  'GGCGAAAGCCAUUGGCAAAAGCCAA',
  'UUUUGGGAAACCC',
  'GCGCUUCGGCGC',
  'A',
];

/** Ids that are whole numbers, which objects would put in another order, and one with a comma. */
const TEXT = SEQUENCES.map((sequence, k) => `>${['7', 'x,y', '3', 'a', 'b', '1', 'c'][k]!} title\n${sequence}\n`).join(
  '',
);

const done = { code: 0, stdout: '' };

async function runShards(of: number, argv: readonly string[], shards?: readonly number[]): Promise<void> {
  for (const k of shards ?? Array.from({ length: of }, (_, i) => i + 1))
    expect(await rna(...argv, '--shard', `${k}/${of}`)).toMatchObject(done);
}

/** The bytes that the shards of a command are joined to. */
async function merged(out: string, of: number, argv: readonly string[]): Promise<Buffer> {
  await runShards(of, [...argv, '--out', out]);
  expect(existsSync(out)).toBe(false);
  expect(await rna('shards', 'merge', out)).toMatchObject({ code: 0, stdout: expect.stringContaining(out) as string });
  return readFileSync(out);
}

describe('joined shards have the bytes of one process', () => {
  test.each([
    ['rows.safetensors', 3, ['--logits']],
    ['means.npy', 2, ['--pool', 'mean']],
    ['cls.csv', 2, ['--pool', 'cls']],
  ])('embed to %s, %i shards', async (name, of, options) => {
    const folder = temporaryFolder();
    const input = fasta(folder, TEXT);
    const argv = ['embed', modelFolder(folder, 'rinalmo-A'), input, ...options];
    const whole = join(folder, `whole-${name}`);
    expect(await rna(...argv, '--out', whole)).toMatchObject(done);
    const found = await merged(join(folder, name), of, argv);
    expect(found.equals(readFileSync(whole))).toBe(true);
  });

  test('fold, as dot-bracket and as lines of JSON', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, TEXT);
    const model = await structureModelFolder(folder, 'rinalmo-A');
    for (const [name, ...options] of [['folds.dbn'], ['folds.jsonl', '--json', '--probs']] as const) {
      const argv = ['fold', model, input, ...options];
      const whole = await rna(...argv);
      expect(whole.code).toBe(0);
      expect((await merged(join(folder, name), 3, argv)).toString()).toBe(whole.stdout);
    }
  });

  test('structures with tables beside them', async () => {
    const folder = temporaryFolder();
    const argv = ['structures', fasta(folder, TEXT), '--scores', '--probs', '--format', 'dbn,ct', '--jobs', '1'];
    expect(await rna(...argv, '--out', join(folder, 'whole'))).toMatchObject(done);
    await runShards(3, [...argv, '--out', join(folder, 'parts')]);
    const { stdout } = await rna('shards', 'merge', join(folder, 'parts.shards'), '--out', join(folder, 'joined'));
    const suffixes = ['.ct', '.dbn', '.probs.tsv', '.scores.tsv'];
    expect(stdout.trim().split('\n')).toEqual(suffixes.map((suffix) => join(folder, `joined${suffix}`)));
    for (const suffix of suffixes)
      expect(readFileSync(join(folder, `joined${suffix}`), 'utf8')).toBe(
        readFileSync(join(folder, `whole${suffix}`), 'utf8'),
      );
  });

  test('structures of a corpus, whose sections follow each other', async () => {
    const folder = temporaryFolder();
    const known = structureFile(folder, 'known.dbn', rnas.slice(0, 3));
    const corpus = join(folder, 'x.corpus');
    const built = await rna('corpus', 'build', corpus, '--ncrna', known, fasta(folder, TEXT));
    expect(built.code, built.stderr).toBe(0);
    const argv = ['structures', corpus, '--jobs', '1'];
    const whole = await rna(...argv);
    const ids = whole.stdout.split('\n').flatMap((line) => (line.startsWith('>') ? [line.split(' ')[0]!] : []));
    expect(ids).toEqual(expect.arrayContaining(['>structured/0', '>structured/2', '>ncrna/0']) as string[]);
    expect(whole.stdout).toContain(SEQUENCES[0]!);
    expect((await merged(join(folder, 'x.dbn'), 4, argv)).toString()).toBe(whole.stdout);
    const { stdout } = await rna('shards', 'plan', corpus, '--shards', '2', '--json');
    const plan = JSON.parse(stdout) as { records: number; nucleotides: number; shards: { nucleotides: number }[] };
    expect(plan.records).toBe(ids.length);
    const letters = whole.stdout.split('\n').flatMap((line) => (/^[A-Z]+$/.test(line) ? [line.length] : []));
    const half = Math.floor(ids.length / 2);
    const sum = (lengths: readonly number[]): number => lengths.reduce((a, b) => a + b, 0);
    expect(plan.nucleotides).toBe(sum(letters));
    expect(plan.shards.map(({ nucleotides }) => nucleotides)).toEqual([
      sum(letters.slice(0, half)),
      sum(letters.slice(half)),
    ]);
  });

  test('fold by an engine, where a shard has bad records alone', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, ['GGGGAAAACCCC', 'ACXU', 'GGCGAAAGCC']);
    const argv = ['fold', '--engine', 'contrafold', input, '--skip-bad'];
    const whole = await rna(...argv);
    expect(whole.stdout).toContain('>s2');
    expect((await merged(join(folder, 'folds.dbn'), 3, argv)).toString()).toBe(whole.stdout);
  });

  test('predict by a head that pads to the longest of a pass, as a table and as JSON', async () => {
    const folder = temporaryFolder();
    const train = join(folder, 'loads.csv');
    writeFileSync(train, `utr,rl\n${SEQUENCES.map((sequence, k) => `${sequence},${k}`).join('\n')}\n`);
    const run = join(folder, 'run');
    const trained = await rna(
      ...['finetune', 'ribosome-load', '--model.checkpoint', modelFolder(folder, 'ssrlm-A'), '--out', run],
      ...['--data.train', train, '--model.freeze', 'true', '--train.steps', '1'],
      ...['--head.channels', '4', '--head.blocks', '1', '--head.padding', 'batch'],
    );
    expect(trained.code, trained.stderr).toBe(0);
    const input = fasta(folder, TEXT);
    const argv = ['predict', 'ribosome-load', join(run, 'model'), input];
    const whole = await rna(...argv);
    // What is predicted of an RNA follows from the others of its pass.
    const alone = await rna(...argv.slice(0, -1), fasta(folder, [SEQUENCES[0]!], 'alone.fasta'));
    const predicted = (text: string): string => text.split('\n')[1]!.split(',')[2]!;
    expect(predicted(alone.stdout)).not.toBe(predicted(whole.stdout));
    expect((await merged(join(folder, 'loads-of-all.csv'), 3, argv)).toString()).toBe(whole.stdout);
    const json = await rna(...argv, '--json');
    expect((await merged(join(folder, 'loads.json'), 2, [...argv, '--json'])).toString()).toBe(json.stdout);
    expect(await rna(...argv.slice(0, -1), train, '--out', join(folder, 'x.csv'), '--shard', '1/2')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--shard needs a FASTA file') as string,
    });
  });

  test('predict of base pairs, which is fold', async () => {
    const folder = temporaryFolder();
    const argv = ['predict', await structureModelFolder(folder, 'rinalmo-A'), fasta(folder, TEXT)];
    const whole = await rna(...argv);
    expect((await merged(join(folder, 'pairs.dbn'), 2, argv)).toString()).toBe(whole.stdout);
  });

  test('score --scan', async () => {
    const folder = temporaryFolder();
    const argv = ['score', modelFolder(folder, 'ssrlm-A'), fasta(folder, ['ACGU', 'GGC', 'AU']), '--scan'];
    const whole = await rna(...argv);
    expect((await merged(join(folder, 'scores.csv'), 2, argv)).toString()).toBe(whole.stdout);
  });
});

test('an index over shards of safetensors is read as a model in shards is', async () => {
  const folder = temporaryFolder();
  const argv = ['embed', modelFolder(folder, 'rinalmo-A'), fasta(folder, TEXT), '--pool', 'mean'];
  const whole = join(folder, 'whole.safetensors');
  await rna(...argv, '--out', whole);
  await runShards(2, [...argv, '--out', join(folder, 'x.safetensors')]);
  const index = join(folder, 'joined.safetensors.index.json');
  expect(await rna('shards', 'merge', join(folder, 'x.safetensors'), '--out', index)).toMatchObject({ code: 0 });
  const sources: { close: () => Promise<void> }[] = [];
  const opened = await openShards(readFileSync(index, 'utf8'), index, async (name) => {
    const source = await openFileSource(join(folder, name));
    sources.push(source);
    return source;
  });
  const expected = await tensors(whole);
  expect([...opened.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { values }] of expected) {
    const tensor = opened.tensors.get(name)!;
    expect(Buffer.from(await tensor.read(0, tensor.byteLength)).equals(Buffer.from(values.slice().buffer))).toBe(true);
  }
  await Promise.all(sources.map((source) => source.close()));
});

describe('what is there, missing and different', () => {
  const structures = (folder: string, ...options: string[]): string[] => [
    ...['structures', join(folder, 'input.fasta'), '--jobs', '1', '--out', join(folder, 'x.dbn')],
    ...options,
  ];
  const status = (folder: string, ...options: string[]): Promise<Result> =>
    rna('shards', 'status', join(folder, 'x.dbn'), ...options);

  test('status counts, and gives the numbers to run again', async () => {
    const folder = temporaryFolder();
    fasta(folder, TEXT);
    expect(await status(folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('--shards') as string });
    expect(await status(folder, '--shards', '6', '--missing')).toMatchObject({ code: 0, stdout: '1-6\n' });
    await runShards(6, structures(folder), [2]);
    // Workflow engines make folders of outputs before the work.
    mkdirSync(join(folder, 'x.dbn.shards', 'shard-00006-of-00006'));
    await runShards(6, structures(folder), [6]);
    expect(await status(folder)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('missing: 1,3-5') as string,
    });
    expect(await rna('shards', 'merge', join(folder, 'x.dbn'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('4 of 6 shards are missing: 1,3-5') as string,
    });
    await runShards(6, structures(folder), [1, 3, 4, 5]);
    const json = await status(folder, '--json');
    expect(json.code).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({ shards: 6, done: [1, 2, 3, 4, 5, 6], missing: [], differing: [] });
    expect(await status(folder, '--missing')).toMatchObject(done);
  });

  test('a shard that is done is not done again, and one with other options or input is refused by name', async () => {
    const folder = temporaryFolder();
    fasta(folder, TEXT);
    await runShards(2, structures(folder), [1]);
    const again = await rna(...structures(folder), '--shard', '1/2');
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('is done already') as string });
    for (const [argv, why] of [
      [
        [...structures(folder, '--gamma', '2'), '--shard', '2/2'],
        /shard-00001-of-00002 .*options\.gamma is 6 and not 2/,
      ],
      [[...structures(folder), '--shard', '2/3'], /shard-00001-of-00002 .*shards is 2 and not 3/],
      [[...structures(folder), '--shard', '2/20'], /7 records/],
    ] as const) {
      const { code, stderr } = await rna(...argv);
      expect(code).toBe(1);
      expect(stderr).toMatch(why);
    }
    fasta(folder, TEXT.replace('GGGG', 'GGGC'));
    expect((await rna(...structures(folder), '--shard', '2/2')).stderr).toMatch(/input\.sha256 is/);
    expect(readdirSync(join(folder, 'x.dbn.shards'))).toEqual(['shard-00001-of-00002']);
  });

  test('another model is refused, and shards that differ are named by status and merge', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, TEXT);
    const model = modelFolder(folder, 'rinalmo-A');
    const argv = ['embed', model, input, '--pool', 'mean', '--out', join(folder, 'x.npy')];
    await runShards(2, argv, [1]);
    const config = join(model, 'config.json');
    writeFileSync(config, `${readFileSync(config, 'utf8')}\n`);
    expect((await rna(...argv, '--shard', '2/2')).stderr).toMatch(/digests\.model is/);
    // Two first shards at once would not see each other.
    const shards = join(folder, 'x.npy.shards');
    renameSync(shards, join(folder, 'kept'));
    await runShards(2, argv, [2]);
    cpSync(join(folder, 'kept'), shards, { recursive: true });
    for (const command of ['status', 'merge']) {
      const { code, stderr } = await rna('shards', command, join(folder, 'x.npy'));
      expect(code).toBe(1);
      expect(stderr).toMatch(/shard-00002-of-00002/);
    }
    expect(existsSync(join(folder, 'x.npy'))).toBe(false);
  });

  test('a shard that was changed is found by its digest, and nothing is written', async () => {
    const folder = temporaryFolder();
    fasta(folder, TEXT);
    await runShards(2, structures(folder));
    const file = join(folder, 'x.dbn.shards', 'shard-00002-of-00002', 'x.dbn');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('A', 'C'));
    expect(await rna('shards', 'merge', join(folder, 'x.dbn'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${file} is not as it was written`) as string,
    });
    writeFileSync(file, text.slice(1));
    expect((await status(folder)).stdout).toMatch(/differing: .*shard-00002-of-00002/);
    expect(readdirSync(folder).filter((name) => name.includes('x.dbn'))).toEqual(['x.dbn.shards']);
  });

  test('inputs and options that have no shards are refused before any work', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, TEXT);
    const table = join(folder, 'rnas.csv');
    writeFileSync(table, 'sequence\nACGU\n');
    for (const [argv, why, exitCode = 2] of [
      [['structures', '-', '--out', 'x.dbn', '--shard', '1/2'], /--shard needs one FASTA file/],
      [['structures', input, '--shard', '1/2'], /--shard needs --out FILE/],
      [['structures', input, '--out', join(folder, 'none', 'x'), '--shard', '1/2'], /none does not exist/, 1],
      [['structures', input, '--out', 'x', '--shard', '3/2'], /k from 1 to N/],
      // A list of all that are missing would take the memory.
      [['structures', input, '--out', 'x', '--shard', '1/999999999'], /N at most 99999/],
      [['shards', 'status', join(folder, 'x'), '--shards', '999999999'], /from 1 to 99999/],
      [['structures', input, '--out', 'x', '--shard', '1/2', '--constraints', input], /--constraints/],
      [['fold', input, '--out', 'x', '--format', 'ct', '--shard', '1/2'], /--shard writes one file/],
      [['score', input, '--out', 'x', '--shard', '1/2'], /--scan/],
    ] as const) {
      const { code, stderr } = await rna(...argv);
      expect({ argv, code }).toEqual({ argv, code: exitCode });
      expect(stderr).toMatch(why);
    }
    expect(existsSync(join(folder, 'x.shards'))).toBe(false);
  });
});

test('plan says what each shard has', async () => {
  const folder = temporaryFolder();
  const input = fasta(folder, TEXT);
  const { code, stdout } = await rna('shards', 'plan', input, '--shards', '3', '--json');
  expect(code).toBe(0);
  const plan = JSON.parse(stdout) as { shards: { firstRecord: number; records: number; nucleotides: number }[] };
  expect(plan).toMatchObject({ records: 7, nucleotides: SEQUENCES.join('').length });
  const lengths = SEQUENCES.map(({ length }) => length);
  const sum = (from: number, to: number): number => lengths.slice(from, to).reduce((a, b) => a + b, 0);
  expect(plan.shards).toEqual([
    { shard: 1, firstRecord: 1, records: 2, nucleotides: sum(0, 2) },
    { shard: 2, firstRecord: 3, records: 2, nucleotides: sum(2, 4) },
    { shard: 3, firstRecord: 5, records: 3, nucleotides: sum(4, 7) },
  ]);
});

test('batches are those of all records, whatever part of them is run', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      async (tokens, of, budget, manyBefore) => {
        // Records of a file with more than one group of batches, of which the last ones have the given tokens.
        const records = [...(manyBefore ? Array.from({ length: 1010 }, (_, k) => 1 + (k % 7)) : []), ...tokens];
        const named = records.map((count, id) => ({ id, count }));
        const whole: Batch<(typeof named)[number]>[] = [];
        for await (const batch of batchesOf(named, budget, ({ count }) => count)) whole.push(batch);
        const batchOf = new Map(whole.flatMap((batch) => batch.records.map(({ id }) => [id, batch.records] as const)));
        expect(whole.flatMap((batch) => batch.records)).toEqual(named);
        const found: number[] = [];
        for (let k = 1; k <= Math.min(of, records.length); k++) {
          const range = shardRange({ index: k, of: Math.min(of, records.length) }, records.length);
          const part = batchPart(range, records.length);
          const { first, count } = part.read;
          const read = named.slice(first, first + count);
          expect(ownOf(read, part)).toEqual(named.slice(range.first, range.first + range.count));
          for await (const batch of batchesOf(read, budget, (each) => each.count, part)) {
            expect(batch.records).toEqual(batchOf.get(batch.records[0]!.id));
            found.push(...batch.records.slice(batch.from, batch.to).map(({ id }) => id));
          }
        }
        expect(found).toEqual(named.map(({ id }) => id));
      },
    ),
    { numRuns: 60 },
  ));

test('a shard that is killed leaves no part of it, and the next run completes it', { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  // Long enough that the process is killed in the middle of its work.
  const sequence = 'GGGAAACCCUUUAGCGCAUAUGCUAGCAUUACGGCAUAUCGGAUCUAGCAUCGAUUAC';
  fasta(
    folder,
    Array.from({ length: 60 }, (_, k) => sequence.slice(k % 20).repeat(4)),
  );
  const out = join(folder, 'x.dbn');
  const argv = ['structures', join(folder, 'input.fasta'), '--jobs', '1', '--scores', '--out', out];
  const shards = `${out}.shards`;
  const hidden = (): string[] =>
    existsSync(shards) ? readdirSync(shards).filter((name) => name.startsWith('.shard-')) : [];
  const written = (): boolean => hidden().some((name) => readdirSync(join(shards, name)).length > 0);
  const killed = await rnaProcess([...argv, '--shard', '2/3'], { interruptWhen: written, signal: 'SIGKILL' });
  expect(killed.code).toBe(-1);
  expect(hidden()).toHaveLength(1);
  expect(readdirSync(shards)).toHaveLength(1);
  expect(await rna('shards', 'status', out, '--shards', '3', '--missing')).toMatchObject({ code: 0, stdout: '1-3\n' });
  await runShards(3, argv);
  expect(hidden()).toEqual([]);
  expect(await rna('shards', 'merge', out)).toMatchObject({ code: 0 });
  expect(await rna(...argv.slice(0, -1), join(folder, 'whole.dbn'))).toMatchObject(done);
  for (const suffix of ['', '.scores.tsv'])
    expect(readFileSync(`${out}${suffix}`, 'utf8')).toBe(readFileSync(join(folder, `whole.dbn${suffix}`), 'utf8'));
});

const KILLS = process.env['RNA_MATRIX'] === 'full' ? 20 : 3;

test(
  `${KILLS} kills at random moments: nothing is lost, nothing there in part, nothing done twice`,
  { timeout: 1_200_000 },
  async () => {
    const folder = temporaryFolder();
    const of = 4;
    fasta(
      folder,
      Array.from({ length: 3 * of }, (_, k) => 'GGGAAACCCUUUAGCGCAUAUGCUAGCAUUACGGCAUAUCGG'.slice(k).repeat(3)),
    );
    const out = join(folder, 'x.dbn');
    const argv = ['structures', join(folder, 'input.fasta'), '--jobs', '1', '--probs', '--out', out];
    const status = async (): Promise<{ done: number[]; differing: unknown[] }> =>
      JSON.parse((await rna('shards', 'status', out, '--shards', String(of), '--json')).stdout) as {
        done: number[];
        differing: unknown[];
      };
    // How long a shard takes here and now, and so in which moments a kill can come.
    const begun = performance.now();
    expect((await rnaProcess([...argv, '--shard', `1/${of}`])).code).toBe(0);
    const duration = performance.now() - begun;
    const manifest = join(`${out}.shards`, shardName({ index: 1, of }), 'manifest.json');
    const { mtimeMs } = statSync(manifest);
    const random = new RandomStream(20241201);
    for (let kill = 0; kill < KILLS; kill++) {
      const end = performance.now() + 1.1 * duration * random.uniform();
      const shard = `${1 + random.below(of)}/${of}`;
      await rnaProcess([...argv, '--shard', shard], {
        interruptWhen: () => performance.now() > end,
        signal: 'SIGKILL',
      });
      expect(await status(), shard).toMatchObject({ differing: [] });
    }
    await runShards(of, argv);
    expect(await status()).toMatchObject({ done: [1, 2, 3, 4], differing: [] });
    expect(statSync(manifest).mtimeMs).toBe(mtimeMs);
    expect(await rna('shards', 'merge', out)).toMatchObject({ code: 0 });
    expect(await rna(...argv.slice(0, -1), join(folder, 'whole.dbn'))).toMatchObject(done);
    for (const suffix of ['', '.probs.tsv'])
      expect(readFileSync(`${out}${suffix}`, 'utf8')).toBe(readFileSync(join(folder, `whole.dbn${suffix}`), 'utf8'));
  },
);

test('of two processes with one shard, one gives it its name, and both succeed', async () => {
  const folder = temporaryFolder();
  fasta(folder, TEXT);
  const argv = ['structures', join(folder, 'input.fasta'), '--jobs', '1', '--out', join(folder, 'x.dbn'), '--shard'];
  const results = await Promise.all([rnaProcess([...argv, '1/1']), rnaProcess([...argv, '1/1'])]);
  expect(results.map(({ code }) => code)).toEqual([0, 0]);
  expect(readdirSync(join(folder, 'x.dbn.shards'))).toEqual(['shard-00001-of-00001']);
});
