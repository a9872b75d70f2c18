/**
 * The autotuner: times a kernel's variants on the calls that a model makes and
 * says which to use for each class of sizes. It decides nothing by itself:
 * `tune` gives results, `answersOf` makes of them what a `TuningStorage` keeps,
 * and a device opened with it uses it.
 *
 * Candidates take turns (A B C, A B C, …), so that the machine's drift meets all
 * alike; those that fall behind are dropped early, and what is compared in the
 * end are medians. A candidate takes the table's place only if it is faster by a
 * margin, and only if it gives the same result.
 */
import {
  halfStorage,
  kernelVersion,
  pipelineKey,
  shapeClass,
  tableVariant,
  type AnyKernel,
  type Kernel,
  type Variant,
} from '@rna/kernels';
import type { Device, ObservedCall, OutputShape } from './device.ts';
import { DeviceLostError } from './errors.ts';
import type { HostArray, Tensor } from './tensor.ts';
import type { AdapterAnswers } from './tuning.ts';

/** A call to tune: what `Device.run` takes. */
export interface TuningJob {
  readonly kernel: AnyKernel;
  /** Makes the inputs and updates by name when the job's turn comes; they are freed when it is done. */
  readonly buffers: () => Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, OutputShape>>;
  readonly uniforms: Readonly<Record<string, number>>;
  /** Options that change the meaning, half precision storage (`halfStorage`) included. */
  readonly options: Variant;
}

export interface Candidate {
  /** The fields that are tuned. */
  readonly variant: Variant;
  /** Median milliseconds of a call; absent where it failed or fell behind in the first rounds. */
  readonly ms?: number;
  /** Why it cannot be used. */
  readonly failed?: string;
}

export interface TuningResult {
  readonly kernel: string;
  readonly version: string;
  readonly shape: string;
  readonly table: Candidate & { readonly ms: number };
  /** The table's where nothing beat it by the margin. */
  readonly chosen: Candidate & { readonly ms: number };
  readonly tried: readonly Candidate[];
}

export interface TuningOptions {
  /** Hears of each job before it is run. */
  readonly onJob?: (job: {
    readonly kernel: string;
    readonly shape: string;
    readonly index: number;
    readonly of: number;
  }) => void;
  /** Hears of each result; the next job waits for it. For keeping what is done if the rest is not. */
  readonly onResult?: (result: TuningResult) => Promise<void> | void;
  /**
   * Milliseconds of one call, for tests; `record` records a call in this variant. By default enough calls are timed to
   * be told from the wait.
   */
  readonly stopwatch?: (variant: Variant, record: () => void) => Promise<number>;
}

const ROUNDS = 7;
/** After how many rounds candidates go whose best time is how many times the best of all. */
const DROPS: Readonly<Record<number, number>> = { 2: 1.3, 4: 1.1 };
const MARGIN = 0.95;
const LEAST_MS = 20;
const MOST_CALLS = 1000;
/**
 * The difference that is allowed, as a share of a buffer's largest value. It is far above what another order of
 * summation changes, in half precision too, and far below what a missed element does.
 */
const TOLERANCE = 4e-3;
/** The time that a first call, which compiles, may take: a gain in every step that costs a start more is none. */
const MOST_FIRST_MS = 5000;

/**
 * Runs a function and gives a job for each class of sizes among its calls. They hold on to the calls' inputs until they
 * are tuned.
 */
export function collectJobs(device: Device, body: () => void): TuningJob[] {
  const jobs = new Map<string, TuningJob>();
  device.observe(({ kernel, buffers, outputs, uniforms, options }: ObservedCall) => {
    const halves = [
      ...Object.keys(buffers).filter((name) => buffers[name]!.dtype === 'f16'),
      ...Object.entries(outputs).flatMap(([name, output]) =>
        'dtype' in output && output.dtype === 'f16' ? [name] : [],
      ),
    ];
    const stored = { ...options, ...halfStorage(halves) };
    const shape = shapeClass(kernel, uniforms, stored);
    const key = `${kernel.name} ${shape}`;
    if (shape === undefined || jobs.has(key)) return;
    const held = Object.fromEntries(Object.entries(buffers).map(([name, tensor]) => [name, tensor.alias().keep()]));
    jobs.set(key, { kernel, buffers: () => held, outputs, uniforms, options: stored });
  }, body);
  return [...jobs.values()];
}

