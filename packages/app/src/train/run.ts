/**
 * The run that goes on in the worker, as the page knows it. It lives beside the components, since a run goes on while
 * other views are shown; the page may be closed at any moment, and the run goes on from its newest checkpoint.
 */
import type { LogEntry, Progress } from '@rna/train';
import { connectRun, savedRuns, type Command, type RunClient, type RunEvent, type SavedRun } from '@rna/web';
import { useEffect, useState } from 'preact/hooks';
import { keepRun } from '../models/useModels.ts';
import { saveBlob } from '../ui/save.ts';

export type Phase = 'none' | 'opening' | 'training' | 'paused' | 'stopping' | 'done' | 'stopped' | 'failed';

export interface RunState {
  readonly phase: Phase;
  readonly name: string;
  readonly steps: number;
  readonly adapter: string;
  readonly entries: readonly LogEntry[];
  readonly progress: Progress | undefined;
  /** The step of the newest checkpoint. */
  readonly saved: number | undefined;
  /** The held-out score by which the best model of a fine-tuning is chosen. */
  readonly best: Extract<RunEvent, { type: 'begun' }>['best'];
  /** The model that a fine-tuning gave, by the name under which it is kept. */
  readonly model: string | undefined;
  readonly isPacking: boolean;
  readonly note: string;
  readonly problem: string;
  /** When steps ended, and their tokens: what the speed is taken from. */
  readonly times: readonly { readonly time: number; readonly tokens: number }[];
  /** The runs that this browser keeps; undefined before they are known. */
  readonly runs: readonly SavedRun[] | undefined;
}

/** Steps over which speed is taken. */
const RATE_STEPS = 20;
/** Events are shown so often, in milliseconds. */
const SHOWN_EVERY = 200;

let state: RunState = {
  phase: 'none',
  name: '',
  steps: 1,
  adapter: '',
  entries: [],
  progress: undefined,
  saved: undefined,
  best: undefined,
  model: undefined,
  isPacking: false,
  note: '',
  problem: '',
  times: [],
  runs: undefined,
};
const followers = new Set<(state: RunState) => void>();
let [client, timer]: [RunClient | undefined, ReturnType<typeof setTimeout> | undefined] = [undefined, undefined];

/** Is told to those who follow at once, or a moment later where much is told. */
function change(next: Partial<RunState>, isSoon = false): void {
  state = { ...state, ...next };
  const show = (): void => {
    clearTimeout(timer);
    timer = undefined;
    for (const follow of followers) follow(state);
  };
  if (isSoon) timer ??= setTimeout(show, SHOWN_EVERY);
  else show();
}

export function useRun(): RunState {
  const [shown, setShown] = useState(state);
  useEffect(() => {
    followers.add(setShown);
    setShown(state);
    void listRuns();
    return () => {
      followers.delete(setShown);
    };
  }, []);
  return shown;
}

export async function listRuns(): Promise<void> {
  try {
    change({ runs: await savedRuns() });
  } catch (error) {
    change({ problem: error instanceof Error ? error.message : String(error) });
  }
}

export const isGoing = ({ phase }: RunState): boolean =>
  phase === 'opening' || phase === 'training' || phase === 'paused' || phase === 'stopping';

/** Begins a run. */
export function begin(command: Extract<Command, { type: 'start' | 'finetune' | 'resume' | 'import' }>): void {
  change({
    phase: 'opening',
    name: command.run,
    entries: [],
    progress: undefined,
    saved: undefined,
    best: undefined,
    model: undefined,
    times: [],
    note: '',
    problem: '',
  });
  // Asks the browser not to clear the run when disk space runs short; a refusal changes nothing here.
  void navigator.storage.persist();
  send(command);
}

export function pause(isPaused: boolean): void {
  send({ type: isPaused ? 'pause' : 'unpause' });
  change({ phase: isPaused ? 'paused' : 'training', times: [] });
}

export function stop(): void {
  send({ type: 'stop' });
  change({ phase: 'stopping' });
}

/** Gives a run with its newest checkpoint as an archive. */
export function pack(run: string): void {
  change({ isPacking: true, problem: '' });
  send({ type: 'pack', run });
}

function send(command: Command): void {
  client ??= connectRun(new Worker(new URL('../workers/trainWorker.ts', import.meta.url), { type: 'module' }), onEvent);
  client.send(command);
}

function onEvent(event: RunEvent): void {
  switch (event.type) {
    case 'begun':
      change({ phase: 'training', steps: event.steps, adapter: event.adapter, best: event.best, times: [] });
      break;
    case 'history':
      change({ entries: event.entries }, true);
      break;
    case 'entry': {
      const { entry } = event;
      const times =
        'tokens' in entry
          ? [...state.times.slice(-RATE_STEPS), { time: performance.now(), tokens: entry.tokens }]
          : state.times;
      change({ entries: [...state.entries, entry], times }, true);
      break;
    }
    case 'progress':
      change({ progress: event.progress }, true);
      break;
    case 'saved':
      change({ saved: Number(/\d+$/.exec(event.checkpoint)?.[0]) });
      break;
    case 'note':
      change({ note: event.text });
      break;
    case 'packed':
      change({ isPacking: false });
      saveBlob(`${event.run}.zip`, event.file);
      break;
    case 'notPacked':
      change({ isPacking: false, problem: event.message });
      break;
    case 'finished':
      change({ phase: 'done', steps: event.state.step });
      void listRuns();
      if (state.best !== undefined) void keepTuned(state.name);
      break;
    case 'stopped':
      change({ phase: 'stopped' });
      void listRuns();
      break;
    case 'failed':
      change({ phase: 'failed', problem: event.message });
      void listRuns();
      break;
  }
}

/** What was fine-tuned is for use, so it is kept among the models at once. */
async function keepTuned(run: string): Promise<void> {
  const model = await keepRun(run);
  if (state.name !== run) return;
  change(
    model === undefined
      ? { problem: 'The model could not be kept; the Models view says why, and the run is here.' }
      : { model },
  );
}
