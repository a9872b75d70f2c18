/** Check of `movingAverage`. */
import { floats, normals, uniform, type KernelCheck } from './check.ts';
import { movingAverage } from './movingAverage.ts';
import { REPORT } from './gradientNorm.ts';

export const movingAverageCheck: KernelCheck = {
  kernel: movingAverage,
  calls: (random) =>
    [
      [1, 0.1, 1],
      [1001, 0.5, 1],
      [64, 0.25, 0],
    ].map(([count = 0, rate = 0, applied = 0]) => ({
      inputs: {
        parameter: normals(random, count),
        report: Float64Array.of(1, 1, 1, applied),
        average: normals(random, count),
      },
      outputs: {},
      uniforms: { count, rate },
    })),
  reference: (call) => {
    const [parameter, average] = [floats(call, 'parameter'), floats(call, 'average')];
    const rate = floats(call, 'report')[REPORT.applied] === 0 ? 0 : uniform(call, 'rate');
    return { average: average.map((value, i) => value + rate * (parameter[i]! - value)) };
  },
  work: (call) => ({ flops: 3 * uniform(call, 'count'), bytes: 12 * uniform(call, 'count') }),
  tolerance: 1e-6,
};
