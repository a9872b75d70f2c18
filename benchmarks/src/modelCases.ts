/**
 * The shapes that RiNALMo and SSR-LM run at each published size, read off the
 * presets and their lists of parameters: nothing here is written down twice.
 * Knows no GPU; modelOps.ts makes the calls.
 */
import {
  elementCount,
  encoderParameters,
  PRESETS,
  secondaryStructure,
  type EncoderConfig,
  type PresetName,
} from '@rna/model';
import type { Work } from './rows.ts';

export type ModelCase =
  | {
      readonly op: 'linear';
      readonly rows: number;
      readonly inner: number;
      readonly cols: number;
      readonly bias: boolean;
    }
  | {
      readonly op: 'attention';
      readonly lengths: readonly number[];
      readonly heads: number;
      readonly kvHeads: number;
      readonly headDim: number;
      /** Absent where queries and keys are not rotated. */
      readonly ropeTheta?: number;
    }
  | { readonly op: 'layerNorm' | 'rmsNorm'; readonly rows: number; readonly cols: number }
  | { readonly op: 'swiglu'; readonly rows: number; readonly cols: number; readonly beta: boolean }
  | { readonly op: 'gelu'; readonly rows: number; readonly cols: number }
  | { readonly op: 'crossEntropy'; readonly rows: number; readonly cols: number }
  | { readonly op: 'adamW'; readonly shapes: readonly (readonly number[])[] }
  | { readonly op: 'conv2d'; readonly length: number; readonly channels: number; readonly size: number }
  | { readonly op: 'instanceNorm'; readonly length: number; readonly channels: number };

export interface NamedCase {
  /** `rinalmo-nano linear 1024x320x960`: preset, op, sizes. */
  readonly name: string;
  readonly model: ModelCase;
}

/** Parts of a case that are timed apart. */
export type Part = 'forward' | 'backward' | 'dx' | 'dweight' | 'update';

/** Packs of about a row's tokens: equal sequences from short to long, and lengths as unequal as a corpus has them. */
export function packs(tokens: number): ReadonlyMap<string, readonly number[]> {
  const equal = [64, 256, 1024]
    .filter((length) => length <= tokens)
    .map((length): [string, number[]] => {
      const count = Math.floor(tokens / length);
      return [`${count}x${length}`, Array.from({ length: count }, () => length)];
    });
  const mixed: number[] = [];
  const pattern = [64, 400, 120, 30, 410];
  for (let used = 0, i = 0; used < tokens; i++) {
    const length = Math.min(pattern[i % pattern.length]!, tokens - used);
    mixed.push(length);
    used += length;
  }
  return new Map([...equal, [`mixed${tokens}`, mixed]]);
}

/** Cases of one preset at `tokens` rows; equal shapes once. */
export function encoderCases(config: EncoderConfig, tokens: number): ModelCase[] {
  const { dim, heads, kvHeads, ffnDim, vocabularySize, ropeTheta, model } = config;
  const parameters = encoderParameters(config);
  const names = [...parameters.keys()].filter((name) => !/^(blocks\.[1-9]|embedding\.)/.test(name));
  const linear = names
    .filter((name) => parameters.get(name)!.length === 2)
    .map((name): ModelCase => {
      const [cols, inner] = parameters.get(name)! as [number, number];
      return { op: 'linear', rows: tokens, inner, cols, bias: names.includes(name.replace(/weight$/, 'bias')) };
    });
  const attention = [...packs(tokens).values()].map((lengths): ModelCase => ({
    op: 'attention',
    lengths,
    heads,
    kvHeads,
    headDim: dim / heads,
    ...(ropeTheta !== undefined && { ropeTheta }),
  }));
  return distinct([
    ...linear,
    ...attention,
    { op: model === 'ssr-lm' ? 'rmsNorm' : 'layerNorm', rows: tokens, cols: dim },
    model === 'rna-fm'
      ? { op: 'gelu', rows: tokens, cols: ffnDim }
      : { op: 'swiglu', rows: tokens, cols: ffnDim, beta: model === 'rinalmo' },
    { op: 'crossEntropy', rows: tokens, cols: vocabularySize },
    { op: 'adamW', shapes: [...parameters.values()] },
  ]);
}

/** Cases of the secondary-structure head on maps of length × length pixels. */
export function headCases(lengths: readonly number[]): ModelCase[] {
  const { convDim: channels, kernelSize } = secondaryStructure.sizes.parse({});
  return lengths.flatMap((length): ModelCase[] => [
    { op: 'conv2d', length, channels, size: kernelSize },
    { op: 'instanceNorm', length, channels },
  ]);
}

