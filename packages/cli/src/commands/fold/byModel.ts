/**
 * `rna fold` by a model: pair probabilities of one record at a time, since a
 * map over pairs is what fills the memory, and a structure from them: the greedy
 * decode, or the nested structure of maximum expected accuracy.
 */
import {
  decodeBasePairs,
  decodeNested,
  expectedAccuracy,
  gammaOf,
  InputError,
  standardLetters,
  windowedPairs,
  type Windows,
} from '@rna/structure';
import { predictsPairs, type OpenedModel, type PairTask, type Precision } from '@rna/model';
import { pairPredictor } from '@rna/train';
import { CommandError } from '../../commandLine/errors.ts';
import { note } from '../../commandLine/terminal.ts';
import { withPriors } from '../../folding/priors.ts';
import type { FastaFileRecord, FastaInput } from '../../input/fastaInput.ts';
import { naming, withEncoder, withModel } from '../../models/loadModel.ts';
import { chooseWindows, noteWindows, type WindowOptions } from '../../models/windows.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { probablePairs } from '../../tables/pairTable.ts';
import type { FoldSink } from './output.ts';

export interface FoldByModelOptions extends Precision, WindowOptions {
  readonly model: string;
  readonly threshold?: number;
  readonly nested?: boolean;
  readonly gamma?: number;
  readonly allowNcPairs?: boolean;
  readonly allowSharpLoops?: boolean;
  readonly skipBad?: boolean;
  readonly config?: string;
}

/** Gives each record to the sink in order. */
export async function foldByModel(
  fasta: FastaInput,
  options: FoldByModelOptions,
  signal: AbortSignal,
  { begin, take }: FoldSink,
): Promise<void> {
  await withModel(options.model, options, async (model) => {
    const task = requireHead(model, options.model);
    const decoder = chooseDecoder(model, options);
    await withPriors(task, {}, (priors) =>
      withEncoder(
        model,
        async (encoder) => {
          const windows = chooseWindows(encoder.device, encoder.config, task, options, 'short');
          noteWindows(fasta.plan, windows, 'pair probabilities');
          const predict = windowedPairs(
            pairPredictor({ encoder, task, parameters: encoder.parameters, ...(priors && { priors }) }),
            windows,
          );
          await begin();
          for await (const [record, next] of withNext(fasta.records())) {
            signal.throwIfAborted();
            const sequence = standardLetters(record.sequence);
            const probabilities = await predict(sequence, next && standardLetters(next.sequence)).catch(
              (error: unknown) => {
                leftOut(naming(error, record.file, record), options);
              },
            );
            if (probabilities === undefined) {
              await take(undefined);
              continue;
            }
            if (!isFiniteArray(probabilities)) throw await overflow(encoder, record.file, inWindow(record, windows));
            const partners = decoder.decode(probabilities, sequence);
            await take({
              ...record,
              sequence,
              partners,
              accuracy: expectedAccuracy(probabilities, partners),
              pairs: () => probablePairs(probabilities, sequence.length),
              by: {
                model: options.model,
                ...decoder.by,
                ...(sequence.length > windows.size && { window: windows.size, stride: windows.stride }),
              },
            });
          }
        },
        options,
      ),
    );
  });
}

/** What of a record the device can run at once. */
const inWindow = (record: FastaFileRecord, { size }: Windows): FastaFileRecord => ({
  ...record,
  sequence: record.sequence.slice(0, size),
});

/** Says that a record is left out, where that is asked for; otherwise throws what is wrong with it. */
function leftOut(error: unknown, { skipBad }: FoldByModelOptions): void {
  if (!skipBad || !(error instanceof InputError)) throw error;
  note(`left out: ${error.message}`);
}

/** Each item with the one after it, which is read first. */
async function* withNext<T>(items: AsyncIterable<T>): AsyncGenerator<readonly [T, T | undefined], void, undefined> {
  let last: T | undefined;
  for await (const item of items) {
    if (last !== undefined) yield [last, item];
    last = item;
  }
  if (last !== undefined) yield [last, undefined];
}

function requireHead({ task }: OpenedModel, model: string): PairTask {
  if (!predictsPairs(task))
    throw new CommandError(
      `${model} has no head that predicts base pairs; fine-tune one with rna finetune, or name a fine-tuned model`,
    );
  return task;
}

interface Decoder {
  decode(probabilities: Float32Array, sequence: string): Int32Array;
  /** What it goes by, as JSON has it. */
  readonly by: Readonly<Record<string, unknown>>;
}

/** The decoder that was asked for; a note says what it goes by. */
function chooseDecoder({ scalars }: OpenedModel, options: FoldByModelOptions): Decoder {
  const tuned = scalars.get('threshold');
  const threshold = options.threshold ?? tuned ?? 0.5;
  const why =
    options.threshold !== undefined
      ? '--threshold'
      : tuned !== undefined
        ? 'tuned with the model'
        : 'the default; the model carries none';
  if (!options.nested) {
    note(`pairs above ${threshold} (${why})`);
    return {
      decode: (probabilities, sequence) => decodeBasePairs(probabilities, sequence, { ...options, threshold }),
      by: { threshold },
    };
  }
  const gamma = options.gamma ?? Number(gammaOf(threshold).toPrecision(6));
  note(
    `nested structures with gamma ${gamma} (${options.gamma !== undefined ? '--gamma' : `of the threshold ${threshold}, ${why}`})`,
  );
  return {
    decode: (probabilities, sequence) => decodeNested(probabilities, sequence, gamma, options),
    by: { nested: true, gamma },
  };
}
