/** The run that goes on, or ended: its figures and its curves as the worker tells of them. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { maps } from '../calls/workers.ts';
import { bytesText } from '../ui/format.ts';
import { isGoing, pack, pause, stop, type Phase, type RunState } from './run.ts';

const STATUS: Readonly<Record<Phase, string>> = {
  none: '',
  opening: 'opening the adapter, compiling kernels …',
  training: 'training',
  paused: 'paused',
  stopping: 'stopping after this step …',
  done: 'done',
  stopped: 'stopped',
  failed: 'failed',
};

export function RunCard({ state }: { readonly state: RunState }) {
  const { phase, name, steps, entries, progress, saved, isPacking, note, adapter, model } = state;
  const done = entries.reduce((most, { step }) => Math.max(most, step), 0);
  const speed = rateOf(state.times);
  const going = isGoing(state);
  const figures: readonly (readonly [string, string])[] = [
    ['Step', `${done} of ${steps}`],
    ['Epoch', progress === undefined ? '–' : String(progress.epoch + 1)],
    ['Loss', progress === undefined ? '–' : progress.loss.toFixed(3)],
    ...(state.best === undefined ? [] : [bestScore(state.best, entries)]),
    ['Tokens per second', speed === undefined ? '–' : Math.round(speed.tokens).toLocaleString('en')],
    ['Time left', speed === undefined || !going ? '–' : duration((steps - done) / speed.steps)],
    ['GPU memory', progress === undefined ? '–' : bytesText(progress.memory.live + progress.memory.pooled)],
    ['Waiting for batches', progress === undefined ? '–' : `${(100 * progress.dataWait).toFixed(1)} %`],
    ['Last checkpoint', saved === undefined ? 'none yet' : `step ${saved}`],
    ...(progress === undefined || progress.refusals === 0
      ? []
      : [['Refused steps', String(progress.refusals)] as const]),
    ['Adapter', adapter === '' ? '–' : adapter],
  ];
  return (
    <section class="card" aria-label={`Run ${name}`}>
      <div class="toolbar">
        <h2 class="id">{name}</h2>
        <p class="quiet" role="status">
          {phase === 'done' ? `done, ${steps} steps` : STATUS[phase]}
        </p>
      </div>
      {note !== '' && going && (
        <p class="hint" role="status">
          {note}
        </p>
      )}
      <progress aria-label="Steps done" value={done} max={steps} />
      <div class="row">
        <button
          type="button"
          disabled={phase !== 'training' && phase !== 'paused'}
          onClick={() => {
            pause(phase !== 'paused');
          }}
        >
          {phase === 'paused' ? 'Go on' : 'Pause'}
        </button>
        <button type="button" disabled={!going || phase === 'stopping'} onClick={stop}>
          Stop
        </button>
        <button
          type="button"
          disabled={saved === undefined || isPacking}
          onClick={() => {
            pack(name);
          }}
        >
          Download checkpoint
        </button>
      </div>
      {model !== undefined && (
        <p>
          The model of the best held-out score is kept as <strong class="id">{model}</strong>.{' '}
          <a href={`#/predict?${new URLSearchParams({ model }).toString()}`}>Predict with it</a>
        </p>
      )}
      <dl class="figures">
        {figures.map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Curves state={state} />
    </section>
  );
}

/** The best score of the held-out RNAs so far, and when it was. */
function bestScore(
  { metric, order }: NonNullable<RunState['best']>,
  entries: RunState['entries'],
): readonly [string, string] {
  const scores = entries.flatMap((entry) => {
    const value = 'evaluation' in entry ? entry.evaluation[metric] : undefined;
    return value === undefined ? [] : [{ step: entry.step, value }];
  });
  const [first] = scores;
  const isBetter = (a: number, b: number): boolean => (order === 'largest' ? a > b : a < b);
  const best = first && scores.reduce((so, each) => (isBetter(each.value, so.value) ? each : so), first);
  return [`Best held-out ${metric}`, best === undefined ? '–' : `${best.value.toFixed(3)}, step ${best.step}`];
}

/** Curves are drawn in a worker, the next when the last is there. */
function Curves({ state: { name, entries, steps } }: { readonly state: RunState }) {
  const [drawn, setDrawn] = useState<readonly string[]>([]);
  const wanted = useRef<Pick<RunState, 'name' | 'entries' | 'steps'> | undefined>(undefined);
  const isDrawing = useRef(false);
  useEffect(() => {
    wanted.current = { name, entries, steps };
    const draw = async (): Promise<void> => {
      if (isDrawing.current) return;
      isDrawing.current = true;
      while (wanted.current !== undefined) {
        const next = wanted.current;
        wanted.current = undefined;
        setDrawn(next.entries.length === 0 ? [] : await maps.call('curves', next));
      }
      isDrawing.current = false;
    };
    draw().catch(() => {
      // Figures in words stay; the next entry tries again.
      isDrawing.current = false;
    });
  }, [name, entries, steps]);
  return (
    <div class="plots">
      {drawn.map((svg, at) => (
        // Texts in it are escaped.
        <figure key={at} dangerouslySetInnerHTML={{ __html: svg }} />
      ))}
    </div>
  );
}

/** Tokens and steps per second over the last steps. */
function rateOf(times: RunState['times']): { readonly tokens: number; readonly steps: number } | undefined {
  if (times.length < 3) return undefined;
  const seconds = Math.max(0.001, (times.at(-1)!.time - times[0]!.time) / 1000);
  return {
    tokens: times.slice(1).reduce((sum, { tokens }) => sum + tokens, 0) / seconds,
    steps: (times.length - 1) / seconds,
  };
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
