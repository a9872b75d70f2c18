/** What a pass takes of a device, beside what it was seen to take. */
import { RandomStream } from '@rna/kernels';
import { openDevice } from '@rna/tensor/node';
import { expect, test } from 'vitest';
import {
  Encoder,
  encoderCost,
  initialHead,
  initializeParameters,
  encoderParameters,
  forwardFlops,
  modelCost,
  packTokens,
  PRESETS,
  runHead,
  secondaryStructure,
  TERTIARY_PRESETS,
  tertiaryStructure,
  type TertiarySizes,
  type EncoderConfig,
} from '../src/index.ts';
import { openCountingDevice } from './countingDevice.ts';

const CONFIG: EncoderConfig = { ...PRESETS['ssr-lm-s'], dim: 24, layers: 2, heads: 2, kvHeads: 2, ffnDim: 64 };
const SIZES = { convDim: 8, kernelSize: 3, blocks: 2 };
const task = { head: secondaryStructure, sizes: SIZES };

/** The most that the device held during a pass, in bytes. */
async function peak(length: number, memoryBudget: number): Promise<{ seen: number; cost: number }> {
  const device = await openDevice({ quiet: true, memoryBudget });
  try {
    const parameters = initializeParameters(device, encoderParameters(CONFIG), CONFIG.model, 1);
    const head = initialHead(device, task, CONFIG, 1);
    const encoder = new Encoder(device, CONFIG, parameters);
    const random = new RandomStream(3);
    const batch = packTokens([Uint32Array.from({ length: length + 2 }, () => 5 + random.below(4))]);
    const logits = device.scope(() =>
      runHead(task, head, { representation: encoder.forward(batch), cuSeqlens: batch.cuSeqlens }),
    );
    await logits.read();
    return { seen: device.memory.use().peak, cost: modelCost(device, CONFIG, task, length).bytes };
  } finally {
    device.destroy();
  }
}

test.each([
  ['at once', 2 ** 30, 64],
  ['at once', 2 ** 30, 200],
  ['in bands', 2 ** 26, 400],
])('a pass with maps %s holds no more than is said, and not much less', async (_, budget, length) => {
  const { seen, cost } = await peak(length, budget);
  expect(seen).toBeLessThanOrEqual(cost);
  expect(seen).toBeGreaterThan(cost / 2.5);
});

test.each([
  ['tiny', 64, 128],
  ['small', 64, 128],
  ['small', 256, 128],
  // Transitions and heads go in bands of rows.
  ['published', 512, 128],
] as const)(
  'a tertiary module, %s, of %i nucleotides holds no more than is said',
  async (preset, length, mebibytes) => {
    const device = await openCountingDevice({ memoryBudget: 2 ** 36, binding: mebibytes * 2 ** 20 });
    const { lmDim: dim, ...all }: TertiarySizes = TERTIARY_PRESETS[preset];
    // The head has neither as a size.
    const own = Object.entries(all).filter(([name]) => name !== 'refineNet' && name !== 'pairPrior');
    const sizes = tertiaryStructure.sizes.parse(Object.fromEntries(own));
    const parameters = tertiaryStructure.parameters(dim, sizes);
    const p = new Map([...parameters].map(([name, shape]) => [name, device.zeros(shape)]));
    const representation = device.zeros([length + 2, dim]).keep();
    const before = device.memory.use().peak;
    device.scope(() =>
      tertiaryStructure.forward(
        {
          device,
          representation,
          cuSeqlens: Uint32Array.of(0, length + 2),
          sequences: ['ACGU'.repeat(length / 4)],
          weight: (name) => p.get(name)!,
        },
        sizes,
      ),
    );
    const seen = device.memory.use().peak - before;
    const cost = tertiaryStructure.cost!(device, length, dim, sizes);
    expect(seen).toBeLessThanOrEqual(cost.bytes);
    expect(seen).toBeGreaterThan(cost.bytes / 2.5);
    expect(cost.largest).toBeLessThanOrEqual(mebibytes * 2 ** 20);
  },
);

test('operations are those of every product, counted one by one', () => {
  const length = 10;
  const device = { gpu: { limits: {} }, memory: { use: () => ({ budget: Infinity }) } } as Parameters<
    typeof modelCost
  >[0];
  const { flops } = modelCost(device, CONFIG, task, length);
  const [C, pairs] = [SIZES.convDim, length * length];
  // For each pair of a block: 1 × 1, 3 × 3 and 1 × 1 between C channels; then 3 × 3 onto one. A multiplication and an
  // addition each. The projection gives 2C numbers a nucleotide.
  const block = C * C + 9 * C * C + C * C;
  const head = 2 * pairs * (2 * block + 9 * C) + 2 * length * CONFIG.dim * 2 * C;
  expect(flops).toBe(forwardFlops(CONFIG, [0, length + 2]) + head);
  expect(encoderCost(CONFIG, 20).bytes).toBeGreaterThan(encoderCost(CONFIG, 10).bytes);
});