/**
 * Tunes each class of sizes among the jobs, by the first job of the class. A candidate that does not compile, compiles
 * for long or gives another result is dropped with the reason. Rejects where the table's own variant fails.
 */
export async function tune(
  device: Device,
  jobs: readonly TuningJob[],
  options: TuningOptions = {},
): Promise<TuningResult[]> {
  const classes = new Map<string, TuningJob & { readonly shape: string }>();
  for (const job of jobs) {
    const shape = shapeClass(job.kernel, job.uniforms, job.options);
    if (shape === undefined) throw new TypeError(`tune: ${job.kernel.name} has no tuning`);
    const key = `${job.kernel.name} ${shape}`;
    if (!classes.has(key)) classes.set(key, { ...job, shape });
  }
  const results: TuningResult[] = [];
  for (const [index, job] of [...classes.values()].entries()) {
    options.onJob?.({ kernel: job.kernel.name, shape: job.shape, index, of: classes.size });
    const result = await tuneJob(device, job, options);
    results.push(result);
    await options.onResult?.(result);
  }
  return results;
}

/** What a `TuningStorage` keeps of results, by kernel. */
export function answersOf(results: readonly TuningResult[]): AdapterAnswers {
  const kernels: Record<
    string,
    { version: string; shapes: Record<string, { variant: Variant; tableMs: number; ms: number }> }
  > = {};
  for (const { kernel, version, shape, table, chosen } of results) {
    const { shapes } = (kernels[kernel] ??= { version, shapes: {} });
    shapes[shape] = { variant: chosen.variant, tableMs: table.ms, ms: chosen.ms };
  }
  return kernels;
}

interface Runner {
  /** Records a call in a variant's fields and gives its results, updates included. */
  readonly record: (variant: Variant) => Readonly<Record<string, Tensor>>;
  /** The results of a call on the inputs as they came, outputs filled with NaN before. */
  readonly results: (variant: Variant) => Promise<Readonly<Record<string, HostArray>>>;
  readonly dispose: () => void;
}

async function tuneJob(
  device: Device,
  job: TuningJob & { readonly shape: string },
  { stopwatch = wallClock(device) }: TuningOptions,
): Promise<TuningResult> {
  const { kernel, shape, uniforms } = job;
  const [table, ...others] = candidatesOf(device, kernel, uniforms);
  const runner = await runnerOf(device, job);
  try {
    const expected = await runner.results(table!);
    const failures = new Map<Variant, string>();
    for (const variant of others) {
      const reason = await failure(() => runner.results(variant), expected);
      if (reason !== undefined) failures.set(variant, reason);
    }
    const times = await race([table!, ...others.filter((variant) => !failures.has(variant))], (variant) =>
      stopwatch(variant, () => {
        Object.values(runner.record(variant)).forEach((tensor) => {
          tensor.dispose();
        });
      }),
    );
    const timed = (variant: Variant): Candidate & { readonly ms: number } => ({ variant, ms: times.get(variant)! });
    const best = [...times.keys()].reduce((a, b) => (times.get(b)! < times.get(a)! ? b : a));
    return {
      kernel: kernel.name,
      version: kernelVersion(kernel, device.traits),
      shape,
      table: timed(table!),
      chosen: timed(times.get(best)! < MARGIN * times.get(table!)! ? best : table!),
      tried: [table!, ...others].map((variant) => ({
        variant,
        ...(times.has(variant) && timed(variant)),
        ...(failures.has(variant) && { failed: failures.get(variant)! }),
      })),
    };
  } finally {
    runner.dispose();
  }
}

/** The tuned fields of the table's variant, then those of the space laid over it, each once. */
function candidatesOf(device: Device, kernel: AnyKernel, uniforms: Readonly<Record<string, number>>): Variant[] {
  const space = (kernel as Kernel).tuning!.space(device.traits) as readonly Variant[];
  const fields = new Set(space.flatMap((setting) => Object.keys(setting)));
  const base = { ...kernel.variant, ...tableVariant(kernel.name, device.traits, uniforms) };
  const tuned = [{}, ...space].map((setting) =>
    Object.fromEntries(Object.entries({ ...base, ...setting }).filter(([name]) => fields.has(name))),
  );
  return [...new Map(tuned.map((variant) => [pipelineKey(kernel, variant), variant])).values()];
}

