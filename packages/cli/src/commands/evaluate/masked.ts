/**
 * `rna evaluate` on masked nucleotides: the loss and accuracy that a pre-training run sees, by the trainer's own
 * evaluation.
 */
import { longestInput, packTokens, type Encoder, type OpenedModel } from '@rna/model';
import { tokenize } from '@rna/structure';
import { heldOutBatches, MASK_KIND, maskedMetrics, memoryCorpus } from '@rna/train';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { withEncoder } from '../../models/loadModel.ts';
import { formatCount, formatLoss, formatScore } from '@rna/figures';
import { textTable } from '../../report/table.ts';
import { note, writeResult } from '../../commandLine/terminal.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { readRecords, type InputRecord } from '../../input/trainingInput.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';

export async function scoreMasked(model: OpenedModel, options: EvaluateOptions): Promise<void> {
  const {
    maxTokens: asked,
    masking: scheme = model.config.model === 'ssr-lm' ? 'ssm' : 'mlm',
    csv,
    threshold,
    validation,
    protocol,
    tuneBy,
    allowNcPairs,
    allowSharpLoops,
    report,
    baselines,
    train,
    mmseqs,
    by,
    json,
  } = options;
  const reason =
    model.task === undefined
      ? `${options.model} has no task head, so masked nucleotides are scored`
      : '--masking scores masked nucleotides';
  if (
    [
      csv,
      threshold,
      validation,
      protocol,
      tuneBy,
      allowNcPairs,
      allowSharpLoops,
      report,
      baselines,
      train,
      mmseqs,
    ].some((option) => option !== undefined) ||
    by.length > 0
  ) {
    throw new UsageError(
      `${reason}; --csv, --threshold, --validation, --protocol, --tune-by, --allow-…, --report, --baselines, --train, --mmseqs and --by are for models with a task head`,
    );
  }
  if (!model.lmHead)
    throw new CommandError(`${options.model} has neither a task head nor an LM head; there is nothing to score`);
  const records = await readRecords(options.files);
  const maxTokens = Math.min(asked, longestInput(model.config) ?? asked);
  const cropped = records.filter(({ sequence }) => sequence.length + 2 > maxTokens).length;
  note(`${reason}, under ${scheme}`);
  if (cropped > 0)
    note(
      `${formatCount(cropped)} RNAs are cropped to ${maxTokens - 2} nucleotides (${maxTokens < asked ? 'the model has positions for no more' : '--max-tokens'})`,
    );
  const batches = heldOutBatches(memoryCorpus(records), { masking: { scheme }, maxTokens });
  const metrics = await withEncoder(
    model,
    async (encoder) => {
      const found = await maskedMetrics(encoder, batches);
      if (!Object.values(found).every(Number.isFinite)) throw await firstOverflow(encoder, records, maxTokens - 2);
      return found;
    },
    options,
  );
  const kinds = Object.keys(MASK_KIND).filter((kind) => metrics[`${kind}.loss`] !== undefined);
  const row = (name: string, prefix: string): string[] => [
    name,
    formatLoss(metrics[`${prefix}loss`]!),
    formatLoss(metrics[`${prefix}perplexity`]!),
    formatScore(metrics[`${prefix}accuracy`]!),
  ];
  await writeResult(
    json
      ? `${JSON.stringify({ model: options.model, rnas: records.length, masking: scheme, maxTokens, ...metrics }, null, 2)}\n`
      : textTable({
          caption: `Masked nucleotides of ${formatCount(records.length)} RNAs`,
          columns: [
            { header: 'masking', group: '', align: 'left' },
            ...['loss (nats)', 'perplexity', 'accuracy'].map((header) => ({
              header,
              group: '',
              align: 'right' as const,
            })),
          ],
          rowHeaders: 1,
          rows: [row(scheme, ''), ...(kinds.length > 1 ? kinds.map((kind) => row(kind, `${kind}.`)) : [])],
        }),
  );
}

/** The error for scores that are not finite: of the first record that the encoder makes no numbers of. */
async function firstOverflow(encoder: Encoder, records: readonly InputRecord[], longest: number): Promise<Error> {
  for (const { id, sequence, file, line } of records) {
    const part = sequence.slice(0, longest);
    const x = encoder.forward(packTokens([tokenize(part)]));
    const values = await x.read();
    x.dispose();
    if (!isFiniteArray(values)) return overflow(encoder, file, { id, line, sequence: part });
  }
  return new CommandError('the numbers overflow in the layers after the encoder, so the loss is NaN or infinite');
}
