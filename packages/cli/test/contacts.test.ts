/** `rna contacts`: fitted, scored beside an encoder without training, and predicted, on real tRNAs. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseStructureFile, writeDotBracket, type Structure } from '@rna/structure';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { fasta, modelFolder, rna, temporaryFolder } from './harness.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const archive = fileURLToPath(new URL('../data/archiveII_150.dbn', import.meta.url));
const short = parseStructureFile(readFileSync(archive, 'utf8'), archive)
  .filter(
    ({ sequence }, index, all) =>
      sequence.length <= 80 && all.findIndex((other) => other.sequence === sequence) === index,
  )
  .slice(0, 6);

function structures(folder: string, name: string, rnas: readonly Structure[]): string {
  const path = join(folder, name);
  writeFileSync(path, rnas.map(writeDotBracket).join(''));
  return path;
}

interface File {
  format: string;
  model: { name: string; digest: string; layers: number; heads: number };
  separation: number;
  violation: number;
  intercept: number;
  weights: number[][];
  rnas: { id: string; sequence: string; structure: string }[];
}
const readFile = (path: string): File => JSON.parse(readFileSync(path, 'utf8')) as File;

interface Evaluation {
  readonly rnas: number;
  readonly fittedTo: number;
  readonly trained: {
    readonly maps: string;
    readonly precision: Record<string, { mean: number; low: number; high: number }>;
  };
  readonly random: Evaluation['trained'];
  readonly difference: Evaluation['trained']['precision'];
  readonly baselines: Record<string, Pick<Evaluation['trained'], 'precision'>>;
}

const table = (path: string): { i: number; j: number; p: number }[] => {
  const [header, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(header).toBe('i\tj\tp');
  return lines.map((line) => line.split('\t').map(Number)).map(([i, j, p]) => ({ i: i!, j: j!, p: p! }));
};

describe.each(['rinalmo-A', 'ssrlm-A'])('%s', (name) => {
  test('is fitted to some RNAs, scored on the others, and predicts', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, name);
    const all = structures(folder, 'all.dbn', short);
    const file = join(folder, 'contacts.json');
    const fit = await rna(
      'contacts',
      'fit',
      model,
      all,
      '--out',
      file,
      '--max-rnas',
      '2',
      '--seed',
      '4',
      '--penalty',
      '0.01',
    );
    expect(fit).toMatchObject({ code: 0, stdout: '' });
    expect(fit.stderr).toContain('2 of 6 RNAs are drawn');
    const written = readFile(file);
    expect(written).toMatchObject({ format: 'rna contacts', separation: 6, model: { name: model } });
    expect(written.violation).toBeLessThanOrEqual(1e-6);
    expect(written.weights).toHaveLength(written.model.layers);
    expect(written.weights.flat().some((weight) => weight !== 0)).toBe(true);
    expect(short.map(({ id }) => id)).toEqual(expect.arrayContaining(written.rnas.map(({ id }) => id)));
    // The same draw and the same bits again, under another model name.
    const again = join(folder, 'again.json');
    expect(
      await rna(
        'contacts',
        'fit',
        join(model, 'model.safetensors'),
        all,
        '--out',
        again,
        '--max-rnas',
        '2',
        '--seed',
        '4',
        '--penalty',
        '0.01',
      ),
    ).toMatchObject({ code: 0 });
    expect({ ...readFile(again), model: undefined }).toEqual({ ...written, model: undefined });
    expect(readFile(again).model.digest).toBe(written.model.digest);

    const csv = join(folder, 'scores.csv');
    // Under another name it is the same RNA.
    const twin = structures(folder, 'twin.dbn', [
      { ...short.find(({ id }) => id === written.rnas[0]!.id)!, id: 'twin' },
    ]);
    const result = await rna(
      'contacts',
      'evaluate',
      model,
      file,
      all,
      twin,
      '--compare-random',
      '--baselines',
      '--json',
      '--csv',
      csv,
    );
    expect(result, result.stderr).toMatchObject({ code: 0 });
    expect(result.stderr).toContain(`left out: 3 RNAs with a sequence that ${file} was fitted to`);
    const scores = JSON.parse(result.stdout) as Evaluation;
    expect(scores).toMatchObject({ rnas: 4, fittedTo: 2 });
    const [header, ...lines] = readFileSync(csv, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    expect(lines.map((line) => line[1])).toEqual(
      short.map(({ id }) => id).filter((id) => !written.rnas.some((each) => each.id === id)),
    );
    const column = (title: string): number[] => lines.map((line) => Number(line[header!.indexOf(title)]));
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
    for (const [key, title] of [
      ['l', 'precisionL'],
      ['half', 'precisionHalfL'],
      ['fifth', 'precisionFifthL'],
      ['true', 'precisionTruePairs'],
    ] as const) {
      const [trained, random, difference] = [
        scores.trained.precision[key]!,
        scores.random.precision[key]!,
        scores.difference[key]!,
      ];
      expect(trained.mean).toBeCloseTo(mean(column(title)), 12);
      expect(random.mean).toBeCloseTo(mean(column(`${title}Random`)), 12);
      expect(difference.mean).toBeCloseTo(trained.mean - random.mean, 12);
      for (const name of ['contrafold', 'eternafold'])
        expect(scores.baselines[name]!.precision[key]!.mean).toBeCloseTo(mean(column(`${title}-${name}`)), 12);
      expect(trained.low).toBeLessThanOrEqual(trained.mean);
      expect(trained.high).toBeGreaterThanOrEqual(trained.mean);
    }

    // Most true pairs of short RNAs are among the most probable of a folding program.
    expect(scores.baselines['contrafold']!.precision['true']!.mean).toBeGreaterThan(0.5);

    // The tables of a prediction give the scores of the evaluation.
    const others = short.filter(({ id }) => !written.rnas.some((each) => each.id === id));
    const out = join(folder, 'new', 'out');
    const input = fasta(
      folder,
      others.map(({ sequence }) => sequence),
    );
    expect(await rna('contacts', 'predict', model, file, input, '--out', out)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    expect(readdirSync(out).sort()).toEqual(others.flatMap((_, i) => [`s${i}.contacts.tsv`, `s${i}.top.tsv`]));
    for (const [r, { sequence, partners }] of others.entries()) {
      const pairs = table(join(out, `s${r}.contacts.tsv`));
      expect(pairs.every(({ i, j, p }) => j - i >= 6 && j <= sequence.length && p >= 1e-4)).toBe(true);
      const top = table(join(out, `s${r}.top.tsv`));
      expect(top).toHaveLength(sequence.length);
      expect(top.map(({ p }) => p)).toEqual(top.map(({ p }) => p).sort((a, b) => b - a));
      expect(pairs).toEqual(expect.arrayContaining(top.slice(0, 5)));
      const hits = top.filter(({ i, j }) => partners[i - 1] === j - 1).length;
      expect(hits / sequence.length).toBeCloseTo(column('precisionL')[r]!, 12);
    }
  });
});

test('a table for people', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'ssrlm-A');
  const file = join(folder, 'contacts.json');
  const train = structures(folder, 'train.dbn', short.slice(0, 2));
  const hairpin: Structure = { id: 'none', sequence: 'GGAACC', partners: Int32Array.of(5, 4, -1, -1, 1, 0) };
  const test = structures(folder, 'test.dbn', [...short.slice(2, 4), hairpin]);
  expect(await rna('contacts', 'fit', model, train, '--out', file)).toMatchObject({ code: 0 });
  const result = await rna('contacts', 'evaluate', model, file, test, '--compare-random');
  expect(result).toMatchObject({ code: 0 });
  expect(result.stderr).toContain('left out: 1 RNA without a pair 6 or more apart');
  expect(result.stdout).toContain('Contacts of 2 RNAs: precision of the most probable pairs at least 6 apart');
  expect(result.stdout).toMatch(/^trained +\d+ of \d+ +0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)/m);
  expect(result.stdout).toMatch(/^not trained +\d+ of \d+ +0\.\d{3}/m);
  expect(result.stdout).toMatch(/^difference +-?0\.\d{3}/m);
});

test('an RNA that the adapter has no memory for is named', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'ssrlm-A');
  const file = join(folder, 'contacts.json');
  expect(
    await rna('contacts', 'fit', model, structures(folder, 'train.dbn', short.slice(0, 2)), '--out', file),
  ).toMatchObject({ code: 0 });
  const long: Structure = {
    id: 'long',
    sequence: 'GGGAAACC'.repeat(100),
    partners: Int32Array.from({ length: 800 }, (_, i) => 799 - i),
  };
  const all = structures(folder, 'all.dbn', [short[3]!, long]);
  const out = join(folder, 'out');
  vi.stubEnv('RNA_MEMORY_BUDGET', '16');
  const message = '"long" of 800 nucleotides cannot be run on this adapter';
  expect(await rna('contacts', 'evaluate', model, file, all)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining(`${all}: record ${message}`) as string,
  });
  expect(
    await rna(
      'contacts',
      'predict',
      model,
      file,
      fasta(folder, `>short\nACGUACGU\n>long\n${long.sequence}\n`),
      '--out',
      out,
    ),
  ).toMatchObject({ code: 1, stderr: expect.stringContaining(`input.fasta:3: record ${message}`) as string });
  // What was done before is there.
  expect(readdirSync(out).sort()).toEqual(['short.contacts.tsv', 'short.top.tsv']);
});

test('wrong usage and bad input', async () => {
  const folder = temporaryFolder();
  const [model, other] = [modelFolder(folder, 'ssrlm-A'), modelFolder(folder, 'ssrlm-B')];
  const train = structures(folder, 'train.dbn', short.slice(0, 2));
  const file = join(folder, 'contacts.json');
  expect(await rna('contacts', 'fit', model, train, '--out', file)).toMatchObject({ code: 0 });
  const contents = readFile(file);
  const changed = (name: string, change: Partial<Record<keyof File | 'more', unknown>>): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify({ ...contents, ...change }));
    return path;
  };
  const text = fasta(folder, 'no json', 'text.json');
  const weightsShort = changed('short.json', { weights: contents.weights.slice(1) });
  const unknown = changed('more.json', { more: 1 });
  const foreign = changed('foreign.json', { model: { ...contents.model, digest: '0'.repeat(64) } });
  const unpaired = structures(folder, 'unpaired.dbn', [
    { id: 'u', sequence: 'ACGUACGU', partners: new Int32Array(8).fill(-1) },
  ]);
  const out = join(folder, 'out.json');
  const input = fasta(folder, ['ACGU']);
  const refused: [number, string, string[]][] = [
    [2, "required option '-o, --out <file>' not specified", ['fit', model, train]],
    [2, 'Expected a number above 0', ['fit', model, train, '--out', out, '--penalty', '0']],
    [1, 'no such file or folder', ['fit', model, join(folder, 'none.dbn'), '--out', out]],
    [1, 'FASTA has no structures', ['fit', model, input, '--out', out]],
    [1, 'no RNA is left', ['fit', model, unpaired, '--out', out]],
    [1, 'no RNA is left', ['fit', model, train, '--out', out, '--max-length', '10']],
    [1, 'more than the 1 MiB of --memory; take shorter RNAs', ['fit', model, archive, '--out', out, '--memory', '1']],
    [1, 'was fitted to every one of these RNAs', ['evaluate', model, file, train]],
    [1, 'text.json: not JSON', ['evaluate', model, text, train]],
    [1, 'weights', ['evaluate', model, weightsShort, train]],
    [1, 'Unrecognized key: "more"', ['evaluate', model, unknown, train]],
    [1, 'whose weights are others', ['evaluate', model, foreign, archive, '--max-length', '75']],
    [1, 'whose weights are others', ['predict', model, foreign, input, '--out', join(folder, 'predictions')]],
    [
      1,
      `was fitted to the attention maps of ${model}`,
      ['predict', other, file, input, '--out', join(folder, 'predictions')],
    ],
  ];
  for (const [code, message, argv] of refused) {
    const result = await rna('contacts', ...argv);
    expect(result, message).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  }
  expect(readdirSync(folder)).not.toContain('out.json');
  expect(readdirSync(folder)).not.toContain('predictions');
});
