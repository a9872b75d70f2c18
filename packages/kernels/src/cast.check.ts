/** Check of `cast`. */
import { cast } from './cast.ts';
import { floats, halves, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { halfStorage } from './kernel.ts';
import type { RandomStream } from './random.ts';

function call(random: RandomStream, count: number, ...f16: readonly string[]): Call {
  const x = (f16.includes('x') ? halves : normals)(random, count);
  return { inputs: { x }, outputs: { y: count }, uniforms: { count }, variant: halfStorage(f16) };
}

export const castCheck: KernelCheck = {
  kernel: cast,
  calls: (random) => [call(random, 1), call(random, 63, 'y'), call(random, 1001, 'x'), call(random, 1, 'x', 'y')],
  reference: (each) => ({ y: floats(each, 'x') }),
  work: (each) => ({ flops: 0, bytes: 8 * uniform(each, 'count') }),
  tolerance: 0,
};
