/** A thread of the fuzzer: one reader's inputs, whose numbers the main thread watches. */
import { parentPort, workerData } from 'node:worker_threads';
import { fuzzOne } from './engine.ts';
import { READERS } from './readers.ts';

export interface FuzzWork {
  readonly reader: string;
  readonly seed: number;
  readonly first: number;
  readonly end: number;
  /** The number of the input that is being read: one 32-bit integer. */
  readonly at: SharedArrayBuffer;
}

const { reader: name, seed, first, end, at } = workerData as FuzzWork;
const current = new Int32Array(at);
const reader = READERS.find((each) => each.name === name)!;
for (let index = first; index < end; index++) {
  Atomics.store(current, 0, index);
  const fault = await fuzzOne(reader, READERS, seed, index);
  if (fault !== undefined) parentPort!.postMessage(fault);
}
