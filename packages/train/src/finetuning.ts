/**
 * Fine-tuning for any task: a head on an encoder that is trained with it or
 * frozen. A step takes a few RNAs, packed into micro-batches as far as a budget
 * of tokens goes; heads that take one sequence at a time get one each. Before
 * the first step the head fits its scalars to the training set, after each
 * evaluation it chooses those that depend on the validation set; both are saved
 * with the model. Which parameters train, and from when on, is unfreezing.ts's.
 */
import { deriveKey, RandomStream } from '@rna/kernels';
import { bestBinaryThreshold, tokenize, type Structure, chooseThreshold, type ThresholdOptions } from '@rna/structure';
import { headLoss, longestInput, packTokens, STREAM, type TaskHead, predictsPairs } from '@rna/model';
import { pairPredictor, predictions, tokensOf, type LabelledRna, type TaskModel, priorsOf } from './predictions.ts';
import { frozenRepresentations } from './representations.ts';
import { partOf } from './shardTree.ts';
import { TrainingError, type MicroBatch, type TrainingTask } from './trainer.ts';
import type { Evaluation } from './trainState.ts';

export interface FinetuningOptions<S extends object = object, T = unknown, P = unknown> extends TaskModel<S, T, P> {
  readonly train: readonly LabelledRna<T>[];
  readonly validation: readonly LabelledRna<T>[];
  /** What the head knows beside its weights, from `fittedScalars`. Evaluations put here what they choose. */
  readonly scalars: Map<string, number>;
  /** Do not train the encoder: representations are computed without dropout, and once where they fit in memory. */
  readonly freeze: boolean;
  /** RNAs per step. */
  readonly batchSize: number;
  /** Tokens of a micro-batch at most; a longer RNA has one of its own. */
  readonly maxTokens: number;
  /** Parts that a step's RNAs are cut in before they are packed. Default 1. */
  readonly shards?: number;
  /** Dropout, where encoder and head have it. Default false. */
  readonly dropout?: boolean;
  /** Keep no activations of a block of a trained encoder, run it again on the way back. Default false. */
  readonly recompute?: boolean;
  /** How pairs are decoded and the threshold is chosen, for secondary structure. Default: as RiNALMo does. */
  readonly decode?: ThresholdOptions;
  /** Choose the threshold of a yes or no by the F1 on the validation set. Default false. */
  readonly chooseThreshold?: boolean;
  readonly seed: number;
}

export interface FinetuningTask extends TrainingTask {
  readonly stepsPerEpoch: number;
}

/**
 * The scalars of a head that follow from its training set. Throws a TrainingError where the targets do not give them.
 */
export function fittedScalars<S extends object, T, P>(
  { head, sizes }: TaskHead<S, T, P>,
  train: readonly LabelledRna<T>[],
): Map<string, number> {
  try {
    return new Map(
      head.fit?.(
        train.map(({ target }) => target),
        sizes,
      ),
    );
  } catch (error) {
    throw error instanceof RangeError ? new TrainingError(error.message, { cause: error }) : error;
  }
}

/** Throws a TrainingError for no training set, and one that names an RNA that nothing can be learnt from. */
export function finetuningTask<S extends object, T, P>(options: FinetuningOptions<S, T, P>): FinetuningTask {
  const {
    encoder,
    task,
    parameters,
    train,
    validation,
    scalars,
    freeze,
    batchSize,
    maxTokens,
    dropout = false,
    recompute = false,
    seed,
  } = options;
  const { head } = task;
  const terms = ({ sequence, target }: LabelledRna<T>): number => head.terms?.(sequence, target) ?? 1;
  if (train.length === 0) throw new TrainingError('there are no RNAs to train on');
  const short = train.find((rna) => !(terms(rna) > 0));
  if (short !== undefined)
    throw new TrainingError(
      `'${short.id}' has ${short.sequence.length} nucleotides, too few for ${head.name}; remove it`,
    );
  const most = longestInput(encoder.config) ?? Infinity;
  const long = [...train, ...validation].find((rna) => tokensOf(rna) > most);
  if (long !== undefined)
    throw new TrainingError(
      `'${long.id}' has ${long.sequence.length} nucleotides, and the model has positions for ${most - 2}; cut or remove it`,
    );
  const stepsPerEpoch = Math.ceil(train.length / batchSize);
  const representations = frozenRepresentations(encoder, train, {
    maxTokens: head.oneSequence === true ? 1 : maxTokens,
  });

  let order: { readonly epoch: number; readonly indices: readonly number[] } | undefined;
  const orderOf = (epoch: number): readonly number[] => {
    if (order?.epoch !== epoch)
      order = { epoch, indices: new RandomStream(seed, STREAM.rnaOrder, epoch).shuffle([...train.keys()]) };
    return order.indices;
  };

  const sequencesOf = (indices: readonly number[]): string[] => indices.map((index) => train[index]!.sequence);

  const microBatch = async (
    indices: readonly number[],
    step: number,
    micro: number,
    asked: ReturnType<typeof priorsOf>,
  ): Promise<MicroBatch> => {
    const rnas = indices.map((index) => train[index]!);
    const batch = packTokens(rnas.map(({ sequence }) => tokenize(sequence)));
    const frozen = freeze ? await representations(indices) : undefined;
    const priors = await asked;
    const encoderKey = deriveKey(seed, STREAM.dropout, step, micro);
    const headKey = deriveKey(seed, STREAM.headDropout, step, micro);
    return {
      targets: rnas.reduce((sum, rna) => sum + terms(rna), 0),
      tokens: batch.tokens.length,
      loss: () => {
        const representation =
          frozen === undefined
            ? encoder.forward(batch, { recompute, ...(dropout && { dropoutKey: encoderKey }) })
            : encoder.device.tensor(frozen, [batch.tokens.length, encoder.config.dim]);
        return headLoss(
          task,
          parameters,
          {
            representation,
            cuSeqlens: batch.cuSeqlens,
            sequences: rnas.map(({ sequence }) => sequence),
            draws: new RandomStream(seed, STREAM.headDraws, step, micro),
            ...(dropout && { dropoutKey: headKey }),
            ...(priors && { priors }),
          },
          rnas.map(({ target }) => target),
          scalars,
        );
      },
    };
  };

  /** A micro-batch whose loss another process computes. */
  const elsewhere = (indices: readonly number[]): MicroBatch => {
    const rnas = indices.map((index) => train[index]!);
    return {
      targets: rnas.reduce((sum, rna) => sum + terms(rna), 0),
      tokens: rnas.reduce((sum, rna) => sum + tokensOf(rna), 0),
      loss: () => {
        throw new Error('the loss of a micro-batch that is not own is asked for');
      },
    };
  };

  return {
    stepsPerEpoch,
    async batchAt({ epoch, row }, step, isOwn = () => true) {
      const indices = orderOf(epoch).slice(row * batchSize, (row + 1) * batchSize);
      const microBatches: MicroBatch[] = [];
      // All of a step's priors are computed while the device is at the step before.
      const parts = microBatchesOf(indices, options).map((part, micro, { length }) => {
        if (!isOwn(micro, length)) return { part };
        const asked = priorsOf(options, sequencesOf(part));
        // A failure is met where it is awaited.
        asked.catch(() => undefined);
        return { part, asked };
      });
      for (const { part, asked } of parts)
        microBatches.push(
          asked === undefined ? elsewhere(part) : await microBatch(part, step, microBatches.length, asked),
        );
      const isLast = row + 1 >= stepsPerEpoch;
      return {
        epoch,
        microBatches,
        next: isLast ? { epoch: epoch + 1, window: 0, row: 0 } : { epoch, window: 0, row: row + 1 },
      };
    },
    ...(validation.length > 0 && {
      evaluate: () => (isStructures(options) ? evaluateStructureHead(options) : evaluateHead(options)),
    }),
  };
}

