/**
 * What predicts for `rna tertiary`: a model with the head of structures in
 * space, or RhoFold's own file, which has its language model inside.
 */
import { existsSync, statSync } from 'node:fs';
import {
  disposeRhoFold,
  isRhoFold,
  loadRhoFold,
  openRhoFold,
  predictRhoFold,
  predictsChains,
  predictTertiary,
  tertiaryEvidence,
  type Encoder,
  type Precision,
  type PredictStructure,
} from '@rna/model';
import { openModelFiles } from '@rna/inference/node';
import type { StructureEvidence } from '@rna/figures';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { withPriors } from '../../folding/priors.ts';
import { withDevice, withEncoder, withModel } from '../../models/loadModel.ts';

export interface PredictorOptions extends Precision {
  readonly model: string;
  readonly config?: string;
}

export interface StructurePredictor {
  readonly encoder: Encoder;
  /** What is known of how it was trained. */
  readonly evidence: StructureEvidence;
  /** Throws as the language model and the module do. */
  readonly predict: PredictStructure;
}

/** Opens what a name means, uploads it, runs `work` and gives everything back. Throws a CommandError for another model. */
export async function withPredictor(
  options: PredictorOptions,
  work: (predictor: StructurePredictor) => Promise<void>,
): Promise<void> {
  if (await withRhoFold(options, work)) return;
  await withModel(options.model, options, async (model) => {
    const { task } = model;
    if (!predictsChains(task))
      throw new CommandError(
        `${options.model} predicts no structures in space; train a model that does with rna finetune tertiary-structure`,
      );
    await withPriors(task, {}, (priors) =>
      withEncoder(
        model,
        (encoder) =>
          work({
            encoder,
            evidence: tertiaryEvidence(model.scalars),
            predict: (sequence, detail) =>
              predictTertiary({ encoder, task, priors, parameters: encoder.parameters }, sequence, detail),
          }),
        options,
      ),
    );
  });
}

/** Whether the name is a RhoFold file; `work` has run then. */
async function withRhoFold(
  { model: path, weights, activations }: PredictorOptions,
  work: (predictor: StructurePredictor) => Promise<void>,
): Promise<boolean> {
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  const files = await openModelFiles(path);
  try {
    if (!isRhoFold(files.tensors)) return false;
    if (weights !== 'f32' || activations !== 'f32')
      throw new UsageError(`${path} is a RhoFold file, which runs in f32; leave out --weights and --activations`);
    const opened = await openRhoFold(files.tensors);
    await withDevice(async (device) => {
      const model = await loadRhoFold(device, opened);
      try {
        await work({
          encoder: model.encoder,
          evidence: { isRhoFold: true },
          predict: (sequence, detail) => predictRhoFold(model, sequence, detail),
        });
      } finally {
        disposeRhoFold(model);
      }
    });
    return true;
  } finally {
    await files.close();
  }
}
