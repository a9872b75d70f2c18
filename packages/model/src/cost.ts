/**
 * What a forward pass of one sequence takes of a device, known before it is
 * begun: operations by the book, and memory as the passes of this package use
 * it, held to what they do use by a test.
 */
import type { Device } from '@rna/tensor';
import { encoderParameters, type EncoderConfig } from './config.ts';
import { forwardFlops } from './flops.ts';
import { headParameters, type TaskHead } from './heads/head.ts';
import { weightBytes, type WeightType } from './precision.ts';

/** What a head's or an encoder's pass takes; without the parameters. */
export interface PassCost {
  /** Floating-point operations. */
  readonly flops: number;
  /** Bytes on the device at once, at most. */
  readonly bytes: number;
  /** Bytes of the largest buffer. */
  readonly largest: number;
}

/** Buffers have the next greater of four sizes to an octave, and freed ones wait for their next use. */
const POOL = 1.25;

/** The pass of an encoder over `length` nucleotides, with their `<cls>` and `<eos>`. */
export function encoderCost(config: EncoderConfig, length: number): PassCost {
  const { dim, ffnDim, heads, kvHeads } = config;
  const tokens = length + 2;
  const qkv = ((heads + 2 * kvHeads) * dim) / heads;
  // A block frees what it made when it ends: the stream before, between and behind its two branches, their norms, what
  // attention gives, the queries with keys and values, and the SwiGLU's three.
  const widths = 6 * dim + qkv + 3 * ffnDim;
  return {
    flops: forwardFlops(config, [0, tokens]),
    bytes: POOL * 4 * tokens * widths,
    largest: 4 * tokens * Math.max(qkv, 2 * ffnDim),
  };
}

/** Encoder and head one after the other, beside the parameters of both, stored as `weights` says. */
export function modelCost(
  device: Pick<Device, 'gpu' | 'memory'>,
  config: EncoderConfig,
  task: TaskHead | undefined,
  length: number,
  weights: WeightType = 'f32',
): PassCost {
  const encoder = encoderCost(config, length);
  const head = task?.head.cost?.(device, length, config.dim, task.sizes);
  const shapes = [encoderParameters(config), ...(task ? [headParameters(task, config.dim)] : [])];
  const parameters = shapes.reduce((sum, each) => sum + weightBytes(each, weights), 0);
  return {
    flops: encoder.flops + (head?.flops ?? 0),
    bytes: parameters + encoder.bytes + (head?.bytes ?? 0),
    largest: Math.max(encoder.largest, head?.largest ?? 0),
  };
}
