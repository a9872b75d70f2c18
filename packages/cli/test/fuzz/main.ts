/**
 * `npm run fuzz`: thousands of inputs for each reader, each reader in a thread
 * that is ended where it hangs or fills its memory. `npm run fuzz -- fasta table
 * --inputs 100000 --seed 7` chooses; `--at 1234` with one reader shows an input
 * and what is made of it.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { inert } from '../../src/commandLine/errors.ts';
import { BUDGET, fuzzOne, inputOf, type Fault, type Reader } from './engine.ts';
import { READERS } from './readers.ts';
import type { FuzzWork } from './worker.ts';

/** Longer than this for one input is a hang, however busy the machine is. */
const HANG = 60_000;
const HEAP_MEGABYTES = 1024;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    at: { type: 'string' },
  },
});
const [inputs, seed] = [Number(values.inputs), Number(values.seed)];
const unknown = positionals.filter((name) => !READERS.some((reader) => reader.name === name));
if (unknown.length > 0 || !(inputs > 0) || !Number.isInteger(seed)) {
  process.stderr.write(
    `no reader ${unknown.join(', ')}; there are ${READERS.map(({ name }) => `"${name}"`).join(' ')}\n`,
  );
  process.exit(2);
}
const chosen = positionals.length === 0 ? READERS : READERS.filter(({ name }) => positionals.includes(name));

if (values.at === undefined) await fuzzAll();
else await show(chosen[0]!, Number(values.at));

async function fuzzAll(): Promise<void> {
  let total = 0;
  for (const reader of chosen) {
    const start = performance.now();
    const count = Math.ceil(inputs / (reader.cost ?? 1));
    const faults = await fuzzReader(reader, count);
    total += faults.length;
    for (const { index, kind, message } of faults)
      process.stdout.write(`  ${kind}, --at ${index}: ${inert(message.slice(0, 400))}\n`);
    process.stdout.write(
      `${reader.name.padEnd(20)} ${count} inputs, ${faults.length} faults, ${((performance.now() - start) / 1000).toFixed(0)} s\n`,
    );
  }
  process.exitCode = total > 0 ? 1 : 0;
}

/** The faults of a reader; behind an input that ends the thread another thread goes on. */
async function fuzzReader(reader: Reader, count: number): Promise<Fault[]> {
  const faults: Fault[] = [];
  const fault = (index: number, kind: Fault['kind'], message: string): void => {
    faults.push({ reader: reader.name, index, kind, message });
  };
  let first = 0;
  while (first < count) {
    const at = new SharedArrayBuffer(4);
    const current = new Int32Array(at);
    const work: FuzzWork = { reader: reader.name, seed, first, end: count, at };
    const worker = new Worker(new URL('../../bin/sourceWorker.js', import.meta.url), {
      argv: [new URL('worker.ts', import.meta.url).href],
      workerData: work,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
    });
    // Until the thread has loaded its modules, which takes as long as the machine is busy.
    Atomics.store(current, 0, first - 1);
    worker.on('message', (found: Fault) => faults.push(found));
    let [seen, since] = [first, performance.now()];
    const watch = setInterval(() => {
      const now = Atomics.load(current, 0);
      if (now !== seen || now < first) [seen, since] = [now, performance.now()];
      else if (performance.now() - since > HANG) {
        fault(now, 'hang', `no end after ${HANG / 1000} s`);
        void worker.terminate();
      }
    }, 1000);
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      fault(
        Atomics.load(current, 0),
        isMemory ? 'memory' : 'crash',
        isMemory ? `more than ${HEAP_MEGABYTES} MB` : (error.stack ?? error.message),
      );
    });
    const code = await new Promise<number>((resolve) => worker.on('exit', resolve));
    clearInterval(watch);
    first = code === 0 ? count : Math.max(first, Atomics.load(current, 0)) + 1;
  }
  return faults;
}

async function show(reader: Reader, index: number): Promise<void> {
  const { bytes, sort } = inputOf(reader, READERS, seed, index);
  process.stdout.write(
    `${sort} input, ${bytes.length} bytes:\n${JSON.stringify(Buffer.from(bytes).toString('latin1'))}\n`,
  );
  const fault = await fuzzOne(reader, READERS, seed, index, BUDGET);
  process.stdout.write(`${fault === undefined ? 'no fault' : `${fault.kind}: ${fault.message}`}\n`);
}
