/** Check of `adamW`. Several steps against PyTorch's own numbers are in the optimiser's test. */
import { adamW } from './adamW.ts';
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';

function update(
  random: RandomStream,
  count: number,
  step: number,
  decay: number,
  report: readonly number[] = [1, 1, 1, 1],
): Call {
  const [beta1, beta2, lr] = [0.9, 0.999, 0.01];
  return {
    inputs: {
      gradient: normals(random, count),
      report: Float64Array.from(report),
      parameter: normals(random, count),
      m: normals(random, count, 0.1),
      v: normals(random, count).map((value) => Math.fround(value * value)),
    },
    outputs: {},
    uniforms: {
      count,
      keep: 1 - lr * decay,
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      stepSize: lr / (1 - beta1 ** step),
      rootCorrection2: Math.sqrt(1 - beta2 ** step),
      eps: 1e-8,
    },
  };
}

export const adamWCheck: KernelCheck = {
  kernel: adamW,
  calls: (random) => [
    update(random, 1, 1, 0),
    update(random, 63, 1, 0.01),
    update(random, 1000, 7, 0.1, [2, 4, 0.25, 1]),
    update(random, 70, 3, 0.1, [2, 4, 0.25, 0]),
  ],
  benchmark: (random) => [update(random, 640 * 1280, 10, 0.01)],
  reference: (call) => {
    const [gradient, report] = [floats(call, 'gradient'), floats(call, 'report')];
    const [parameter, m, v] = [floats(call, 'parameter').slice(), floats(call, 'm').slice(), floats(call, 'v').slice()];
    if (report[3] !== 0) {
      for (let i = 0; i < gradient.length; i++) {
        const g = report[2]! * gradient[i]!;
        m[i] = uniform(call, 'beta1') * m[i]! + uniform(call, 'oneMinusBeta1') * g;
        v[i] = uniform(call, 'beta2') * v[i]! + uniform(call, 'oneMinusBeta2') * g * g;
        const denominator = Math.sqrt(v[i]!) / uniform(call, 'rootCorrection2') + uniform(call, 'eps');
        parameter[i] = uniform(call, 'keep') * parameter[i]! - (uniform(call, 'stepSize') * m[i]!) / denominator;
      }
    }
    return { parameter, m, v };
  },
  work: (call) => ({ flops: 16 * uniform(call, 'count'), bytes: 4 * 7 * uniform(call, 'count') }),
  tolerance: 1e-6,
};
