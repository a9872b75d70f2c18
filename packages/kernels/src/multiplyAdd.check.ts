/** Check of `multiplyAdd`. */
import { uniform, type KernelCheck } from './check.ts';
import { multiplyAdd, multiplyAddFlops, multiplyAddReference } from './multiplyAdd.ts';

const accumulatorsOf = (variant: Readonly<Record<string, unknown>> = {}): number =>
  (variant['accumulators'] as number | undefined) ?? multiplyAdd.variant.accumulators;

export const multiplyAddCheck: KernelCheck = {
  kernel: multiplyAdd,
  calls: () =>
    [
      { accumulators: 8, fused: true },
      { accumulators: 2, fused: false },
    ].flatMap((variant) =>
      [1, 100].map((count) => ({
        inputs: {},
        outputs: { y: 4 * count },
        uniforms: { count, iterations: 5, factor: 0.9, addend: 0.1 },
        variant,
      })),
    ),
  reference: (call) => {
    const uniforms = {
      iterations: uniform(call, 'iterations'),
      factor: uniform(call, 'factor'),
      addend: uniform(call, 'addend'),
    };
    return {
      y: Float64Array.from({ length: 4 * uniform(call, 'count') }, (_, i) =>
        multiplyAddReference(Math.floor(i / 4) % 64, uniforms, accumulatorsOf(call.variant)),
      ),
    };
  },
  work: (call) => ({
    flops: multiplyAddFlops(
      { count: uniform(call, 'count'), iterations: uniform(call, 'iterations') },
      accumulatorsOf(call.variant),
    ),
    bytes: 16 * uniform(call, 'count'),
  }),
  tolerance: 1e-5,
};
