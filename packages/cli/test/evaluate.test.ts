/** `rna evaluate` against the reference's pair logits, with the metrics counted anew, and on masked nucleotides. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  basePairs,
  decodeBasePairs,
  detokenize,
  partnersFromPairs,
  upperTriangle,
  type DecodeOptions,
  type Structure,
} from '@rna/structure';
import { expect, test } from 'vitest';
import { fasta, modelFolder, rna, structureModelFolder, temporaryFolder, tensors } from './harness.ts';
import { rnas, structures } from './training.ts';

/**
 * RNAs of the oracle with the reference's prediction and a made-up truth: the pairs above 0.4, every other one moved by
 * one.
 */
async function references(
  options: DecodeOptions,
): Promise<{ truth: Structure; predicted: Int32Array; probabilities: Float64Array }[]> {
  const file = await tensors(fileURLToPath(new URL('./fixtures/pairLogits.safetensors', import.meta.url)));
  return [...file.keys()]
    .filter((name) => /^A\..*\.logits$/.test(name))
    .sort()
    .map((name, index) => {
      const sequence = detokenize(file.get(name.replace('.logits', '.tokens'))!.values).replaceAll('T', 'U');
      const probabilities = upperTriangle(file.get(name)!.values, sequence.length).map(
        (logit) => 1 / (1 + Math.exp(-logit)),
      );
      const pairs = basePairs(decodeBasePairs(probabilities, sequence, { threshold: 0.4 }));
      const taken = new Set(pairs.flat());
      const moved = pairs.map(([i, j], k): [number, number] => {
        if (k % 2 === 0 || taken.has(j + 1) || j + 1 >= sequence.length) return [i, j];
        taken.add(j + 1);
        return [i, j + 1];
      });
      return {
        truth: { id: `s${index}`, sequence, partners: partnersFromPairs(moved, sequence.length) },
        predicted: decodeBasePairs(probabilities, sequence, options),
        probabilities: Float64Array.from(probabilities),
      };
    });
}

interface Calibration {
  readonly error: number;
  readonly bins: readonly { low: number; high: number; count: number; predicted?: number; observed?: number }[];
}

/** Precision, recall and F1 by sets of pairs. */
function score(truth: Int32Array, predicted: Int32Array, tolerance: 0 | 1): number[] {
  const matched = (pairs: [number, number][], others: [number, number][]): number =>
    pairs.length === 0
      ? 0
      : pairs.filter(([i, j]) => others.some(([k, l]) => Math.abs(i - k) + Math.abs(j - l) <= tolerance)).length /
        pairs.length;
  const [precision, recall] = [
    matched(basePairs(predicted), basePairs(truth)),
    matched(basePairs(truth), basePairs(predicted)),
  ];
  return [precision, recall, precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall)];
}

const mean = (values: readonly number[], weights: readonly number[]): number =>
  values.reduce((sum, value, i) => sum + value * weights[i]!, 0) / weights.reduce((sum, weight) => sum + weight, 0);

