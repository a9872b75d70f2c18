/**
 * The tertiary module's trunk and heads over pairs against the official modules (a double-precision run): every layer
 * of a block in both forms, outputs, and the gradient of every parameter.
 */
import { add, backward, linear, reshape, type Device, type Tensor } from '@rna/tensor';
import { describe, expect, it } from 'vitest';
import {
  blockParameters,
  distograms,
  pairLogitsOf,
  TERTIARY_PRESETS,
  trunkBlock,
  type TensorFile,
  type TertiarySizes,
  type Weights,
} from '../src/index.ts';
import { openFixture, readNumbers, type Platform } from './parity.ts';

type Tolerances = Readonly<Record<string, readonly [maxAbs: number, deviation: number]>>;

/** A file of the oracle, and what may differ: 20 × the deviation of float32, or 1e-4 of the largest value. */
export interface Oracle {
  readonly file: TensorFile;
  readonly allowed: (name: string) => number;
}

export async function openOracle(platform: Platform, name: string): Promise<Oracle> {
  const text = new TextDecoder().decode(await platform.bytes(`oracle/tertiary/${name}.tolerances.json`));
  const tolerances = JSON.parse(text) as Tolerances;
  return {
    file: await openFixture(platform, `tertiary/${name}.safetensors`),
    allowed: (tensor) => {
      const found = tolerances[tensor];
      if (found === undefined) throw new Error(`${name}: no tolerance of ${tensor}`);
      return Math.max(20 * found[1], 1e-4 * found[0]);
    },
  };
}

/** Parameters under a prefix of a file, which train. */
export async function uploadWeights(device: Device, { file }: Oracle, prefix = ''): Promise<Map<string, Tensor>> {
  const start = `${prefix}param.`;
  const parameters = new Map<string, Tensor>();
  for (const name of file.tensors.keys()) {
    if (!name.startsWith(start)) continue;
    const { shape, values } = await readNumbers(file, name);
    parameters.set(name.slice(start.length), device.tensor(values, shape).train());
  }
  return parameters;
}

export const lookup =
  (parameters: ReadonlyMap<string, Tensor>): Weights =>
  (name) => {
    const tensor = parameters.get(name);
    if (tensor === undefined) throw new Error(`no parameter ${name}`);
    return tensor;
  };

/** Σ of both tensors' products, element by element: [1]. */
export const inner = (x: Tensor, weights: Tensor): Tensor =>
  reshape(linear(reshape(x, [1, x.size]), reshape(weights, [1, x.size])), [1]);

/** Largest difference from a tensor of the oracle, as a share of what is allowed. */
export async function shareOfAllowed({ file, allowed }: Oracle, name: string, actual: Float32Array): Promise<number> {
  const { values } = await readNumbers(file, name);
  expect(actual.length, name).toBe(values.length);
  const worst = values.reduce((most, value, i) => {
    const difference = Math.abs(value - actual[i]!);
    return difference <= most ? most : difference;
  }, 0);
  return worst === 0 ? 0 : worst / allowed(name);
}

/** Holds the gradient of every parameter, none being zeros, to the oracle's; returns how many there were. */
export async function checkGradients(
  oracle: Oracle,
  parameters: ReadonlyMap<string, Tensor>,
  nameOf: (parameter: string) => string,
): Promise<number> {
  let compared = 0;
  for (const [name, parameter] of parameters) {
    const actual = (await parameter.gradient?.read()) ?? new Float32Array(parameter.size);
    expect(await shareOfAllowed(oracle, nameOf(name), actual), nameOf(name)).toBeLessThan(1);
    compared++;
  }
  return compared;
}

export function free(parameters: ReadonlyMap<string, Tensor>): void {
  parameters.forEach((tensor) => {
    tensor.dispose();
  });
}

/** Sizes that the oracle's blocks have. */
const SIZES: TertiarySizes = {
  ...TERTIARY_PRESETS.tiny,
  rowDim: 20,
  pairDim: 16,
  rowHeads: 2,
  rowHeadDim: 6,
  outerDim: 5,
  triangleDim: 12,
  triangleHeads: 2,
  triangleHeadDim: 8,
  transitionFactor: 4,
};

/** The layers' names in the oracle. */
const UPDATES: Readonly<Record<string, string>> = { outer_product_mean: 'opm', tri_att_end: 'tri_att_end_transposed' };

