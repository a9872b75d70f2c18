/**
 * What a kernel's check is: sizes to try, random inputs, the reference in plain
 * loops and doubles, the least work of a call, a tolerance. One list of checks
 * (`checks.ts`) serves the test on the adapter, the gradient check (no GPU),
 * the benchmark and the newcomer.
 */
import { fromHalf, toHalf } from './half.ts';
import { halfStorage, type AnyKernel, type Variant } from './kernel.ts';
import type { RandomStream } from './random.ts';

/** Buffers by name. Floats are doubles here and are rounded to f32 where they go to an adapter. */
export type Values = Record<string, Float64Array | Uint32Array | Int32Array>;

export interface Call {
  readonly inputs: Values;
  /** Elements of each output. */
  readonly outputs: Readonly<Record<string, number>>;
  readonly uniforms: Readonly<Record<string, number>>;
  /** Options of the variant that change the meaning; tuning is left to the adapter. */
  readonly variant?: Variant;
}

export interface Work {
  /** Floating-point operations that the result needs. */
  readonly flops: number;
  /** Bytes that must be read or written at least once. */
  readonly bytes: number;
}

export interface KernelCheck {
  readonly kernel: AnyKernel;
  /** Calls to try, from tiny and odd to ordinary. `updates` are found among the inputs. */
  readonly calls: (random: RandomStream) => readonly Call[];
  /** Outputs (and updates, under their names) of a call, in doubles. */
  readonly reference: (call: Call) => Values;
  readonly work: (call: Call) => Work;
  /** Largest error allowed, relative to max(1, largest reference value) of the buffer. */
  readonly tolerance: number;
  /**
   * For a backward kernel: the forward check of which this one gives gradients. Output `dx` here is the
   * gradient with respect to forward input `x`; inputs `dy` here are the gradients of forward outputs `y`.
   */
  readonly gradientOf?: KernelCheck;
  /** Calls of the gradient check where those of the kernel give partial sums. */
  readonly gradientCalls?: (random: RandomStream) => readonly Call[];
  /** Larger calls, of the models' shapes, for the benchmark. */
  readonly benchmark?: (random: RandomStream) => readonly Call[];
}

/** `count` standard normal numbers times `scale`, rounded to f32 so that reference and kernel see the same inputs. */
export function normals(random: RandomStream, count: number, scale = 1): Float64Array {
  return Float64Array.from({ length: count }, () => Math.fround(random.normal() * scale));
}

/** The same rounded to f16, for a buffer that is stored so. */
export function halves(random: RandomStream, count: number, scale = 1): Float64Array {
  return normals(random, count, scale).map(roundToHalf);
}

export const roundToHalf = (value: number): number => fromHalf(toHalf(value));

/** A call with every buffer in half precision that the kernel can have so, its values rounded to match. */
export function inHalves(kernel: AnyKernel, call: Call): Call {
  const { halves: names = [] } = kernel;
  const round = (name: string, values: Values[string]): Values[string] =>
    names.includes(name) && values instanceof Float64Array ? values.map(roundToHalf) : values;
  return {
    ...call,
    inputs: Object.fromEntries(Object.entries(call.inputs).map(([name, values]) => [name, round(name, values)])),
    variant: { ...call.variant, ...halfStorage(names) },
  };
}

/** A float input of a call. Throws if the name is missing or holds integers. */
export function floats(call: Call, name: string): Float64Array {
  const values = call.inputs[name];
  if (!(values instanceof Float64Array)) throw new TypeError(`check: '${name}' is not a float input`);
  return values;
}

/** An integer input of a call. */
export function integers(call: Call, name: string): Uint32Array | Int32Array {
  const values = call.inputs[name];
  if (values === undefined || values instanceof Float64Array)
    throw new TypeError(`check: '${name}' is not an integer input`);
  return values;
}

/** A uniform of a call. */
export function uniform(call: Call, name: string): number {
  const value = call.uniforms[name];
  if (value === undefined) throw new TypeError(`check: uniform '${name}' is missing`);
  return value;
}

/** The part of a check that gradients are checked with. */
export type GradientCheck = Pick<KernelCheck, 'gradientOf' | 'gradientCalls' | 'reference'>;

/**
 * Compares a backward reference with central differences of its forward reference, in doubles.
 * Returns the largest error of each gradient relative to its largest value.
 */
export function gradientErrors(
  check: GradientCheck,
  call: Call,
  random: RandomStream,
  probes = 24,
  step = 1e-5,
): Record<string, number> {
  const forward = check.gradientOf;
  if (forward === undefined) throw new TypeError('the check names no forward check');
  const gradients = check.reference(call);
  const objective = (inputs: Values): number => {
    const outputs = forward.reference({ ...call, inputs });
    let sum = 0;
    for (const [name, values] of Object.entries(outputs)) {
      const weight = call.inputs[`d${name}`];
      if (weight === undefined) continue;
      for (let i = 0; i < values.length; i++) sum += values[i]! * weight[i]!;
    }
    return sum;
  };
  const errors: Record<string, number> = {};
  for (const [name, gradient] of Object.entries(gradients)) {
    const input = name.slice(1);
    const values = call.inputs[input];
    if (!name.startsWith('d') || !(values instanceof Float64Array)) continue;
    const largest = Math.max(1e-3, ...Array.from(gradient, Math.abs));
    let worst = 0;
    for (let probe = 0; probe < Math.min(probes, values.length); probe++) {
      const i = values.length <= probes ? probe : random.below(values.length);
      const moved = (by: number): number => {
        const copy = values.slice();
        copy[i] = values[i]! + by;
        return objective({ ...call.inputs, [input]: copy });
      };
      const numeric = (moved(step) - moved(-step)) / (2 * step);
      worst = Math.max(worst, Math.abs(numeric - gradient[i]!) / largest);
    }
    errors[name] = worst;
  }
  return errors;
}
