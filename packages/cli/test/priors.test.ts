/** Heads that begin with what folding engines say: the pairs' threads and cache, and such a model through the commands. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  enginePairsInProcess,
  logOddsMap,
  parseFoldingParameters,
  sigmoid,
  chooseThreshold,
  upperTriangle,
} from '@rna/structure';
import { secondaryStructure } from '@rna/model';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { withPriors } from '../src/folding/priors.ts';
import { fasta, rna, rnaProcess, temporaryFolder, tensors } from './harness.ts';
import { filesUnder, lastEvaluation, readLog, rnas, RUN_ITSELF, structures, tinyModel } from './training.ts';

let cache: string;
beforeEach(() => {
  cache = temporaryFolder();
  vi.stubEnv('RNA_PAIRS_CACHE', cache);
  return () => vi.unstubAllEnvs();
});

const parameters = (file: string) =>
  parseFoldingParameters(readFileSync(new URL(`../../builtin/engines/${file}`, import.meta.url), 'utf8'), file);
const inProcess = enginePairsInProcess({
  contrafold: parameters('contrafold/contrafold.params.complementary'),
  eternafold: parameters('eternafold/EternaFoldParams.v1'),
});

const task = { head: secondaryStructure, sizes: { convDim: 4, kernelSize: 3, blocks: 1, prior: 'both' as const } };
const BOTH = ['contrafold', 'eternafold'] as const;
const sequences = rnas.slice(0, 5).map(({ sequence }) => sequence);

/** All that was asked, in words that do not tell one array type from another. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each: unknown) => (ArrayBuffer.isView(each) ? Array.from(each as Float32Array) : each)),
  );

/** Pair probabilities by the mean of both engines' log-odds. */
async function meanOfEngines(sequence: string): Promise<Float32Array> {
  const { length } = sequence;
  const { contrafold, eternafold } = await inProcess(sequence, BOTH);
  const both = logOddsMap([contrafold, eternafold], length);
  const mean = Float32Array.from({ length: length ** 2 }, (_, i) => (both[2 * i]! + both[2 * i + 1]!) / 2);
  return upperTriangle(mean, length).map(sigmoid);
}

const cached = (): string[] =>
  readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('withPriors', () => {
  test('gives what is computed in process, on any number of threads, with and without a cache, asked ahead or not', async () => {
    const expected = await Promise.all(sequences.map((sequence) => inProcess(sequence, BOTH)));
    for (const options of [{ threads: 1 }, { threads: 3 }, { cache }, { cache }]) {
      const found = await withPriors(task, options, async (priors) => {
        const all = [];
        for (const [i, sequence] of sequences.entries())
          all.push(await priors!(i % 2 === 0 ? sequence : sequence.replaceAll('U', 't'), BOTH, sequences[i + 1]));
        return all;
      });
      expect(plain(found)).toEqual(plain(expected));
    }
    expect(cached()).toHaveLength(2 * sequences.length);
    expect(cached().every((path) => path.endsWith('.pairs'))).toBe(true);
  });

  test('is none for a head that takes no pairs', async () => {
    await withPriors(
      { head: secondaryStructure, sizes: { convDim: 4, kernelSize: 3, blocks: 1 } },
      { cache },
      (priors) => {
        expect(priors).toBeUndefined();
        return Promise.resolve();
      },
    );
    expect(cached()).toEqual([]);
  });

  test('makes a damaged file anew, and says so', async () => {
    const ask = () => withPriors(task, { cache }, (priors) => priors!(sequences[0]!, BOTH));
    const expected = plain(await ask());
    const whole = new Map(cached().map((path) => [path, readFileSync(path)]));
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    for (const damage of [
      (bytes: Buffer) => bytes.subarray(0, bytes.length / 2),
      () => Buffer.alloc(0),
      (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))),
    ]) {
      const [path, bytes] = [...whole][0]!;
      writeFileSync(path, damage(bytes));
      stderr.mockClear();
      expect(plain(await ask())).toEqual(expected);
      expect(stderr.mock.calls.join('')).toContain(`${path} is damaged; it is made anew`);
      for (const [name, content] of whole) expect(readFileSync(name).equals(content)).toBe(true);
    }
    stderr.mockRestore();
  });

  test('one sequence does not take the file of another', async () => {
    const [a, b] = ['GGGGAAAACCCC', 'GGGGAAAACCCG'];
    const found = await withPriors(task, { cache }, async (priors) => [await priors!(a, BOTH), await priors!(b, BOTH)]);
    expect(plain(found)).toEqual(plain([await inProcess(a, BOTH), await inProcess(b, BOTH)]));
    expect(cached()).toHaveLength(4);
  });

  test('names a cache that cannot be written', async () => {
    const file = join(cache, 'file');
    writeFileSync(file, '');
    await expect(withPriors(task, { cache: file }, (priors) => priors!(sequences[0]!, BOTH))).rejects.toThrow(
      /cannot be (read|written): .*/,
    );
  });
});

