/**
 * Fine-tuning for secondary structure: the pair head on an encoder that is
 * trained with it or frozen. A step takes a few RNAs, each a micro-batch of its
 * own, since a map over pairs is what fills the memory. After an evaluation the
 * decode's threshold is the best one on the validation set, and is saved with
 * the model.
 */
import { deriveKey, RandomStream } from '@rna/kernels';
import { packTokens, pairLabels, sigmoid, tokenize, upperTriangle, type Encoder, type SecondaryStructureHead, type Structure } from '@rna/model';
import { pairLoss, type Tensor } from '@rna/tensor';
import { tuneThreshold, type PairPredictor, type TuningOptions } from './structureScores.ts';
import type { TrainingTask } from './trainer.ts';

/** What predicts pairs. */
export interface StructureModel {
  readonly encoder: Encoder;
  readonly head: SecondaryStructureHead;
}

export interface FinetuningOptions extends StructureModel {
  readonly train: readonly Structure[];
  readonly validation: readonly Structure[];
  /** Do not train the encoder: each RNA's representation is computed once, without dropout. */
  readonly freeze: boolean;
  /** RNAs per step. */
  readonly batchSize: number;
  /** Dropout in a trained encoder, where its architecture has it. Default false. */
  readonly dropout?: boolean;
  /** Keep no activations of a block of a trained encoder, run it again on the way back. Default false. */
  readonly recompute?: boolean;
  readonly decode: TuningOptions;
  readonly seed: number;
}

export interface FinetuningTask extends TrainingTask {
  readonly stepsPerEpoch: number;
  /** Frees the representations of a frozen encoder. */
  dispose(): void;
}

const ORDER_STREAM = 0x66696e65;
const DROPOUT_STREAM = 0x64726f70;
// Of the memory budget; beyond it representations are computed anew each time.
const CACHE_SHARE = 0.25;

/** Throws a RangeError that names a training record without a pair of positions. */
export function finetuningTask(options: FinetuningOptions): FinetuningTask {
  const { encoder, head, train, validation, freeze, batchSize, dropout = false, recompute = false, decode, seed } = options;
  const short = train.find(({ sequence }) => sequence.length < 2);
  if (short !== undefined) throw new RangeError(`finetuningTask: '${short.id}' has ${short.sequence.length} nucleotides; two are the least that can pair, remove it`);
  if (train.length === 0) throw new RangeError('finetuningTask: there are no structures to train on');
  const stepsPerEpoch = Math.ceil(train.length / batchSize);
  const cache = representationCache(options);

  let order: { readonly epoch: number; readonly indices: readonly number[] } | undefined;
  const orderOf = (epoch: number): readonly number[] => {
    if (order?.epoch !== epoch) order = { epoch, indices: new RandomStream(seed, ORDER_STREAM, epoch).shuffle([...train.keys()]) };
    return order.indices;
  };

  return {
    stepsPerEpoch,
    // eslint-disable-next-line @typescript-eslint/require-await -- a fault is the promise's rejection
    async batchAt({ epoch, row }, step) {
      const indices = orderOf(epoch).slice(row * batchSize, (row + 1) * batchSize);
      const microBatches = indices.map((index, micro) => {
        const { sequence, partners } = train[index]!;
        const dropoutKey = deriveKey(seed, DROPOUT_STREAM, step, micro);
        const representation = freeze
          ? () => cache.get(index)
          : () => encoder.forward(packTokens([tokenize(sequence)]), { recompute, ...(dropout && { dropoutKey }) });
        return {
          targets: (sequence.length * (sequence.length - 1)) / 2,
          tokens: sequence.length + 2,
          loss: () => pairLoss(head.forward(representation()), encoder.device.tensor(pairLabels(partners), [sequence.length, sequence.length])),
        };
      });
      const isLast = row + 1 >= stepsPerEpoch;
      return { epoch, microBatches, next: isLast ? { epoch: epoch + 1, window: 0, row: 0 } : { epoch, window: 0, row: row + 1 } };
    },
    ...(validation.length > 0 && {
      async evaluate() {
        const { threshold, strict, flexible, averagePrecision } = await tuneThreshold(pairPredictor(options), validation, decode);
        return {
          score: decode.flexible ? flexible.f1 : strict.f1,
          metrics: {
            threshold, averagePrecision,
            precision: strict.precision, recall: strict.recall, f1: strict.f1,
            flexiblePrecision: flexible.precision, flexibleRecall: flexible.recall, flexibleF1: flexible.f1,
          },
        };
      },
    }),
    dispose: () => { cache.dispose(); },
  };
}

/** Pair probabilities by the model, without dropout. */
export function pairPredictor({ encoder, head }: StructureModel): PairPredictor {
  return async (sequence) => {
    if (sequence.length < 2) return new Float32Array(0);
    const logits = encoder.device.scope(() => head.forward(encoder.forward(packTokens([tokenize(sequence)]))));
    const values = await logits.read();
    logits.dispose();
    return upperTriangle(values, sequence.length).map(sigmoid);
  };
}

/** Representations of the training set under a frozen encoder, kept on the device while they fit. */
function representationCache({ encoder, train }: FinetuningOptions) {
  const { device } = encoder;
  const kept = new Map<number, Tensor>();
  const limit = Math.min(device.memory.use().budget, 2 ** 32) * CACHE_SHARE;
  let bytes = 0;
  return {
    // A frozen encoder's parameters are not tracked, so nothing of it is recorded on an open tape.
    get(index: number): Tensor {
      const known = kept.get(index);
      if (known !== undefined) return known;
      const made = device.scope(() => encoder.forward(packTokens([tokenize(train[index]!.sequence)])));
      if (bytes + made.size * 4 > limit) return made;
      bytes += made.size * 4;
      kept.set(index, made.keep());
      return made;
    },
    dispose(): void {
      kept.forEach((tensor) => { tensor.dispose(); });
      kept.clear();
    },
  };
}
