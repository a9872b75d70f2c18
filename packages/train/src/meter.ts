/**
 * What is told of a training run: lines of the log, which are a function of the
 * run alone and have no times, and the progress that a display shows, which is
 * all about time. Nothing here decides anything.
 */
import type { Device, MemoryUse } from '@rna/tensor';
import type { Refusal, StepReport } from './optimizer.ts';

/** A value of a step in the log; JSON has no NaN, so one that is not finite is null. */
export type Logged = number | null;

/**
 * A line of the log: a step, one that was refused or whose scaled gradients overflowed, so that it was not taken, or an
 * evaluation. It has no times: a killed and resumed run writes the same lines as an undisturbed one.
 */
export type LogEntry =
  | {
      readonly step: number;
      readonly epoch: number;
      readonly loss: number;
      readonly learningRate: number;
      readonly gradientNorm: number;
      readonly tokens: number;
    }
  | {
      readonly step: number;
      readonly epoch: number;
      readonly refused: Exclude<Refusal, 'overflow'>;
      readonly values: { readonly loss: Logged; readonly gradientNorm: Logged; readonly usualNorm?: number };
    }
  | { readonly step: number; readonly epoch: number; readonly skippedAtLossScale: number }
  | { readonly step: number; readonly evaluation: Readonly<Record<string, number>> };

export interface TrainingLog {
  /** Drops the entries after `step`, which a resumed run writes again. A new run begins with `rewind(-1)`. */
  rewind(step: number): Promise<void>;
  append(entry: LogEntry): void;
}

/** What a progress display shows; not part of the log. */
export interface Progress {
  /** Updates done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  /** Why this step was refused, if it was, and how many were since the run began. */
  readonly refused?: Refusal;
  readonly refusals: number;
  /** Steps whose gradients overflowed since the run began, where the loss is scaled. */
  readonly skipped?: number;
  /** Since this process began to train, without its first step, which compiles the kernels. */
  readonly tokensPerSecond: number;
  /**
   * Floating-point operations that the model needs by the book, a second; absent where the task does not count them.
   */
  readonly flopsPerSecond?: number;
  /** Part of that time in which the loop waited for a batch, 0 … 1. */
  readonly dataWait: number;
  /** Part of that time in which gradients of shards were added up and exchanged while the device had nothing to do. */
  readonly exchangeWait?: number;
  readonly memory: MemoryUse;
}

/** What is known of a step before its report. */
export interface StepFacts {
  readonly step: number;
  readonly epoch: number;
  readonly learningRate: number;
  readonly tokens: number;
  readonly flops: number | undefined;
  /** Milliseconds of the exchange that the device waited for; absent where a step is computed in one part. */
  readonly exchangeMs?: number;
}

export interface Meter {
  /** Awaits a batch and counts the time. */
  readonly waiting: <T>(batch: Promise<T>) => Promise<T>;
  /** Logs a step and shows progress. */
  readonly count: (step: StepFacts, report: StepReport) => void;
}

export interface MeterOptions {
  readonly device: Device;
  readonly steps: number;
  readonly log?: TrainingLog;
  readonly onProgress?: (progress: Progress) => void;
}

export function createMeter({ device, steps, log, onProgress }: MeterOptions): Meter {
  let [counted, tokensSeen, flopsSeen, waited, exchanged] = [0, 0, 0, 0, 0];
  let begin = Date.now();
  const waiting: Meter['waiting'] = async (batch) => {
    const asked = Date.now();
    try {
      return await batch;
    } finally {
      waited += Date.now() - asked;
    }
  };
  const count: Meter['count'] = ({ step, epoch, learningRate, tokens, flops, exchangeMs }, report) => {
    const { loss, gradientNorm, refused, refusals, scaling } = report;
    log?.append(logEntry({ step, epoch, learningRate, tokens }, report));
    tokensSeen += tokens;
    flopsSeen += flops ?? 0;
    exchanged += exchangeMs ?? 0;
    const seconds = Math.max(0.001, (Date.now() - begin) / 1000);
    onProgress?.({
      step,
      steps,
      epoch,
      loss,
      learningRate,
      gradientNorm,
      ...(refused && { refused }),
      refusals: refusals.total,
      ...(scaling && { skipped: scaling.skipped }),
      tokensPerSecond: tokensSeen / seconds,
      ...(flops !== undefined && { flopsPerSecond: flopsSeen / seconds }),
      dataWait: Math.min(1, waited / 1000 / seconds),
      ...(exchangeMs !== undefined && { exchangeWait: Math.min(1, exchanged / 1000 / seconds) }),
      memory: device.memory.use(),
    });
    if (counted++ === 0) {
      begin = Date.now();
      [tokensSeen, flopsSeen, waited, exchanged] = [0, 0, 0, 0];
    }
  };
  return { waiting, count };
}

function logEntry(
  { step, epoch, learningRate, tokens }: Omit<StepFacts, 'flops' | 'exchangeMs'>,
  { loss, gradientNorm, usualNorm, refused, scaling }: StepReport,
): LogEntry {
  if (refused === undefined) return { step, epoch, loss, learningRate, gradientNorm, tokens };
  if (refused === 'overflow') return { step, epoch, skippedAtLossScale: scaling!.scale };
  return {
    step,
    epoch,
    refused,
    values: { loss: logged(loss), gradientNorm: logged(gradientNorm), ...(usualNorm !== undefined && { usualNorm }) },
  };
}

const logged = (value: number): Logged => (Number.isFinite(value) ? value : null);
