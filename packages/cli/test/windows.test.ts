/** Long records in windows: means over what the windows give as records of their own, by plain loops. */
import { join } from 'node:path';
import { modelCost, PRESETS, secondaryStructure, type WeightType } from '@rna/model';
import { describe, expect, test } from 'vitest';
import { chooseWindows, windowsOf } from '../src/models/windows.ts';
import { difference, fasta, rna, structureModelFolder, temporaryFolder, tensors } from './harness.ts';

const SEQUENCE = 'GGGCUUCGGCCCAUGGACUUCGGUCCAAGCC';
const SHORT = 'GGCAAAGCC';
const [SIZE, STRIDE] = [14, 6];
const STARTS = [0, 6, 12, SEQUENCE.length - SIZE];
const cut = STARTS.map((start) => SEQUENCE.slice(start, start + SIZE));
const WINDOWS = ['--window', String(SIZE), '--stride', String(STRIDE)];

type Pairs = readonly (readonly [number, number, number])[];

/** Probabilities [i][j], i < j from 0, of each record of an input. */
async function pairsOf(...argv: string[]): Promise<{ json: { window?: number; pairs: Pairs }[]; stderr: string }> {
  const { code, stdout, stderr } = await rna('fold', ...argv, '--json', '--probs');
  expect(code, stderr).toBe(0);
  return {
    json: stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { pairs: Pairs }),
    stderr,
  };
}

describe('rna fold', () => {
  // The built-in model's head takes what the folding engines say, of each window for itself.
  test.each(['rinalmo-A', 'builtin'])('gives the mean of the windows that hold a pair: %s', async (name) => {
    const folder = temporaryFolder();
    const model = name === 'builtin' ? name : await structureModelFolder(folder, name, 0.3);
    const input = fasta(folder, [SHORT, SEQUENCE]);
    const { json: own } = await pairsOf(model, fasta(folder, [...cut, SHORT], 'windows.fasta'));
    const { json, stderr } = await pairsOf(model, input, ...WINDOWS);
    expect(stderr).toContain(
      `1 of 2 records are too long to be run whole; they are run in windows of ${SIZE} nucleotides every ${STRIDE}`,
    );
    expect(json[0]).toEqual({ ...own.at(-1)!, id: 's0' });
    expect(json[1]).toMatchObject({ window: SIZE, stride: STRIDE });
    const found = new Map(json[1]!.pairs.map(([i, j, p]) => [`${i} ${j}`, p]));
    for (let i = 1; i <= SEQUENCE.length; i++) {
      for (let j = i + 1; j <= SEQUENCE.length; j++) {
        const values = STARTS.flatMap((start, k) => {
          if (i <= start || j > start + SIZE) return [];
          return own[k]!.pairs.find(([a, b]) => a === i - start && b === j - start)?.[2] ?? 0;
        });
        const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
        // Tables leave out what is below 0.0001.
        expect(Math.abs((found.get(`${i} ${j}`) ?? 0) - mean)).toBeLessThan(1.01e-4);
      }
    }
  });

  test('gives the whole record where the window is as long', async () => {
    const folder = temporaryFolder();
    const model = await structureModelFolder(folder, 'rinalmo-A', 0.3);
    const input = fasta(folder, [SEQUENCE]);
    expect(await rna('fold', model, input, '--window', String(SEQUENCE.length), '--json', '--probs')).toEqual(
      await rna('fold', model, input, '--json', '--probs'),
    );
  });
});

test('rna evaluate scores what rna fold says with the same windows', async () => {
  const folder = temporaryFolder();
  const model = await structureModelFolder(folder, 'rinalmo-A');
  const options = ['--threshold', '0.3', '--allow-nc-pairs', '--allow-sharp-loops'];
  const folded = await rna('fold', model, fasta(folder, [SHORT, SEQUENCE]), ...options, ...WINDOWS);
  const truth = fasta(folder, folded.stdout, 'folded.dbn');
  const evaluate = async (...argv: string[]) => {
    const { code, stdout, stderr } = await rna('evaluate', model, truth, ...options, ...argv, '--json');
    expect(code, stderr).toBe(0);
    const { strict } = JSON.parse(stdout) as { strict: { f1: number } };
    return { f1: strict.f1, stderr };
  };
  const same = await evaluate(...WINDOWS);
  expect(same.stderr).toContain(`they are run in windows of ${SIZE} nucleotides every ${STRIDE}`);
  expect(same.f1).toBe(1);
  expect((await evaluate()).f1).toBeLessThan(1);
});

