/**
 * What the adapter can do at most, measured with kernels that do nothing else:
 * multiply-adds on values in registers, and a copy. A kernel's share of these
 * ceilings says how much is left to gain. Each probe has a few forms, since no
 * one form is best on every driver; the best sample of the best form is the
 * ceiling.
 */
import { defineKernel, flatGrid, multiplyAdd, multiplyAddFlops } from '@rna/kernels';
import type { Device } from '@rna/tensor';
import { makeRow, type Row, type Work } from './rows.ts';
import { measure, sampleOf } from './timing.ts';

export interface Ceilings {
  readonly gflops: number;
  readonly gbps: number;
}

const THREADS = 64;
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
    const sample = sampleOf(
      (runs) => {
        for (let i = 0; i < runs; i++) device.scope(run);
      },
      () => device.idle(),
    );
    const row = makeRow(
      'ceilings',
      `${name} ${Object.entries(variant!)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ')}`,
      'rna',
      await measure(sample),
      work,
      { variant },
    );
    rows.push(row);
    report(row);
  };
  for (const accumulators of [2, 4, 8]) {
    for (const fused of [true, false]) {
      const uniforms = { count: threads, iterations, factor: 0.999, addend: 0.001 };
      await time('multiplyAdd', { flops: multiplyAddFlops(uniforms, accumulators) }, { accumulators, fused }, () => {
        device.run(multiplyAdd, {}, { y: [4 * threads] }, uniforms, { accumulators, fused });
      });
    }
  }
  // More than the last cache of either kind of adapter holds.
  const bytes = Math.min(cpu ? 2 ** 26 : 2 ** 28, device.gpu.limits.maxStorageBufferBindingSize);
  const x = device.full([bytes / 4], 1).keep();
  for (const perThread of [1, 4]) {
    await time('copy', { flops: 0, bytes: 2 * bytes }, { perThread }, () => {
      device.run(copy, { x }, { y: x.shape }, { count: bytes / 16 }, { perThread });
    });
  }
  x.dispose();
  device.memory.trim();
  // A ceiling is the best that was seen, not the middle: the fastest sample of the fastest form.
  const best = (figure: (row: Row) => number): number =>
    Math.max(...rows.map((row) => figure(row) * (row.medianMs / row.minMs)));
  return { gflops: best(({ gflops }) => gflops), gbps: best(({ gbps }) => gbps ?? 0) };
}

/**
 * Least time at the ceilings as a share of the time taken; above 1 where the data stay in a cache that the copy
 * overflows.
 */
export function shareOfCeiling({ flops, bytes = 0 }: Work, ms: number, ceilings: Ceilings): number {
  return Math.max(flops / ceilings.gflops, bytes / ceilings.gbps) / 1e6 / ms;
}
