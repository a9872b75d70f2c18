/** A benchmark's row and how rows are printed: a median with its spread, and the rate that it means. */
import type { Variant } from '@rna/kernels';
import type { Work } from '@rna/kernels/checks';

export interface Row {
  readonly suite: string;
  readonly case: string;
  readonly implementation: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** 10⁹ floating-point operations a second, from the least work of the case. */
  readonly gflops: number;
  /** 10⁹ bytes a second, from the least traffic of the case. */
  readonly gbps: number;
  readonly variant: Variant;
}

export function summarize(suite: string, name: string, implementation: string, times: readonly number[], work: Work, variant: Variant): Row {
  const sorted = [...times].sort((a, b) => a - b);
  const medianMs = sorted[Math.floor(sorted.length / 2)]!;
  return {
    suite, case: name, implementation, medianMs, minMs: sorted[0]!, maxMs: sorted.at(-1)!,
    gflops: work.flops / medianMs / 1e6, gbps: work.bytes / medianMs / 1e6, variant,
  };
}

export function formatRow({ case: name, medianMs, minMs, maxMs, gflops, gbps }: Row): string {
  return `${name.padEnd(64)} ${medianMs.toFixed(3).padStart(10)} ms  (${minMs.toFixed(3)} – ${maxMs.toFixed(3)})  ${gflops.toFixed(2).padStart(8)} GFLOP/s  ${gbps.toFixed(2).padStart(7)} GB/s`;
}
