/**
 * The secondary-structure head: a ResNet over the map of all pairs of
 * nucleotides (RiNALMo section 3.3; RINALMO section 5.1; SSR-LM A.1.2 takes the
 * same). It works on one sequence at a time, as the maps fill the memory.
 */
import {
  conv2d,
  linear,
  pairLogits,
  pairLoss,
  pairResNet,
  pairSum,
  reshape,
  residualBlock,
  rows,
  type BlockFilters,
  type Device,
  type Tensor,
} from '@rna/tensor';
import * as z from 'zod';
import type { Shape } from '../config.ts';
import {
  decodeBasePairs,
  upperTriangle,
  averagePrecision,
  bestThreshold,
  meanScore,
  scoreBasePairs,
  thresholdCurve,
  sigmoid,
} from '@rna/structure';
import type { Head, HeadInput } from './head.ts';

const DEFAULT_THRESHOLD = 0.5;

export interface SecondaryStructureSizes {
  readonly convDim: number;
  readonly kernelSize: number;
  readonly blocks: number;
}

/** Labels are partners [length], −1 without; predictions the probabilities of the strict upper triangle, row by row. */
export const secondaryStructure: Head<SecondaryStructureSizes, Int32Array, Float32Array> = {
  task: 'secondary-structure',
  title: 'base pairs',
  kind: 'pairs',
  sizes: z.strictObject({
    convDim: z.int().positive().default(64).describe('Channels of the ResNet'),
    kernelSize: z
      .int()
      .positive()
      .refine((size) => size % 2 === 1, 'must be odd')
      .default(3)
      .describe('Width of its spatial convolutions'),
    blocks: z.int().positive().default(2).describe('Residual blocks'),
  }),
  names: {
    official: {
      project: 'pred_head.linear_in',
      'blocks.{i}.conv1': 'pred_head.resnet.blocks.{i}.conv_net.0',
      'blocks.{i}.conv2': 'pred_head.resnet.blocks.{i}.conv_net.3',
      'blocks.{i}.conv3': 'pred_head.resnet.blocks.{i}.conv_net.6',
      out: 'pred_head.conv_out',
    },
    port: {
      project: 'ss_head.projection',
      'blocks.{i}.conv1': 'ss_head.convnet.layers.{i}.conv1',
      'blocks.{i}.conv2': 'ss_head.convnet.layers.{i}.conv2',
      'blocks.{i}.conv3': 'ss_head.convnet.layers.{i}.conv3',
      out: 'ss_head.prediction',
    },
  },
  oneSequence: true,
  parameters(dim, { convDim: C, kernelSize: k, blocks }) {
    const shapes = new Map<string, Shape>([
      // Columns 0..dim-1 read the row's token i, columns dim..2dim-1 the column's token j.
      ['project.weight', [C, 2 * dim]],
      ['project.bias', [C]],
    ]);
    for (let b = 0; b < blocks; b++) {
      shapes.set(`blocks.${b}.conv1.weight`, [C, C, 1, 1]);
      shapes.set(`blocks.${b}.conv2.weight`, [C, C, k, k]);
      shapes.set(`blocks.${b}.conv3.weight`, [C, C, 1, 1]);
    }
    shapes.set('out.weight', [1, C, k, k]);
    shapes.set('out.bias', [1]);
    return shapes;
  },
  sizesOf(shapeOf, dim) {
    const [project, out] = [shapeOf('project.weight'), shapeOf('out.weight')];
    // A ribosome-load head has a projection too, of half the width.
    if (out === undefined && project?.[1] !== 2 * dim) return undefined;
    let blocks = 0;
    while (shapeOf(`blocks.${blocks}.conv1.weight`) !== undefined) blocks++;
    return { convDim: project?.[0] ?? out?.[1] ?? 1, kernelSize: out?.[2] ?? 1, blocks };
  },
  forward: pairMap,
  loss(logits, [partners]) {
    const length = partners!.length;
    return pairLoss(logits, logits.device.tensor(pairLabels(partners!), [length, length]));
  },
  terms: ({ length }) => (length * (length - 1)) / 2,
  scalars: ['threshold'],
  predict: (logits) => [upperTriangle(logits, Math.sqrt(logits.length)).map(sigmoid)],
  choose(probabilities, examples) {
    const curves = examples.map(({ sequence, target }, i) =>
      thresholdCurve(probabilities[i]!, sequence, target, { flexible: true }),
    );
    return new Map([['threshold', bestThreshold(curves).threshold]]);
  },
  metrics(probabilities, examples, scalars) {
    const threshold = scalars.get('threshold') ?? DEFAULT_THRESHOLD;
    const predicted = examples.map(({ sequence }, i) => decodeBasePairs(probabilities[i]!, sequence, { threshold }));
    const score = (flexible: boolean) =>
      meanScore(examples.map(({ target }, i) => scoreBasePairs(target, predicted[i]!, { flexible })));
    const [strict, flexible] = [score(false), score(true)];
    return {
      precision: strict.precision,
      recall: strict.recall,
      f1: strict.f1,
      flexiblePrecision: flexible.precision,
      flexibleRecall: flexible.recall,
      flexibleF1: flexible.f1,
      averagePrecision:
        examples.reduce((sum, { target }, i) => sum + averagePrecision(probabilities[i]!, target), 0) / examples.length,
      threshold,
    };
  },
  best: { metric: 'flexibleF1', order: 'largest' },
};

