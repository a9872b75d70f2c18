/**
 * The secondary-structure head: what it computes beside the oracle's numbers (parity.ts), and what it holds in memory.
 */
import { RandomStream } from '@rna/kernels';
import { backward, pairLoss, type Device, type Tensor } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { readFile } from 'node:fs/promises';
import {
  createFolder,
  decodeBasePairs,
  enginePairsInProcess,
  FOLDING_RULES,
  LEAST_PAIR_PROBABILITY,
  parseFoldingParameters,
  sigmoid,
  upperTriangle,
  type EnginePairs,
} from '@rna/structure';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initialHead, runHead, secondaryStructure, type SecondaryStructureSizes } from '../src/index.ts';

const DIM = 24;

const parameterFile = async (name: string) =>
  parseFoldingParameters(await readFile(new URL(`../../builtin/engines/${name}`, import.meta.url), 'utf8'), name);
const parameterSets = {
  contrafold: await parameterFile('contrafold/contrafold.params.complementary'),
  eternafold: await parameterFile('eternafold/EternaFoldParams.v1'),
};
const priors = enginePairsInProcess(parameterSets);

function sequenceOf(length: number): string {
  const random = new RandomStream(3);
  return Array.from({ length }, () => 'ACGU'[random.below(4)]!).join('');
}

let device: Device;
beforeEach(async () => {
  device = await openDevice({ poison: true });
});
afterEach(() => {
  device.destroy();
});

function makeHead(sizes: SecondaryStructureSizes, own = device) {
  const task = { head: secondaryStructure, sizes };
  const parameters = initialHead(own, task, { dim: DIM, model: 'rinalmo' }, 1);
  const forward = (representation: Tensor, pairs?: EnginePairs): Tensor =>
    runHead(task, parameters, {
      representation,
      cuSeqlens: Uint32Array.of(0, representation.shape[0]!),
      ...(pairs && { priors: [pairs] }),
    });
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

  it.each([
    ['as RiNALMo has them', { convDim: 16, kernelSize: 3, blocks: 2 }, 9],
    [
      'dilated, beside a prior and distances',
      { convDim: 16, kernelSize: 3, blocks: 2, block: 'basic', dilations: [1, 8], distances: 32, prior: 'both' },
      8,
    ],
  ] as const)(
    'runs its blocks again where a tape has no room for their maps, with the same bits: %s',
    async (_, sizes, mapsAtLeast) => {
      const length = 128;
      const pairs = 'prior' in sizes ? await priors(sequenceOf(length), ['contrafold', 'eternafold']) : undefined;
      const map = length * length * sizes.convDim * 4;
      const gradients = async (own: Device): Promise<{ readonly values: Float32Array[]; readonly peak: number }> => {
        const head = makeHead(sizes, own);
        // Else the blocks have no gradients.
        if (pairs !== undefined)
          head.parameters.set(
            'secondaryStructure.out.weight',
            own
              .tensor(
                Float32Array.from({ length: 9 * 16 }, (__, i) => Math.sin(i)),
                [1, 16, 3, 3],
              )
              .keep(),
          );
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
        const loss = backward(own, () => pairLoss(head.forward(input, pairs), labels));
        const values = [await loss.read()];
        for (const tensor of all) values.push(await tensor.gradient!.read());
        return { values, peak: own.memory.use().peak };
      };
      const kept = await gradients(device);
      const tight = await openDevice({ poison: true, memoryBudget: (mapsAtLeast - 1) * map + 4 * length * length * 2 });
      const again = await gradients(tight);
      tight.destroy();
      expect(again.values).toEqual(kept.values);
      expect(again.values.every((value) => value.every(Number.isFinite))).toBe(true);
      expect(kept.peak / map).toBeGreaterThan(mapsAtLeast);
      // Inputs of both blocks and of the last convolution, three more maps, and what is small.
      expect(again.peak / map).toBeLessThan(6 + 1.5);
    },
  );

  it.each(['contrafold', 'eternafold'] as const)('says what %s says before it is trained', async (engine) => {
    const head = makeHead({
      convDim: 8,
      kernelSize: 3,
      blocks: 2,
      block: 'basic',
      dilations: [1, 2],
      distances: 8,
      prior: engine,
    });
    const fold = createFolder(parameterSets[engine]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('A', 'C', 'G', 'U', 'N'), { minLength: 2, maxLength: 60 }),
        async (letters) => {
          const sequence = letters.join('');
          const { probabilities } = fold(sequence, { rules: FOLDING_RULES[engine], arithmetic: 'exact' });
          const pairs = await priors(sequence, [engine]);
          const logits = device.scope(() =>
            head.forward(device.tensor(representation(letters.length), [letters.length + 2, DIM]), pairs),
          );
          const predicted = upperTriangle(await logits.read(), letters.length).map(sigmoid);
          logits.dispose();
          predicted.forEach((p, i) => {
            const expected = Math.min(1 - LEAST_PAIR_PROBABILITY, Math.max(LEAST_PAIR_PROBABILITY, probabilities[i]!));
            expect(Math.abs(p - expected)).toBeLessThan(1e-6);
          });
          for (const threshold of [0.1, 0.25, 0.5])
            expect(decodeBasePairs(predicted, sequence, { threshold })).toEqual(
              decodeBasePairs(probabilities, sequence, { threshold }),
            );
        },
      ),
      { numRuns: 25 },
    );
  });

  it('begins with the mean of the log-odds of both engines', async () => {
    const sequence = sequenceOf(40);
    const read = async (prior: 'contrafold' | 'eternafold' | 'both'): Promise<Float32Array> => {
      const head = makeHead({ convDim: 4, kernelSize: 3, blocks: 1, prior });
      const pairs = await priors(sequence, ['contrafold', 'eternafold']);
      const logits = device.scope(() => head.forward(device.tensor(representation(40), [42, DIM]), pairs));
      const values = await logits.read();
      logits.dispose();
      return values;
    };
    const [both, contrafold, eternafold] = [await read('both'), await read('contrafold'), await read('eternafold')];
    both.forEach((value, i) => {
      expect(value).toBeCloseTo((contrafold[i]! + eternafold[i]!) / 2, 5);
    });
    expect(both.some((value, i) => value !== contrafold[i])).toBe(true);
  });

  it('says that the pairs are missing', () => {
    const head = makeHead({ convDim: 4, kernelSize: 3, blocks: 1, prior: 'both' });
    device.scope(() => {
      const input = device.tensor(representation(5), [7, DIM]);
      expect(() => head.forward(input)).toThrow('the head\'s prior is "both", but no pair probabilities were given');
      expect(() => head.forward(input, {})).toThrow('the pairs of an engine are missing');
    });
  });
});