/** All cases of all presets and of the head, at each of the row counts. */
export function allModelCases(tokens: readonly number[], mapLengths: readonly number[]): NamedCase[] {
  const encoders = (Object.keys(PRESETS) as PresetName[]).flatMap((preset) =>
    tokens.flatMap((count) =>
      encoderCases(PRESETS[preset], count).map((model): NamedCase => ({ name: `${preset} ${caseName(model)}`, model })),
    ),
  );
  const heads = headCases(mapLengths).map((model): NamedCase => ({
    name: `secondaryStructure ${caseName(model)}`,
    model,
  }));
  const seen = new Set<string>();
  // The optimiser's case does not depend on the number of tokens.
  return [...encoders, ...heads].filter(({ name }) => !seen.has(name) && seen.add(name));
}

/** Parts in which a case is timed. */
export function partsOf({ op }: ModelCase): readonly Part[] {
  if (op === 'linear') return ['forward', 'dx', 'dweight'];
  return op === 'adamW' ? ['update'] : ['forward', 'backward'];
}

export function caseName(model: ModelCase): string {
  switch (model.op) {
    case 'linear':
      return `linear ${model.rows}x${model.inner}x${model.cols}`;
    case 'attention':
      return `attention ${model.heads}x${packName(model.lengths)}x${model.headDim}`;
    case 'layerNorm':
    case 'rmsNorm':
    case 'swiglu':
    case 'gelu':
    case 'crossEntropy':
      return `${model.op} ${model.rows}x${model.cols}`;
    case 'adamW':
      return `adamW ${(countOf(model.shapes) / 1e6).toPrecision(3)}M`;
    case 'conv2d':
      return `conv2d ${model.size}x${model.size} ${model.length}x${model.length}x${model.channels}`;
    case 'instanceNorm':
      return `instanceNorm ${model.length}x${model.length}x${model.channels}`;
  }
}

/** `(4x256)`, or `(mixed1024)`. */
function packName(lengths: readonly number[]): string {
  const equal = lengths.every((length) => length === lengths[0]);
  return equal ? `(${lengths.length}x${lengths[0]!})` : `(mixed${sum(lengths)})`;
}

/** Least work of a part: floating-point operations that its result needs, bytes that go in and out once. */
export function workOf(model: ModelCase, part: Part): Required<Work> {
  const forward = part === 'forward';
  switch (model.op) {
    case 'linear': {
      const { rows, inner, cols } = model;
      return { flops: 2 * rows * inner * cols, bytes: 4 * (rows * inner + inner * cols + rows * cols) };
    }
    case 'attention': {
      const { lengths, heads, kvHeads, headDim } = model;
      const tokens = sum(lengths);
      const qkv = tokens * (heads + 2 * kvHeads) * headDim;
      const y = tokens * heads * headDim;
      // Two products forward; backward four and the scores once more.
      return {
        flops: (forward ? 4 : 10) * sum(lengths.map((length) => length ** 2)) * heads * headDim,
        bytes: 4 * (forward ? qkv + y : 2 * qkv + 2 * y),
      };
    }
    case 'layerNorm':
    case 'rmsNorm':
      return perElement(model.rows * model.cols, forward ? [8, 8] : [16, 12]);
    case 'swiglu':
      return perElement(model.rows * model.cols, forward ? [8, 12] : [14, 20]);
    case 'gelu':
      return perElement(model.rows * model.cols, forward ? [16, 8] : [20, 12]);
    case 'crossEntropy':
      return perElement(model.rows * model.cols, forward ? [4, 4] : [6, 8]);
    // Norm and update: gradient twice, parameter and both moments in and out.
    case 'adamW':
      return perElement(countOf(model.shapes), [18, 32]);
    case 'conv2d': {
      const { length, channels, size } = model;
      const map = length ** 2 * channels;
      return { flops: (forward ? 2 : 4) * map * channels * size ** 2, bytes: 4 * (forward ? 2 : 4) * map };
    }
    case 'instanceNorm':
      return perElement(model.length ** 2 * model.channels, forward ? [8, 8] : [13, 12]);
  }
}

const perElement = (count: number, [flops, bytes]: readonly [number, number]): Required<Work> => ({
  flops: flops * count,
  bytes: bytes * count,
});
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const countOf = (shapes: readonly (readonly number[])[]): number => sum(shapes.map(elementCount));

function distinct(cases: readonly ModelCase[]): ModelCase[] {
  return [...new Map(cases.map((model) => [JSON.stringify(model), model])).values()];
}
