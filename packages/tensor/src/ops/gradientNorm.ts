/** The global norm of gradients, and the factor that clips them to a largest norm. */
import * as k from '@rna/kernels';
import type { Tensor } from '../tensor.ts';

/** Elements that a thread of the sum of squares takes at least, and threads of a tensor at most. */
const ELEMENTS_PER_THREAD = 64;
const MAX_THREADS = 8192;
const SUMS = 256;

export interface GradientNormOptions {
  /** A larger norm is to be scaled down to this. */
  readonly maxNorm: number;
  /** Elements of the report: at least `REPORT_SIZE`, the rest is for kernels that follow. Default `REPORT_SIZE`. */
  readonly reportSize?: number;
}

/**
 * The report of a step (`REPORT` in kernels' gradientNorm.ts) with its loss, the norm of all gradients together, the
 * factor min(1, maxNorm / (norm + 1e-6)) and whether loss and norm are finite. Nothing is read back, and the order of
 * the sums follows from the sizes alone. Not recorded on a tape.
 * @param gradients At least one, each f32 of any shape.
 * @param loss [1]
 * @returns [reportSize]
 */
export function gradientNorm(
  gradients: readonly Tensor[],
  loss: Tensor,
  { maxNorm, reportSize = k.REPORT_SIZE }: GradientNormOptions,
): Tensor {
  const { device } = loss;
  // Tensors of like size share a call.
  const calls = chunks(
    [...gradients].sort((a, b) => b.size - a.size),
    k.SQUARED_TENSORS,
  ).map((tensors) => ({ tensors, threads: Math.min(MAX_THREADS, Math.ceil(tensors[0]!.size / ELEMENTS_PER_THREAD)) }));
  const count = calls.reduce((sum, { tensors, threads }) => sum + tensors.length * threads, 0);
  return device.scope(() => {
    const partials = device.empty([count], 'f32', 'gradient norm');
    let first = 0;
    for (const { tensors, threads } of calls) {
      const x = (slot: number): Tensor => tensors[slot] ?? tensors[0]!;
      const size = (slot: number): number => tensors[slot]?.size ?? 0;
      device.run(
        k.sumOfSquares,
        { x0: x(0), x1: x(1), x2: x(2), x3: x(3), x4: x(4), x5: x(5), x6: x(6), partials },
        {},
        {
          tensors: tensors.length,
          threads,
          first,
          count0: size(0),
          count1: size(1),
          count2: size(2),
          count3: size(3),
          count4: size(4),
          count5: size(5),
          count6: size(6),
        },
      );
      first += tensors.length * threads;
    }
    const cols = Math.min(SUMS, count);
    const { y: squares } = device.run(k.stridedSum, { x: partials }, { y: [cols] }, { count, cols });
    return device.run(k.clipFactor, { squares, loss }, { report: [reportSize] }, { count: cols, maxNorm }).report;
  });
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
