/** Checks of the patches of a convolution along sequences. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import { unfold, unfoldBackward } from './conv1d.ts';
import type { RandomStream } from './random.ts';
import { BATCH_LENGTHS, LENGTHS, packTables, rowsOf, total } from './segments.check.ts';

const SIZES = [
  [1, 1],
  [3, 3],
  [12, 5],
] as const;

/** Calls f(row, row under the tap, tap) for every tap that falls inside of its sequence. */
function overTaps(call: Call, f: (row: number, under: number, tap: number) => void): void {
  const size = uniform(call, 'size');
  for (const rows of rowsOf(call)) {
    rows.forEach((row, i) => {
      for (let tap = 0; tap < size; tap++) {
        const under = rows[i + tap - (size - 1) / 2];
        if (under !== undefined) f(row, under, tap);
      }
    });
  }
}

function call(
  random: RandomStream,
  lengths: readonly number[],
  channels: number,
  size: number,
  backward: boolean,
): Call {
  const map = total(lengths) * channels;
  return {
    inputs: { x: normals(random, map), dy: normals(random, map * size), ...packTables(lengths) },
    outputs: backward ? { dx: map } : { y: map * size },
    uniforms: { count: backward ? map : map * size, channels, size },
  };
}

const calls = (random: RandomStream, backward: boolean): Call[] =>
  LENGTHS.flatMap((lengths) => SIZES.map(([channels, size]) => call(random, lengths, channels, size, backward)));

export const unfoldCheck: KernelCheck = {
  kernel: unfold,
  calls: (random) => calls(random, false),
  benchmark: (random) => [call(random, BATCH_LENGTHS, 32, 3, false)],
  reference: (each) => {
    const [x, channels, size] = [floats(each, 'x'), uniform(each, 'channels'), uniform(each, 'size')];
    const y = new Float64Array(x.length * size);
    overTaps(each, (row, under, tap) => {
      for (let c = 0; c < channels; c++) y[(row * channels + c) * size + tap] = x[under * channels + c]!;
    });
    return { y };
  },
  work: (each) => ({ flops: 0, bytes: 4 * (each.inputs['x']!.length + each.outputs['y']!) }),
  tolerance: 0,
};

export const unfoldBackwardCheck: KernelCheck = {
  kernel: unfoldBackward,
  gradientOf: unfoldCheck,
  calls: (random) => calls(random, true),
  benchmark: (random) => [call(random, BATCH_LENGTHS, 32, 3, true)],
  reference: (each) => {
    const [dy, channels, size] = [floats(each, 'dy'), uniform(each, 'channels'), uniform(each, 'size')];
    const dx = new Float64Array(dy.length / size);
    overTaps(each, (row, under, tap) => {
      for (let c = 0; c < channels; c++) dx[under * channels + c]! += dy[(row * channels + c) * size + tap]!;
    });
    return { dx };
  },
  work: (each) => ({ flops: each.inputs['dy']!.length, bytes: 4 * (each.inputs['dy']!.length + each.outputs['dx']!) }),
  tolerance: 1e-6,
};
