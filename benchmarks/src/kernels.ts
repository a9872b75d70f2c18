/**
 * The kernel suite: every check's benchmark calls, one kernel each, and the
 * models' ops at the shapes of every preset, each with its share of the
 * adapter's ceilings. What would take too long or too much memory is left out
 * and named.
 */
import { RandomStream } from '@rna/kernels';
import { checks, type Call, type KernelCheck } from '@rna/kernels/checks';
import { MemoryBudgetError, type Device } from '@rna/tensor';
import { runCall, uploadCall } from '@rna/tensor/checks';
import { shareOfCeiling, type Ceilings } from './ceilings.ts';
import { allModelCases, partsOf, workOf, type NamedCase, type Part } from './modelCases.ts';
import { prepareCase, type TimedPart } from './modelOps.ts';
import type { Report } from './report.ts';
import { makeRow, type Work } from './rows.ts';
import { alternate, calibrate, measure, sampleOf, SAMPLES, statistics, type Statistics } from './timing.ts';

export interface KernelOptions {
  readonly device: Device;
  readonly ceilings: Ceilings;
  /** Cases to run; a check is run whole if its kernel's name matches. */
  readonly filter: RegExp;
  /** Longest run that is timed, in milliseconds. */
  readonly limitMs: number;
  readonly report: Report;
}

export async function benchmarkKernels(options: KernelOptions): Promise<void> {
  for (const check of checks) {
    if (options.filter.test(check.kernel.name)) await benchmarkCheck(check, options);
  }
  const [tokens, lengths] =
    options.device.traits.class === 'cpu'
      ? [[1024], [128, 256]]
      : [
          [1024, 8192],
          [128, 256, 512],
        ];
  for (const named of allModelCases(tokens, lengths)) await benchmarkModelCase(named, options);
}

const describeCall = ({ uniforms, variant }: Call): string =>
  [
    ...Object.entries(uniforms)
      .filter(([name, value]) => Number.isInteger(value) && !/^(key\d|threshold|count)$/.test(name))
      .map(([name, value]) => `${name}=${value}`),
    ...Object.entries(variant ?? {})
      .filter(([name, value]) => value !== false && name !== 'headDim')
      .map(([name, value]) => `${name}=${String(value)}`),
  ].join(' ');

async function benchmarkCheck(check: KernelCheck, { device, ceilings, report }: KernelOptions): Promise<void> {
  for (const call of (check.benchmark ?? check.calls)(new RandomStream(7))) {
    const buffers = uploadCall(device, call);
    const sample = sampleOf(
      (runs) => {
        for (let i = 0; i < runs; i++)
          device.scope(() => {
            runCall(device, check, call, buffers);
          });
      },
      () => device.idle(),
    );
    const figures = await measure(sample);
    Object.values(buffers).forEach((tensor) => {
      tensor.dispose();
    });
    const work = check.work(call);
    report.row(
      makeRow('kernels', `${check.kernel.name} ${describeCall(call)}`.trim(), 'rna', figures, work, {
        ofCeiling: shareOfCeiling(work, figures.medianMs, ceilings),
        variant: device.variant(check.kernel, call.variant, call.uniforms),
      }),
    );
  }
}

async function benchmarkModelCase({ name, model }: NamedCase, options: KernelOptions): Promise<void> {
  const { device, ceilings, filter, limitMs, report } = options;
  const caseOf = (part: Part): string => `${name} ${part}`;
  const leastMs = (work: Work): number => shareOfCeiling(work, 1, ceilings);
  const wanted = partsOf(model)
    .filter((part) => filter.test(caseOf(part)))
    .filter((part) => {
      const least = leastMs(workOf(model, part));
      if (least <= limitMs) return true;
      report.skip(
        caseOf(part),
        'rna',
        `takes at least ${(least / 1000).toFixed(1)} s at the adapter's ceilings, more than the limit of ${limitMs / 1000} s a run (--limit)`,
      );
      return false;
    });
  if (wanted.length === 0) return;
  try {
    const prepared = prepareCase(device, model);
    try {
      for (const timed of prepared.parts.filter(({ part }) => wanted.includes(part))) {
        const figures = await measurePart(timed, limitMs);
        if (typeof figures === 'string') {
          report.skip(caseOf(timed.part), 'rna', figures);
          continue;
        }
        const work = workOf(model, timed.part);
        report.row(
          makeRow('kernels', caseOf(timed.part), 'rna', figures, work, {
            ofCeiling: shareOfCeiling(work, figures.medianMs, ceilings),
          }),
        );
      }
    } finally {
      prepared.dispose();
      device.memory.trim();
    }
  } catch (error) {
    if (!(error instanceof MemoryBudgetError)) throw error;
    wanted.forEach((part) => {
      report.skip(caseOf(part), 'rna', error.message);
    });
  }
}

/** The figures of a part, or why there are none. */
async function measurePart({ sample, less, maxRuns }: TimedPart, limitMs: number): Promise<Statistics | string> {
  await sample(1); // compiles
  const once = await sample(1);
  if (once > limitMs)
    return `takes ${(once / 1000).toFixed(1)} s, more than the limit of ${limitMs / 1000} s a run (--limit)`;
  const runs = Math.min(maxRuns, await calibrate(sample));
  const contender = { sample, runs };
  if (less === undefined) return statistics((await alternate([contender]))[0]!, runs);
  const [all, part] = await alternate([contender, { sample: less, runs }], SAMPLES);
  const rest = all!.map((time, i) => time - part![i]!);
  return rest.every((time) => time > 0)
    ? statistics(rest, runs)
    : 'is lost in the noise: some sample of forward and backward took no longer than one of forward alone';
}
