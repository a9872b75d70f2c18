/**
 * Sizes of an encoder: presets under their published names, and the list of
 * parameters that the sizes imply (config.json is configJson.ts's). That list,
 * `encoderParameters`, is the one place where this project's parameter names and
 * shapes are written down, but for those of the heads (heads/); checkpoints,
 * modules and optimisers take theirs from it.
 */
import { CheckpointError } from './errors.ts';

export interface EncoderConfig {
  readonly model: 'rinalmo' | 'ssr-lm' | 'rna-fm';
  /**
   * Rows of the embedding and of the LM head, always in RiNALMo's official order of tokens. RNA-FM has no inosine: it
   * keeps the first of its four unused tokens in that row and the others in three rows behind the last.
   */
  readonly vocabularySize: number;
  /** Width of the residual stream. */
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  /** Key/value heads; fewer than `heads` is grouped-query attention. */
  readonly kvHeads: number;
  /** Width inside of the feed-forward layer: of each half of the SwiGLU, where it is one; not a multiple of anything. */
  readonly ffnDim: number;
  readonly normEps: number;
  /** Base of the rotary positions; absent where positions are learned. */
  readonly ropeTheta?: number;
  /** What RNA-FM alone has. */
  readonly learned?: LearnedPositions;
}

/** The embedding of RNA-FM (RNAFM paper, as its code has it). */
export interface LearnedPositions {
  /** Rows of the table of positions. A sequence's first token reads row 2, so two rows are never read. */
  readonly rows: number;
  /** Whether the sum of token and position is normalised. */
  readonly norm: boolean;
  /** Whether a sequence's token embeddings are scaled by its share of masks, as RiNALMo's are. */
  readonly tokenDropout: boolean;
}

/** The row of the table of positions that a sequence's first token reads: fairseq counts from behind `<pad>`'s id, 1. */
export const FIRST_POSITION = 2;

/** Tokens of a sequence that an encoder can read at most, `<cls>` and `<eos>` included; undefined without a limit. */
export const longestInput = ({ learned }: EncoderConfig): number | undefined =>
  learned && learned.rows - FIRST_POSITION;

/** A task head as a file names it: the task, and sizes that the task's declaration (heads/) checks. */
export interface HeadConfig {
  readonly task: string;
  readonly sizes: Readonly<Record<string, unknown>>;
}

/** What a `config.json` says: the encoder, and the head on it if there is one. */
export interface ModelConfig extends EncoderConfig {
  readonly head?: HeadConfig;
}

export type Shape = readonly number[];
export type ParameterShapes = ReadonlyMap<string, Shape>;

export const OFFICIAL_VOCABULARY_SIZE = 22;
export const RNA_FM_VOCABULARY_SIZE = 25;

const NORM_EPS = 1e-5;
const ROPE_THETA = 10000;

/** RiNALMo's SwiGLU width: the published code truncates two thirds of `intermediate_size` = 4·dim. */
export const truncatedTwoThirds = (intermediateSize: number): number => Math.trunc((2 / 3) * intermediateSize);

function rinalmo(dim: number, layers: number, heads = 20): EncoderConfig {
  return {
    model: 'rinalmo',
    vocabularySize: OFFICIAL_VOCABULARY_SIZE,
    dim,
    layers,
    heads,
    kvHeads: heads,
    ffnDim: truncatedTwoThirds(4 * dim),
    normEps: NORM_EPS,
    ropeTheta: ROPE_THETA,
  };
}

function ssrLm(dim: number, layers: number, heads: number, ffnDim: number): EncoderConfig {
  return {
    model: 'ssr-lm',
    vocabularySize: OFFICIAL_VOCABULARY_SIZE,
    dim,
    layers,
    heads,
    kvHeads: heads,
    ffnDim,
    normEps: NORM_EPS,
    ropeTheta: ROPE_THETA,
  };
}

function rnaFm(dim: number, layers: number, heads: number, ffnDim: number, learned: LearnedPositions): EncoderConfig {
  return {
    model: 'rna-fm',
    vocabularySize: RNA_FM_VOCABULARY_SIZE,
    dim,
    layers,
    heads,
    kvHeads: heads,
    ffnDim,
    normEps: NORM_EPS,
    learned,
  };
}

