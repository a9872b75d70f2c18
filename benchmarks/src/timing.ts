/**
 * How everything here is timed. A sample is the mean over enough runs that the
 * wait at its end is small; a figure is the median of several samples with the
 * least and the largest. What is compared takes its samples in turns, A B A B,
 * so that a machine that slows down or speeds up does so for all.
 */

/** Does so many runs, waits until the last has finished, and gives the mean milliseconds of one. */
export type Sample = (runs: number) => Promise<number>;

export interface Statistics {
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly samples: number;
  readonly runs: number;
}

/** Least length of a sample: what a wait costs (0.1 ms in Node) is then well below a hundredth. */
export const SAMPLE_MS = 25;
export const SAMPLES = 7;
const MAX_RUNS = 2000;

/** Median, least and largest of samples. Throws a RangeError where there is none, or one that is no positive number. */
export function statistics(times: readonly number[], runs = 1): Statistics {
  if (times.length === 0 || times.some((time) => !(time > 0) || time === Infinity)) {
    throw new RangeError(`statistics: samples must be positive times, got [${times.join(', ')}]`);
  }
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const medianMs = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { medianMs, minMs: sorted[0]!, maxMs: sorted.at(-1)!, samples: times.length, runs };
}

/** Runs a sample needs to last SAMPLE_MS, from one that is thrown away (it compiles) and one that is not. */
export async function calibrate(sample: Sample): Promise<number> {
  await sample(1);
  let runs = 1;
  for (;;) {
    const once = await sample(runs);
    if (once * runs >= SAMPLE_MS / 2 || runs >= MAX_RUNS) return runsFor(once);
    // A single short run is mostly the wait: look again at more of them.
    runs = Math.min(MAX_RUNS, Math.max(2 * runs, Math.ceil(runsFor(once) / 2)));
  }
}

export const runsFor = (ms: number): number => Math.min(MAX_RUNS, Math.max(1, Math.ceil(SAMPLE_MS / ms)));

/** Times of each contender, taken in turns. */
export async function alternate(
  contenders: readonly { readonly sample: Sample; readonly runs: number }[],
  samples = SAMPLES,
): Promise<number[][]> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < samples; round++) {
    for (const [i, { sample, runs }] of contenders.entries()) times[i]!.push(await sample(runs));
  }
  return times;
}

/** The figures of one contender alone. */
export async function measure(sample: Sample, samples = SAMPLES): Promise<Statistics> {
  const runs = await calibrate(sample);
  const [times] = await alternate([{ sample, runs }], samples);
  return statistics(times!, runs);
}

/** A sample of work that `record` puts on a queue and `finish` waits for. */
export function sampleOf(record: (runs: number) => void, finish: () => Promise<void>): Sample {
  return async (runs) => {
    const begin = performance.now();
    record(runs);
    await finish();
    return (performance.now() - begin) / runs;
  };
}
