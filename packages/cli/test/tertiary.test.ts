/**
 * Structures in space from the command line: a tiny model learns a hairpin, a run that was made longer ends in the bits
 * of one that was that long, and `rna tertiary` and `rna evaluate` read what came of it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { helixModel, readMmcif, readPdb, rnaChains, writePdb } from '@rna/structure';
import { expect, test } from 'vitest';
import { fasta, modelFixture, modelFolder, rna, temporaryFolder, tensors } from './harness.ts';

const SIZES: Readonly<Record<string, number>> = {
  rowDim: 16,
  pairDim: 16,
  singleDim: 16,
  positions: 34,
  blocks: 1,
  rowHeads: 2,
  rowHeadDim: 8,
  outerDim: 4,
  triangleDim: 16,
  triangleHeads: 2,
  triangleHeadDim: 8,
  ipaHeads: 2,
  ipaDim: 8,
  queryPoints: 2,
  valuePoints: 2,
  iterations: 2,
  torsionDim: 16,
  torsionBlocks: 1,
  recycles: 1,
};
const HAIRPIN = 'GGCGAAAGCC';
const PARTNERS = Int32Array.from([9, 8, 7, -1, -1, -1, -1, 2, 1, 0]);
const LONGER = `${HAIRPIN}AUAU`;

/** Files of two structures that are A-form helices by their making, and the arguments of a run on them. */
function prepared(): {
  folder: string;
  data: string;
  run: (out: string, steps: number, ...more: string[]) => string[];
} {
  const folder = temporaryFolder();
  const data = join(folder, 'chains');
  mkdirSync(data);
  const write = (name: string, sequence: string, partners: Int32Array): void => {
    writeFileSync(join(data, name), writePdb([{ id: 'A', ...helixModel(sequence, partners) }]));
  };
  write('hairpin.pdb', HAIRPIN, PARTNERS);
  write('longer.pdb', LONGER, Int32Array.of(...PARTNERS, -1, -1, -1, -1));
  const model = modelFolder(folder, 'ssrlm-A');
  return {
    folder,
    data,
    run: (out, steps, ...more) => [
      ...['finetune', 'tertiary-structure', '--out', join(folder, out), '--train.steps', String(steps)],
      ...['--model.checkpoint', model, '--model.freeze', 'true'],
      ...['--data.train', data, '--data.validation', join(data, 'hairpin.pdb'), '--data.shortest', '10'],
      ...['--optimizer.schedule', 'constant', '--optimizer.learningRate', '0.01', '--optimizer.warmupSteps', '3'],
      ...Object.entries(SIZES).flatMap(([name, value]) => [`--head.${name}`, String(value)]),
      ...more,
    ],
  };
}

interface Evaluated {
  readonly scores: Readonly<Record<string, { readonly mean: number }>>;
  readonly plddtCorrelation: { readonly mean: number };
  readonly baselines: Readonly<Record<string, Pick<Evaluated, 'scores'>>>;
}