async function runnerOf(device: Device, { kernel, buffers, outputs, uniforms, options }: TuningJob): Promise<Runner> {
  const inputs = { ...buffers() };
  // Updates are put back before each comparison, and are not the job's own: they may be a model's parameters.
  const originals = new Map<string, HostArray>();
  for (const name of Object.keys(kernel.updates)) {
    const tensor = inputs[name]!;
    const values = await device.read(tensor);
    originals.set(name, values);
    inputs[name] = device.empty(tensor.shape, tensor.dtype, name).keep();
    tensor.dispose();
  }
  const run = (variant: Variant): Record<string, Tensor> =>
    device.run(kernel as Kernel, inputs, outputs, uniforms, { ...variant, ...options });
  return {
    record: run,
    async results(variant) {
      originals.forEach((values, name) => {
        device.write(inputs[name]!, values);
      });
      const { poison } = device;
      device.poison = true;
      const made = device.scope(() => {
        try {
          return run(variant);
        } finally {
          device.poison = poison;
        }
      });
      try {
        const read: Record<string, HostArray> = {};
        for (const [name, tensor] of [
          ...Object.entries(made),
          ...[...originals.keys()].map((key) => [key, inputs[key]!] as const),
        ])
          read[name] = await device.read(tensor);
        return read;
      } finally {
        Object.values(made).forEach((tensor) => {
          tensor.dispose();
        });
      }
    },
    dispose: () => {
      Object.values(inputs).forEach((tensor) => {
        tensor.dispose();
      });
    },
  };
}

/** Why a candidate is out: its error, or the output in which it differs; undefined where it is right. */
async function failure(
  results: () => Promise<Readonly<Record<string, HostArray>>>,
  expected: Readonly<Record<string, HostArray>>,
): Promise<string | undefined> {
  let actual: Readonly<Record<string, HostArray>>;
  const begin = performance.now();
  try {
    actual = await results();
  } catch (error) {
    // Without a device nothing more can be tried.
    if (!(error instanceof Error) || error instanceof DeviceLostError) throw error;
    return `fails: ${error.message.split('\n')[0]}`;
  }
  const first = performance.now() - begin;
  if (first > MOST_FIRST_MS) return `takes ${Math.round(first / 1000)} s to compile and run once`;
  const wrong = Object.keys(expected).find((name) => !agree(actual[name]!, expected[name]!));
  return wrong === undefined ? undefined : `gives another ${wrong} than the table's variant`;
}

function agree(actual: HostArray, expected: HostArray): boolean {
  const [values, references] = [Array.from(actual), Array.from(expected)];
  const largest = references.reduce((most, value) => Math.max(most, Number.isNaN(value) ? 0 : Math.abs(value)), 0);
  const allowed = expected instanceof Float32Array ? TOLERANCE * largest : 0;
  return references.every((value, i) => Object.is(value, values[i]) || Math.abs(value - values[i]!) <= allowed);
}

/** Median times of those that stay to the end; the first candidate always does. */
async function race(
  candidates: readonly Variant[],
  time: (variant: Variant) => Promise<number>,
): Promise<Map<Variant, number>> {
  const running = new Map(candidates.map((variant) => [variant, [] as number[]]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [variant, times] of running) times.push(await time(variant));
    const best = Math.min(...[...running.values()].flat());
    for (const [variant, times] of [...running].slice(1)) {
      if (Math.min(...times) > best * (DROPS[round] ?? Infinity)) running.delete(variant);
    }
  }
  return new Map([...running].map(([variant, times]) => [variant, median(times)]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Times as many calls in one submission as take `LEAST_MS`, by what a variant took before. */
function wallClock(device: Device): NonNullable<TuningOptions['stopwatch']> {
  const calls = new Map<Variant, number>();
  const time = async (record: () => void, count: number): Promise<number> => {
    const begin = performance.now();
    for (let i = 0; i < count; i++) record();
    await device.idle();
    return (performance.now() - begin) / count;
  };
  return async (variant, record) => {
    let count = calls.get(variant);
    if (count === undefined) {
      count = Math.min(MOST_CALLS, Math.max(1, Math.ceil(LEAST_MS / (await time(record, 1)))));
      calls.set(variant, count);
    }
    return time(record, count);
  };
}
