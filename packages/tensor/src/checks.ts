/**
 * Runs a kernel's check on a device: for tests, which compare, and for
 * benchmarks, which time (`uploadCall`, `runCall`). `verifyCall` is the test of
 * one call: it compares with the reference and looks for what WebGPU hides,
 * reads and writes beyond a buffer's end and results that change from run to
 * run. It expects a device that poisons outputs.
 */
import {
  decodeHalves,
  elementTypes,
  encodeHalves,
  halfNames,
  inputNames,
  pipelineKey,
  type Kernel,
  type Variant,
} from '@rna/kernels';
import type { Call, KernelCheck } from '@rna/kernels/checks';
import type { Device, OutputShape } from './device.ts';
import type { HostArray, Tensor } from './tensor.ts';

/**
 * What stands behind the values of every buffer of a guarded call. A read that goes too far meets it (adapters clamp
 * an index, or give zero, at the end of the binding and so only beyond the guard), and two patterns then give two
 * results.
 */
interface Guard {
  readonly float: number;
  readonly integer: number;
}

// A maximum swallows NaN but not the large number; an integer that bounds a loop must not run it for minutes.
const GUARDS: readonly [Guard, Guard] = [
  { float: NaN, integer: 1_000_003 },
  { float: 7.25e6, integer: 5 },
];
// A length of whole vectors, and longer than the rows by which a tile could overshoot.
const GUARD_ELEMENTS = 4096;

/** Half a step of a half's 11 bits, relative to its value: what storing in half precision may cost. */
const HALF_STEP = 2 ** -11;

/** A call's values as the kernel sees them, with `guard` behind them where one is given. */
function hostArray(values: Float64Array | Uint32Array | Int32Array, guard?: Guard): HostArray {
  const length = values.length + (guard === undefined ? 0 : GUARD_ELEMENTS);
  const array =
    values instanceof Float64Array
      ? new Float32Array(length)
      : values instanceof Uint32Array
        ? new Uint32Array(length)
        : new Int32Array(length);
  array.set(values);
  if (guard !== undefined) array.fill(values instanceof Float64Array ? guard.float : guard.integer, values.length);
  return array;
}

/** Whether the call stores a buffer in half precision. */
const isHalf = (call: Call, name: string): boolean => halfNames(call.variant ?? {}).includes(name);

function upload(device: Device, call: Call, guard?: Guard): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(call.inputs).map(([name, values]) => {
      const array = hostArray(values, guard);
      if (!isHalf(call, name)) return [name, device.tensor(array).keep()];
      const tensor = device.empty([array.length], 'f16', name).keep();
      device.write(tensor, array);
      return [name, tensor];
    }),
  );
}

function record(
  device: Device,
  check: KernelCheck,
  call: Call,
  buffers: Record<string, Tensor>,
  tuning: Variant,
  behind: number,
): Record<string, Tensor> {
  const kernel = check.kernel as unknown as Kernel;
  const shapes = Object.fromEntries(
    Object.entries(call.outputs).map(([name, count]): [string, OutputShape] => [
      name,
      isHalf(call, name) ? { shape: [count + behind], dtype: 'f16' } : [count + behind],
    ]),
  );
  // A call's inputs may be more than its variant reads.
  const read = inputNames(kernel, call.variant ?? {});
  const updates = Object.keys(kernel.updates);
  const given = Object.fromEntries([...read, ...updates].map((name) => [name, buffers[name]!]));
  const outputs = device.run(kernel, given, shapes, call.uniforms, { ...tuning, ...call.variant });
  return { ...outputs, ...Object.fromEntries(updates.map((name) => [name, buffers[name]!])) };
}

/** Uploads a call's inputs (and updates). */
export function uploadCall(device: Device, call: Call): Record<string, Tensor> {
  return upload(device, call);
}

/** Records one run of the call's kernel; returns its outputs and updates by name. */
export function runCall(
  device: Device,
  check: KernelCheck,
  call: Call,
  buffers: Record<string, Tensor>,
  tuning: Variant = {},
): Record<string, Tensor> {
  return record(device, check, call, buffers, tuning, 0);
}

/** Runs the call and returns each output's largest error, relative to max(1, its largest reference value). */
export async function callErrors(
  device: Device,
  check: KernelCheck,
  call: Call,
  tuning: Variant = {},
): Promise<Record<string, number>> {
  const buffers = uploadCall(device, call);
  const results = runCall(device, check, call, buffers, tuning);
  const read: Record<string, HostArray> = {};
  for (const [name, tensor] of Object.entries(results)) read[name] = await device.read(tensor);
  for (const tensor of new Set([...Object.values(buffers), ...Object.values(results)])) tensor.dispose();
  return errors(check, call, read, 0);
}

