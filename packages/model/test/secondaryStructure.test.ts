/**
 * The secondary-structure head: what it computes beside the oracle's numbers (parity.ts), and what it holds in memory.
 */
import { RandomStream } from '@rna/kernels';
import { backward, pairLoss, type Device, type Tensor } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  headParameters,
  initializeParameters,
  runHead,
  secondaryStructure,
  type SecondaryStructureSizes,
} from '../src/index.ts';

const DIM = 24;

let device: Device;
beforeEach(async () => {
  device = await openDevice({ poison: true });
});
afterEach(() => {
  device.destroy();
});

function makeHead(sizes: SecondaryStructureSizes, own = device) {
  const task = { head: secondaryStructure, sizes };
  const parameters = initializeParameters(own, headParameters(task, DIM), 'rinalmo', 1);
  const forward = (representation: Tensor): Tensor =>
    runHead(task, parameters, { representation, cuSeqlens: Uint32Array.of(0, representation.shape[0]!) });
  return { parameters, forward };
}

function representation(length: number): Float32Array {
  const random = new RandomStream(2);
  return Float32Array.from({ length: (length + 2) * DIM }, () => random.normal());
}

describe('secondary-structure head', () => {
  it.each([2, 3, 31])(
    'gives symmetric logits without a diagonal that do not see <cls> and <eos>, length %i',
    async (length) => {
      const head = makeHead({ convDim: 8, kernelSize: 3, blocks: 2 });
      const values = representation(length);
      const run = async (): Promise<Float32Array> => {
        const logits = device.scope(() => head.forward(device.tensor(values, [length + 2, DIM])));
        const read = await logits.read();
        logits.dispose();
        return read;
      };
      const logits = await run();
      for (let i = 0; i < length; i++) {
        expect(logits[i * length + i]).toBe(0);
        for (let j = 0; j < i; j++) expect(logits[i * length + j]).toBe(logits[j * length + i]);
      }
      values.fill(1e3, 0, DIM).fill(-1e3, (length + 1) * DIM);
      expect(await run()).toEqual(logits);
      expect(device.memory.use().tensors).toBe(head.parameters.size);
    },
  );

  it('refuses a sequence of one nucleotide', () => {
    const head = makeHead({ convDim: 8, kernelSize: 3, blocks: 2 });
    device.scope(() => {
      expect(() => head.forward(device.tensor(representation(1), [3, DIM]))).toThrow('length 1');
    });
    expect(device.memory.use().tensors).toBe(head.parameters.size);
  });

  it('holds four maps at once without a tape, and four a block with one', async () => {
    const [length, convDim, blocks] = [128, 16, 4];
    const head = makeHead({ convDim, kernelSize: 3, blocks });
    const map = length * length * convDim * 4;
    const input = device.tensor(representation(length), [length + 2, DIM]).keep();
    const labels = device.zeros([length, length]).keep();
    device.scope(() => {
      head.forward(input);
    });
    // One map more for all that is small: statistics, filters, the products of the last convolution.
    expect(device.memory.use().peak / map).toBeLessThan(4 + 1);
    head.parameters.forEach((tensor) => {
      tensor.train();
    });
    backward(device, () => pairLoss(head.forward(input), labels)).dispose();
    // Beside the tape, on the way back: three gradients, a normalised map made again, and what is small.
    expect(device.memory.use().peak / map).toBeLessThan(1 + 4 * blocks + 5);
    await device.idle();
  });

  it('runs its blocks again where a tape has no room for their maps: a third of the memory, the same bits', async () => {
    const sizes = { convDim: 16, kernelSize: 3, blocks: 2 };
    const length = 128;
    const map = length * length * sizes.convDim * 4;
    const gradients = async (own: Device): Promise<{ readonly values: Float32Array[]; readonly peak: number }> => {
      const head = makeHead(sizes, own);
      const input = own.tensor(representation(length), [length + 2, DIM]).train();
      const all = [input, ...head.parameters.values()];
      all.forEach((tensor) => {
        tensor.train();
      });
      const labels = own
        .tensor(
          Float32Array.from({ length: length ** 2 }, (_, i) => (i % 29 === 0 ? 1 : 0)),
          [length, length],
        )
        .keep();
      const loss = backward(own, () => pairLoss(head.forward(input), labels));
      const values = [await loss.read()];
      for (const tensor of all) values.push(await tensor.gradient!.read());
      return { values, peak: own.memory.use().peak };
    };
    const kept = await gradients(device);
    const tight = await openDevice({ poison: true, memoryBudget: 8 * map });
    const again = await gradients(tight);
    tight.destroy();
    expect(again.values).toEqual(kept.values);
    expect(kept.peak / map).toBeGreaterThan(9);
    // Inputs of both blocks and of the last convolution, three more maps, and what is small.
    expect(again.peak / map).toBeLessThan(6 + 1.5);
  });
});
