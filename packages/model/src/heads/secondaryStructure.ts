/**
 * The secondary-structure head: a ResNet over the map of all pairs of
 * nucleotides (RiNALMo section 3.3; RINALMO section 5.1; SSR-LM A.1.2 takes the
 * same). It works on one sequence at a time, as the maps fill the memory.
 */
import {
  conv2d,
  linear,
  pairDistance,
  pairLogits,
  pairLoss,
  pairPrior,
  pairResNet,
  pairSum,
  reshape,
  residualBlock,
  rows,
  type BlockFilters,
  type Device,
  type PairResNet,
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
  logOddsMap,
  MOST_LOG_ODDS,
  type FoldingEngine,
} from '@rna/structure';
import { ENGINE_PRIORS, enginePrior, type EnginePrior } from './enginePriors.ts';
import type { Head, HeadInput } from './head.ts';

const DEFAULT_THRESHOLD = 0.5;

// Log-odds are -MOST_LOG_ODDS to MOST_LOG_ODDS; on the map 0 to 2, where most pairs, which nobody thinks of, are 0.
const PRIOR_SCALE = { factor: 1 / MOST_LOG_ODDS, shift: 1 };

/** Whether each convolution of a block is over neighbours too, or over channels alone. */
const CONVOLUTIONS = { bottleneck: [false, true, false], basic: [true, true] } as const satisfies Record<
  string,
  readonly boolean[]
>;

/** Sizes that RiNALMo's head does not have are optional; without them it is that head. */
export interface SecondaryStructureSizes {
  readonly convDim: number;
  readonly kernelSize: number;
  readonly blocks: number;
  readonly block?: keyof typeof CONVOLUTIONS | undefined;
  readonly dilations?: readonly number[] | undefined;
  readonly distances?: number | undefined;
  readonly prior?: EnginePrior | undefined;
}

// The bands in which `pairResNet` makes a map that is not kept whole are about so large, and have at least so many rows.
const BAND_BYTES = 2 ** 25;
const BAND_ROWS = 64;

/** Maps that a tape keeps. */
const mapsOf = (sizes: SecondaryStructureSizes): number => (convolutionsOf(sizes).length + 1) * sizes.blocks;

const convolutionsOf = ({ block = 'bottleneck' }: SecondaryStructureSizes): readonly boolean[] => CONVOLUTIONS[block];
const enginesOf = ({ prior = 'none' }: SecondaryStructureSizes): readonly FoldingEngine[] => ENGINE_PRIORS[prior];

