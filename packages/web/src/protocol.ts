/**
 * What a page and the worker that trains say to each other. All of it can be
 * posted: plain data, files and blobs.
 */
import type { LogEntry, Progress, TrainState } from '@rna/train';

/** RNAs to train on and, held out, to evaluate on: a file that a person chose, or the address of one that is served. */
export interface CorpusChoice {
  readonly train: File | string;
  readonly validation?: File | string;
}

/** A table of labelled RNAs to fine-tune on, and what of it is learnt. */
export interface TableChoice {
  /** The task's name. */
  readonly task: string;
  /** The text of the table, and the name that errors give. */
  readonly table: { readonly text: string; readonly file: string };
  readonly columns: { readonly sequence: string; readonly target: readonly string[] };
}

/** From the page. One run goes on at a time; `start`, `finetune`, `resume` and `import` begin it. */
export type Command =
  /** A new run. `config` is a pre-training config without `out` and `data`, which follow from the others. */
  | {
      readonly type: 'start';
      readonly run: string;
      readonly config: Readonly<Record<string, unknown>>;
      readonly corpus: CorpusChoice;
    }
  /** A new fine-tuning. `config` is that of the task without `out`, and of `data` at most `heldOutShare`. */
  | {
      readonly type: 'finetune';
      readonly run: string;
      readonly config: Readonly<Record<string, unknown>>;
      readonly choice: TableChoice;
    }
  /** A run that this browser keeps, from its newest checkpoint. */
  | { readonly type: 'resume'; readonly run: string }
  /** A run from an archive, with the corpus that it was begun on. */
  | { readonly type: 'import'; readonly run: string; readonly archive: Blob; readonly corpus: CorpusChoice }
  /** Waits before the next step, keeping everything where it is. */
  | { readonly type: 'pause' }
  | { readonly type: 'unpause' }
  /** Ends the run here; `resume` goes on from its newest checkpoint. */
  | { readonly type: 'stop' }
  /** Asks for a run with its newest checkpoint as an archive, whether it goes on or not. */
  | { readonly type: 'pack'; readonly run: string };

/** From the worker. */
export type RunEvent =
  /** A device is open: at the begin, and again after one was lost. */
  | {
      readonly type: 'begun';
      readonly run: string;
      readonly steps: number;
      readonly adapter: string;
      /** The held-out score by which the best model of a fine-tuning is chosen. */
      readonly best?: { readonly metric: string; readonly order: 'largest' | 'smallest' };
    }
  /** The log up to where training goes on from, in place of all entries told before. */
  | { readonly type: 'history'; readonly entries: readonly LogEntry[] }
  | { readonly type: 'entry'; readonly entry: LogEntry }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'saved'; readonly checkpoint: string }
  /** Something a person should know that is no failure, such as a device that was lost and replaced. */
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'packed'; readonly run: string; readonly file: File }
  /** Packing failed; the run is not touched by that. */
  | { readonly type: 'notPacked'; readonly message: string }
  | { readonly type: 'finished'; readonly state: TrainState }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly message: string };