/** A step's RNAs, in their order, in parts of a shard that fit in the budget of tokens. */
function microBatchesOf<S extends object, T, P>(
  indices: readonly number[],
  options: FinetuningOptions<S, T, P>,
): number[][] {
  const active = Math.min(options.shards ?? 1, indices.length);
  return Array.from({ length: active }, (_, shard) => partOf(indices.length, shard, active)).flatMap(({ from, to }) =>
    packed(indices.slice(from, to), options),
  );
}

function packed<S extends object, T, P>(
  indices: readonly number[],
  { train, task, maxTokens }: FinetuningOptions<S, T, P>,
): number[][] {
  const parts: number[][] = [];
  let room = 0;
  for (const index of indices) {
    const tokens = tokensOf(train[index]!);
    if (parts.length === 0 || task.head.oneSequence === true || tokens > room) {
      parts.push([]);
      room = maxTokens;
    }
    parts.at(-1)!.push(index);
    room -= tokens;
  }
  return parts;
}

/** The head's own metrics on the validation set, with the scalars that it chooses there. */
async function evaluateHead<S extends object, T, P>(
  options: FinetuningOptions<S, T, P>,
): Promise<Omit<Evaluation, 'step'>> {
  const {
    task: { head, sizes },
    validation,
    scalars,
    chooseThreshold = false,
  } = options;
  const predicted: P[] = [];
  for await (const prediction of predictions(options, validation, scalars)) predicted.push(prediction);
  if (chooseThreshold && head.kind === 'probability')
    scalars.set(
      'threshold',
      bestBinaryThreshold(
        predicted as number[],
        validation.map(({ target }) => target as number),
      ),
    );
  head.choose?.(predicted, validation).forEach((value, name) => {
    scalars.set(name, value);
  });
  const metrics = head.metrics(predicted, validation, scalars, sizes);
  const { metric, order } = head.best;
  const value = metrics[metric];
  if (value === undefined)
    throw new Error(
      `${head.name}: the best model is that by '${metric}', but the head's metrics are ${Object.keys(metrics).join(', ')}`,
    );
  return { metrics, score: order === 'largest' ? value : -value };
}

type StructureOptions = FinetuningOptions<object, Int32Array, Float32Array>;

const isStructures = (options: object): options is StructureOptions =>
  predictsPairs((options as FinetuningOptions).task);

/**
 * As the head's metrics, but an RNA at a time, since a set's maps of probabilities do not fit in memory, and under any
 * rules of the decode.
 */
async function evaluateStructureHead({
  decode = { flexible: true },
  validation,
  scalars,
  ...model
}: StructureOptions): Promise<Omit<Evaluation, 'step'>> {
  const structures = validation.map(({ id, sequence, target }): Structure => ({ id, sequence, partners: target }));
  const { threshold, strict, flexible, averagePrecision } = await chooseThreshold(
    pairPredictor(model),
    structures,
    decode,
  );
  scalars.set('threshold', threshold);
  return {
    score: decode.flexible ? flexible.f1 : strict.f1,
    metrics: {
      threshold,
      averagePrecision,
      precision: strict.precision,
      recall: strict.recall,
      f1: strict.f1,
      flexiblePrecision: flexible.precision,
      flexibleRecall: flexible.recall,
      flexibleF1: flexible.f1,
    },
  };
}