/** Labels are partners [length], −1 without; predictions the probabilities of the strict upper triangle, row by row. */
export const secondaryStructure: Head<SecondaryStructureSizes, Int32Array, Float32Array> = {
  name: 'secondary-structure',
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
    block: z
      .enum(['bottleneck', 'basic'])
      .optional()
      .describe("Convolutions of a block: RiNALMo's, one over neighbours between two over channels; or two over both"),
    dilations: z
      .array(z.int().positive())
      .min(1)
      .optional()
      .describe('Steps from one neighbour to the next in the blocks, in turn: 1,2,4,8 sees far with few blocks'),
    distances: z
      .int()
      .nonnegative()
      .optional()
      .describe('Distances along the sequence that the map is told apart, the last for all beyond; 0: none'),
    prior: enginePrior
      .optional()
      .describe('Folding engine whose pair probabilities the head begins with and corrects; both: their mean'),
  }),
  names: {
    official: {
      project: 'pred_head.linear_in',
      prior: 'pred_head.prior',
      distance: 'pred_head.distance',
      'blocks.{i}.conv1': 'pred_head.resnet.blocks.{i}.conv_net.0',
      'blocks.{i}.conv2': 'pred_head.resnet.blocks.{i}.conv_net.3',
      'blocks.{i}.conv3': 'pred_head.resnet.blocks.{i}.conv_net.6',
      out: 'pred_head.conv_out',
    },
    port: {
      project: 'ss_head.projection',
      prior: 'ss_head.prior',
      distance: 'ss_head.distance',
      'blocks.{i}.conv1': 'ss_head.convnet.layers.{i}.conv1',
      'blocks.{i}.conv2': 'ss_head.convnet.layers.{i}.conv2',
      'blocks.{i}.conv3': 'ss_head.convnet.layers.{i}.conv3',
      out: 'ss_head.prediction',
    },
  },
  oneSequence: true,
  engines: enginesOf,
  parameters(dim, sizes) {
    const { convDim: C, kernelSize: k, blocks, distances = 0 } = sizes;
    const shapes = new Map<string, Shape>([
      // Columns 0..dim-1 read the row's token i, columns dim..2dim-1 the column's token j.
      ['project.weight', [C, 2 * dim]],
      ['project.bias', [C]],
    ]);
    const engines = enginesOf(sizes).length;
    if (engines > 0) shapes.set('prior.weight', [C, engines]);
    if (distances > 0) shapes.set('distance.weight', [distances, C]);
    for (let b = 0; b < blocks; b++) {
      for (const [i, isSpatial] of convolutionsOf(sizes).entries()) {
        const size = isSpatial ? k : 1;
        shapes.set(`blocks.${b}.conv${i + 1}.weight`, [C, C, size, size]);
      }
    }
    shapes.set('out.weight', [1, C, k, k]);
    shapes.set('out.bias', [1]);
    if (engines > 0) shapes.set('prior.logit', [engines]);
    return shapes;
  },
  cost(device, length, dim, sizes) {
    const { convDim: C, kernelSize: k, blocks } = sizes;
    const engines = enginesOf(sizes).length;
    const weights = convolutionsOf(sizes).reduce((sum, isSpatial) => sum + C * C * (isSpatial ? k * k : 1), 0);
    const pairs = length * length;
    const map = 4 * pairs * C;
    const keeps = keepsMaps(device, length, C, mapsOf(sizes));
    const band = Math.max(BAND_BYTES, BAND_ROWS * 4 * length * C);
    // A block's input and what a convolution makes of it, and what is on its way from one to the next.
    const maps = keeps ? 5 * map : 2 * map + Math.min(12 * band, 3 * map);
    return {
      flops: 2 * pairs * (blocks * weights + C * k * k + C * engines) + 4 * length * dim * C,
      // The prior; the logits before and after they are made symmetric, in bands and whole, in buffers that waited.
      bytes: maps + 4 * pairs * (8 + engines),
      largest: Math.max(4 * pairs * Math.max(1, engines), Math.min(map, keeps ? Infinity : 1.5 * band)),
    };
  },
  // Before it has learnt anything, a head with a prior says what the engines say.
  initial(name, sizes) {
    const engines = enginesOf(sizes).length;
    if (engines === 0) return undefined;
    if (name === 'prior.logit') return 1 / engines;
    return name === 'out.weight' || name === 'out.bias' ? 0 : undefined;
  },
  sizesOf(shapeOf, dim) {
    const [project, out] = [shapeOf('project.weight'), shapeOf('out.weight')];
    // A ribosome-load head has a projection too, of half the width.
    if (out === undefined && project?.[1] !== 2 * dim) return undefined;
    // Tensors do not say which engine, nor how the blocks are dilated; files of this project do.
    if (shapeOf('prior.weight') !== undefined || shapeOf('distance.weight') !== undefined) return undefined;
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
function pairMap(input: HeadInput, sizes: SecondaryStructureSizes): Tensor {
  const { device, representation, weight } = input;
  const { convDim, blocks, dilations = [1], distances = 0 } = sizes;
  const length = (representation.shape[0] ?? 0) - 2;
  return device.scope(() => {
    const project = weight('project.weight');
    // Row 2c of the reshaped weight is the half of channel c for the row's nucleotide, row 2c + 1 that for the
    // column's.
    const pq = linear(rows(representation, 1, length), reshape(project, [2 * convDim, project.size / (2 * convDim)]));
    const logOdds = priorLogOdds(input, sizes, length);
    const net: PairResNet = {
      bias: weight('project.bias'),
      ...(logOdds && { prior: { logOdds, weight: weight('prior.weight'), scale: PRIOR_SCALE } }),
      ...(distances > 0 && { distances: weight('distance.weight') }),
      blocks: Array.from({ length: blocks }, (_, b) => blockFilters(b, sizes, weight)),
      dilations,
      out: { filters: weight('out.weight'), bias: weight('out.bias') },
    };
    const map = keepsMaps(device, length, convDim, mapsOf(sizes)) ? opByOp(pq, net) : pairResNet(pq, net);
    return pairLogits(logOdds ? pairPrior(map, logOdds, weight('prior.logit')) : map);
  });
}

/** As `pairResNet`, with each op recorded. */
function opByOp(pq: Tensor, { bias, prior, distances, blocks, dilations = [1], out }: PairResNet): Tensor {
  const { device } = pq;
  let x = pairSum(pq, bias);
  const next = (make: (input: Tensor) => Tensor): void => {
    const input = x;
    x = device.scope(() => make(input));
    // What a tape recorded stays for the walk back.
    input.release();
  };
  if (prior) next((input) => pairPrior(input, prior.logOdds, prior.weight, prior.scale));
  if (distances) next((input) => pairDistance(input, distances));
  for (const [b, filters] of blocks.entries())
    next((input) => residualBlock(input, filters, dilations[b % dilations.length]));
  return conv2d(x, out.filters, out.bias);
}

function blockFilters(index: number, sizes: SecondaryStructureSizes, weight: HeadInput['weight']): BlockFilters {
  const [first, ...others] = convolutionsOf(sizes).map((_, i) => weight(`blocks.${index}.conv${i + 1}.weight`));
  return [first!, ...others];
}

/** [length, length, engines]: what the folding engines say of each pair; undefined for a head without a prior. */
function priorLogOdds(
  { device, priors }: HeadInput,
  sizes: SecondaryStructureSizes,
  length: number,
): Tensor | undefined {
  const engines = enginesOf(sizes);
  if (engines.length === 0) return undefined;
  const [pairs] = priors ?? [];
  if (pairs === undefined)
    throw new RangeError(
      `secondary-structure: the head's prior is "${sizes.prior}", but no pair probabilities were given with the sequence`,
    );
  return device.tensor(
    logOddsMap(
      engines.map((engine) => pairs[engine]),
      length,
    ),
    [length, length, engines.length],
  );
}

/**
 * Whether the adapter binds a whole map, and a tape has room for those of all blocks and six on the way back.
 * Otherwise they are run in bands and again for their gradients, with the same bits: 64 channels at 1,022 nucleotides
 * then take 1.5 GiB, in buffers of 40 MiB at most.
 */
function keepsMaps(
  { memory, gpu }: Pick<Device, 'memory' | 'gpu'>,
  length: number,
  channels: number,
  maps: number,
): boolean {
  const bytes = 4 * length * length * channels;
  // The other half of the budget is the encoder's.
  return bytes <= gpu.limits.maxStorageBufferBindingSize && (maps + 6) * bytes <= memory.use().budget / 2;
}
