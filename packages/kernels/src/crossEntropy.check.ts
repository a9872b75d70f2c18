/** Checks of the cross entropy. */
import { floats, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { broadcast, crossEntropy, crossEntropyBackward } from './crossEntropy.ts';
import type { RandomStream } from './random.ts';

const SIZES = [
  [1, 1],
  [3, 22],
  [100, 22],
  [9, 88],
] as const;

function call(random: RandomStream, rows: number, cols: number, outputs: Call['outputs']): Call {
  const labels = Int32Array.from({ length: rows }, (_, row) => (row % 3 === 1 ? -100 : random.below(cols)));
  return {
    inputs: { logits: normals(random, rows * cols, 3), labels, dloss: normals(random, rows) },
    outputs,
    uniforms: { rows, cols },
  };
}

/** Probabilities and log of the normaliser of a row. */
function softmax(c: Call, row: number): { p: Float64Array; lse: number } {
  const cols = uniform(c, 'cols');
  const logits = floats(c, 'logits').subarray(row * cols, (row + 1) * cols);
  const lse = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
  return { p: logits.map((value) => Math.exp(value - lse)), lse };
}

export const crossEntropyCheck: KernelCheck = {
  kernel: crossEntropy,
  calls: (random) => SIZES.map(([rows, cols]) => call(random, rows, cols, { loss: rows })),
  benchmark: (random) => [call(random, 1024, 22, { loss: 1024 })],
  reference: (c) => ({
    loss: Float64Array.from(integers(c, 'labels'), (label, row) =>
      label < 0 ? 0 : softmax(c, row).lse - floats(c, 'logits')[row * uniform(c, 'cols') + label]!,
    ),
  }),
  work: (c) => ({ flops: 4 * c.inputs['logits']!.length, bytes: 4 * c.inputs['logits']!.length }),
  tolerance: 1e-5,
};

export const crossEntropyBackwardCheck: KernelCheck = {
  kernel: crossEntropyBackward,
  calls: (random) => SIZES.map(([rows, cols]) => call(random, rows, cols, { dlogits: rows * cols })),
  benchmark: (random) => [call(random, 1024, 22, { dlogits: 1024 * 22 })],
  reference: (c) => {
    const [cols, labels, dloss] = [uniform(c, 'cols'), integers(c, 'labels'), floats(c, 'dloss')];
    const dlogits = new Float64Array(labels.length * cols);
    labels.forEach((label, row) => {
      if (label < 0) return;
      softmax(c, row).p.forEach((p, i) => {
        dlogits[row * cols + i] = dloss[row]! * (p - (i === label ? 1 : 0));
      });
    });
    return { dlogits };
  },
  work: (c) => ({ flops: 6 * c.inputs['logits']!.length, bytes: 8 * c.inputs['logits']!.length }),
  tolerance: 1e-5,
  gradientOf: crossEntropyCheck,
};

export const broadcastCheck: KernelCheck = {
  kernel: broadcast,
  calls: (random) =>
    [1, 777].map((count) => ({
      inputs: { x: normals(random, 1) },
      outputs: { y: count },
      uniforms: { count, factor: 0.5 },
    })),
  reference: (c) => ({ y: new Float64Array(uniform(c, 'count')).fill(0.5 * floats(c, 'x')[0]!) }),
  work: (c) => ({ flops: uniform(c, 'count'), bytes: 4 * uniform(c, 'count') }),
  tolerance: 1e-7,
};