describe('a model with a prior', () => {
  let base: string;
  let pretrained: string;
  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'rna-priors-'));
    const corpus = structures(base, 'corpus.dbn', rnas.slice(4));
    const out = join(base, 'pretrained');
    const run = ['--out', out, '--data.train', corpus, '--train.steps', '1', '--batch.rows', '1'];
    expect(await rna('pretrain', ...tinyModel, ...run)).toMatchObject({ code: 0 });
    pretrained = join(out, 'model');
  });
  afterAll(() => {
    rmSync(base, { recursive: true });
  });

  const tinyRun = (folder: string, out: string, ...overrides: string[]): string[] => [
    'finetune',
    'secondary-structure',
    ...['--model.checkpoint', pretrained, '--out', out],
    ...['--data.train', structures(folder, 'train.dbn', rnas.slice(0, 6))],
    ...['--data.validation', structures(folder, 'validation.dbn', rnas.slice(6, 9))],
    ...['--head.convDim', '8', '--head.blocks', '2', '--head.block', 'basic', '--head.dilations', '1,2'],
    ...['--head.distances', '16', '--head.prior', 'both'],
    ...['--train.epochs', '2', '--train.batchSize', '2', '--optimizer.learningRate', '0.01'],
    ...['--run.evaluateEvery', '2', '--run.checkpointEvery', '2'],
    ...overrides,
  ];

  test('trains, resumes to the same bits, folds, predicts, is scored and converted', async () => {
    const folder = temporaryFolder();
    const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
    const longer = (out: string): string[] => tinyRun(folder, out, '--train.epochs', '4');
    const trained = await rna(...longer(whole));
    expect(trained, trained.stderr).toMatchObject({ code: 0 });
    // Nine RNAs by two engines, whichever epoch asks.
    expect(cached()).toHaveLength(18);
    const interrupted = await rnaProcess(longer(broken), {
      interruptWhen: () => existsSync(join(broken, 'checkpoints', 'step-000000002')),
    });
    expect(interrupted.code).toBe(130);
    expect(await rna(...longer(broken))).toMatchObject({ code: 0 });
    const [a, b] = [filesUnder(whole), filesUnder(broken)];
    expect([...b.keys()]).toEqual([...a.keys()]);
    for (const [path, content] of a) if (!RUN_ITSELF.has(path)) expect(b.get(path) === content, path).toBe(true);

    // It begins where the engines are, and learns.
    const first = readLog(whole)[0]!;
    const engines = await chooseThreshold(meanOfEngines, rnas.slice(6, 9), { flexible: true });
    expect('evaluation' in first && first.evaluation['f1']).toBeCloseTo(engines.strict.f1, 12);
    expect('evaluation' in first && first.evaluation['threshold']).toBe(engines.threshold);
    const losses = readLog(whole).flatMap((entry) => ('loss' in entry ? [entry.loss] : []));
    expect(losses[0]).toBeLessThan(0.1);

    const last = join(whole, 'checkpoints', 'step-000000012');
    const scored = await rna('evaluate', last, join(folder, 'validation.dbn'), '--json');
    expect(scored, scored.stderr).toMatchObject({ code: 0 });
    expect((JSON.parse(scored.stdout) as { strict: { f1: number } }).strict.f1).toBe(lastEvaluation(whole)['f1']);
    const input = fasta(folder, sequences);
    const folded = await rna('fold', last, input);
    expect(folded, folded.stderr).toMatchObject({ code: 0 });
    expect(folded.stdout.match(/^[.()[\]{}]+$/gm)).toHaveLength(5);
    expect((await rna('predict', 'secondary-structure', last, input)).stdout).toBe(folded.stdout);

    const { task_head: head } = JSON.parse(readFileSync(join(last, 'config.json'), 'utf8')) as {
      task_head: { sizes: object };
    };
    expect(head.sizes).toEqual({
      convDim: 8,
      kernelSize: 3,
      blocks: 2,
      block: 'basic',
      dilations: [1, 2],
      distances: 16,
      prior: 'both',
    });
    const converted = join(folder, 'converted.safetensors');
    const conversion = await rna('convert', last, converted);
    expect(conversion, conversion.stderr).toMatchObject({ code: 0 });
    expect(await tensors(converted)).toEqual(await tensors(join(last, 'model.safetensors')));
  });

  test('a cache folder that cannot be made stops a run before anything is half written', async () => {
    const folder = temporaryFolder();
    vi.stubEnv('RNA_PAIRS_CACHE', join(folder, 'file', 'cache'));
    writeFileSync(join(folder, 'file'), '');
    const result = await rna(...tinyRun(folder, join(folder, 'run')));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/cannot be (read|written).*/);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  });
});
