/**
 * Low-rank adaptation of an encoder (LoRA, Hu et al. 2021): beside a frozen
 * matrix W [out, in] stand A [rank, in] and B [out, rank], and the layer is
 * W + (alpha / rank)·B·A. The matrices are those of `encoderParameters`, so
 * queries, keys and values share an A, and so do both SwiGLU projections (`gateUp`;
 * RNA-FM has `up` alone). Here
 * are names, shapes, fresh values and the sum; files are checkpoint/lora.ts's,
 * training is the train package's.
 */
import { RandomStream } from '@rna/kernels';
import type { Device, LowRank, Tensor } from '@rna/tensor';
import { encoderParameters, type EncoderConfig, type ParameterShapes } from './config.ts';
import { parameter, type ParameterMap } from './parameters.ts';
import { STREAM } from './randomStreams.ts';
import { blockLayer } from './parameterGroups.ts';

/** The matrices of a block that may have a low-rank term, by the last part of their names. */
export const LORA_TARGETS = ['qkv', 'out', 'gateUp', 'up', 'down'] as const;
export type LoraTarget = (typeof LORA_TARGETS)[number];

export interface LoraSizes {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly LoraTarget[];
}

/** Names of A and B of a layer, which is named as its weight without `.weight`. */
export const loraNames = (layer: string): { readonly a: string; readonly b: string } => ({
  a: `${layer}.loraA`,
  b: `${layer}.loraB`,
});

/** The layers that have a low-rank term, in the order of the pass. */
export function loraLayers(config: EncoderConfig, { targets }: Pick<LoraSizes, 'targets'>): string[] {
  return [...encoderParameters(config).keys()].flatMap((name) => {
    const { layer, kind = '' } = blockLayer(name) ?? {};
    return layer !== undefined && (targets as readonly string[]).includes(kind) ? [layer] : [];
  });
}

/** Shapes of every A and B. */
export function loraParameters(config: EncoderConfig, sizes: LoraSizes): ParameterShapes {
  const shapes = encoderParameters(config);
  return new Map(
    loraLayers(config, sizes).flatMap((layer) => {
      const [out = 0, inner = 0] = shapes.get(`${layer}.weight`)!;
      const { a, b } = loraNames(layer);
      return [
        [a, [sizes.rank, inner]],
        [b, [out, sizes.rank]],
      ] as const;
    }),
  );
}

/**
 * Fresh A and B, drawn from (seed, index of the parameter): U(±1/√in), as PEFT begins, and zeros, so the encoder is as
 * before.
 */
export function initializeLora(device: Device, config: EncoderConfig, sizes: LoraSizes, seed: number): ParameterMap {
  return new Map(
    [...loraParameters(config, sizes)].map(([name, shape], index) => {
      if (name.endsWith('.loraB')) return [name, device.zeros(shape).keep()];
      const random = new RandomStream(seed, STREAM.lowRankTerms, index);
      const bound = 1 / Math.sqrt(shape[1]!);
      return [
        name,
        device
          .tensor(
            Float32Array.from({ length: shape[0]! * shape[1]! }, () => (2 * random.uniform() - 1) * bound),
            shape,
          )
          .keep(),
      ];
    }),
  );
}

/** An encoder with its low-rank terms among the parameters. */
export interface AdaptedEncoder {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly lora: LoraSizes | undefined;
}

/** The low-rank term of a layer, if it has one. */
export function lowRankOf({ parameters, lora }: AdaptedEncoder, layer: string): LowRank | undefined {
  const { a, b } = loraNames(layer);
  const low = parameters.get(a);
  return lora === undefined || low === undefined
    ? undefined
    : { a: low, b: parameter(parameters, b), factor: lora.alpha / lora.rank };
}

/** A term factor · B·A on the host, of rows `firstRow …` of a matrix. */
export interface HostLowRank {
  readonly firstRow: number;
  /** [rank, inner] */
  readonly a: Float32Array;
  /** [rows, rank] */
  readonly b: Float32Array;
  readonly rank: number;
  readonly factor: number;
}

/**
 * Adds low-rank terms to elements `offset …` of a matrix with rows of `inner`, in place: in doubles and in one order,
 * rounded once, so that a merged matrix has the same bits wherever and in whatever parts it is made.
 */
export function addLowRank(values: Float32Array, offset: number, inner: number, terms: readonly HostLowRank[]): void {
  const sums = new Float64Array(inner);
  for (let at = 0; at < values.length;) {
    const [row, first] = [Math.floor((offset + at) / inner), (offset + at) % inner];
    const end = Math.min(inner, first + values.length - at);
    sums.fill(0);
    for (const { firstRow, a, b, rank, factor } of terms) {
      const own = row - firstRow;
      if (own < 0 || own >= b.length / rank) continue;
      for (let k = 0; k < rank; k++) {
        const weight = factor * b[own * rank + k]!;
        for (let c = first; c < end; c++) sums[c]! += weight * a[k * inner + c]!;
      }
    }
    for (let c = first; c < end; c++, at++) values[at]! += sums[c]!;
  }
}

/** The values of a parameter with its low-rank term in it, as a merged model has them. */
export async function readMerged(encoder: AdaptedEncoder, name: string): Promise<Float32Array> {
  const weight = parameter(encoder.parameters, name);
  const values = await weight.read();
  const low = lowRankOf(encoder, name.replace(/\.weight$/, ''));
  if (low !== undefined) {
    const [a, b] = [await low.a.read(), await low.b.read()];
    addLowRank(values, 0, weight.shape[1]!, [{ firstRow: 0, a, b, rank: low.a.shape[0]!, factor: low.factor }]);
  }
  return values;
}
