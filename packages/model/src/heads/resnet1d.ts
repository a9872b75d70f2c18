/**
 * The layers of the heads that give a number to a whole sequence (RINALMO 5.4):
 * a projection, residual blocks of two convolutions along the sequence, each
 * followed by InstanceNorm and ELU, the mean over the tokens, dropout, and a
 * linear layer to one output.
 *
 * The reference pads every sequence to one length and lets convolutions and
 * norms run over the padding, whose rows are the projection's bias, so that its
 * predictions depend on that length. `padding` says whether to do as it does;
 * new models have none.
 */
import {
  conv1d,
  dropout,
  firstRows,
  gatherRows,
  linear,
  segmentMean,
  segmentNorm,
  uploadSegments,
  type Segments,
  type Tensor,
} from '@rna/tensor';
import * as z from 'zod';
import type { ParameterShapes, Shape } from '../config.ts';
import type { HeadInput, HeadNames } from './head.ts';

export interface ResNet1dSizes {
  readonly channels: number;
  readonly blocks: number;
  /**
   * Tokens to which each sequence is padded where it is shorter, `<cls>` and `<eos>` included; `batch`: the longest of
   * the batch.
   */
  readonly padding: 'none' | 'batch' | number;
}

export const resNet1dSizes = z.strictObject({
  channels: z.int().positive().default(32).describe('Channels of the ResNet'),
  blocks: z.int().positive().default(6).describe('Residual blocks'),
  padding: z
    .union([z.enum(['none', 'batch']), z.int().min(2)])
    .default('none')
    .describe(
      'Tokens to which the reference pads sequences, or batch for the longest of the batch; none for new models',
    ),
});

export const RESNET_1D_NAMES: HeadNames = {
  project: 'pred_head.linear_in',
  'blocks.{i}.conv1': 'pred_head.resnet.blocks.{i}.conv_net.0',
  'blocks.{i}.conv2': 'pred_head.resnet.blocks.{i}.conv_net.3',
  out: 'pred_head.linear_out',
};

const KERNEL_SIZE = 3;
const DROPOUT_RATE = 0.2;

export function resNet1dParameters(
  dim: number,
  { channels, blocks }: Pick<ResNet1dSizes, 'channels' | 'blocks'>,
  outputs = 1,
): ParameterShapes {
  const shapes = new Map<string, Shape>([
    ['project.weight', [channels, dim]],
    ['project.bias', [channels]],
  ]);
  for (let b = 0; b < blocks; b++) {
    shapes.set(`blocks.${b}.conv1.weight`, [channels, channels, KERNEL_SIZE]);
    shapes.set(`blocks.${b}.conv2.weight`, [channels, channels, KERNEL_SIZE]);
  }
  shapes.set('out.weight', [outputs, channels]);
  shapes.set('out.bias', [outputs]);
  return shapes;
}

/** Sizes off the tensors of a file of the reference, which says nothing of the padding that goes with it. */
export function storedResNet1d(
  shapeOf: (parameter: string) => Shape | undefined,
  dim: number,
  padding: ResNet1dSizes['padding'],
): ResNet1dSizes | undefined {
  const [project, out] = [shapeOf('project.weight'), shapeOf('out.weight')];
  // A secondary-structure head has a projection too, of twice the width.
  if (out === undefined && project?.[1] !== dim) return undefined;
  let blocks = 0;
  while (shapeOf(`blocks.${blocks}.conv1.weight`) !== undefined) blocks++;
  return { channels: project?.[0] ?? out?.[1] ?? 1, blocks: Math.max(1, blocks), padding };
}

/** The outputs of each sequence, [sequences, outputs]: one, unless `resNet1dParameters` was asked for more. */
export function resNet1d(input: HeadInput, { blocks, padding }: ResNet1dSizes): Tensor {
  const { device, representation, cuSeqlens } = input;
  const lengths = Array.from({ length: cuSeqlens.length - 1 }, (_, s) => cuSeqlens[s + 1]! - cuSeqlens[s]!);
  const offsets = padding === 'none' ? cuSeqlens : paddedOffsets(lengths, padding);
  const segments = uploadSegments(device, offsets);
  const rows = padding === 'none' ? representation : gatherRows(representation, paddedRows(cuSeqlens, offsets));
  const x = residualBlocks(input, rows, segments, blocks);
  const mean = segmentMean(x, padding === 'none' ? segments : firstRows(segments, offsets, lengths));
  return outputs(input, mean);
}

/** The outputs of each nucleotide, [nucleotides, outputs]; `<cls>` and `<eos>` have none. */
export function resNet1dNucleotides(input: HeadInput, { blocks }: Pick<ResNet1dSizes, 'blocks'>): Tensor {
  const { device, representation, cuSeqlens } = input;
  const x = residualBlocks(input, representation, uploadSegments(device, cuSeqlens), blocks);
  const rows: number[] = [];
  for (let s = 0; s + 1 < cuSeqlens.length; s++)
    for (let t = cuSeqlens[s]! + 1; t + 1 < cuSeqlens[s + 1]!; t++) rows.push(t);
  return outputs(input, gatherRows(x, Int32Array.from(rows)));
}

/** The projection of rows and the residual blocks on it, [rows, channels]. */
function residualBlocks({ device, weight }: HeadInput, rows: Tensor, segments: Segments, blocks: number): Tensor {
  let x = linear(rows, weight('project.weight'), weight('project.bias'));
  for (let b = 0; b < blocks; b++) {
    const input = x;
    const first = (): Tensor =>
      segmentNorm(conv1d(input, weight(`blocks.${b}.conv1.weight`), segments), segments, { elu: true });
    x = device.scope(() =>
      segmentNorm(conv1d(first(), weight(`blocks.${b}.conv2.weight`), segments), segments, {
        elu: true,
        residual: input,
      }),
    );
  }
  return x;
}

const outputs = ({ weight, dropoutKey }: HeadInput, x: Tensor): Tensor =>
  linear(dropout(x, dropoutKey && { rate: DROPOUT_RATE, key: dropoutKey }), weight('out.weight'), weight('out.bias'));

function paddedOffsets(lengths: readonly number[], padding: number | 'batch'): Uint32Array {
  const shortest = padding === 'batch' ? Math.max(...lengths) : padding;
  const offsets = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, s) => {
    offsets[s + 1] = offsets[s]! + Math.max(length, shortest);
  });
  return offsets;
}

/** The packed row of each padded one, negative for padding. */
function paddedRows(packed: Uint32Array, padded: Uint32Array): Int32Array {
  const rows = new Int32Array(padded.at(-1)!).fill(-1);
  for (let s = 0; s + 1 < packed.length; s++) {
    for (let t = packed[s]!; t < packed[s + 1]!; t++) rows[padded[s]! + t - packed[s]!] = t;
  }
  return rows;
}