test('rna embed gives the mean of the rows of a nucleotide, of <cls> and of <eos>', async () => {
  const folder = temporaryFolder();
  const model = await structureModelFolder(folder, 'rinalmo-A');
  const embed = async (name: string, sequences: readonly string[], ...argv: string[]) => {
    const out = join(folder, `${name}.safetensors`);
    const { code, stderr } = await rna('embed', model, fasta(folder, sequences), '--out', out, '--logits', ...argv);
    expect(code, stderr).toBe(0);
    return tensors(out);
  };
  const own = await embed('own', [...cut, SHORT]);
  const found = await embed('windows', [SEQUENCE, SHORT], ...WINDOWS);
  for (const suffix of ['', '.logits']) {
    const { shape, values } = found.get(`s0${suffix}`)!;
    const columns = shape[1]!;
    expect(shape[0]).toBe(SEQUENCE.length + 2);
    const expected = Array.from({ length: values.length }, (_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      const rows = STARTS.flatMap((start, k) => {
        const last = row === SEQUENCE.length + 1;
        const inside = row === 0 || last ? row : row - start;
        if (!last && row > 0 && (inside < 1 || inside > SIZE)) return [];
        return own.get(`s${k}${suffix}`)!.values[(last ? SIZE + 1 : inside) * columns + column]!;
      });
      return rows.reduce((sum, value) => sum + value, 0) / rows.length;
    });
    expect(difference(values, expected)).toBeLessThan(1e-5);
    expect(difference(found.get(`s1${suffix}`)!.values, own.get(`s4${suffix}`)!.values)).toBeLessThan(1e-5);
  }
  const [pooled, whole] = [
    await embed('pooled', [SEQUENCE], ...WINDOWS, '--pool', 'cls'),
    await embed('whole', [SEQUENCE], '--window', String(SEQUENCE.length)),
  ];
  const { shape, values } = found.get('s0')!;
  expect(difference(pooled.get('s0')!.values, values.subarray(0, shape[1]))).toBeLessThan(1e-6);
  expect(whole).toEqual(await embed('as it is', [SEQUENCE]));
});

describe('windows of our own choice', () => {
  const config = PRESETS['ssr-lm-s'];
  const task = { head: secondaryStructure, sizes: { convDim: 24, kernelSize: 3, blocks: 2 } };
  const deviceOf = (budget: number, binding = 2 ** 27) =>
    ({
      memory: { use: () => ({ budget }) },
      gpu: { limits: { maxStorageBufferBindingSize: binding, maxBufferSize: 2 ** 32 } },
    }) as Parameters<typeof chooseWindows>[0];
  const gigabyte = 2 ** 30;

  test('have 4,096 nucleotides where 8 GiB are to be had', () => {
    for (const budget of [8 * gigabyte, Infinity]) {
      const windows = chooseWindows(deviceOf(budget), config, task, {}, 'short');
      expect(windows).toMatchObject({ size: 4096, stride: 2048 });
      expect([4096, 4097].map(windows.isWhole)).toEqual([true, false]);
      expect(windowsOf(5000, windows)).toEqual([4096, 4096]);
      expect(windowsOf(4096, windows)).toEqual([4096]);
    }
  });

  test('are the longest that fit elsewhere, in memory and in one binding', () => {
    const fits = (device: ReturnType<typeof deviceOf>, length: number): boolean => {
      const { bytes, largest } = modelCost(device, config, task, length);
      return bytes <= device.memory.use().budget && largest <= device.gpu.limits.maxStorageBufferBindingSize;
    };
    for (const device of [deviceOf(gigabyte), deviceOf(3 * gigabyte), deviceOf(8 * gigabyte, 2 ** 25)]) {
      const { size } = chooseWindows(device, config, task, {}, 'short');
      expect(size).toBeLessThan(4096);
      expect([size, size + 64].map((length) => fits(device, length))).toEqual([true, false]);
    }
  });

  test('are longer where weights in fewer bits leave more of the memory', () => {
    const giga = PRESETS['rinalmo-giga'];
    const sizeOf = (weights: WeightType): number =>
      chooseWindows(deviceOf(0.9 * gigabyte), giga, undefined, { weights }, 'short').size;
    // 650 M parameters in f32 alone are more than the memory.
    expect(sizeOf('f32')).toBe(64);
    expect(sizeOf('int8')).toBeGreaterThan(1000);
    expect(sizeOf('int4')).toBeGreaterThan(sizeOf('int8') + 500);
  });

  test('leave what fits whole to an encoder alone, whose memory grows with the length', () => {
    const windows = chooseWindows(deviceOf(8 * gigabyte, 2 ** 31), config, undefined, {}, 'fitting');
    expect([5000, 20_000].map(windows.isWhole)).toEqual([true, true]);
    expect(windows.isWhole(10_000_000)).toBe(false);
    expect(chooseWindows(deviceOf(8 * gigabyte), config, undefined, { window: 100 }, 'fitting').isWhole(101)).toBe(
      false,
    );
  });
});

test.each([
  [
    ['fold', 'm.pt', 'x.fasta', '--window', '8', '--stride', '9'],
    '--stride 9 leaves out what lies between windows of 8',
  ],
  [['fold', '--engine', 'contrafold', 'x.fasta', '--window', '8'], '--window is for models'],
  [
    ['evaluate', 'builtin', 'x.dbn', '--window', '8', '--stride', '9'],
    '--stride 9 leaves out what lies between windows of 8',
  ],
  [['embed', 'm.pt', 'x.fasta', '-o', 'o.safetensors', '--window', '8', '--attentions'], '--attentions are maps of a'],
])('wrong usage: rna %j', async (argv, message) => {
  expect(await rna(...argv)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
});
