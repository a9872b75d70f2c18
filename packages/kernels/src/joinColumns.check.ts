/** Checks of columns put side by side and taken apart. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { joinColumns, takeColumns } from './joinColumns.ts';
import type { RandomStream } from './random.ts';

function joinCall(random: RandomStream, rows: number, left: number, right: number): Call {
  const count = rows * (left + right);
  return {
    inputs: { a: normals(random, rows * left), b: normals(random, rows * right) },
    outputs: { y: count },
    uniforms: { count, left, right },
  };
}

export const joinColumnsCheck: KernelCheck = {
  kernel: joinColumns,
  calls: (random) => [joinCall(random, 1, 1, 1), joinCall(random, 5, 3, 7), joinCall(random, 14, 20, 16)],
  benchmark: (random) => [joinCall(random, 256, 640, 256)],
  reference: (call) => {
    const [left, right] = [uniform(call, 'left'), uniform(call, 'right')];
    const cols = left + right;
    const y = new Float64Array(uniform(call, 'count')).map((_, i) => {
      const [r, c] = [Math.floor(i / cols), i % cols];
      return c < left ? floats(call, 'a')[r * left + c]! : floats(call, 'b')[r * right + c - left]!;
    });
    return { y };
  },
  work: (call) => ({ flops: 0, bytes: 8 * uniform(call, 'count') }),
  tolerance: 0,
};

function takeCall(random: RandomStream, rows: number, width: number, first: number, cols: number): Call {
  return {
    inputs: { x: normals(random, rows * width) },
    outputs: { y: rows * cols },
    uniforms: { count: rows * cols, width, first, cols },
  };
}

export const takeColumnsCheck: KernelCheck = {
  kernel: takeColumns,
  calls: (random) => [takeCall(random, 1, 1, 0, 1), takeCall(random, 5, 9, 2, 6), takeCall(random, 14, 36, 20, 16)],
  benchmark: (random) => [takeCall(random, 256, 896, 640, 256)],
  reference: (call) => {
    const [width, first, cols] = [uniform(call, 'width'), uniform(call, 'first'), uniform(call, 'cols')];
    const x = floats(call, 'x');
    return {
      y: new Float64Array(uniform(call, 'count')).map((_, i) => x[Math.floor(i / cols) * width + first + (i % cols)]!),
    };
  },
  work: (call) => ({ flops: 0, bytes: 8 * uniform(call, 'count') }),
  tolerance: 0,
};