test.each<[string[], DecodeOptions]>([
  [['--threshold', '0.2'], { threshold: 0.2 }],
  [
    ['--threshold', '0.3', '--allow-nc-pairs', '--allow-sharp-loops'],
    { threshold: 0.3, allowNcPairs: true, allowSharpLoops: true },
  ],
  [[], { threshold: 0.25 }],
])('%j: means, length-weighted means and each RNA', async (argv, options) => {
  const folder = temporaryFolder();
  const expected = await references(options);
  expect(expected.some(({ truth }) => basePairs(truth.partners).length > 0)).toBe(true);
  const model = await structureModelFolder(folder, 'rinalmo-A', 0.25);
  const file = structures(
    folder,
    'truth.dbn',
    expected.map(({ truth }) => truth),
  );
  const csv = join(folder, 'scores.csv');
  const result = await rna('evaluate', model, file, ...argv, '--json', '--csv', csv);
  expect(result, result.stderr).toMatchObject({ code: 0 });
  const json = JSON.parse(result.stdout) as Record<
    string,
    Record<string, number> & Record<string, Record<string, number>>
  >;
  const measures = ['precision', 'recall', 'f1'] as const;
  const lengths = expected.map(({ truth }) => truth.sequence.length);
  for (const [kind, tolerance] of [
    ['strict', 0],
    ['flexible', 1],
  ] as const) {
    const scores = expected.map(({ truth, predicted }) => score(truth.partners, predicted, tolerance));
    for (const [m, measure] of measures.entries()) {
      const values = scores.map((each) => each[m]!);
      expect(json[kind]![measure]).toBeCloseTo(
        mean(
          values,
          values.map(() => 1),
        ),
        10,
      );
      expect(json['lengthWeighted']![kind]![measure]).toBeCloseTo(mean(values, lengths), 10);
    }
  }
  expect(json).toMatchObject({
    rnas: expected.length,
    threshold: options.threshold,
    allowNcPairs: options.allowNcPairs ?? false,
  });

  const answers = expected.flatMap(({ truth, probabilities }) => {
    const { length } = truth.sequence;
    const labels = Array.from({ length }, (_, i) =>
      Array.from({ length: length - i - 1 }, (__, d) => Number(truth.partners[i] === i + d + 1)),
    ).flat();
    return labels.map((label, at) => ({ label, probability: probabilities[at]! }));
  });
  const { bins, error } = json['calibration'] as unknown as Calibration;
  let distance = 0;
  for (const bin of bins) {
    const inside = answers.filter(({ probability: p }) => p >= bin.low && (p < bin.high || bin.high === 1));
    expect(bin.count).toBe(inside.length);
    if (inside.length === 0) continue;
    const [predicted, observed] = (['probability', 'label'] as const).map(
      (key) => inside.reduce((sum, answer) => sum + answer[key], 0) / inside.length,
    ) as [number, number];
    expect(bin.predicted).toBeCloseTo(predicted, 5);
    expect(bin.observed).toBeCloseTo(observed, 10);
    distance += inside.length * Math.abs(predicted - observed);
  }
  expect(bins.map(({ low }) => low)).toEqual(Array.from({ length: 10 }, (_, b) => b / 10));
  expect(error).toBeCloseTo(distance / answers.length, 5);

  const [header, ...lines] = readFileSync(csv, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  expect(lines.map((line) => line[1])).toEqual(expected.map(({ truth }) => truth.id));
  for (const [r, { truth, predicted }] of expected.entries()) {
    const row = Object.fromEntries(header!.map((name, c) => [name, Number(lines[r]![c])]));
    expect(row).toMatchObject({
      length: truth.sequence.length,
      truePairs: basePairs(truth.partners).length,
      predictedPairs: basePairs(predicted).length,
    });
    expect(row['f1']).toBeCloseTo(score(truth.partners, predicted, 0)[2]!, 10);
    expect(row['flexibleF1']).toBeCloseTo(score(truth.partners, predicted, 1)[2]!, 10);
  }
});

test("the table, the threshold's source and a tuned threshold", async () => {
  const folder = temporaryFolder();
  const model = await structureModelFolder(folder, 'rinalmo-A');
  const file = structures(
    folder,
    'truth.dbn',
    (await references({})).map(({ truth }) => truth),
  );
  const plain = await rna('evaluate', model, file, '--by', 'probability');
  expect(plain.stdout).toMatch(/By probability.*expected calibration error 0\.\d+[^]*0\.9 – 1\.0/);
  expect(plain.stderr).toContain('rna: pairs above 0.5 (the default; the model carries none)');
  expect(plain.stdout).toContain('weighted by length');
  const tuned = await rna('evaluate', model, file, '--validation', file, '--tune-by', 'exact', '--json');
  expect(JSON.parse(tuned.stdout)).toMatchObject({ thresholdSource: 'tuned on --validation' });
  const best = JSON.parse(tuned.stdout) as { threshold: number; strict: { f1: number } };
  expect(best.threshold).toBeLessThan(0.3);
  for (const threshold of ['0.01', '0.15', '0.29']) {
    const other = JSON.parse(
      (await rna('evaluate', model, file, '--threshold', threshold, '--json')).stdout,
    ) as typeof best;
    expect(other.strict.f1).toBeLessThanOrEqual(best.strict.f1);
  }
});

test.each(['rinalmo-A', 'ssrlm-A'])('%s: masked nucleotides where there is no head', async (name) => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, name);
  const file = structures(folder, 'some.dbn', rnas.slice(0, 5));
  const result = await rna('evaluate', model, file, '--json');
  expect(result, result.stderr).toMatchObject({ code: 0 });
  expect(result.stderr).toContain('has no task head, so masked nucleotides are scored');
  const { masking, loss, accuracy } = JSON.parse(result.stdout) as { masking: string; loss: number; accuracy: number };
  expect(masking).toBe(name.startsWith('rinalmo') ? 'mlm' : 'ssm');
  expect(loss).toBeGreaterThan(0);
  expect(accuracy).toBeGreaterThanOrEqual(0);
  expect(accuracy).toBeLessThanOrEqual(1);
  // FASTA does, and the same masks are drawn where no structure is looked at.
  const sequences = fasta(
    folder,
    rnas.slice(0, 5).map(({ sequence }) => sequence),
  );
  const [one, two] = [
    await rna('evaluate', model, sequences, '--masking', 'sm', '--json'),
    await rna('evaluate', model, file, '--masking', 'sm', '--json'),
  ];
  expect(one.stdout).toBe(two.stdout);
  expect(one.code).toBe(0);
});

test('wrong usage and bad input', async () => {
  const folder = temporaryFolder();
  const [model, bare] = [await structureModelFolder(folder, 'rinalmo-A'), modelFolder(folder, 'ssrlm-A')];
  const file = structures(folder, 'some.dbn', rnas.slice(0, 2));
  const csv = join(folder, 'scores.csv');
  const report = join(folder, 'report');
  const sequences = fasta(folder, ['GGCA']);
  const refused: [number, string, string[]][] = [
    [2, '--threshold and --validation exclude each other', [model, file, '--threshold', '0.1', '--validation', file]],
    [
      2,
      '--csv, --threshold, --validation, --protocol, --tune-by, --allow-…, --report, --baselines, --train, --mmseqs and --by are for models with a task head',
      [bare, file, '--csv', csv],
    ],
    [2, '--tune-by', [bare, file, '--tune-by', 'exact']],
    [1, `${file} is a file; give the name of a folder`, [model, file, '--report', join(file, 'page')]],
    [1, 'none: no such', [join(folder, 'none'), file, '--report', report]],
    [2, "argument '2' is invalid", [model, file, '--threshold', '2']],
    [2, "missing required argument 'files'", [model]],
    [2, "unknown option '--thresold'", [model, file, '--thresold', '0.2']],
    [1, `${sequences}:1: FASTA has no structures`, [model, sequences, '--csv', csv]],
    [1, 'none.dbn: no such file or folder', [model, 'none.dbn']],
    [1, 'the folder', [model, file, '--csv', join(folder, 'none', 'scores.csv')]],
  ];
  for (const [code, message, argv] of refused) {
    const result = await rna('evaluate', ...argv);
    expect(result, message).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(result.stderr).not.toMatch(/^\s+at /m);
  }
  expect(existsSync(csv)).toBe(false);
  expect(existsSync(report)).toBe(false);
});
