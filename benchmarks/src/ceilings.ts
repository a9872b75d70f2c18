/**
 * What the adapter can do at most, measured with kernels that do nothing else:
 * multiply-adds on values in registers, and a copy. A kernel's share of these
 * ceilings says how much is left to gain. Each probe has a few forms, since no
 * one form is best on every driver; the best sample of the best form is the
 * ceiling.
 */
import { defineKernel, flatGrid } from '@rna/kernels';
import type { Device } from '@rna/tensor';
import { makeRow, type Row, type Work } from './rows.ts';
import { measure, sampleOf } from './timing.ts';

export interface Ceilings {
  readonly gflops: number;
  readonly gbps: number;
}

const THREADS = 64;
/** Steps of a chain in one turn of the loop, so that the loop itself does not count. */
const STEPS = 4;

// Typed, so that `fused` is any boolean.
const chainForms: { accumulators: number; fused: boolean } = { accumulators: 8, fused: true };

/** y[i] = Σ over `accumulators` chains of x ← x·factor + addend, STEPS · `iterations` times; 8 flops a step of a chain of vec4f. */
const multiplyAdd = defineKernel({
  name: 'multiplyAdd',
  inputs: {},
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32', iterations: 'u32', factor: 'f32', addend: 'f32' },
  variant: chainForms,
  workgroup: () => [THREADS, 1, 1],
  grid: ({ count }) => flatGrid(count, THREADS),
  body: ({ accumulators, fused }) => {
    const chains = Array.from({ length: accumulators }, (_, i) => `x${i}`);
    const step = (x: string): string => (fused ? `${x} = fma(${x}, factor, addend);` : `${x} = ${x} * factor + addend;`);
    return /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${THREADS}u + lane;
  let factor = vec4f(u.factor);
  let addend = vec4f(u.addend);
${chains.map((x, n) => `  var ${x} = vec4f(f32(lane + ${n}u));`).join('\n')}
  for (var n = 0u; n < u.iterations; n++) {
${Array.from({ length: STEPS }, () => `    ${chains.map(step).join(' ')}`).join('\n')}
  }
  if (i < u.count) { y[i] = ${chains.join(' + ')}; }`;
  },
});

/** y = x, `perThread` vectors a thread, a workgroup's reads side by side. */
const copy = defineKernel({
  name: 'copy',
  inputs: { x: 'vec4f' },
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32' },
  variant: { perThread: 1 },
  workgroup: () => [THREADS, 1, 1],
  grid: ({ count }, { perThread }) => flatGrid(Math.ceil(count / perThread), THREADS),
  body: ({ perThread }) => /* wgsl */ `
  let first = (wid.y * groups.x + wid.x) * ${THREADS * perThread}u + lane;
${Array.from({ length: perThread }, (_, n) => `  if (first + ${n * THREADS}u < u.count) { y[first + ${n * THREADS}u] = x[first + ${n * THREADS}u]; }`).join('\n')}`,
});

/** Measures both ceilings; `report` hears of every form. */
export async function measureCeilings(device: Device, report: (row: Row) => void): Promise<Ceilings> {
  const cpu = device.traits.class === 'cpu';
  const threads = cpu ? 2 ** 13 : 2 ** 18;
  const iterations = 128;
  const rows: Row[] = [];
  const time = async (name: string, work: Work, variant: Row['variant'], run: () => void): Promise<void> => {
    const sample = sampleOf((runs) => { for (let i = 0; i < runs; i++) device.scope(run); }, () => device.idle());
    const row = makeRow('ceilings', `${name} ${Object.entries(variant!).map(([key, value]) => `${key}=${value}`).join(' ')}`, 'rna', await measure(sample), work, { variant });
    rows.push(row);
    report(row);
  };
  for (const accumulators of [2, 4, 8]) {
    for (const fused of [true, false]) {
      const uniforms = { count: threads, iterations, factor: 0.999, addend: 0.001 };
      await time('multiplyAdd', { flops: threads * iterations * STEPS * accumulators * 8 }, { accumulators, fused },
        () => { device.run(multiplyAdd, {}, { y: [4 * threads] }, uniforms, { accumulators, fused }); });
    }
  }
  // More than the last cache of either kind of adapter holds.
  const bytes = Math.min(cpu ? 2 ** 26 : 2 ** 28, device.gpu.limits.maxStorageBufferBindingSize);
  const x = device.full([bytes / 4], 1).keep();
  for (const perThread of [1, 4]) {
    await time('copy', { flops: 0, bytes: 2 * bytes }, { perThread }, () => { device.run(copy, { x }, { y: x.shape }, { count: bytes / 16 }, { perThread }); });
  }
  x.dispose();
  device.memory.trim();
  // A ceiling is the best that was seen, not the middle: the fastest sample of the fastest form.
  const best = (figure: (row: Row) => number): number => Math.max(...rows.map((row) => figure(row) * (row.medianMs / row.minMs)));
  return { gflops: best(({ gflops }) => gflops), gbps: best(({ gbps }) => gbps ?? 0) };
}

/** Least time at the ceilings as a share of the time taken; above 1 where the data stay in a cache that the copy overflows. */
export function shareOfCeiling({ flops, bytes = 0 }: Work, ms: number, ceilings: Ceilings): number {
  return Math.max(flops / ceilings.gflops, bytes / ceilings.gbps) / 1e6 / ms;
}
