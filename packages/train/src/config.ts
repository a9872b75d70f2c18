/**
 * The configs of `rna pretrain` and `rna finetune`, as zod schemas. Each field
 * has a default or is asked for, and says what it is (`.describe`), so that a
 * command line can print them (configFields). Reading files, and `--key value`
 * overrides, are overrides.ts; what a config makes happen is in runs built from
 * it (pretraining.ts, finetuning.ts).
 */
import { checkConfig, PRESETS, type EncoderConfig, type Head, type Precision, type PresetName } from '@rna/model';
import { z } from 'zod';
import { checkWeightsToTrain, loraConfig } from './lora.ts';
import { MOST_STEPS } from './runFiles.ts';
import { constantSchedule, linearSchedule, warmupCosineSchedule, type Schedule } from './schedule.ts';
import { unfreezeStage } from './unfreezing.ts';

const count = z.int().positive();
const updates = count.max(MOST_STEPS);
const steps = z.int().nonnegative();
const rate = z.number().nonnegative();

const presetNames = Object.keys(PRESETS) as [PresetName, ...PresetName[]];

const newModel = z
  .strictObject({
    preset: z.enum(presetNames).default('ssr-lm-s').describe('Published architecture and sizes'),
    dim: count.optional().describe("Width of the residual stream, instead of the preset's; needs ffnDim"),
    layers: count.optional().describe("Transformer blocks, instead of the preset's"),
    heads: count.optional().describe("Attention heads, instead of the preset's"),
    kvHeads: count.optional().describe('Key/value heads; as many as heads by default'),
    ffnDim: count.optional().describe("Width of the feed-forward part, instead of the preset's"),
  })
  .superRefine(({ dim, ffnDim }, context) => {
    if (dim !== undefined && ffnDim === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['ffnDim'],
        message: 'is needed with dim: 4·dim or 8·dim/3 are usual',
        input: ffnDim,
      });
    }
  });

const dropout = z.boolean().default(true).describe('Dropout where the architecture has it: RiNALMo 0.1, SSR-LM none');

const precision = z
  .enum(['f32', 'f16'])
  .default('f32')
  .describe(
    'Storage of activations and of weights in products; f16 keeps f32 originals, scales the loss, and needs an adapter that has it',
  );

const recompute = z
  .boolean()
  .default(false)
  .describe(
    'Keep no activations inside of a block and run it again for its gradient: the same bits in much less memory, a third more work',
  );

const ema = z
  .number()
  .gt(0)
  .lt(1)
  .optional()
  .describe('Decay of a moving average of the weights, which is then evaluated and saved as the model; 0.999 is usual');

const shards = count
  .default(1)
  .describe(
    'Parts of a step that are computed apart, by up to so many processes; they decide the last bits, the number of processes does not',
  );

const spikeFactor = z
  .number()
  .min(0)
  .refine((factor) => factor === 0 || factor > 1, 'must be 0 or above 1')
  .describe(
    'A step is refused whose loss or gradient norm is more than this many times its median over the last 64 steps; 0: none is for that',
  );

const adamW = {
  weightDecay: rate.describe('Decoupled decay of matrices; norms, biases and the embedding have none unless asked for'),
  decayVectors: z.boolean().default(false).describe('Decay norms, biases and scalars too'),
  decayEmbedding: z.boolean().default(false).describe('Decay the embedding too'),
  beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the first moment'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the second moment'),
  eps: z.number().positive().default(1e-8).describe('Added to the root of the second moment'),
  maxGradientNorm: z.number().positive().optional().describe('The global gradient norm is scaled down to this'),
};

const run = z.strictObject({
  evaluateEvery: count.default(500).describe('Steps between evaluations on the held-out data'),
  checkpointEvery: count.default(500).describe('Steps between checkpoints'),
  keep: count.default(2).describe('Newest checkpoints to keep, beside the best'),
  patience: count.optional().describe('Stop after so many evaluations in a row that are no better than the best'),
  maxRefused: count
    .default(10)
    .describe('Stop after so many steps in a row that were refused (loss or gradient not finite, or a spike)'),
});

const finetuneRun = run.extend({
  evaluateEvery: z
    .union([count, z.literal('epoch')])
    .default(500)
    .describe('Steps between evaluations on the held-out data, or epoch for one after each'),
});

