/** A folding job as the page shows it: its records, what is known of each, and how far it is. */
import { useCallback, useEffect, useReducer, useRef } from 'preact/hooks';
import type { Method } from '../address.ts';
import { foldBy } from './foldClient.ts';
import type { Problem } from '../calls/caller.ts';
import type { Folded, FoldEvent, ReadRecord } from './protocol.ts';

export interface FoldSettings {
  readonly method: Method;
  readonly against: Method | undefined;
  readonly text: string;
  /** The name that errors give. */
  readonly file: string;
}

/** A structure, or why there is none. */
export type Outcome = { readonly folded: Folded } | { readonly leftOut: string };

export interface Row extends ReadRecord {
  readonly first?: Outcome;
  /** By the second method. */
  readonly second?: Outcome;
}

export interface FoldState {
  readonly phase: 'idle' | 'running' | 'done' | 'cancelled' | 'failed';
  readonly settings?: FoldSettings;
  /** Whose turn it is. */
  readonly turn: 'first' | 'second';
  readonly rows: readonly Row[];
  readonly note: string;
  readonly problem?: Problem;
}

export interface Folding {
  readonly state: FoldState;
  readonly start: (settings: FoldSettings) => void;
  readonly cancel: () => void;
}

type Action =
  | { readonly type: 'begin'; readonly settings: FoldSettings }
  | { readonly type: 'turn' }
  | { readonly type: 'cancel' }
  | { readonly type: 'finish' }
  | { readonly type: 'events'; readonly events: readonly FoldEvent[] };

const IDLE: FoldState = { phase: 'idle', turn: 'first', rows: [], note: '' };

/** Events are shown so often, in milliseconds; hundreds of short RNAs are folded in a second. */
const SHOWN_EVERY = 40;

export function useFolding(): Folding {
  const [state, dispatch] = useReducer(reduce, IDLE);
  const stop = useRef<() => void>(() => undefined);

  const start = useCallback((settings: FoldSettings) => {
    stop.current();
    dispatch({ type: 'begin', settings });
    stop.current = runJob(settings, dispatch);
  }, []);
  const cancel = useCallback(() => {
    stop.current();
    dispatch({ type: 'cancel' });
  }, []);
  useEffect(
    () => () => {
      stop.current();
    },
    [],
  );
  return { state, start, cancel };
}

/** Folds by the first method, then by the second. Returns what stops it. */
function runJob(settings: FoldSettings, dispatch: (action: Action) => void): () => void {
  let held: FoldEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const events = held;
    held = [];
    if (events.length > 0) dispatch({ type: 'events', events });
  };
  let stopTurn = (): void => undefined;
  const begin = (method: Method, next: () => void): void => {
    stopTurn = foldBy(method, settings, (event) => {
      held.push(event);
      if (event.type === 'done' || event.type === 'failed') {
        show();
        stopTurn = () => undefined;
        if (event.type === 'done') next();
      } else timer ??= setTimeout(show, SHOWN_EVERY);
    });
  };
  const finish = (): void => {
    dispatch({ type: 'finish' });
  };
  const { method, against } = settings;
  begin(method, () => {
    if (against === undefined) {
      finish();
      return;
    }
    dispatch({ type: 'turn' });
    begin(against, finish);
  });
  return () => {
    show();
    stopTurn();
  };
}

function reduce(state: FoldState, action: Action): FoldState {
  switch (action.type) {
    case 'begin':
      return { ...IDLE, phase: 'running', settings: action.settings };
    case 'turn':
      return { ...state, turn: 'second', note: '' };
    case 'cancel':
      return state.phase === 'running' ? { ...state, phase: 'cancelled', note: '' } : state;
    case 'finish':
      return { ...state, phase: 'done', note: '' };
    case 'events':
      return action.events.reduce(withEvent, state);
  }
}

function withEvent(state: FoldState, event: FoldEvent): FoldState {
  const withOutcome = (index: number, outcome: Outcome): FoldState => ({
    ...state,
    note: '',
    rows: state.rows.map((row, at) => (at === index ? { ...row, [state.turn]: outcome } : row)),
  });
  switch (event.type) {
    case 'read':
      return state.turn === 'first' ? { ...state, rows: event.records } : state;
    case 'note':
      return { ...state, note: event.text };
    case 'folded':
      return withOutcome(event.index, { folded: event.folded });
    case 'leftOut':
      return withOutcome(event.index, { leftOut: event.message });
    case 'failed':
      return { ...state, phase: 'failed', note: '', problem: event.problem };
    case 'done':
      return state;
  }
}
