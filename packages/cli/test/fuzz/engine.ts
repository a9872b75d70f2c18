/**
 * Fuzzing of readers: whole inputs, inputs that must be refused, and damaged
 * ones, all drawn from a seed, are read, and what no reader may do is counted.
 * A reader is one entry of readers.ts; that of a checkpoint, a corpus or a
 * config needs no more than these functions.
 */
import { RandomStream } from '@rna/kernels';
import { describeFailure } from '../../src/commandLine/errors.ts';
import { mutate } from './mutate.ts';

export interface Reader {
  readonly name: string;
  /** Milliseconds of one input on a quiet machine, if it is more than a few: so many fewer are tried. */
  readonly cost?: number;
  /** A whole input, and what reading it must give where that is known. */
  make(random: RandomStream): { readonly bytes: Uint8Array; readonly expected?: unknown };
  /** An input that is nearly whole and must be refused. */
  spoil?(random: RandomStream): Uint8Array;
  /** Reads the input, in parts that `random` draws if the reader takes parts. Errors are of the domain. */
  read(bytes: Uint8Array, random: RandomStream): Promise<unknown>;
  /** What is wrong with what was read, if it cannot be right. */
  check?(result: unknown): string | undefined;
  /** What a failed or finished reading has left behind and must not have, if anything. */
  leftovers?(): string | undefined;
}

/** What a reader may not do. */
export type FaultKind = 'crash' | 'hang' | 'memory' | 'wrong acceptance' | 'wrong refusal' | 'partial output';

export interface Fault {
  readonly reader: string;
  /** With the seed, the input. */
  readonly index: number;
  readonly kind: FaultKind;
  readonly message: string;
}

export interface Budget {
  /** Milliseconds of processor time: a base, and for each byte. */
  readonly base: number;
  readonly perByte: number;
  /** Bytes that an input may leave on the heap and beside it. */
  readonly memory: number;
}

// A linear reader takes less than a microsecond a byte; an input has at most a few kilobytes.
export const BUDGET: Budget = { base: 2000, perByte: 0.02, memory: 256 * 2 ** 20 };

type Sort = 'whole' | 'spoilt' | 'damaged';

export interface FuzzInput {
  readonly bytes: Uint8Array;
  readonly sort: Sort;
  readonly expected?: unknown;
}

/** The input number `index` of a reader: an eighth of them whole, an eighth to be refused, the others damaged. */
export function inputOf(reader: Reader, readers: readonly Reader[], seed: number, index: number): FuzzInput {
  const random = new RandomStream(seed, STREAM_INPUT, index);
  const sort = random.below(8);
  if (sort === 0) return { ...reader.make(random), sort: 'whole' };
  if (sort === 1 && reader.spoil !== undefined) return { bytes: reader.spoil(random), sort: 'spoilt' };
  const other = (): Uint8Array => readers[random.below(readers.length)]!.make(random).bytes;
  return { bytes: mutate(reader.make(random).bytes, random, other), sort: 'damaged' };
}

const STREAM_INPUT = 1;
const STREAM_READING = 2;

/** What is wrong with how a reader takes one input. */
export async function fuzzOne(
  reader: Reader,
  readers: readonly Reader[],
  seed: number,
  index: number,
  budget: Budget = BUDGET,
): Promise<Fault | undefined> {
  const { bytes, sort, expected } = inputOf(reader, readers, seed, index);
  const fault = (kind: FaultKind, message: string): Fault => ({ reader: reader.name, index, kind, message });
  const [cpu, memory] = [process.cpuUsage(), held()];
  const outcome = await outcomeOf(reader, bytes, seed, index);
  const used = process.cpuUsage(cpu);
  const milliseconds = (used.user + used.system) / 1000;
  if (milliseconds > budget.base + budget.perByte * bytes.length)
    return fault('hang', `${milliseconds.toFixed(0)} ms for ${bytes.length} bytes`);
  const grown = held() - memory;
  if (grown > budget.memory) return fault('memory', `${(grown / 2 ** 20).toFixed(0)} MiB for ${bytes.length} bytes`);
  const left = reader.leftovers?.();
  if (left !== undefined) return fault('partial output', left);
  if ('error' in outcome) {
    const { message } = describeFailure(outcome.error, false);
    if (message.includes('a fault of this program')) return fault('crash', message);
    return sort === 'whole' ? fault('wrong refusal', message) : undefined;
  }
  if (sort === 'spoilt') return fault('wrong acceptance', `accepted: ${shown(outcome.result)}`);
  const problem = reader.check?.(outcome.result);
  if (problem !== undefined) return fault('wrong acceptance', problem);
  if (sort === 'whole' && expected !== undefined && shown(outcome.result) !== shown(expected))
    return fault('wrong acceptance', `read ${shown(outcome.result)}, not ${shown(expected)}`);
  // The parts in which an input comes change nothing.
  const again = await outcomeOf(reader, bytes, seed + 1, index);
  return !('result' in again) || shown(again.result) !== shown(outcome.result)
    ? fault('wrong acceptance', 'read otherwise in other parts')
    : undefined;
}

type Outcome = { readonly result: unknown } | { readonly error: unknown };

async function outcomeOf(reader: Reader, bytes: Uint8Array, seed: number, index: number): Promise<Outcome> {
  try {
    return { result: await reader.read(bytes, new RandomStream(seed, STREAM_READING, index)) };
  } catch (error) {
    return { error };
  }
}

function held(): number {
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return heapUsed + arrayBuffers + external;
}

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (ArrayBuffer.isView(each) ? [...(each as Int32Array)] : each)) ??
  'nothing';