const pretrainFields = z.strictObject({
  seed: z.int().nonnegative().default(0).describe('Everything random follows from it'),
  out: z.string().min(1).describe('Folder of the run; a run found there is resumed'),
  model: newModel.prefault({}),
  data: z.strictObject({
    train: z
      .array(z.string())
      .min(1)
      .describe('Files of ncRNA sequences, with structures where SSM is to use them; or one corpus'),
    other: z
      .array(z.string())
      .default([])
      .describe('Files of other RNA to train on, whose structures are not used; a corpus has its own'),
    validation: z.array(z.string()).default([]).describe('Held-out files of ncRNA, or one corpus'),
    otherShare: z
      .number()
      .gt(0)
      .lt(1)
      .default(0.5)
      .describe("Part of the sequences drawn that is other RNA, where there are both; 0.5 is SSR-LM's 1:1"),
    window: count
      .default(2048)
      .describe('Sequences that are read, shuffled and packed together; more fill rows better and take more memory'),
  }),
  masking: z
    .strictObject({
      scheme: z
        .enum(['mlm', 'sm', 'ssm'])
        .default('ssm')
        .describe("RiNALMo's masking, spans, or structure-aware spans (one half of the RNAs with a structure)"),
      rate: z.number().positive().max(1).default(0.15).describe('Fraction of the nucleotides to corrupt'),
      spanOffset: z.int().nonnegative().default(3).describe('j of the span x_i … x_i+j'),
    })
    .prefault({}),
  batch: z
    .strictObject({
      maxTokens: z.int().min(3).default(1024).describe('Tokens of a row at most; longer sequences are cropped'),
      rows: count.default(8).describe('Rows of packed sequences per step'),
      accumulation: count
        .default(1)
        .describe("Parts into which a step's rows are cut to fit in memory; the loss stays the same"),
    })
    .prefault({}),
  optimizer: z
    .strictObject({
      learningRate: rate.default(1e-4).describe('Rate at the end of the warm-up'),
      startRate: rate.default(0).describe('Rate of the first step'),
      floorRate: rate.default(0).describe('Rate at the end'),
      warmupSteps: steps
        .default(100)
        .describe('Steps of the linear warm-up; half a cosine down to the floor fills the rest'),
      ...adamW,
      weightDecay: adamW.weightDecay.default(0.01),
      spikeFactor: spikeFactor.default(10),
    })
    .prefault({}),
  train: z.strictObject({ steps: updates.describe('Updates in all'), precision, dropout, recompute, ema, shards }),
  run: run.prefault({}),
});

export const pretrainConfig = pretrainFields.superRefine(({ train, batch: { accumulation } }, context) => {
  if (train.shards > accumulation) shardsIssue(context, train.shards, 'batch.accumulation', accumulation);
});

/** A shard without a micro-batch would leave a process idle in every step. */
function shardsIssue(context: z.RefinementCtx, asked: number, field: string, parts: number): void {
  context.addIssue({
    code: 'custom',
    path: ['train', 'shards'],
    message: `is more than ${field}, which is ${parts}: a step has no more parts to share out`,
    input: asked,
  });
}

const decode = z.strictObject({
  allowNcPairs: z.boolean().default(false).describe('Allow pairs other than AU, GC and GU'),
  allowSharpLoops: z.boolean().default(false).describe('Allow fewer than three nucleotides between partners'),
  flexible: z.boolean().default(true).describe('Choose the threshold by the F1 with a tolerance of one position'),
});

