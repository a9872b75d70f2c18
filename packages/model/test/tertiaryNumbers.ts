/**
 * The numbers of the tertiary module's reference (RhoFold's own code in doubles): tensors by name, tolerances beside
 * them, and a model's parameters from them.
 */
import { add, linear, reshape, type Device, type Tensor } from '@rna/tensor';
import { expect } from 'vitest';
import type { Weights } from '../src/index.ts';
import { openFixture, readNumbers, type Platform } from './parity.ts';

export interface Numbers {
  readonly names: readonly string[];
  readonly values: (name: string) => Float32Array;
  readonly shape: (name: string) => readonly number[];
  /** A tensor of the file on the device, without a first dimension of 1 if `batched`. */
  readonly tensor: (name: string, shape?: readonly number[]) => Tensor;
  /** Expects values within the tolerance of the oracle's README: 20 × the deviation of f32, or 1e-4 of the largest. */
  readonly expectClose: (name: string, actual: Float32Array, counts?: (at: number) => boolean) => void;
  /** Parameters that train, by the names behind a prefix. Those of the file are made once. */
  readonly weights: (prefix: string) => Weights;
  /** Every gradient `${gradients}${name}` of the file against what the parameters behind a prefix got. */
  readonly expectGradients: (gradients: string, prefix: string) => Promise<void>;
  readonly dispose: () => void;
}

export async function openNumbers(platform: Platform, name: string): Promise<Numbers> {
  const file = await openFixture(platform, `tertiary/${name}.safetensors`);
  const text = new TextDecoder().decode(await platform.bytes(`oracle/tertiary/${name}.json`));
  const tolerances = JSON.parse(text) as Record<string, readonly [number, number]>;
  const read = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const tensor of file.tensors.keys()) read.set(tensor, await readNumbers(file, tensor));
  const get = (tensor: string): { shape: readonly number[]; values: Float32Array } => {
    const found = read.get(tensor);
    if (found === undefined) throw new Error(`${name}: no tensor ${tensor}`);
    return found;
  };
  const device: Device = platform.device();
  const parameters = new Map<string, Tensor>();
  const numbers: Numbers = {
    names: [...read.keys()],
    values: (tensor) => get(tensor).values,
    shape: (tensor) => get(tensor).shape,
    tensor: (tensor, shape) => device.tensor(get(tensor).values.slice(), shape ?? get(tensor).shape),
    expectClose: (tensor, actual, counts = () => true) => {
      const { values } = get(tensor);
      const [maxAbs, deviation] = tolerances[tensor]!;
      expect(actual.length, tensor).toBe(values.length);
      let worst = 0;
      values.forEach((value, at) => {
        const difference = Math.abs(actual[at]! - value);
        if (counts(at)) worst = difference <= worst ? worst : difference;
      });
      // A gradient that is 0 but for rounding has no size of its own.
      expect(worst, tensor).toBeLessThanOrEqual(Math.max(20 * deviation, 1e-4 * maxAbs, 1e-6));
    },
    weights: (prefix) => (own) => {
      const full = `${prefix}${own}`;
      let tensor = parameters.get(full);
      if (tensor === undefined) {
        tensor = numbers.tensor(full).train();
        parameters.set(full, tensor);
      }
      return tensor;
    },
    expectGradients: async (gradients, prefix) => {
      const names = numbers.names.filter((tensor) => tensor.startsWith(gradients));
      expect(names.length).toBeGreaterThan(0);
      for (const tensor of names) {
        const { gradient } = numbers.weights(prefix)(tensor.slice(gradients.length));
        // What nothing depends on is not reached, and has 0 in the oracle but for its rounding.
        if (gradient === undefined)
          expect(Math.max(...numbers.values(tensor).map(Math.abs)), tensor).toBeLessThan(1e-9);
        else numbers.expectClose(tensor, await gradient.read());
      }
    },
    dispose: () => {
      for (const tensor of parameters.values()) tensor.dispose();
      parameters.clear();
    },
  };
  return numbers;
}

/** Σ of each output times its cotangent, [1]: what the oracle's gradients are of. */
export function cotangentLoss(pairs: readonly (readonly [Tensor, Tensor])[]): Tensor {
  const terms = pairs.map(([y, cotangent]) => linear(reshape(y, [1, y.size]), cotangent.alias([1, cotangent.size])));
  return reshape(
    terms.reduce((sum, term) => add(sum, term)),
    [1],
  );
}
