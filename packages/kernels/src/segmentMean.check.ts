/** Checks of the mean over packed sequences; in some, rows at a sequence's end do not count, as padding does not. */
import { floats, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';
import { segmentMean, segmentMeanBackward } from './segmentMean.ts';
import { BATCH_LENGTHS, LENGTHS, packTables, rowsOf, total } from './segments.check.ts';

function call(
  random: RandomStream,
  lengths: readonly number[],
  channels: number,
  left: number,
  backward: boolean,
): Call {
  const [rows, means] = [total(lengths) * channels, lengths.length * channels];
  return {
    inputs: { x: normals(random, rows), dy: normals(random, means), ...packTables(lengths, left) },
    outputs: backward ? { dx: rows } : { y: means },
    uniforms: { count: backward ? rows : means, channels },
  };
}

const calls = (random: RandomStream, backward: boolean): Call[] =>
  LENGTHS.flatMap((lengths) =>
    [1, 12].flatMap((channels) => [0, 1].map((left) => call(random, lengths, channels, left, backward))),
  );

export const segmentMeanCheck: KernelCheck = {
  kernel: segmentMean,
  calls: (random) => calls(random, false),
  benchmark: (random) => [call(random, BATCH_LENGTHS, 32, 0, false)],
  reference: (each) => {
    const [x, channels] = [floats(each, 'x'), uniform(each, 'channels')];
    const y = rowsOf(each).flatMap((rows) =>
      Array.from(
        { length: channels },
        (_, c) => rows.reduce((sum, row) => sum + x[row * channels + c]!, 0) / rows.length,
      ),
    );
    return { y: Float64Array.from(y) };
  },
  work: (each) => ({ flops: each.inputs['x']!.length, bytes: 4 * each.inputs['x']!.length }),
  tolerance: 1e-6,
};

export const segmentMeanBackwardCheck: KernelCheck = {
  kernel: segmentMeanBackward,
  gradientOf: segmentMeanCheck,
  calls: (random) => calls(random, true),
  benchmark: (random) => [call(random, BATCH_LENGTHS, 32, 0, true)],
  reference: (each) => {
    const [dy, channels] = [floats(each, 'dy'), uniform(each, 'channels')];
    const dx = new Float64Array(each.inputs['x']!.length);
    rowsOf(each).forEach((rows, s) => {
      for (const row of rows)
        for (let c = 0; c < channels; c++) dx[row * channels + c] = dy[s * channels + c]! / rows.length;
    });
    return { dx };
  },
  work: (each) => ({ flops: uniform(each, 'count'), bytes: 4 * uniform(each, 'count') }),
  tolerance: 1e-6,
};