const finetuneFields = (head: Head) => ({
  seed: z.int().nonnegative().default(0).describe('Everything random follows from it'),
  out: z.string().min(1).describe('Folder of the run; a run found there is resumed'),
  model: z
    .strictObject({
      checkpoint: z
        .string()
        .min(1)
        .default('builtin')
        .describe('Folder, file or hub name of the pre-trained model, or builtin'),
      freeze: z
        .boolean()
        .default(false)
        .describe('Train the head alone, whatever unfreeze says; the encoder is run once per RNA'),
      untrained: z
        .boolean()
        .default(false)
        .describe(
          "Draw the encoder's weights anew, in the checkpoint's sizes, to compare with a model that was not pre-trained",
        ),
      lora: loraConfig.optional(),
      save: z
        .enum(['merged', 'adapter'])
        .default('merged')
        .describe(
          'What is saved with lora or freeze: a whole model, or the head and the low-rank matrices alone, beside the name of the model that they are for',
        ),
    })
    .superRefine(checkWeightsToTrain)
    .prefault({}),
  unfreeze: z
    .array(unfreezeStage)
    .default([])
    .describe(
      'Stages in which parameters begin to train, each with epoch, parameters, blocks and rateDivisor; without any, all train from the first step on',
    ),
  head: head.sizes.prefault({}),
  data: z.strictObject({
    train: z.array(z.string()).min(1).describe('Files of labelled RNAs'),
    validation: z.array(z.string()).default([]).describe('Held-out files, by which the best model is chosen'),
    heldOutShare: z
      .number()
      .gt(0)
      .lt(1)
      .default(0.1)
      .describe('Part of data.train that is held out instead where there are no such files; drawn by the seed'),
    columns: z
      .strictObject({
        id: z.string().optional().describe('Column of the ids'),
        sequence: z.string().optional().describe('Column of the sequences'),
        target: z.array(z.string()).min(1).optional().describe('Columns of the labels'),
        group: z.string().optional().describe('Column of what RNAs are grouped by'),
      })
      .optional()
      .describe('Columns of the tables that have other names than the task gives them'),
  }),
  train: z
    .strictObject({
      epochs: count.default(15).describe('Passes over the training set'),
      steps: updates.optional().describe('Updates in all, in place of epochs'),
      batchSize: count.default(1).describe('RNAs per step'),
      precision,
      dropout,
      recompute,
      ema,
      shards,
    })
    .prefault({}),
  batch: z
    .strictObject({
      maxTokens: z
        .int()
        .min(3)
        .default(4096)
        .describe('Tokens that are run at once; a step of more is cut in parts, the loss stays the same'),
    })
    .prefault({}),
  optimizer: z
    .strictObject({
      learningRate: rate.default(1e-4).describe('Rate of the head'),
      encoderRateScale: rate.default(1).describe("The encoder's rate as a multiple of the head's"),
      schedule: z
        .enum(['constant', 'linear', 'cosine'])
        .default('cosine')
        .describe("Course of the rate: linear is RiNALMo's (down to a tenth), cosine SSR-LM's"),
      warmupEpochs: rate.default(0).describe('Linear warm-up of the constant rate and of the cosine'),
      warmupSteps: steps.optional().describe('Steps of the warm-up, in place of warmupEpochs'),
      linearSteps: count.default(7000).describe('Steps in which the linear schedule comes to a tenth'),
      epochsAhead: rate
        .default(0)
        .describe(
          "Epochs by which the linear schedule is ahead of training; RiNALMo's code idles for one in ribosome load",
        ),
      ...adamW,
      weightDecay: adamW.weightDecay.default(0.01),
      spikeFactor: spikeFactor.default(0),
    })
    .prefault({}),
  run: finetuneRun.prefault({}),
});

const threshold = z
  .union([z.number().gt(0).lt(1), z.literal('tuned')])
  .describe(
    'Probability above which the answer is a yes; tuned: that of the best F1 on the held-out data, at each evaluation',
  );

/**
 * The config of `rna finetune` for a task: its head's sizes, for base pairs the rules of their decode, for a yes
 * or no its threshold.
 */
export function finetuneConfig(head: Head): z.ZodType<FinetuneConfig> {
  const fields = finetuneFields(head);
  if (head.kind === 'coordinates') {
    const data = fields.data.omit({ columns: true }).extend(chainFields);
    return z.strictObject({ ...fields, data }).superRefine(checkFinetune);
  }
  if (head.kind === 'pairs')
    return z.strictObject({ ...fields, decode: decode.prefault({}) }).superRefine(checkFinetune);
  if (head.kind === 'probability')
    return z.strictObject({ ...fields, threshold: threshold.default(0.5) }).superRefine(checkFinetune);
  return z.strictObject(fields).superRefine(checkFinetune);
}

function checkFinetune(config: FinetuneConfig, context: z.RefinementCtx): void {
  const { shards: asked, batchSize } = config.train;
  if (asked > batchSize) shardsIssue(context, asked, 'train.batchSize', batchSize);
  checkStages(config, context);
}