/** [length · length]: 1 at (i, j) and (j, i) of each pair. */
export function pairLabels(partners: Int32Array): Float32Array {
  const labels = new Float32Array(partners.length ** 2);
  partners.forEach((j, i) => {
    if (j >= 0) labels[i * partners.length + j] = 1;
  });
  return labels;
}

/** Logits of all pairs of nucleotides of one sequence: [length, length], symmetric, 0 on the diagonal. */
function pairMap({ device, representation, weight }: HeadInput, { convDim, blocks }: SecondaryStructureSizes): Tensor {
  const length = (representation.shape[0] ?? 0) - 2;
  return device.scope(() => {
    const project = weight('project.weight');
    // Row 2c of the reshaped weight is the half of channel c for the row's nucleotide, row 2c + 1 that for the
    // column's.
    const pq = linear(rows(representation, 1, length), reshape(project, [2 * convDim, project.size / (2 * convDim)]));
    const filters = Array.from({ length: blocks }, (_, b): BlockFilters => [
      weight(`blocks.${b}.conv1.weight`),
      weight(`blocks.${b}.conv2.weight`),
      weight(`blocks.${b}.conv3.weight`),
    ]);
    const [bias, out] = [weight('project.bias'), { filters: weight('out.weight'), bias: weight('out.bias') }];
    if (!keepsMaps(device, length, convDim, blocks)) return pairLogits(pairResNet(pq, { bias, blocks: filters, out }));
    let x = pairSum(pq, bias);
    for (const each of filters) {
      const input = x;
      const next = device.scope(() => residualBlock(input, each));
      // What a tape recorded stays for the walk back.
      x.release();
      x = next;
    }
    return pairLogits(conv2d(x, out.filters, out.bias));
  });
}

/**
 * Whether the adapter binds a whole map, and a tape has room for all of the blocks, four each and six on the way back.
 * Otherwise they are run in bands and again for their gradients, with the same bits: 64 channels at 1,022 nucleotides
 * then take 1.5 GiB, in buffers of 40 MiB at most.
 */
function keepsMaps({ memory, gpu }: Device, length: number, channels: number, blocks: number): boolean {
  const bytes = 4 * length * length * channels;
  // The other half of the budget is the encoder's.
  return bytes <= gpu.limits.maxStorageBufferBindingSize && (4 * blocks + 6) * bytes <= memory.use().budget / 2;
}
