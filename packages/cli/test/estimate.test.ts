/** `rna info --for`: what it counts, what it computes from times, and what it refuses. */
import { modelCost, weightBytes } from '@rna/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { line, power } from '../src/commands/info/estimate.ts';
import { withEncoder, withModel } from '../src/models/loadModel.ts';
import { fasta, modelFolder, rna, structureModelFolder, temporaryFolder } from './harness.ts';

const LENGTHS = [9, 40, 25, 70];
const sequences = LENGTHS.map((length) => 'ACGU'.repeat(length).slice(0, length));

interface Estimate {
  readonly command: string;
  readonly weights: string;
  readonly windows: { readonly size: number; readonly stride: number; readonly records: unknown[] };
  readonly flops: number;
  readonly seconds: { readonly start: number; readonly run: number };
  readonly memory: { readonly bytes: number };
}

test('counts records, windows, operations and memory', async () => {
  const folder = temporaryFolder();
  const model = await structureModelFolder(folder, 'rinalmo-A');
  const input = fasta(folder, sequences);
  const argv = ['info', '--for', input, '--model', model, '--window', '30', '--stride', '20'];
  const { code, stdout, stderr } = await rna(...argv, '--json');
  expect(code, stderr).toBe(0);
  const found = JSON.parse(stdout) as Estimate;
  expect(found).toMatchObject({
    model,
    command: 'fold',
    records: 4,
    nucleotides: 144,
    shortest: 9,
    median: 40,
    longest: 70,
    windows: {
      size: 30,
      stride: 20,
      records: [
        { id: 's1', length: 40, windows: 2 },
        { id: 's3', length: 70, windows: 3 },
      ],
    },
  });
  expect(found.seconds.run).toBeGreaterThan(0);
  expect(found.seconds.start).toBeGreaterThan(0);
  await withModel(model, {}, (opened) =>
    withEncoder(opened, ({ device, config }) => {
      const of = (length: number) => modelCost(device, config, opened.task, length);
      const flops = [9, 25, 30, 30, 30, 30, 30].reduce((sum, length) => sum + of(length).flops, 0);
      expect(Math.abs(found.flops / flops - 1)).toBeLessThan(1e-12);
      expect(found.memory.bytes).toBe(Math.ceil(of(30).bytes));
      return Promise.resolve();
    }),
  );
  // Weights in fewer bits take less of the memory, and leave the rest as it is.
  const packed = await rna(...argv, '--json', '--weights', 'int4');
  expect(packed.code, packed.stderr).toBe(0);
  const { memory, weights } = JSON.parse(packed.stdout) as Estimate;
  expect(weights).toBe('int4');
  await withModel(model, {}, ({ shapes }) => {
    const saved = weightBytes(shapes, 'f32') - weightBytes(shapes, 'int4');
    expect(saved).toBeGreaterThan(0);
    expect(found.memory.bytes - memory.bytes).toBe(saved);
    return Promise.resolve();
  });
  const text = await rna(...argv);
  expect(text.stdout).toContain('4 of 9 to 70 nucleotides, median 40, 144 in all');
  expect(text.stdout).toContain('2 of the records, windows of 30 nucleotides every 20; the first is "s1" with 40 in 2');
});

test('says of a model without a head for pairs what embedding takes', async () => {
  const folder = temporaryFolder();
  const { code, stdout } = await rna(
    'info',
    modelFolder(folder, 'rinalmo-A'),
    '--json',
    '--for',
    fasta(folder, sequences),
  );
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ command: 'embed', windows: { records: [] } });
});

describe('times', () => {
  test('of operations lie on a line through both, which no pass is below at 0', () => {
    const positive = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(positive, positive, fc.double({ min: 1.5, max: 50, noNaN: true }), (fixed, rate, ratio) => {
        const seconds = line([1, ratio].map((flops) => ({ flops, seconds: fixed + rate * flops })));
        for (const flops of [1, ratio, 2 * ratio]) expect(seconds(flops) / (fixed + rate * flops)).toBeCloseTo(1, 6);
      }),
    );
    // A long pass that took no longer than a short one: in proportion to the operations.
    const noisy = line([
      { flops: 1, seconds: 2 },
      { flops: 10, seconds: 2 },
    ]);
    expect(noisy(20)).toBe(4);
    // A line that would begin below 0 begins there.
    expect(
      line([
        { flops: 1, seconds: 0.1 },
        { flops: 10, seconds: 10 },
      ])(20),
    ).toBe(20);
  });

  test('of engines are a power of the length, from the square to the cube', () => {
    expect(
      power([
        { length: 100, seconds: 1 },
        { length: 200, seconds: 5.65685424949238 },
      ])(400),
    ).toBeCloseTo(32, 6);
    expect(
      power([
        { length: 100, seconds: 1 },
        { length: 200, seconds: 1 },
      ])(400),
    ).toBe(4);
    expect(
      power([
        { length: 100, seconds: 1 },
        { length: 200, seconds: 90 },
      ])(400),
    ).toBe(720);
    expect(power([])(400)).toBe(0);
  });
});

test.each([
  [['--check', '--for', 'x.fasta'], '--for and --check are two questions'],
  [['--window', '8'], '--window, --stride and --weights go with --for'],
  [['--for', 'x.fasta', '--window', '8', '--stride', '9'], '--stride 9 leaves out'],
])('wrong usage: rna info %j', async (argv, message) => {
  expect(await rna('info', ...argv)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
});
