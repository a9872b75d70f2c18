/**
 * Every kernel on this machine's adapter, in the variant that the adapter chooses and in those of its space: results
 * against the reference in doubles, every element written, nothing read or written beyond a buffer, the same bits in
 * every run. vitest.config.ts repeats the file on other software drivers (softwareDrivers.ts).
 *
 * Variants are a subset that shows each value of each field, and run the calls that cover a check's options
 * (`covering.ts`): lavapipe compiles for minutes, and SwiftShader keeps gigabytes for the kernels with barriers.
 * On lavapipe other variants than the adapter's choice, and its repetitions, which run the kernels that use subgroups,
 * take a sample of those calls. It follows from the kernel's text, so another is drawn with each change of a kernel.
 * With `RNA_MATRIX=full` everything runs everything.
 */
import {
  halfNames,
  kernelVersion,
  pipelineKey,
  RandomStream,
  type AnyKernel,
  type Kernel,
  type Variant,
} from '@rna/kernels';
import { checks, type Call } from '@rna/kernels/checks';
import { afterAll, describe, expect, it } from 'vitest';
import { verifyCall } from '../src/checks.ts';
import { openDevice } from '../src/node/index.ts';
import { accessesBeyond } from './boundsChecked.ts';
import { coveringCalls, coveringVariants } from './covering.ts';
import { fullMatrix, wantedAdapter } from './softwareDrivers.ts';

const wanted = wantedAdapter();
// Opened before the tests are collected: its traits say which variants there are.
const device = await openDevice({ poison: true });
afterAll(() => {
  device.destroy();
});

const slowCompiler = /llvmpipe/i.test(device.traits.description) && !fullMatrix;
const repeated = wanted.repeated && slowCompiler;
const tested = repeated ? checks.filter(({ kernel }) => kernel.subgroups !== undefined) : checks;

/** Calls of a kernel that are compiled in a sample: with all of LLVM's passes one takes up to 20 s of processor time. */
const SAMPLE = wanted.optimized ? 2 : 3;

/** So many of a kernel's calls, drawn by its text. */
function sampled(kernel: AnyKernel, calls: readonly Call[]): readonly Call[] {
  const drawn = new RandomStream(parseInt(kernelVersion(kernel, device.traits), 16)).shuffle([...calls.keys()]);
  return drawn.slice(0, SAMPLE).map((index) => calls[index]!);
}

async function faults(test: (call: Call) => Promise<string[]>, calls: readonly Call[]): Promise<string[]> {
  const found: string[] = [];
  for (const call of calls) found.push(...(await test(call)));
  return found;
}

describe.runIf(wanted.isMet(device.traits))(wanted.name, () => {
  describe.each(tested.map((check) => [check.kernel.name, check] as const))('%s', (_, check) => {
    const all = check
      .calls(new RandomStream(1, 2))
      .filter(({ variant = {} }) => device.traits.f16 || halfNames(variant).length === 0);
    const few = fullMatrix ? all : coveringCalls(check, all);
    const space = ((check.kernel as unknown as Kernel).tuning?.space(device.traits) ?? []) as readonly Variant[];
    const tunings = fullMatrix ? space : coveringVariants(space);
    const key = (call: Call, tuning: Variant): string =>
      pipelineKey(check.kernel, device.variant(check.kernel, { ...tuning, ...call.variant }, call.uniforms));

    it('is right as the adapter chooses it', async () => {
      expect(
        await faults((call) => verifyCall(device, check, call), repeated ? sampled(check.kernel, few) : all),
      ).toEqual([]);
    });

    it.each(repeated ? [] : tunings)('is right with %o', async (tuning) => {
      const calls = slowCompiler ? sampled(check.kernel, few) : few;
      const other = calls.filter((call) => key(call, tuning) !== key(call, {}));
      expect(await faults((call) => verifyCall(device, check, call, tuning), other)).toEqual([]);
    });

    // Indices are computed alike on every driver but for the number of lanes, so it is left to those that compile
    // quickly.
    it.runIf(!slowCompiler)('accesses no element beyond its buffers', async () => {
      for (const tuning of [{}, ...(fullMatrix ? space : coveringVariants(space))]) {
        expect(await faults((call) => accessesBeyond(device, check, call, tuning), few)).toEqual([]);
      }
    });
  });
});