/** Values as they are read back from how the call stores them. */
const stored = (call: Call, name: string, values: HostArray): HostArray =>
  isHalf(call, name) && values instanceof Float32Array ? decodeHalves(encodeHalves(values)) : values;

/** One guarded run on new buffers: what each output and update held afterwards, its guard included. */
async function guardedRun(
  device: Device,
  check: KernelCheck,
  call: Call,
  tuning: Variant,
  guard: Guard,
): Promise<{ read: Record<string, HostArray>; dispose: () => void }> {
  const buffers = upload(device, call, guard);
  const results = record(device, check, call, buffers, tuning, GUARD_ELEMENTS);
  const read: Record<string, HostArray> = {};
  for (const [name, tensor] of Object.entries(results)) read[name] = await device.read(tensor);
  return {
    read,
    dispose: () => {
      for (const tensor of new Set([...Object.values(buffers), ...Object.values(results)])) tensor.dispose();
    },
  };
}

const bits = (array: HostArray): Uint32Array => new Uint32Array(array.buffer, array.byteOffset, array.length);

/** Index of the first of `count` elements whose bits differ; undefined where there is none. */
function firstDifference(a: HostArray, b: HostArray, count: number): number | undefined {
  const [x, y] = [bits(a), bits(b)];
  for (let i = 0; i < count; i++) if (x[i] !== y[i]) return i;
  return undefined;
}

/** Largest error relative to max(1, largest expected value); NaN where the result has one. */
function relativeError(actual: HostArray, expected: Float64Array | Uint32Array | Int32Array): number {
  let largest = 1;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!)); // of which one NaN makes NaN
  }
  return worst / largest;
}

/** The error of each output that the reference gives; what was read ends in `behind` elements more. */
function errors(
  check: KernelCheck,
  call: Call,
  read: Readonly<Record<string, HostArray>>,
  behind: number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(check.reference(call)).map(([name, expected]) => {
      const actual = read[name];
      if (actual === undefined)
        throw new TypeError(`${check.kernel.name}: the reference gives '${name}', the kernel does not`);
      const count = actual.length - behind;
      if (count !== expected.length)
        throw new RangeError(`${check.kernel.name}.${name}: ${count} elements, the reference has ${expected.length}`);
      return [name, relativeError(actual, expected)];
    }),
  );
}

/**
 * Runs a call and returns every fault found, one sentence each and none for a call that is right: an output too far
 * from its reference (an element that was not written is NaN), a write behind the end of a buffer, bits that differ
 * between two runs, a result that depends on what stands behind the inputs. The device must be one with `poison`.
 */
export async function verifyCall(
  device: Device,
  check: KernelCheck,
  call: Call,
  tuning: Variant = {},
): Promise<string[]> {
  const variant = device.variant(check.kernel, { ...tuning, ...call.variant }, call.uniforms);
  const what = `${pipelineKey(check.kernel, variant)} at ${JSON.stringify(call.uniforms)}`;
  const types = elementTypes(check.kernel, variant);
  const [first, second] = [
    await guardedRun(device, check, call, tuning, GUARDS[0]),
    await guardedRun(device, check, call, tuning, GUARDS[1]),
  ];
  const faults: string[] = [];
  for (const name of Object.keys(first.read)) {
    const [one, other] = [first.read[name]!, second.read[name]!];
    const count = one.length - GUARD_ELEMENTS;
    // A kernel of whole vectors writes the last one whole.
    const end = types[name]!.startsWith('vec4') ? Math.ceil(count / 4) * 4 : count;
    // Behind an update stands the guard of the run, behind an output the poison; the second run's stray values are no
    // NaN.
    const before =
      call.inputs[name] === undefined
        ? new Float32Array(other.length).fill(NaN)
        : stored(call, name, hostArray(call.inputs[name], GUARDS[1]));
    const stray = firstDifference(other.subarray(end), before.subarray(end), other.length - end);
    if (stray !== undefined) faults.push(`${what}: '${name}' ends at ${end}, and element ${end + stray} was written`);
    const difference = firstDifference(one, other, count);
    if (difference !== undefined) {
      const again = await guardedRun(device, check, call, tuning, GUARDS[0]);
      const changes = firstDifference(one, again.read[name]!, count) !== undefined;
      again.dispose();
      faults.push(
        `${what}: ${name}[${difference}] ${changes ? 'differs from run to run' : 'depends on what stands behind the inputs'}`,
      );
    }
  }
  for (const [name, error] of Object.entries(errors(check, call, first.read, GUARD_ELEMENTS))) {
    const allowed = check.tolerance + (isHalf(call, name) ? HALF_STEP : 0);
    if (!(error <= allowed)) faults.push(`${what}: ${name} is off by ${error}, allowed are ${allowed}`);
  }
  first.dispose();
  second.dispose();
  return faults;
}