export const PRESETS = {
  'rinalmo-nano': rinalmo(320, 6),
  'rinalmo-micro': rinalmo(480, 12),
  'rinalmo-mega': rinalmo(640, 30),
  'rinalmo-giga': rinalmo(1280, 33),
  'ssr-lm-s': ssrLm(288, 6, 6, 1152),
  'ssr-lm-m': ssrLm(1056, 12, 12, 2816),
  'ssr-lm-l': ssrLm(1280, 33, 20, 3413),
  'rna-fm': rnaFm(640, 12, 20, 5120, { rows: 1026, norm: true, tokenDropout: false }),
} as const satisfies Record<string, EncoderConfig>;

export type PresetName = keyof typeof PRESETS;

/**
 * Checks what the fields' types cannot say and returns the config unchanged.
 * @throws CheckpointError if heads do not divide dim evenly into even head dims, or kvHeads does not divide heads, which
 *   only SSR-LM's may.
 */
export function checkConfig<C extends EncoderConfig>(config: C, file: string): C {
  const { model, dim, heads, kvHeads, ffnDim } = config;
  if (ffnDim < 1) {
    throw new CheckpointError(
      file,
      'its "intermediate_size" leaves the feed-forward layer no width; RiNALMo has 4 times the hidden size',
    );
  }
  if (dim % heads !== 0 || (dim / heads) % 2 !== 0) {
    throw new CheckpointError(
      file,
      `${heads} heads over a hidden size of ${dim}: the head dim must be a whole even number, as attention takes columns in pairs`,
    );
  }
  if (heads % kvHeads !== 0) {
    throw new CheckpointError(file, `${kvHeads} key/value heads do not divide ${heads} query heads`);
  }
  if (model !== 'ssr-lm' && kvHeads !== heads) {
    throw new CheckpointError(
      file,
      `${kvHeads} key/value heads for ${heads} query heads: ${model} has as many of one as of the other`,
    );
  }
  return config;
}

/**
 * Every parameter of an encoder and its LM head, with its shape, in the order
 * in which the forward pass meets them. Linear weights are [out, in].
 */
export function encoderParameters(config: EncoderConfig): ParameterShapes {
  const { model, vocabularySize: V, dim: D, layers, heads, kvHeads, ffnDim: F, learned } = config;
  const headDim = D / heads;
  // SSR-LM is LLaMA: no biases, and a decoder alone as its LM head.
  const withBias = model !== 'ssr-lm';
  const shapes = new Map<string, Shape>();
  const affine = (name: string, weight: Shape, bias: boolean): void => {
    shapes.set(`${name}.weight`, weight);
    if (bias) shapes.set(`${name}.bias`, [weight[0]!]);
  };

  shapes.set('embedding.weight', [V, D]);
  if (learned !== undefined) {
    shapes.set('embedding.positions.weight', [learned.rows, D]);
    if (learned.norm) affine('embedding.norm', [D], true);
  }
  for (let i = 0; i < layers; i++) {
    const block = `blocks.${i}`;
    affine(`${block}.attention.norm`, [D], withBias);
    // Rows: queries of every head, then keys, then values.
    affine(`${block}.attention.qkv`, [(heads + 2 * kvHeads) * headDim, D], model === 'rna-fm');
    affine(`${block}.attention.out`, [D, heads * headDim], model === 'rna-fm');
    affine(`${block}.feedForward.norm`, [D], withBias);
    if (model === 'rna-fm') {
      affine(`${block}.feedForward.up`, [F, D], true);
    } else {
      // Rows 0..F-1 go through the activation, rows F..2F-1 multiply it.
      affine(`${block}.feedForward.gateUp`, [2 * F, D], withBias);
      if (withBias) shapes.set(`${block}.feedForward.beta`, [1]);
    }
    affine(`${block}.feedForward.down`, [D, F], withBias);
  }
  affine('finalNorm', [D], withBias);
  if (withBias) {
    affine('lmHead.dense', [D, D], true);
    affine('lmHead.norm', [D], true);
  }
  // RNA-FM's decoder is its embedding.
  if (model === 'rna-fm') shapes.set('lmHead.decoder.bias', [V]);
  else affine('lmHead.decoder', [V, D], withBias);
  return shapes;
}

export const elementCount = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);

/** Number of trainable values in a list of parameters. */
export function parameterCount(shapes: ParameterShapes): number {
  let count = 0;
  for (const shape of shapes.values()) count += elementCount(shape);
  return count;
}
