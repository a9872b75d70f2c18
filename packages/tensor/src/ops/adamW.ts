/**
 * AdamW's update of many parameters in few calls: small ones move into one
 * buffer, their moments and a copy of their gradients beside them, so that one
 * call of `adamW` takes them all. Values do not depend on it, bit for bit.
 */
import { adamW } from '@rna/kernels';
import { disposeFlat, flatten, flatZeros, type FlatTensors } from '../flat.ts';
import type { Tensor } from '../tensor.ts';

/** A parameter and its two moments, of its shape. */
export interface AdamWTensor {
  readonly parameter: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/** Parameters that one call updates. */
export interface AdamWBundle {
  readonly tensors: readonly AdamWTensor[];
  /** Where there are several: their values and where their gradients are gathered. */
  readonly flat?: {
    readonly parameter: Tensor;
    readonly m: FlatTensors;
    readonly v: FlatTensors;
    readonly gradient: FlatTensors;
  };
}

/** What `adamW` takes beside a count. */
export interface AdamWSettings {
  readonly keep: number;
  readonly beta1: number;
  readonly oneMinusBeta1: number;
  readonly beta2: number;
  readonly oneMinusBeta2: number;
  readonly stepSize: number;
  readonly rootCorrection2: number;
  readonly eps: number;
}

/** Elements of a parameter that shares a call: copying a larger one's gradient costs more than a call. */
const MOST_SHARED = 2 ** 14;

/**
 * Bundles of parameters, with moments of zero, which live until `disposeBundle`. Moves small parameters to another
 * storage: nothing recorded on an open tape may need them, and no alias of them may be in use.
 */
export function adamWBundles(parameters: readonly Tensor[]): AdamWBundle[] {
  const isSmall = ({ size, dtype }: Tensor): boolean => size <= MOST_SHARED && dtype === 'f32';
  const small = parameters.filter(isSmall);
  const alone = small.length < 2 ? parameters : parameters.filter((parameter) => !isSmall(parameter));
  return [...alone.map(single), ...(small.length < 2 ? [] : [shared(small)])];
}

function single(parameter: Tensor): AdamWBundle {
  const zeros = (): Tensor => parameter.device.zeros(parameter.shape).keep();
  return { tensors: [{ parameter, m: zeros(), v: zeros() }] };
}

function shared(parameters: readonly Tensor[]): AdamWBundle {
  const zeros = (): FlatTensors =>
    flatZeros(
      parameters[0]!.device,
      parameters.map(({ shape }) => shape),
    );
  const [m, v, gradient] = [zeros(), zeros(), zeros()];
  return {
    tensors: parameters.map((parameter, i) => ({ parameter, m: m.parts[i]!, v: v.parts[i]! })),
    flat: { parameter: flatten(parameters), m, v, gradient },
  };
}

/**
 * The gradients of a bundle's parameters, each of which must have one, as one tensor: the gradient itself where there
 * is one.
 */
export function bundleGradient({ tensors, flat }: AdamWBundle): Tensor {
  if (flat === undefined) return tensors[0]!.parameter.gradient!;
  tensors.forEach(({ parameter }, i) => {
    parameter.device.copy(parameter.gradient!, flat.gradient.parts[i]!);
  });
  return flat.gradient.whole;
}

/** Records an update of a bundle; `gradient` is what `bundleGradient` gave for it. */
export function adamWUpdate(
  { tensors, flat }: AdamWBundle,
  gradient: Tensor,
  report: Tensor,
  settings: AdamWSettings,
): void {
  const { parameter, m, v } =
    flat === undefined ? tensors[0]! : { parameter: flat.parameter, m: flat.m.whole, v: flat.v.whole };
  report.device.run(adamW, { gradient, report, parameter, m, v }, {}, { count: parameter.size, ...settings });
}

/** Frees the moments; the parameters stay. */
export function disposeBundle({ tensors, flat }: AdamWBundle): void {
  if (flat === undefined) {
    tensors.forEach(({ m, v }) => {
      m.dispose();
      v.dispose();
    });
    return;
  }
  [flat.m, flat.v, flat.gradient].forEach(disposeFlat);
  flat.parameter.dispose();
}
