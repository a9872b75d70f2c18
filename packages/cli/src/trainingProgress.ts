/**
 * How a training run looks on stderr: a bar on a terminal, a line every few
 * seconds in a log file. Each evaluation gets a line of its own in both.
 */
import { SingleBar } from 'cli-progress';
import { megabytes } from '@rna/tensor';
import type { Evaluation, Progress } from '@rna/train';
import { formatCount, formatLoss, formatRate, formatScore } from './report/format.ts';
import { note } from './terminal.ts';

/** Between two lines of a log file. */
const LINE_INTERVAL_MS = 10_000;

export interface TrainingDisplay {
  readonly onProgress: (progress: Progress) => void;
  readonly onEvaluation: (evaluation: Evaluation) => void;
  readonly stop: () => void;
}

export function trainingDisplay(): TrainingDisplay {
  const isTerminal = process.stderr.isTTY;
  const pace = createPace();
  let bar: SingleBar | undefined;
  let lastLine = -Infinity;
  return {
    onProgress(progress) {
      const { step, steps } = progress;
      const status = describeProgress(progress, pace(progress));
      if (isTerminal) {
        bar ??= startBar(steps, status);
        bar.update(step, { status });
      } else if (step === steps || Date.now() - lastLine >= LINE_INTERVAL_MS) {
        lastLine = Date.now();
        note(`step ${step}/${steps} · ${status}`);
      }
    },
    onEvaluation({ step, metrics }) {
      // The bar's line is cleared; it draws itself anew at the next step.
      if (bar !== undefined) process.stderr.write('\r\x1b[K');
      note(`step ${step}, held-out RNAs: ${describeMetrics(metrics)}`);
    },
    stop: () => { bar?.stop(); },
  };
}

/** The metrics of an evaluation in a line: losses with their digits, all else as scores. */
export const describeMetrics = (metrics: Evaluation['metrics']): string =>
  Object.entries(metrics).map(([name, value]) => `${name} ${name === 'loss' ? formatLoss(value) : formatScore(value)}`).join(', ');

function startBar(steps: number, status: string): SingleBar {
  const bar = new SingleBar({
    stream: process.stderr, format: '{bar} {value}/{total} · {status}',
    barsize: 20, hideCursor: true, barCompleteChar: '━', barIncompleteChar: '─', linewrap: false,
  });
  bar.start(steps, 0, { status });
  return bar;
}

const describeProgress = ({ loss, learningRate, skipped, tokensPerSecond, memory }: Progress, secondsLeft: number | undefined): string => [
  `loss ${formatLoss(loss)}`, `rate ${formatRate(learningRate)}`, `${formatCount(tokensPerSecond)} tokens/s`,
  megabytes(memory.live + memory.pooled), ...(skipped === undefined || skipped === 0 ? [] : [`${skipped} steps overflowed`]), ...(secondsLeft === undefined ? [] : [`${duration(secondsLeft)} left`]),
].join(' · ');

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