/** Which chains of structure files are trained on; the paper's filters. */
const chainFields = {
  clusters: z
    .string()
    .optional()
    .describe("MMseqs2's file of clusters, of which one chain each is taken; without it one of each sequence"),
  shortest: count.default(16).describe('Nucleotides of a chain at least'),
  longest: count.default(256).describe('Nucleotides of a chain at most'),
  resolution: z.number().positive().default(4).describe('Å at most, of chains whose file states a resolution'),
  statedResolution: z
    .boolean()
    .default(false)
    .describe('Leave out chains whose file states no resolution, as those of NMR'),
};

function checkStages({ unfreeze, optimizer: { encoderRateScale } }: FinetuneConfig, context: z.RefinementCtx): void {
  if (unfreeze.length === 0) return;
  if (!unfreeze.some(({ epoch }) => epoch === 0))
    context.addIssue({
      code: 'custom',
      path: ['unfreeze'],
      message: 'has no stage of epoch 0: nothing would train before the first one',
      input: unfreeze,
    });
  if (encoderRateScale !== 1)
    context.addIssue({
      code: 'custom',
      path: ['optimizer', 'encoderRateScale'],
      message: 'does nothing beside unfreeze, whose stages have a rateDivisor each; leave it out',
      input: encoderRateScale,
    });
}

export type PretrainConfig = z.infer<typeof pretrainConfig>;
export type FinetuneConfig = z.infer<z.ZodObject<ReturnType<typeof finetuneFields>>> & {
  decode?: z.infer<typeof decode>;
  threshold?: z.infer<typeof threshold>;
  data: Partial<z.infer<z.ZodObject<typeof chainFields>>>;
};

/** The sizes that a config's `model` asks for. Throws where they do not fit each other. */
export function newEncoderConfig({
  preset,
  dim,
  layers,
  heads,
  kvHeads,
  ffnDim,
}: PretrainConfig['model']): EncoderConfig {
  const base = PRESETS[preset];
  return checkConfig(
    {
      ...base,
      dim: dim ?? base.dim,
      layers: layers ?? base.layers,
      heads: heads ?? base.heads,
      kvHeads: kvHeads ?? heads ?? base.kvHeads,
      ffnDim: ffnDim ?? base.ffnDim,
    },
    'model',
  );
}

/** What a run's encoder must be made with. */
export const trainingPrecision = ({ train: { precision } }: PretrainConfig | FinetuneConfig): Precision => ({
  weights: precision,
  activations: precision,
});

/** Warm-up and cosine over all steps of a pre-training run. */
export function pretrainSchedule({ optimizer, train }: PretrainConfig): Schedule {
  const { learningRate, startRate, floorRate, warmupSteps } = optimizer;
  return warmupCosineSchedule({
    startRate,
    peakRate: learningRate,
    floorRate,
    warmupSteps,
    decaySteps: Math.max(0, train.steps - warmupSteps),
  });
}

/** Updates of a fine-tuning run with so many steps in an epoch. */
export const finetuneSteps = ({ train: { steps: asked, epochs } }: FinetuneConfig, stepsPerEpoch: number): number =>
  asked ?? epochs * stepsPerEpoch;

/** The schedule of a fine-tuning run with so many steps in an epoch. */
export function finetuneSchedule(config: FinetuneConfig, stepsPerEpoch: number): Schedule {
  const { learningRate, schedule, warmupEpochs, linearSteps, epochsAhead } = config.optimizer;
  const warmupSteps = config.optimizer.warmupSteps ?? Math.round(warmupEpochs * stepsPerEpoch);
  if (schedule === 'constant')
    return warmupSteps === 0
      ? constantSchedule(learningRate)
      : linearSchedule({ learningRate, startFactor: 0, endFactor: 1, steps: warmupSteps });
  if (schedule === 'linear') {
    const course = linearSchedule({ learningRate, steps: linearSteps });
    const ahead = Math.round(epochsAhead * stepsPerEpoch);
    return (step) => course(step + ahead);
  }
  return warmupCosineSchedule({
    peakRate: learningRate,
    warmupSteps,
    decaySteps: Math.max(0, finetuneSteps(config, stepsPerEpoch) - warmupSteps),
  });
}
