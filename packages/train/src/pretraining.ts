/**
 * Pre-training: sequences, some with structures, are cropped, corrupted and
 * packed into rows, and the encoder predicts what was there (MLM, SM or SSM;
 * masking.ts). The corpus is in memory. What a step sees and drops is a function
 * of the seed, its place in the data and its number.
 */
import { deriveKey } from '@rna/kernels';
import { cropPartners, packTokens, tokenize, type Encoder, type PackedTokens } from '@rna/model';
import { crossEntropy } from '@rna/tensor';
import { createBatches, cropTokens, FIRST_CURSOR, type Cursor, type Placement } from './batching.ts';
import { drawScheme, maskSequence, type MaskedSequence, type MaskingOptions, type MaskKey } from './masking.ts';
import type { TrainingTask } from './trainer.ts';

/** A sequence of the corpus; `partners` [length] (−1 where unpaired) if its structure is known. */
export interface CorpusRecord {
  readonly sequence: string;
  readonly partners?: Int32Array;
}

export interface PretrainingOptions {
  readonly encoder: Encoder;
  readonly train: readonly CorpusRecord[];
  /** Held-out records; without them there is no evaluation. */
  readonly validation?: readonly CorpusRecord[];
  readonly masking: MaskingOptions;
  /** Tokens of a row at most. */
  readonly maxTokens: number;
  readonly rowsPerStep: number;
  /** Parts into which a step's rows are cut. Default 1. */
  readonly accumulation?: number;
  /** Dropout, where the encoder's architecture has it. Default false. */
  readonly dropout?: boolean;
  readonly seed: number;
}

/** A packed batch and what is to be predicted of it: `labels` [tokens], negative where nothing is. */
interface MaskedPack {
  readonly pack: PackedTokens;
  readonly labels: Int32Array;
  readonly targets: number;
}

const DROPOUT_STREAM = 0x64726f70;
// Held-out masks are the same in every run, so that runs can be compared.
const EVALUATION_SEED = 0x6576616c;

export function pretrainingTask(options: PretrainingOptions): TrainingTask {
  const { encoder, train, validation = [], masking, maxTokens, rowsPerStep, accumulation = 1, dropout = false, seed } = options;
  const maskTraining = createMasker(train, masking);
  const batchAt = createBatches({ lengths: train.map(tokenCount), maxTokens, rowsPerStep, seed });
  const held = validation.length === 0 ? [] : heldOutPacks(validation, masking, maxTokens);
  return {
    batchAt(cursor, step) {
      const { epoch, rows, next } = batchAt(cursor);
      const size = Math.ceil(rows.length / accumulation);
      const parts = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
      const microBatches = parts.map((part, micro) => {
        const { pack, labels, targets } = packMasked(part.flat().map((placement) => maskTraining(placement, { seed, epoch })));
        const dropoutKey = deriveKey(seed, DROPOUT_STREAM, step, micro);
        return {
          targets,
          tokens: pack.tokens.length,
          loss: () => crossEntropy(encoder.logits(encoder.forward(pack, dropout ? { dropoutKey } : {})), labels),
        };
      });
      return { epoch, microBatches, next };
    },
    ...(held.length > 0 && {
      async evaluate() {
        const metrics = await maskedAccuracy(encoder, held);
        return { score: -metrics.loss, metrics };
      },
    }),
  };
}

const tokenCount = ({ sequence }: CorpusRecord): number => sequence.length + 2;

/** Gives the function that crops and corrupts a placement of these records. */
function createMasker(records: readonly CorpusRecord[], masking: MaskingOptions) {
  const tokens = records.map(({ sequence }) => tokenize(sequence));
  return ({ index, start, length }: Placement, { seed, epoch }: Pick<MaskKey, 'seed' | 'epoch'>): MaskedSequence => {
    const partners = records[index]!.partners;
    const key = { seed, epoch, index };
    const scheme = masking.scheme === 'ssm' ? drawScheme(partners !== undefined, key) : masking.scheme;
    return maskSequence(
      cropTokens(tokens[index]!, { start, length }), partners && cropPartners(partners, start, length), { ...masking, scheme }, key);
  };
}

function packMasked(sequences: readonly MaskedSequence[]): MaskedPack {
  const pack = packTokens(sequences.map(({ tokens }) => tokens));
  const labels = new Int32Array(pack.tokens.length);
  sequences.forEach((sequence, i) => { labels.set(sequence.labels, pack.cuSeqlens[i]); });
  return { pack, labels, targets: labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0) };
}

/** One pass over held-out records, a row each, corrupted once and for all. */
function heldOutPacks(records: readonly CorpusRecord[], masking: MaskingOptions, maxTokens: number): MaskedPack[] {
  const mask = createMasker(records, masking);
  const batchAt = createBatches({ lengths: records.map(tokenCount), maxTokens, rowsPerStep: 1, seed: EVALUATION_SEED });
  const packs: MaskedPack[] = [];
  let cursor: Cursor = FIRST_CURSOR;
  for (;;) {
    const { rows, next, endsEpoch } = batchAt(cursor);
    packs.push(packMasked(rows.flat().map((placement) => mask(placement, { seed: EVALUATION_SEED, epoch: 0 }))));
    if (endsEpoch) return packs;
    cursor = next;
  }
}

/** Mean cross entropy (nats) and accuracy over all labelled tokens of the packs, in doubles. */
async function maskedAccuracy(encoder: Encoder, packs: readonly MaskedPack[]): Promise<{ loss: number; accuracy: number }> {
  let [loss, right, targets] = [0, 0, 0];
  for (const { pack, labels } of packs) {
    const logits = encoder.device.scope(() => encoder.logits(encoder.forward(pack)));
    const values = await logits.read();
    logits.dispose();
    const width = values.length / labels.length;
    labels.forEach((label, row) => {
      if (label < 0) return;
      const scores = values.subarray(row * width, (row + 1) * width);
      const largest = Math.max(...scores);
      loss += largest - scores[label]! + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
      right += scores[label] === largest ? 1 : 0;
      targets++;
    });
  }
  return { loss: loss / targets, accuracy: right / targets };
}
