/** What the tertiary module at its published sizes holds on any adapter, counted without an adapter. */
import { add, backward, sum, type Device, type Tensor } from '@rna/tensor';
import { expect, test } from 'vitest';
import {
  distograms,
  pairLogitsOf,
  runTertiary,
  TERTIARY_PRESETS,
  tertiaryParameters,
  tertiaryTokens,
  weightsOf,
  type TertiarySizes,
  type Weights,
} from '../src/index.ts';
import { openCountingDevice } from './countingDevice.ts';

const GIB = 2 ** 30;
/** What every adapter binds. */
const BINDING = 128 * 2 ** 20;
const SIZES: TertiarySizes = { ...TERTIARY_PRESETS.published, refineNet: undefined };

interface Model {
  readonly device: Device;
  readonly p: Weights;
  readonly tokens: Uint32Array;
  readonly lm: Tensor;
}

async function openModel(length: number, memoryBudget: number, train: boolean): Promise<Model> {
  const device = await openCountingDevice({ memoryBudget, binding: BINDING });
  const parameters = new Map(
    [...tertiaryParameters(SIZES)].map(([name, shape]) => [name, device.zeros(shape).train(train)]),
  );
  const lm = device.zeros([length, SIZES.lmDim]).keep();
  return { device, p: weightsOf(parameters), tokens: tertiaryTokens('ACGU'.repeat(length / 4)), lm };
}

test('512 nucleotides are predicted within 4 GiB', async () => {
  const { device, p, tokens, lm } = await openModel(512, 4 * GIB, false);
  const last = runTertiary(p, SIZES, tokens, lm, { recycles: 1 });
  device.scope(() => distograms(p, last.pair).length);
  pairLogitsOf(p, last.pair);
  expect(device.memory.use().peak).toBeGreaterThan(0.5 * GIB);
});

test('256 nucleotides train within 8 GiB', async () => {
  const { device, p, tokens, lm } = await openModel(256, 8 * GIB, true);
  backward(device, () => {
    const last = runTertiary(p, SIZES, tokens, lm, { recycles: 1, recompute: true });
    return [
      ...last.iterations.flatMap(({ frames, torsions }) => [frames, torsions]),
      last.atoms.coordinates,
      last.confidence,
      ...distograms(p, last.pair),
      pairLogitsOf(p, last.pair),
    ]
      .map((x) => sum(x))
      .reduce((total, term) => add(total, term));
  });
  expect(device.memory.use().peak).toBeGreaterThan(GIB);
});
