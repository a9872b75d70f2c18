/**
 * The part of the page that shows a run: its figures and plots, as the worker
 * tells of them. Draws at most a few times a second.
 */
import type { LogEntry, Progress } from '@rna/train';
import type { RunEvent } from '@rna/web';
import { byId } from './dom.ts';
import { drawPlots } from './plots.ts';

const DRAW_INTERVAL_MS = 400;
/** Steps over which speed is taken. */
const RATE_STEPS = 20;

export interface RunView {
  /** Shows an event; those of packing are not its business. */
  readonly show: (event: RunEvent) => void;
  readonly status: (text: string) => void;
  /** Speed is counted anew, since the run stood still. */
  readonly forgetSpeed: () => void;
}

export function createRunView(): RunView {
  const plots = byId('plots', HTMLElement);
  let entries: LogEntry[] = [];
  let progress: Progress | undefined;
  let times: { readonly time: number; readonly tokens: number }[] = [];
  let [steps, name, adapter, saved] = [1, '', '', ''];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const draw = (): void => {
    timer = undefined;
    drawPlots(plots, name, entries, steps);
    const done = entries.reduce((most, { step }) => Math.max(most, step), 0);
    const bar = byId('progress', HTMLProgressElement);
    bar.max = steps;
    bar.value = done;
    const speed = rateOf(times);
    showFigures([
      ['Step', `${done} of ${steps}`],
      ['Epoch', progress === undefined ? '–' : String(progress.epoch + 1)],
      ['Loss', progress === undefined ? '–' : progress.loss.toFixed(3)],
      ['Tokens per second', speed === undefined ? '–' : Math.round(speed.tokens).toLocaleString('en')],
      ['Time left', speed === undefined ? '–' : duration((steps - done) / speed.steps)],
      [
        'GPU memory',
        progress === undefined ? '–' : `${Math.round((progress.memory.live + progress.memory.pooled) / 2 ** 20)} MB`,
      ],
      ['Waiting for batches', progress === undefined ? '–' : `${(100 * progress.dataWait).toFixed(1)} %`],
      ['Last checkpoint', saved === '' ? 'none yet' : `step ${saved}`],
      ...(progress === undefined || progress.refusals === 0
        ? []
        : [['Refused steps', String(progress.refusals)] as const]),
      ['Adapter', adapter],
    ]);
  };
  const drawSoon = (): void => {
    timer ??= setTimeout(draw, DRAW_INTERVAL_MS);
  };
  new ResizeObserver(() => {
    if (entries.length > 0) drawSoon();
  }).observe(plots);

  return {
    show(event) {
      switch (event.type) {
        case 'begun':
          ({ steps, adapter, run: name } = event);
          times = [];
          byId('run-title', HTMLElement).textContent = event.run;
          break;
        case 'history':
          entries = [...event.entries];
          saved = '';
          break;
        case 'entry':
          entries.push(event.entry);
          if ('tokens' in event.entry)
            times = [...times.slice(-RATE_STEPS), { time: performance.now(), tokens: event.entry.tokens }];
          break;
        case 'progress':
          progress = event.progress;
          break;
        case 'saved':
          saved = String(Number(/\d+$/.exec(event.checkpoint)?.[0]));
          break;
        default:
          return;
      }
      drawSoon();
    },
    status: (text) => {
      byId('status', HTMLElement).textContent = text;
    },
    forgetSpeed: () => {
      times = [];
    },
  };
}

/** Tokens and steps per second over the last steps. */
function rateOf(
  times: readonly { readonly time: number; readonly tokens: number }[],
): { tokens: number; steps: number } | undefined {
  if (times.length < 3) return undefined;
  const seconds = Math.max(0.001, (times.at(-1)!.time - times[0]!.time) / 1000);
  return {
    tokens: times.slice(1).reduce((sum, { tokens }) => sum + tokens, 0) / seconds,
    steps: (times.length - 1) / seconds,
  };
}

function showFigures(figures: readonly (readonly [string, string])[]): void {
  byId('figures', HTMLElement).replaceChildren(
    ...figures.map(([name, value]) => {
      const [group, term, detail] = ['div', 'dt', 'dd'].map((tag) => document.createElement(tag)) as [
        HTMLElement,
        HTMLElement,
        HTMLElement,
      ];
      term.textContent = name;
      detail.textContent = value;
      group.append(term, detail);
      return group;
    }),
  );
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
