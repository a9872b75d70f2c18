/**
 * The worker that folds. It reads the sequences, then tells of each structure as it is done. What folds is opened once
 * and kept for the next job. An engine holds this thread while it folds a sequence, and is cancelled by ending the
 * worker; the model is asked to stop and keeps its adapter.
 */
import { InputError } from '@rna/structure';
import { MemoryBudgetError } from '@rna/tensor';
import type { Method } from '../address.ts';
import type { Problem } from '../calls/caller.ts';
import { isEngine, modelOf } from '../fold/methods.ts';
import type { FoldCommand, FoldEvent, FoldTask } from '../fold/protocol.ts';
import { openEngine } from './engines.ts';
import type { FoldOne } from './foldOne.ts';
import { TooLongError } from './refusals.ts';
import { knownStructure, readRecords } from './records.ts';

type EventBody = FoldEvent extends infer E ? (E extends FoldEvent ? Omit<E, 'job'> : never) : never;

const opened = new Map<Method, Promise<FoldOne>>();
const cancelled = new Set<number>();
let last: Promise<void> = Promise.resolve();

addEventListener('message', ({ data }: MessageEvent<FoldCommand>) => {
  if (data.type === 'cancel') {
    cancelled.add(data.job);
    return;
  }
  // One job at a time, in their order.
  last = last.then(() => run(data));
});

async function run(task: FoldTask): Promise<void> {
  const { job, method, text, file } = task;
  const tell = (event: EventBody): void => {
    postMessage({ job, ...event });
  };
  try {
    const records = await readRecords(text, file);
    tell({
      type: 'read',
      records: records.map((record) => {
        const known = knownStructure(record);
        return { id: record.id, length: record.sequence.length, ...(known && { known }) };
      }),
    });
    const fold = await open(method, (note) => {
      tell({ type: 'note', text: note });
    });
    for (const [index, record] of records.entries()) {
      // Lets a message in that cancels.
      await new Promise((resolve) => {
        setTimeout(resolve);
      });
      if (cancelled.has(job)) return;
      try {
        tell({ type: 'folded', index, folded: await fold(record) });
      } catch (error) {
        if (!(error instanceof TooLongError || error instanceof MemoryBudgetError)) throw error;
        tell({ type: 'leftOut', index, message: `${file}:${record.line}: “${record.id}”: ${error.message}` });
      }
    }
    tell({ type: 'done' });
  } catch (error) {
    tell({ type: 'failed', problem: await problemOf(error, method) });
  }
}

function open(method: Method, note: (text: string) => void): Promise<FoldOne> {
  const known = opened.get(method);
  if (known !== undefined) return known;
  const opening = method === 'contrafold' || method === 'eternafold' ? openEngine(method) : openModel(method, note);
  opened.set(method, opening);
  // What could not be opened is tried again by the next job.
  opening.catch(() => opened.delete(method));
  return opening;
}

/** Loaded when it is asked for: the engines need neither the model nor WebGPU. */
async function openModel(method: Method, note: (text: string) => void): Promise<FoldOne> {
  return (await import('./pairModel.ts')).openPairModel(modelOf(method), note);
}

async function problemOf(error: unknown, method: Method): Promise<Problem> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InputError) return { kind: 'input', message };
  if (isEngine(method)) return { kind: 'other', message };
  // What can go wrong with a model is known where models are.
  return (await import('./problem.ts')).problemOf(error);
}
