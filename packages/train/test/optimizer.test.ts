/** AdamW against PyTorch's own steps, its clipping against doubles, and its refusal of steps that are not finite. */
import { readFileSync } from 'node:fs';
import { RandomStream } from '@rna/kernels';
import type { Device, Tensor } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdamW, decayGroups, readReport } from '../src/optimizer.ts';

interface Trace {
  readonly init: readonly number[];
  readonly grads: readonly (readonly number[])[];
  readonly params_after_step: readonly (readonly number[])[];
  readonly hyper: { readonly lr: number; readonly weight_decay?: number };
}
const traces = JSON.parse(readFileSync(new URL('./fixtures/optim.json', import.meta.url), 'utf8')) as Record<
  string,
  Trace
>;

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

const tensorOf = (values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor =>
  device.tensor(Float32Array.from(values), shape).keep();
const single = (parameter: Tensor, weightDecay = 0, rateScale = 1) => [
  { parameters: new Map([['w', parameter]]), weightDecay, rateScale },
];

describe('AdamW', () => {
  it.each(Object.entries(traces))(
    'takes the steps of PyTorch (%s)',
    async (_, { init, grads, params_after_step, hyper }) => {
      const w = tensorOf(init);
      const optimizer = new AdamW(device, { groups: single(w, hyper.weight_decay) });
      const loss = tensorOf([1]);
      for (const [i, grad] of grads.entries()) {
        w.gradient = tensorOf(grad);
        optimizer.update(loss, i + 1, hyper.lr).dispose();
        expect(w.gradient).toBeUndefined();
        for (const [k, value] of (await w.read()).entries()) expect(value).toBeCloseTo(params_after_step[i]![k]!, 6);
      }
      optimizer.dispose();
      w.dispose();
      loss.dispose();
    },
  );

  it("multiplies a group's rate", async () => {
    const w = tensorOf([1]);
    const optimizer = new AdamW(device, { groups: single(w, 0, 0.1) });
    w.gradient = tensorOf([3]);
    const loss = tensorOf([0]);
    optimizer.update(loss, 1, 0.01).dispose();
    expect((await w.read())[0]).toBeCloseTo(1 - 0.001, 6); // the first step is the rate, whatever the gradient
    optimizer.dispose();
    w.dispose();
    loss.dispose();
  });

  it('reports the global norm over many tensors and clips by it', async () => {
    const random = new RandomStream(5);
    const sizes = [1, 5, 64, 65, 700, 1000, 3, 2, 40_000];
    const gradients = sizes.map((size) => Float32Array.from({ length: size }, () => random.normal()));
    const norm = Math.sqrt(gradients.reduce((sum, gradient) => sum + gradient.reduce((s, g) => s + g * g, 0), 0));
    const loss = tensorOf([2.5]);
    for (const maxNorm of [norm / 8, norm * 2]) {
      const parameters = new Map(sizes.map((size, i) => [`w${i}`, tensorOf(new Float32Array(size))]));
      [...parameters.values()].forEach((parameter, i) => {
        parameter.gradient = tensorOf(gradients[i]!);
      });
      const optimizer = new AdamW(device, { groups: [{ parameters, weightDecay: 0, rateScale: 1 }], maxNorm });
      const report = optimizer.update(loss, 1, 1);
      const { loss: reported, gradientNorm, applied } = await readReport(report);
      expect([reported, applied]).toEqual([2.5, true]);
      expect(gradientNorm / norm).toBeCloseTo(1, 5);
      const m = await optimizer.moments().get('m.w8')!.read();
      const clip = Math.min(1, maxNorm / (norm + 1e-6));
      for (const [k, value] of m.entries()) expect(Math.abs(value - 0.1 * clip * gradients[8]![k]!)).toBeLessThan(1e-6);
      report.dispose();
      optimizer.dispose();
      parameters.forEach((parameter) => {
        parameter.dispose();
      });
    }
    loss.dispose();
  });

  it.each([
    ['a gradient of NaN', [1, NaN], 1],
    ['an infinite gradient', [Infinity, 1], 1],
    ['a norm beyond f32', [1e30, 0], 1],
    ['a loss of NaN', [1, 1], NaN],
    ['an infinite loss', [1, 1], -Infinity],
  ])('changes no bit at %s', async (_, gradient, lossValue) => {
    const w = tensorOf([0.25, -3]);
    const optimizer = new AdamW(device, { groups: single(w, 0.1), maxNorm: 1 });
    const step = async (grad: readonly number[], value: number, number: number): Promise<boolean> => {
      w.gradient = tensorOf(grad);
      const loss = tensorOf([value]);
      const report = optimizer.update(loss, number, 0.1);
      const { applied } = await readReport(report);
      report.dispose();
      loss.dispose();
      return applied;
    };
    const state = async (): Promise<Float32Array[]> =>
      Promise.all(
        [w, ...[...optimizer.moments()].flatMap(([name, tensor]) => (name === 'stepGuard' ? [] : [tensor]))].map(
          (tensor) => tensor.read(),
        ),
      );
    expect(await step([1, 2], 1, 1)).toBe(true);
    const before = await state();
    expect(await step(gradient, lossValue, 2)).toBe(false);
    expect(await state()).toEqual(before);
    optimizer.dispose();
    w.dispose();
  });

  it('refuses a parameter without a gradient and one in two groups', () => {
    const w = tensorOf([1]);
    const optimizer = new AdamW(device, { groups: single(w) });
    expect(() => optimizer.update(w, 1, 0.1)).toThrow(/'w' has no gradient/);
    expect(() => new AdamW(device, { groups: [...single(w), ...single(w)] })).toThrow(/'w' is in two groups/);
    optimizer.dispose();
    w.dispose();
  });

  it('decays matrices, and neither norms, biases nor the embedding unless asked', () => {
    const shapes = {
      'embedding.weight': [22, 4],
      'blocks.0.attention.norm.weight': [4],
      'blocks.0.attention.out.weight': [4, 4],
      'lmHead.decoder.bias': [22],
    };
    const parameters = new Map(Object.entries(shapes).map(([name, shape]) => [name, device.zeros(shape).keep()]));
    const [decayed, plain] = decayGroups(parameters, { weightDecay: 0.01 });
    expect([...decayed!.parameters.keys()]).toEqual(['blocks.0.attention.out.weight']);
    expect([decayed!.weightDecay, plain!.weightDecay, plain!.parameters.size]).toEqual([0.01, 0, 3]);
    const decaying = (options: object): string[] => [
      ...decayGroups(parameters, { weightDecay: 0.01, ...options })[0]!.parameters.keys(),
    ];
    expect(decaying({ decayVectors: true })).toEqual(Object.keys(shapes).slice(1));
    expect(decaying({ decayEmbedding: true })).toEqual(['embedding.weight', 'blocks.0.attention.out.weight']);
    expect(decayGroups(parameters, { weightDecay: 0.01, decayVectors: true, decayEmbedding: true })).toHaveLength(1);
    parameters.forEach((parameter) => {
      parameter.dispose();
    });
  });

  it('leaks nothing', () => {
    expect(device.memory.use().tensors).toBe(0);
  });
});
