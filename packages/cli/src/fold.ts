/**
 * The work of `rna fold`: pair probabilities of one record at a time, since a
 * map over pairs is what fills the memory, the greedy decode, and the files of
 * the field. Each file is written whole or not at all; after a failure those of
 * the records before it are there.
 */
import { join } from 'node:path';
import {
  decodeBasePairs,
  writeBpseq,
  writeCt,
  writeDotBracket,
  type FastaRecord,
  type Structure,
} from '@rna/structure';
import {
  secondaryStructure,
  secondaryStructureSizes,
  type OpenedModel,
  type Precision,
  type SecondaryStructureSizes,
} from '@rna/model';
import { pairPredictor } from '@rna/train';
import { CommandError, UsageError } from './errors.ts';
import { withFasta } from './fastaInput.ts';
import { makeFolder } from './files.ts';
import { naming, withEncoder, withModel } from './loadModel.ts';
import { isFiniteArray, overflow } from './nonFinite.ts';
import { fileNames } from './outputs.ts';
import { pairLines, writeText } from './pairTable.ts';
import { interruptible, note, progressBar, writeResult } from './terminal.ts';

const WRITERS = { dbn: writeDotBracket, ct: writeCt, bpseq: writeBpseq } satisfies Record<
  string,
  (structure: Structure) => string
>;

export interface FoldOptions extends Precision {
  readonly model: string;
  readonly input: string;
  readonly out?: string;
  readonly format: readonly (keyof typeof WRITERS)[];
  readonly threshold?: number;
  readonly allowNcPairs?: boolean;
  readonly allowSharpLoops?: boolean;
  readonly probs?: boolean;
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
    withFasta(options.input, { signal }, async (fasta) => {
      const names = out === undefined ? undefined : fileNames(fasta.plan, fasta.name);
      await withModel(options.model, options, async (model) => {
        const sizes = requireHead(model, options.model);
        const threshold = chooseThreshold(model, options);
        await withEncoder(
          model,
          async (encoder) => {
            const predict = pairPredictor({
              encoder,
              task: { head: secondaryStructure, sizes },
              parameters: encoder.parameters,
            });
            if (out !== undefined) await makeFolder(out);
            const bar = progressBar('fold', fasta.plan.length, 'records');
            let done = 0;
            try {
              for await (const record of fasta.records()) {
                signal.throwIfAborted();
                const sequence = standard(record.sequence);
                const probabilities = await predict(sequence).catch((error: unknown) => {
                  throw naming(error, fasta.name, record);
                });
                if (!isFiniteArray(probabilities)) throw await overflow(encoder, fasta.name, record);
                const partners = decodeBasePairs(probabilities, sequence, { ...options, threshold });
                await write(
                  { id: record.id, sequence, partners },
                  probabilities,
                  names && out !== undefined ? join(out, names.get(record.id)!) : undefined,
                  options,
                );
                bar.update(++done);
              }
            } finally {
              bar.stop();
            }
          },
          options,
        );
      });
    }),
  );
}

/** As the head's training data are written. Letters are ASCII here, or the reader would have refused them. */
const standard = (sequence: FastaRecord['sequence']): string => sequence.toUpperCase().replaceAll('T', 'U');

function requireHead(opened: OpenedModel, model: string): SecondaryStructureSizes {
  const sizes = secondaryStructureSizes(opened);
  if (sizes === undefined)
    throw new CommandError(
      `${model} has no secondary-structure head; fine-tune one with rna finetune, or name a fine-tuned model`,
    );
  return sizes;
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
  structure: Structure,
  probabilities: Float32Array,
  path: string | undefined,
  { format, probs }: FoldOptions,
): Promise<void> {
  if (path === undefined) return writeResult(writeDotBracket(structure));
  for (const extension of format) await writeText(`${path}.${extension}`, [WRITERS[extension](structure)]);
  if (probs) await writeText(`${path}.probs.tsv`, pairLines(probabilities, structure.sequence.length));
}
