/**
 * The work of `rna fold`: every record of the inputs folded, by a model or by a
 * folding engine, and written as it is done; after a failure the files of the
 * records before it are there.
 */
import type { Precision } from '@rna/model';
import type { FoldingEngine } from '@rna/structure';
import { UsageError } from '../../commandLine/errors.ts';
import { interruptible, progressBar, type ProgressBar } from '../../commandLine/terminal.ts';
import { writeAtomically } from '../../files/files.ts';
import { noteOtherLetters, withFasta } from '../../input/fastaInput.ts';
import { checkWindowOptions } from '../../models/windows.ts';
import { partOf, type ShardPart } from '../../shards/runShard.ts';
import { runRecords } from '../../shards/runRecords.ts';
import type { ShardOption } from '../../shards/shard.ts';
import { foldByEngine } from './byEngine.ts';
import { foldByModel, type FoldByModelOptions } from './byModel.ts';
import { checkOutput, checkShardOutput, foldOutput, type FoldOutputOptions, type FoldSink } from './output.ts';

export interface FoldOptions
  extends Precision, FoldOutputOptions, ShardOption, ShardPart, Omit<FoldByModelOptions, 'model'> {
  /** What folds, and the model where that does. */
  readonly engine: FoldingEngine | 'model';
  readonly model?: string;
  /** FASTA, `-` for stdin. */
  readonly inputs: readonly string[];
}

/** Throws an InputError, CheckpointError, UsageError or CommandError before any output is begun. */
export async function fold(options: FoldOptions): Promise<void> {
  if (options.shard === undefined) checkOutput(options);
  else checkShardOutput(options);
  await runRecords({ name: 'fold', inputs: options.inputs, kindOf: () => 'lines' }, options, (own) => {
    const { out, part } = own;
    if (part === undefined || out === undefined) return foldRecords(own);
    // A shard's file has what stdout gets of all.
    return writeAtomically(out, (sink) => foldRecords(own, (text) => sink.write(new TextEncoder().encode(text))));
  });
}

/** Folds all records; their text goes to `writeText` in place of --out, where there is one. */
async function foldRecords(options: FoldOptions, writeText?: (text: string) => Promise<void>): Promise<void> {
  const { engine, model } = options;
  checkDecoding(options);
  checkWindowOptions(options);
  if (options.inputs.length === 0) throw new UsageError('no input is named; give FASTA files, or - for stdin');
  // Shards are found by their headers.
  const allowUnnamed = options.part === undefined;
  const reading = { skipBad: options.skipBad ?? false, allowUnnamed, ...partOf(options) };
  await interruptible((signal) =>
    withFasta(options.inputs, { ...reading, signal }, async (fasta) => {
      if (!options.allowNcPairs) noteOtherLetters(fasta);
      const output = foldOutput(fasta.plan, options, writeText);
      let bar: ProgressBar | undefined;
      let done = 0;
      const sink: FoldSink = {
        begin: async () => {
          await output.begin();
          bar = progressBar('fold', fasta.plan.length, 'records');
        },
        take: async (folded) => {
          if (folded !== undefined) await output.write(folded);
          bar?.update(++done);
        },
      };
      try {
        if (engine !== 'model') await foldByEngine(fasta, { ...options, engine }, signal, sink);
        else await foldByModel(fasta, { ...options, model: model! }, signal, sink);
      } finally {
        bar?.stop();
      }
    }),
  );
}

/** Refuses options that the way of folding has no use for. */
function checkDecoding(options: FoldOptions): void {
  const { engine, nested, threshold, gamma } = options;
  if (engine === 'model') {
    if (gamma !== undefined && !nested)
      throw new UsageError('--gamma needs --nested; the greedy decode goes by --threshold');
    if (gamma !== undefined && threshold !== undefined)
      throw new UsageError('--gamma takes the place of --threshold; leave out one of them');
    return;
  }
  const useless = [
    ...(threshold !== undefined ? ['--threshold'] : []),
    ...(options.allowNcPairs ? ['--allow-nc-pairs'] : []),
    ...(options.allowSharpLoops ? ['--allow-sharp-loops'] : []),
    ...(options.window !== undefined ? ['--window'] : []),
    ...(options.stride !== undefined ? ['--stride'] : []),
    ...(options.config !== undefined ? ['--config'] : []),
    ...(options.weights !== 'f32' ? ['--weights'] : []),
    ...(options.activations !== 'f32' ? ['--activations'] : []),
  ];
  if (useless.length > 0)
    throw new UsageError(
      `--engine ${engine} folds without a model, and ${useless.join(', ')} ${useless.length > 1 ? 'are' : 'is'} for models; ${threshold !== undefined ? 'it goes by --gamma' : 'leave it out'}`,
    );
}
