/**
 * A benchmark's row, the file that rows are kept in, and how a row is printed.
 * The schema is the format: what is written is what is read back and compared.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Statistics } from './timing.ts';

const SUITES = ['ceilings', 'kernels', 'peers', 'step', 'inference', 'tertiary', 'folding', 'ranks', 'shards'] as const;

const positive = z.number().positive();
const rate = z.number().nonnegative();

const rowSchema = z.strictObject({
  suite: z.enum(SUITES),
  case: z.string().min(1),
  implementation: z.string().min(1),
  /** The median of the samples, each the mean of `runs` runs. */
  medianMs: positive,
  minMs: positive,
  maxMs: positive,
  samples: z.int().positive(),
  runs: z.int().positive(),
  /** 10⁹ floating-point operations a second, from the least work of the case. */
  gflops: rate,
  /** 10⁹ bytes a second, from the least traffic of the case. */
  gbps: rate.optional(),
  /** Least time at the measured ceilings as a share of the median. */
  ofCeiling: rate.optional(),
  /** Largest difference from the reference in doubles, relative to its largest value. */
  error: rate.optional(),
  tokensPerSecond: positive.optional(),
  /** Model FLOPs a second as a share of the measured multiply-add ceiling. */
  utilisation: rate.optional(),
  /** Share of the time in which the host masks, records and submits. */
  hostShare: rate.optional(),
  /** Share of the time in which gradients are exchanged and the adapter has nothing to do. */
  exchangeShare: rate.optional(),
  /** Kernel calls and submissions of one run. */
  calls: rate.optional(),
  submits: rate.optional(),
  /** Most bytes of device memory held at once; of the suite shards, of the process's memory. */
  peakBytes: rate.optional(),
  /** The first run, in which every pipeline is compiled. */
  firstMs: positive.optional(),
  /** What the driver's own cache of compiled shaders held before the first run. */
  driverCache: z.enum(['empty', 'as found']).optional(),
  /** Variant of the kernel, where the case is one kernel. */
  variant: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});

const resultsSchema = z.strictObject({
  adapter: z.string(),
  driver: z.string(),
  versions: z.record(z.string(), z.string()),
  /** Commit of the checkout, with `+changes` where files differ from it. */
  commit: z.string(),
  /** Load averages of the machine over 1, 5 and 15 minutes when the run began. */
  load: z.tuple([z.number(), z.number(), z.number()]),
  date: z.iso.datetime(),
  rows: z.array(rowSchema),
});

export type Suite = (typeof SUITES)[number];
export type Row = Readonly<z.infer<typeof rowSchema>>;
export type Results = Readonly<z.infer<typeof resultsSchema>>;

/** Least work of one run. */
export interface Work {
  readonly flops: number;
  readonly bytes?: number;
}

type Extras = Partial<Omit<Row, 'suite' | 'case' | 'implementation' | 'gflops' | 'gbps' | keyof Statistics>>;

export function makeRow(
  suite: Suite,
  name: string,
  implementation: string,
  statistics: Statistics,
  work: Work,
  extras: Extras = {},
): Row {
  const { medianMs } = statistics;
  return {
    suite,
    case: name,
    implementation,
    ...statistics,
    gflops: work.flops / medianMs / 1e6,
    ...(work.bytes !== undefined && { gbps: work.bytes / medianMs / 1e6 }),
    ...extras,
  };
}

/** Throws an error that names the file and every field that is not as expected. */
export function parseResults(text: string, file: string): Results {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file}: not valid JSON: ${(cause as Error).message}; give a file written by --json`, { cause });
  }
  const result = resultsSchema.safeParse(json);
  if (result.success) return result.data;
  throw new Error(`${file}: not a file written by --json of this version:\n${z.prettifyError(result.error)}`);
}

export async function readResults(file: string): Promise<Results> {
  return parseResults(await readFile(file, 'utf8'), file);
}

export function resultsText(results: Results): string {
  // Six digits are more than a timing has.
  return `${JSON.stringify(resultsSchema.parse(results), (_key, value: unknown) => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value), 1)}\n`;
}

export async function writeResults(file: string, results: Results): Promise<void> {
  await writeFile(file, resultsText(results));
}

export const milliseconds = (ms: number): string =>
  ms >= 1000 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(3);
export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** One line, for the terminal. */
export function formatRow(row: Row): string {
  const { medianMs, minMs, maxMs, gflops, gbps } = row;
  const columns = [
    `${row.case.padEnd(58)} ${row.implementation.padEnd(18)} ${milliseconds(medianMs).padStart(9)} ms (${milliseconds(minMs)} … ${milliseconds(maxMs)})`.padEnd(
      118,
    ),
    gflops > 0 ? `${gflops.toFixed(gflops < 10 ? 2 : 1)} GFLOP/s` : '',
    gbps === undefined ? '' : `${gbps.toFixed(gbps < 10 ? 2 : 1)} GB/s`,
    row.ofCeiling === undefined ? '' : `${percent(row.ofCeiling)} of the ceiling`,
    row.tokensPerSecond === undefined ? '' : `${row.tokensPerSecond.toFixed(0)} tokens/s`,
    row.utilisation === undefined ? '' : `${percent(row.utilisation)} utilisation`,
    row.hostShare === undefined ? '' : `host ${percent(row.hostShare)}`,
    row.exchangeShare === undefined ? '' : `exchange ${percent(row.exchangeShare)}`,
    row.calls === undefined ? '' : `${row.calls.toFixed(0)} calls`,
    row.submits === undefined ? '' : `${row.submits.toFixed(1)} submits`,
    row.peakBytes === undefined ? '' : `${(row.peakBytes / 2 ** 20).toFixed(0)} MiB`,
    row.firstMs === undefined
      ? ''
      : `first after ${(row.firstMs / 1000).toFixed(2)} s (driver cache ${row.driverCache ?? 'unknown'})`,
  ];
  return columns.filter((column) => column !== '').join('  ');
}
