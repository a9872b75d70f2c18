/**
 * Blocks that are run again on the walk back: the same loss and gradients to the bit, dropout included, in less memory.
 */
import { RandomStream } from '@rna/kernels';
import { backward, crossEntropy, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Encoder, packTokens, PRESETS, type EncoderConfig } from '../src/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

const LAYERS = 6;
const PRESET_OF = { rinalmo: 'rinalmo-nano', 'ssr-lm': 'ssr-lm-s', 'rna-fm': 'rna-fm' } as const;
const config = (model: EncoderConfig['model']): EncoderConfig => ({
  ...PRESETS[PRESET_OF[model]],
  dim: 16,
  layers: LAYERS,
  heads: 2,
  kvHeads: 2,
  ffnDim: 24,
});

/** Gradients of all parameters and the most bytes that lived at once, over those of parameters and gradients. */
async function step(encoder: Encoder, recompute: boolean) {
  const random = new RandomStream(2);
  const pack = packTokens([90, 37].map((length) => Uint32Array.from({ length }, () => 5 + random.below(4))));
  const labels = Int32Array.from(pack.tokens, (token, i) => (i % 3 === 0 ? token : -1));
  encoder.parameters.forEach((parameter) => {
    parameter.train();
  });
  const { memory } = device;
  const before = memory.use();
  let most = 0;
  const allocate = memory.allocate.bind(memory);
  memory.allocate = (...args) => {
    const storage = allocate(...args);
    most = Math.max(most, memory.use().live);
    return storage;
  };
  const loss = backward(device, () =>
    crossEntropy(encoder.logits(encoder.forward(pack, { recompute, dropoutKey: [3, 4] })), labels),
  );
  memory.allocate = allocate;
  const value = await loss.item();
  const gradients = await Promise.all([...encoder.parameters.values()].map(({ gradient }) => gradient!.read()));
  const kept = memory.use().live - before.live;
  loss.dispose();
  encoder.parameters.forEach((parameter) => {
    parameter.train(false);
  });
  expect(memory.use().tensors).toBe(before.tensors);
  return { value, gradients, bytes: most - before.live - kept };
}

describe.each(['rinalmo', 'ssr-lm', 'rna-fm'] as const)('%s', (model) => {
  it('has the same gradients, in less memory', async () => {
    for (const precision of [
      { weights: 'f32', activations: 'f32' },
      ...(device.traits.f16 ? [{ weights: 'f16', activations: 'f16' } as const] : []),
    ] as const) {
      const encoder = Encoder.initialize(device, config(model), 1, precision);
      const [kept, recomputed] = [await step(encoder, false), await step(encoder, true)];
      expect(recomputed.value).toBe(kept.value);
      expect(recomputed.gradients).toEqual(kept.gradients);
      expect(recomputed.bytes).toBeLessThan(0.5 * kept.bytes);
      encoder.parameters.forEach((parameter) => {
        parameter.dispose();
      });
    }
  });
});
