/**
 * How a training run looks on stderr: a bar on a terminal, a line every few
 * seconds in a log file. Each evaluation gets a line of its own in both.
 */
import { SingleBar } from 'cli-progress';
import { megabytes } from '@rna/tensor';
import type { Damage, DeviceLoss, Evaluation, Progress } from '@rna/train';
import { formatCount, formatLoss, formatRate, formatScore } from '@rna/figures';
import { note } from '../commandLine/terminal.ts';

/** Between two lines of a log file. */
const LINE_INTERVAL_MS = 10_000;

export interface TrainingDisplay {
  readonly onProgress: (progress: Progress) => void;
  readonly onEvaluation: (evaluation: Evaluation) => void;
  readonly onLost: (loss: DeviceLoss) => void;
  readonly onDamage: (damage: Damage) => void;
  /** The first step on a device, which compiles the kernels, is about to begin. */
  readonly onCompile: () => void;
  /** What the adapter can do, against which the run's work is shown. */
  readonly setPeakFlops: (flops: number) => void;
  readonly stop: () => void;
}

export function trainingDisplay(): TrainingDisplay {
  const isTerminal = process.stderr.isTTY;
  const pace = createPace();
  let bar: SingleBar | undefined;
  let lastLine = -Infinity;
  let peakFlops: number | undefined;
  // The bar's line is cleared; it draws itself anew at the next step.
  const line = (text: string): void => {
    if (bar !== undefined) process.stderr.write('\r\x1b[K');
    note(text);
  };
  return {
    onProgress(progress) {
      const { step, steps, refused, loss, gradientNorm } = progress;
      const status = describeProgress(progress, { secondsLeft: pace(progress), peakFlops });
      if (refused === 'notFinite' || refused === 'spike') {
        line(
          `step ${step} is refused: ${refused === 'spike' ? 'a spike, ' : ''}loss ${formatLoss(loss)}, gradient norm ${formatLoss(gradientNorm)}`,
        );
      }
      if (isTerminal) {
        bar ??= startBar(steps, status);
        bar.update(step, { status });
      } else if (step === steps || Date.now() - lastLine >= LINE_INTERVAL_MS) {
        lastLine = Date.now();
        note(`step ${step}/${steps} · ${status}`);
      }
    },
    onEvaluation({ step, metrics }) {
      line(`step ${step}, held-out RNAs: ${describeMetrics(metrics)}`);
    },
    onLost({ error, attempt, retries, checkpoint }) {
      line(
        `${error.message}\nrna: going on ${checkpoint === undefined ? 'from the beginning' : `from ${checkpoint}`} on a new device (${attempt} of ${retries} attempts without a new checkpoint)`,
      );
    },
    onDamage({ error, checkpoint, instead }) {
      line(`${error.message}\nrna: ${checkpoint} is set aside as damaged-${checkpoint}; going on from ${instead}`);
    },
    onCompile: () => {
      line('compiling the kernels for the first step');
    },
    setPeakFlops: (flops) => {
      peakFlops = flops;
    },
    stop: () => {
      bar?.stop();
    },
  };
}

/** The metrics of an evaluation in a line: losses with their digits, all else as scores. */
export const describeMetrics = (metrics: Evaluation['metrics']): string =>
  Object.entries(metrics)
    .map(([name, value]) => `${name} ${name === 'loss' ? formatLoss(value) : formatScore(value)}`)
    .join(', ');

function startBar(steps: number, status: string): SingleBar {
  const bar = new SingleBar({
    stream: process.stderr,
    format: '{bar} {value}/{total} · {status}',
    barsize: 20,
    hideCursor: true,
    barCompleteChar: '━',
    barIncompleteChar: '─',
    linewrap: false,
  });
  bar.start(steps, 0, { status });
  return bar;
}

// Below, the wait is what is not worth a word.
const SHOWN_WAIT = 0.01;

function describeProgress(
  {
    loss,
    learningRate,
    refusals,
    skipped = 0,
    tokensPerSecond,
    flopsPerSecond,
    dataWait,
    exchangeWait = 0,
    memory,
  }: Progress,
  { secondsLeft, peakFlops }: { readonly secondsLeft: number | undefined; readonly peakFlops: number | undefined },
): string {
  const parts = [
    `loss ${formatLoss(loss)}`,
    `rate ${formatRate(learningRate)}`,
    `${formatCount(tokensPerSecond)} tokens/s`,
  ];
  if (flopsPerSecond !== undefined) {
    const share = peakFlops === undefined ? '' : ` (${Math.round((100 * flopsPerSecond) / peakFlops)} % of peak)`;
    parts.push(`${flopsText(flopsPerSecond)}${share}`);
  }
  parts.push(`peak ${megabytes(memory.peak)}`);
  if (dataWait >= SHOWN_WAIT) parts.push(`${Math.round(100 * dataWait)} % waiting for data`);
  if (exchangeWait >= SHOWN_WAIT) parts.push(`${Math.round(100 * exchangeWait)} % exchanging gradients`);
  if (skipped > 0) parts.push(`${skipped} steps overflowed`);
  if (refusals > 0) parts.push(`${refusals} steps refused`);
  if (secondsLeft !== undefined) parts.push(`${duration(secondsLeft)} left`);
  return parts.join(' · ');
}

function flopsText(flops: number): string {
  if (flops >= 1e12) return `${(flops / 1e12).toFixed(1)} TFLOP/s`;
  return `${flops >= 1e10 ? formatCount(flops / 1e9) : (flops / 1e9).toPrecision(2)} GFLOP/s`;
}

/** Gives the function that estimates the seconds to the end, by the steps of this process. */
function createPace(): (progress: Progress) => number | undefined {
  let first: { readonly step: number; readonly time: number } | undefined;
  return ({ step, steps }) => {
    // The first step compiles the kernels and tells nothing of the others.
    first ??= { step, time: Date.now() };
    return step === first.step ? undefined : ((Date.now() - first.time) / 1000 / (step - first.step)) * (steps - step);
  };
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
