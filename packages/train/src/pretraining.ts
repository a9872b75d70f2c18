/**
 * Pre-training: the encoder predicts what was at the corrupted positions of
 * packed sequences. Which these are is a batch source's (corpusBatches.ts); a
 * step's dropout follows from the seed and the step's number.
 */
import { deriveKey, portable } from '@rna/kernels';
import { forwardFlops, STREAM, type Encoder } from '@rna/model';
import { crossEntropy } from '@rna/tensor';
import type { BatchSource, MaskedBatch } from './batchSource.ts';
import { FIRST_CURSOR, type Cursor } from './batching.ts';
import { MASK_KIND } from './masking.ts';
import type { TrainingTask } from './trainer.ts';

export interface PretrainingOptions {
  readonly encoder: Encoder;
  readonly batches: BatchSource;
  /** Held-out batches, of which the first epoch is scored; without them there is no evaluation. */
  readonly validation?: BatchSource;
  /** Dropout, where the encoder's architecture has it. Default false. */
  readonly dropout?: boolean;
  /** Keep no activations of a block, run it again on the way back (see `ForwardOptions`). Default false. */
  readonly recompute?: boolean;
  /** The seed of the dropout; the batches have their own. */
  readonly seed: number;
}

export function pretrainingTask({
  encoder,
  batches,
  validation,
  dropout = false,
  recompute = false,
  seed,
}: PretrainingOptions): TrainingTask {
  return {
    async batchAt(cursor, step) {
      const { epoch, batches: parts, next } = await batches.at(cursor);
      const microBatches = parts.map((batch, micro) => {
        const dropoutKey = deriveKey(seed, STREAM.dropout, step, micro);
        return {
          targets: batch.targets,
          tokens: batch.tokens.length,
          flops: 3 * forwardFlops(encoder.config, batch.cuSeqlens),
          loss: () =>
            crossEntropy(
              encoder.logits(encoder.forward(batch, { recompute, ...(dropout && { dropoutKey }) })),
              batch.labels,
            ),
        };
      });
      return { epoch, microBatches, next };
    },
    ...(validation && {
      async evaluate() {
        const metrics = await maskedMetrics(encoder, validation);
        return { score: -metrics['loss']!, metrics };
      },
    }),
  };
}

/** Sums over predicted positions: cross entropy in nats, right answers, positions. */
interface Tally {
  loss: number;
  right: number;
  targets: number;
}

/**
 * Scores an encoder on the first epoch of a source: `loss` (mean cross entropy over predicted positions, nats),
 * `accuracy` and `perplexity`, over all and, with the name before (`ssmStem.loss`), for each mask kind that occurs.
 * Sums are doubles; logits are on the host a batch at a time.
 */
export async function maskedMetrics(encoder: Encoder, source: BatchSource): Promise<Record<string, number>> {
  const tallies = Object.values(MASK_KIND).map((): Tally => ({ loss: 0, right: 0, targets: 0 }));
  let cursor: Cursor = FIRST_CURSOR;
  while (cursor.epoch === FIRST_CURSOR.epoch) {
    const { batches, next } = await source.at(cursor);
    for (const batch of batches) await tallyBatch(encoder, batch, tallies);
    cursor = next;
  }
  const metrics: Record<string, number> = {};
  const report = (prefix: string, { loss, right, targets }: Tally): void => {
    if (targets === 0) return;
    metrics[`${prefix}loss`] = loss / targets;
    metrics[`${prefix}accuracy`] = right / targets;
    metrics[`${prefix}perplexity`] = portable.exp(loss / targets);
  };
  report(
    '',
    tallies.reduce((sum, tally) => ({
      loss: sum.loss + tally.loss,
      right: sum.right + tally.right,
      targets: sum.targets + tally.targets,
    })),
  );
  for (const [name, kind] of Object.entries(MASK_KIND)) if (kind !== MASK_KIND.none) report(`${name}.`, tallies[kind]!);
  return metrics;
}

async function tallyBatch(encoder: Encoder, batch: MaskedBatch, tallies: readonly Tally[]): Promise<void> {
  const logits = encoder.device.scope(() => encoder.logits(encoder.forward(batch)));
  const values = await logits.read();
  logits.dispose();
  const width = values.length / batch.labels.length;
  batch.labels.forEach((label, row) => {
    if (label < 0) return;
    const scores = values.subarray(row * width, (row + 1) * width);
    const largest = Math.max(...scores);
    const tally = tallies[batch.maskKinds[row]!]!;
    tally.loss +=
      largest - scores[label]! + portable.log(scores.reduce((sum, score) => sum + portable.exp(score - largest), 0));
    tally.right += scores[label] === largest ? 1 : 0;
    tally.targets++;
  });
}
