/**
 * The work of `rna fold`: pair probabilities of one record at a time, since a
 * map over pairs is what fills the memory, the greedy decode, and the files of
 * the field. Each file is written whole or not at all; after a failure those of
 * the records before it are there.
 */
import { join } from 'node:path';
import {
  decodeBasePairs,
  InputError,
  writeBpseq,
  writeCt,
  writeDotBracket,
  type Structure,
  standardLetters,
} from '@rna/structure';
import { type OpenedModel, type Precision, predictsPairs, type PairTask } from '@rna/model';
import { pairPredictor } from '@rna/train';
import { makeFolder } from '../../files/files.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { withFasta, noteOtherLetters, type FastaFileRecord } from '../../input/fastaInput.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { naming, withEncoder, withModel } from '../../models/loadModel.ts';
import { fileNames, notePairsLeftOut } from '../../files/outputPaths.ts';
import { pairLines, writeText } from '../../tables/pairTable.ts';
import { interruptible, note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { withPriors } from '../../folding/priors.ts';

const WRITERS = { dbn: writeDotBracket, ct: writeCt, bpseq: writeBpseq } satisfies Record<
  string,
  (structure: Structure) => string
>;

export interface FoldOptions extends Precision {
  readonly model: string;
  /** FASTA, `-` for stdin. */
  readonly inputs: readonly string[];
  readonly out?: string;
  readonly format: readonly (keyof typeof WRITERS)[];
  readonly threshold?: number;
  readonly allowNcPairs?: boolean;
  readonly allowSharpLoops?: boolean;
  readonly probs?: boolean;
  /** Leave out records that cannot be read or run, and say which. */
  readonly skipBad?: boolean;
  readonly config?: string;
}

/** Throws an InputError, CheckpointError, UsageError or CommandError before any output is begun. */
export async function fold(options: FoldOptions): Promise<void> {
  const { out, format, probs } = options;
  if (out === undefined && (probs || format.some((each) => each !== 'dbn'))) {
    throw new UsageError(
      `${probs ? '--probs' : `--format ${format.join(',')}`} needs --out FOLDER; only dbn goes to stdout`,
    );
  }
  await interruptible((signal) =>
    withFasta(options.inputs, { signal, skipBad: options.skipBad ?? false }, async (fasta) => {
      if (!options.allowNcPairs) noteOtherLetters(fasta);
      const names = out === undefined ? undefined : fileNames(fasta.plan);
      await withModel(options.model, options, async (model) => {
        const task = requireHead(model, options.model);
        if (!options.skipBad) checkLengths(model.config, fasta.plan);
        const threshold = chooseThreshold(model, options);
        await withPriors(task, {}, (priors) =>
          withEncoder(
            model,
            async (encoder) => {
              const predict = pairPredictor({
                encoder,
                task,
                parameters: encoder.parameters,
                ...(priors && { priors }),
              });
              if (out !== undefined) await makeFolder(out);
              const bar = progressBar('fold', fasta.plan.length, 'records');
              let done = 0;
              try {
                for await (const [record, next] of withNext(fasta.records())) {
                  signal.throwIfAborted();
                  const sequence = standardLetters(record.sequence);
                  const probabilities = await predict(sequence, next && standardLetters(next.sequence)).catch(
                    (error: unknown) => {
                      leftOut(naming(error, record.file, record), options);
                    },
                  );
                  if (probabilities !== undefined) {
                    if (!isFiniteArray(probabilities)) throw await overflow(encoder, record.file, record);
                    const partners = decodeBasePairs(probabilities, sequence, { ...options, threshold });
                    await write(
                      { ...record, sequence, partners },
                      probabilities,
                      names && out !== undefined ? join(out, names.get(record.id)!) : undefined,
                      options,
                    );
                  }
                  bar.update(++done);
                }
              } finally {
                bar.stop();
              }
            },
            options,
          ),
        );
      });
    }),
  );
}

/** Says that a record is left out, where that is asked for; otherwise throws what is wrong with it. */
function leftOut(error: unknown, { skipBad }: FoldOptions): void {
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

function chooseThreshold({ scalars }: OpenedModel, options: FoldOptions): number {
  const tuned = scalars.get('threshold');
  const threshold = options.threshold ?? tuned ?? 0.5;
  note(
    `pairs above ${threshold} (${options.threshold !== undefined ? '--threshold' : tuned !== undefined ? 'tuned with the model' : 'the default; the model carries none'})`,
  );
  return threshold;
}

/** One record's files at `path` and an extension; on stdout without a path. */
async function write(
  structure: Structure & Pick<FastaFileRecord, 'file' | 'line'>,
  probabilities: Float32Array,
  path: string | undefined,
  { format, probs }: FoldOptions,
): Promise<void> {
  if (path === undefined || format.includes('dbn')) notePairsLeftOut(structure);
  if (path === undefined) return writeResult(writeDotBracket(structure));
  for (const extension of format) await writeText(`${path}.${extension}`, [WRITERS[extension](structure)]);
  if (probs) await writeText(`${path}.probs.tsv`, pairLines(probabilities, structure.sequence.length));
}
