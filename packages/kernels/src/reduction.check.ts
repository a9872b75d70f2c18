/** Check of `columnSum`. */
import { floats, inHalves, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';
import { columnSum } from './reduction.ts';

function sums(random: RandomStream, rows: number, cols: number, chunkRows: number): Call {
  return {
    inputs: { x: normals(random, rows * cols) },
    outputs: { y: Math.ceil(rows / chunkRows) * cols },
    uniforms: { rows, cols, chunkRows },
  };
}

export const columnSumCheck: KernelCheck = {
  kernel: columnSum,
  calls: (random) => [
    sums(random, 1, 1, 1),
    sums(random, 7, 3, 7),
    sums(random, 100, 37, 16),
    sums(random, 65, 130, 64),
    sums(random, 65, 132, 64),
    inHalves(columnSum, sums(random, 65, 132, 64)),
  ],
  benchmark: (random) => [sums(random, 1024, 640, 64)],
  reference: (call) => {
    const [rows, cols, chunkRows, x] = [
      uniform(call, 'rows'),
      uniform(call, 'cols'),
      uniform(call, 'chunkRows'),
      floats(call, 'x'),
    ];
    const y = new Float64Array(Math.ceil(rows / chunkRows) * cols);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) y[Math.floor(r / chunkRows) * cols + c]! += x[r * cols + c]!;
    }
    return { y };
  },
  work: (call) => ({
    flops: uniform(call, 'rows') * uniform(call, 'cols'),
    bytes: 4 * uniform(call, 'rows') * uniform(call, 'cols'),
  }),
  tolerance: 1e-5,
};
