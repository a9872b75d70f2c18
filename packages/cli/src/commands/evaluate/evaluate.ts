/**
 * The work of `rna evaluate`: a model's scores on RNAs with known labels, by
 * what it was fine-tuned for, or on masked nucleotides where it has no task
 * head. What is done for each is in evaluation/.
 */
import { predictsChains, predictsPairs } from '@rna/model';
import { UsageError } from '../../commandLine/errors.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';
import { scoreChains } from './chains.ts';
import { scoreLabels } from './labels.ts';
import { scoreMasked } from './masked.ts';
import { scoreStructures } from './structures.ts';
import { withModel } from '../../models/loadModel.ts';
import { checkWindowOptions } from '../../models/windows.ts';
import { checkOutputFile, checkOutputFolder } from '../../files/outputPaths.ts';
import { interruptible } from '../../commandLine/terminal.ts';

/** Throws a UsageError, InputError, CheckpointError or CommandError before any work. */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  if (options.threshold !== undefined && options.validation !== undefined) {
    throw new UsageError(
      '--threshold and --validation exclude each other: one gives the threshold, the other tunes it; leave out --validation to score at a threshold of your own',
    );
  }
  checkWindowOptions(options);
  if (options.csv !== undefined) await checkOutputFile(options.csv);
  if (options.report !== undefined) await checkOutputFolder(options.report);
  await interruptible((signal) =>
    withModel(options.model, options, (model) => {
      const isMasked = model.task === undefined || options.masking !== undefined;
      const { task } = model;
      if (options.columns !== undefined && (isMasked || predictsPairs(task) || predictsChains(task)))
        throw new UsageError('--columns is for tables of labels; structures and sequences have none');
      if ((options.window ?? options.stride) !== undefined && (isMasked || !predictsPairs(task)))
        throw new UsageError('--window and --stride are for structures, whose maps may not fit the memory');
      if (task === undefined || isMasked) return scoreMasked(model, options);
      if (predictsChains(task)) return scoreChains(model, task, options, signal);
      return predictsPairs(task)
        ? scoreStructures(model, task, options, signal)
        : scoreLabels(model, task, options, signal);
    }),
  );
}
