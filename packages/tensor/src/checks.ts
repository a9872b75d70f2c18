/** Runs a kernel's check on a device: for tests, which compare, and for benchmarks, which time. */
import type { Call, KernelCheck } from '@rna/kernels/checks';
import type { Kernel, Variant } from '@rna/kernels';
import type { Device } from './device.ts';
import type { HostArray, Tensor } from './tensor.ts';

function hostArray(values: Float64Array | Uint32Array | Int32Array): HostArray {
  return values instanceof Float64Array ? Float32Array.from(values) : values;
}

/** Uploads a call's inputs (and updates). */
export function uploadCall(device: Device, call: Call): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(call.inputs).map(([name, values]) => [name, device.tensor(hostArray(values)).keep()]));
}

/** Records one run of the call's kernel; returns its outputs and updates by name. */
export function runCall(device: Device, check: KernelCheck, call: Call, buffers: Record<string, Tensor>, tuning: Variant = {}): Record<string, Tensor> {
  const kernel = check.kernel as unknown as Kernel;
  const shapes = Object.fromEntries(Object.entries(call.outputs).map(([name, count]) => [name, [count]]));
  const outputs = device.run(kernel, buffers, shapes, call.uniforms, { ...tuning, ...call.variant });
  return { ...outputs, ...Object.fromEntries(Object.keys(kernel.updates).map((name) => [name, buffers[name]!])) };
}

/** Runs the call and returns each output's largest error, relative to max(1, its largest reference value). */
export async function callErrors(device: Device, check: KernelCheck, call: Call, tuning: Variant = {}): Promise<Record<string, number>> {
  const buffers = uploadCall(device, call);
  const results = runCall(device, check, call, buffers, tuning);
  const errors: Record<string, number> = {};
  for (const [name, expected] of Object.entries(check.reference(call))) {
    const tensor = results[name];
    if (tensor === undefined) throw new TypeError(`${check.kernel.name}: the reference gives '${name}', the kernel does not`);
    const actual = await device.read(tensor);
    if (actual.length !== expected.length) throw new RangeError(`${check.kernel.name}.${name}: ${actual.length} elements, the reference has ${expected.length}`);
    let largest = 1;
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]!));
      const error = Math.abs(actual[i]! - expected[i]!);
      worst = error <= worst ? worst : error; // NaN replaces the worst and stays
    }
    errors[name] = worst / largest;
  }
  for (const tensor of new Set([...Object.values(buffers), ...Object.values(results)])) tensor.dispose();
  return errors;
}
