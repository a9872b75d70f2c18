/** Checks of `huber` and its backward, with a delta that some errors exceed and with one that none does. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { huber, huberBackward } from './huber.ts';
import type { RandomStream } from './random.ts';

const DELTAS = [1, 0.25, 1e30];

function calls(random: RandomStream, output: string): Call[] {
  return DELTAS.flatMap((delta) =>
    [1, 64, 999].map((count) => ({
      inputs: { x: normals(random, count, 2), goal: normals(random, count), dy: normals(random, count) },
      outputs: { [output]: count },
      uniforms: { count, delta },
    })),
  );
}

export const huberCheck: KernelCheck = {
  kernel: huber,
  calls: (random) => calls(random, 'y'),
  benchmark: (random) => calls(random, 'y').slice(-1),
  reference: (call) => {
    const [goal, delta] = [floats(call, 'goal'), uniform(call, 'delta')];
    const y = floats(call, 'x').map((x, i) => {
      const e = Math.abs(x - goal[i]!);
      return e > delta ? delta * (e - delta / 2) : (e * e) / 2;
    });
    return { y };
  },
  work: (call) => ({ flops: 4 * uniform(call, 'count'), bytes: 12 * uniform(call, 'count') }),
  tolerance: 1e-6,
};

export const huberBackwardCheck: KernelCheck = {
  kernel: huberBackward,
  gradientOf: huberCheck,
  calls: (random) => calls(random, 'dx'),
  benchmark: (random) => calls(random, 'dx').slice(-1),
  reference: (call) => {
    const [goal, dy, delta] = [floats(call, 'goal'), floats(call, 'dy'), uniform(call, 'delta')];
    return { dx: floats(call, 'x').map((x, i) => dy[i]! * Math.max(-delta, Math.min(delta, x - goal[i]!))) };
  },
  work: (call) => ({ flops: 4 * uniform(call, 'count'), bytes: 16 * uniform(call, 'count') }),
  tolerance: 1e-6,
};