export function tertiaryTrunkTests(platform: Platform): void {
  describe('a block of the trunk', () => {
    it.each(['pub', 'af2'] as const)('%s: every layer and every gradient', async (form) => {
      const device = platform.device();
      const oracle = await openOracle(platform, 'block');
      const parameters = await uploadWeights(device, oracle);
      const input = async (name: string, shape: readonly number[]): Promise<Tensor> =>
        device.tensor((await readNumbers(oracle.file, `in.${name}`)).values, shape).keep();
      const [row, pair] = [(await input('m', [6, 20])).train(), (await input('z', [6, 6, 16])).train()];
      const [dRow, dPair] = [await input('cot_m', [6, 20]), await input('cot_z', [6, 6, 16])];
      const updates = new Map<string, [before: Tensor, after: Tensor]>();
      const outputs: Tensor[] = [];
      backward(device, () => {
        const after = trunkBlock(lookup(parameters), { ...SIZES, form }, { row, pair }, (name, x, y) => {
          updates.set(name, [x.alias().keep(), y.alias().keep()]);
        });
        outputs.push(after.row.alias().keep(), after.pair.alias().keep());
        return add(inner(after.row, dRow), inner(after.pair, dPair));
      });
      for (const [i, name] of ['m', 'z'].entries())
        expect(await shareOfAllowed(oracle, `${form}.out.${name}`, await outputs[i]!.read()), name).toBeLessThan(1);
      expect(updates.size).toBe(9);
      for (const [layer, [before, after]] of updates) {
        const [x, y] = [await before.read(), await after.read()];
        const name = `${form}.update.${UPDATES[layer] ?? layer}`;
        const update = y.map((value, i) => value - x[i]!);
        const width = 16;
        const turned = layer === 'tri_att_end';
        const seen = turned
          ? update.map(
              (_, i) =>
                update[(Math.floor(i / width) % 6) * 6 * width + Math.floor(i / width / 6) * width + (i % width)]!,
            )
          : update;
        // A difference of sums has their rounding too.
        expect(await shareOfAllowed(oracle, name, seen), name).toBeLessThan(1);
        before.dispose();
        after.dispose();
      }
      for (const [name, tensor] of [
        ['m', row],
        ['z', pair],
      ] as const)
        expect(await shareOfAllowed(oracle, `${form}.grad.in.${name}`, await tensor.gradient!.read())).toBeLessThan(1);
      expect(await checkGradients(oracle, parameters, (name) => `${form}.grad.param.${name}`)).toBe(blockParameters(SIZES).length);
      free(parameters);
      [row, pair, dRow, dPair, ...outputs].forEach((tensor) => {
        tensor.dispose();
      });
    });
  });

  describe('the heads over pairs', () => {
    it('distograms, secondary structure and every gradient', async () => {
      const device = platform.device();
      const oracle = await openOracle(platform, 'heads');
      const parameters = new Map([
        ...[...(await uploadWeights(device, oracle, 'dist.'))].map(([n, t]) => [`dist_head.${n}`, t] as const),
        ...[...(await uploadWeights(device, oracle, 'ss.'))].map(([n, t]) => [`ss_head.${n}`, t] as const),
      ]);
      const pair = device.tensor((await readNumbers(oracle.file, 'in.pair')).values, [5, 5, 12]).train();
      // The oracle has the bins first.
      const cotangents = new Map<string, Tensor>();
      for (const name of ['p', 'c4_', 'n', 'ss']) {
        const { values } = await readNumbers(oracle.file, `cot.${name}`);
        cotangents.set(name, device.tensor(binsLast(values, 25)).keep());
      }
      const outputs = new Map<string, Tensor>();
      backward(device, () => {
        const [p, c4, n] = distograms(lookup(parameters), pair);
        const ss = pairLogitsOf(lookup(parameters), pair);
        const all = { p: p!, c4_: c4!, n: n!, ss };
        return Object.entries(all)
          .map(([name, logits]) => {
            outputs.set(name, logits.alias().keep());
            return inner(logits, cotangents.get(name)!);
          })
          .reduce((sum, term) => add(sum, term));
      });
      for (const [name, logits] of outputs) {
        const values = await logits.read();
        const bins = values.length / 25;
        const first = values.map((_, i) => values[(i % 25) * bins + Math.floor(i / 25)]!);
        expect(await shareOfAllowed(oracle, `out.${name}`, first), name).toBeLessThan(1);
      }
      expect(await shareOfAllowed(oracle, 'grad.in.pair', await pair.gradient!.read())).toBeLessThan(1);
      const oracleName = (name: string): string => `grad.${name.replace(/^(dist|ss)_head\./, '$1.param.')}`;
      expect(await checkGradients(oracle, parameters, oracleName)).toBe(24);
      free(parameters);
      free(cotangents);
      free(outputs);
      pair.dispose();
    });
  });
}

/** Values [bins, pixels] as [pixels, bins]. */
function binsLast(values: Float32Array, pixels: number): Float32Array {
  const bins = values.length / pixels;
  return values.map((_, i) => values[(i % bins) * pixels + Math.floor(i / bins)]!);
}