test('a hairpin is learnt, predicted into files and scored beside the baselines', async () => {
  const { folder, data, run } = prepared();
  const trained = await rna(...run('run', 40, '--train.ema', '0.5', '--json'));
  expect(trained.code, trained.stderr).toBe(0);
  const { trainingLoss, before, after } = JSON.parse(trained.stdout) as Record<string, Record<string, number>>;
  expect(trainingLoss!['after']).toBeLessThan(0.8 * trainingLoss!['before']!);
  expect(after!['lddtAllAtom']).toBeGreaterThan(before!['lddtAllAtom']! + 0.1);
  const model = join(folder, 'run', 'model');

  const out = join(folder, 'out');
  const input = fasta(folder, [HAIRPIN, 'ACGTACGTAC']);
  const predicted = await rna('tertiary', model, input, '--out', out, '--format', 'pdb,cif', '--probs', '--json');
  expect(predicted.code, predicted.stderr).toBe(0);
  const lines = predicted.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ id, length, sequence, recycles }) => [id, length, sequence, recycles])).toEqual([
    ['s0', 10, HAIRPIN, 1],
    ['s1', 10, 'ACGUACGUAC', 1],
  ]);
  const [pdb] = rnaChains(readPdb(readFileSync(join(out, 's0.pdb'), 'utf8'), 's0.pdb'));
  const [cif] = rnaChains(readMmcif(readFileSync(join(out, 's0.cif'), 'utf8'), 's0.cif'));
  expect(pdb!.sequence).toBe(HAIRPIN);
  expect(cif!.coordinates).toEqual(pdb!.coordinates);
  const plddts = lines[0]!['plddts'] as number[];
  for (const [i, value] of plddts.entries()) expect(pdb!.bFactors[23 * i]).toBeCloseTo(100 * value, 1);
  const maps = await tensors(join(out, 's0.probs.safetensors'));
  expect([...maps].map(([name, { shape }]) => [name, shape])).toEqual([
    ['plddt', [10]],
    ['ss_prob_map', [10, 10]],
    ['dist_p', [10, 10, 40]],
    ['dist_c', [10, 10, 40]],
    ['dist_n', [10, 10, 40]],
  ]);
  const row = maps.get('dist_n')!.values.slice(0, 40);
  expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('id="structure-1"');

  const foretold = await rna('info', model, '--for', input, '--json');
  expect(foretold.code, foretold.stderr).toBe(0);
  expect(JSON.parse(foretold.stdout)).toMatchObject({ command: 'tertiary', records: 2, windows: null });
  expect((await rna('info', model)).stdout).toContain('weights.allAtom 0.5');

  const csv = join(folder, 'scores.csv');
  const report = join(folder, 'report');
  const flags = ['--baselines', '--json', '--csv', csv, '--report', report];
  const evaluated = await rna('evaluate', model, data, ...flags);
  expect(evaluated.code, evaluated.stderr).toBe(0);
  const scores = JSON.parse(evaluated.stdout) as Evaluated;
  expect(Object.keys(scores.baselines)).toEqual(['A-form helix of the predicted pairs', 'random walk']);
  expect(scores.scores['allAtom']!.mean).toBeGreaterThan(scores.baselines['random walk']!.scores['allAtom']!.mean);
  expect(readFileSync(csv, 'utf8').trim().split('\n')).toHaveLength(7);
  expect(existsSync(join(report, 'plddt-nucleotides.svg'))).toBe(true);

  // Samples: the first is the prediction without a mask, and each follows from the seed.
  const sampled = ['tertiary', model, fasta(folder, [HAIRPIN], 'one.fasta'), '--samples', '3', '--json', '--out'];
  const [first, second] = [await rna(...sampled, join(folder, 'a')), await rna(...sampled, join(folder, 'b'))];
  expect(first.stdout).toBe(second.stdout);
  const { samples, files } = JSON.parse(first.stdout) as { samples: number[]; files: string[] };
  expect(samples).toHaveLength(3);
  expect(samples).toEqual([...samples].sort((a, b) => b - a));
  expect(samples.some((value) => Math.abs(value - (lines[0]!['plddt'] as number)) < 1e-5)).toBe(true);
  expect(files).toHaveLength(3);
});

test('a run that is made longer ends in the same bits, crops and cycles drawn', async () => {
  const { folder, run } = prepared();
  const options = ['--head.crop', '11', '--train.batchSize', '2', '--train.ema', '0.9', '--run.evaluateEvery', '100'];
  for (const command of [run('whole', 6, ...options), run('parts', 3, ...options), run('parts', 6, ...options)])
    expect(await rna(...command)).toMatchObject({ code: 0 });
  const [whole, parts] = ['whole', 'parts'].map((name) => readFileSync(join(folder, name, 'model/model.safetensors')));
  expect(parts!.equals(whole!)).toBe(true);
  const losses = (name: string): string[] =>
    readFileSync(join(folder, name, 'log.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"loss"'));
  expect(losses('parts')).toEqual(losses('whole'));
});

test("RhoFold's own file predicts the coordinates of its own code", async () => {
  const folder = temporaryFolder();
  const input = fasta(folder, ['GGACUUCGGUCAC']);
  const [model, out] = [modelFixture('oracle/tertiary/rhofold_tiny.safetensors'), join(folder, 'out')];
  const predicted = await rna('tertiary', model, input, '--out', out, '--recycles', '2', '--json');
  expect(predicted.code, predicted.stderr).toBe(0);
  expect(JSON.parse(predicted.stdout)).toMatchObject({ length: 13, recycles: 2, files: ['s0.pdb'] });
  // C4', C1' and N9 of G1 in the numeric oracle (l13.cycle2.out.cords), to the digits of a PDB file.
  const [chain] = rnaChains(readPdb(readFileSync(join(out, 's0.pdb'), 'utf8'), 's0.pdb'));
  const expected = [-1.0313, 34.3332, -0.9513, 1.0398, 34.5553, 0.1563, 1.0521, 35.5294, 1.3104];
  expected.forEach((value, at) => {
    expect(Math.abs(chain!.coordinates[at]! - value)).toBeLessThan(0.0012);
  });
});

test('what cannot be is refused before any work', async () => {
  const { folder, data, run } = prepared();
  const model = modelFolder(folder, 'ssrlm-B');
  const input = fasta(folder, [HAIRPIN]);
  expect(await rna('tertiary', model, input, '--out', join(folder, 'x'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('predicts no structures in space') as string,
  });
  expect(await rna('tertiary', model, input)).toMatchObject({ code: 2 });
  const columns = await rna(...run('y', 1, '--columns', 'target=a'));
  expect(columns.code).toBe(2);
  const short = await rna(...run('z', 1), '--data.shortest', '100');
  expect(short).toMatchObject({ code: 1, stderr: expect.stringContaining('none of 2 chains passes') as string });
  expect(existsSync(join(folder, 'z'))).toBe(false);
  expect(await rna('predict', 'tertiary-structure', model, data)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('rna tertiary') as string,
  });
});
