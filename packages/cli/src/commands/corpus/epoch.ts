/**
 * The work of `rna corpus epoch`: goes through one epoch of the batches that
 * `rna pretrain` would make of a corpus, and says what is in them: rows and
 * how full they are, sequences, what is corrupted by kind of mask, and how long
 * making them takes on one core.
 */
import { cpuUsage } from 'node:process';
import {
  corpusBatches,
  createSampling,
  FIRST_CURSOR,
  MASK_KIND,
  openCorpus,
  type Cursor,
  type MaskingScheme,
} from '@rna/train';
import { UsageError } from '../../commandLine/errors.ts';
import { openFileSource } from '../../files/files.ts';
import { formatCount } from '@rna/figures';
import { textTable } from '../../report/table.ts';
import { interruptible, progressBar, writeResult } from '../../commandLine/terminal.ts';

export interface EpochOptions {
  readonly file: string;
  readonly masking: MaskingScheme;
  readonly maxTokens: number;
  readonly window: number;
  readonly otherShare: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** What `--json` prints. */
interface EpochFigures {
  readonly rows: number;
  readonly sequences: number;
  readonly tokens: number;
  /** Share of the rows' slots that hold a token. */
  readonly filled: number;
  /** Share of the nucleotides that are predicted. */
  readonly corrupted: number;
  /** Predicted tokens by kind of mask; kinds that do not occur are absent. */
  readonly targets: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const ROWS_PER_STEP = 64;

/** @throws CorpusError for what is no corpus or damaged, a UsageError for a share that is none. */
export async function corpusEpoch({ file, json, ...options }: EpochOptions): Promise<void> {
  if (options.otherShare === 0 || options.otherShare === 1)
    throw new UsageError('--other-share must be above 0 and below 1; a corpus of one kind alone needs none');
  const figures = await interruptible((signal) => goThrough(file, options, signal));
  await writeResult(
    json ? `${JSON.stringify({ file, ...options, ...figures }, null, 2)}\n` : textOf(figures, options.maxTokens),
  );
}

async function goThrough(
  file: string,
  { masking, maxTokens, window, otherShare, seed }: Omit<EpochOptions, 'file' | 'json'>,
  signal: AbortSignal,
): Promise<EpochFigures> {
  const source = await openFileSource(file);
  try {
    const corpus = await openCorpus(source);
    const bar = progressBar(
      'batches',
      createSampling(corpus.sections, { seed, window, otherShare }).draws,
      'sequences',
    );
    const batches = corpusBatches(corpus, {
      masking: { scheme: masking },
      maxTokens,
      rowsPerStep: ROWS_PER_STEP,
      seed,
      window,
      otherShare,
    });
    const kinds = new Array<number>(Object.keys(MASK_KIND).length).fill(0);
    let [rows, sequences, tokens] = [0, 0, 0];
    const [began, cpu] = [performance.now(), cpuUsage()];
    for (let cursor: Cursor = FIRST_CURSOR; cursor.epoch === FIRST_CURSOR.epoch;) {
      signal.throwIfAborted();
      const step = await batches.at(cursor);
      rows += step.rows;
      for (const batch of step.batches) {
        sequences += batch.cuSeqlens.length - 1;
        tokens += batch.tokens.length;
        for (const kind of batch.maskKinds) kinds[kind]!++;
      }
      cursor = step.next;
      bar.update(sequences);
    }
    bar.stop();
    const { user, system } = cpuUsage(cpu);
    const named = Object.entries(MASK_KIND)
      .filter(([name, kind]) => name !== 'none' && kinds[kind]! > 0)
      .map(([name, kind]) => [name, kinds[kind]!] as const);
    return {
      rows,
      sequences,
      tokens,
      filled: tokens / (rows * maxTokens),
      corrupted: named.reduce((sum, [, count]) => sum + count, 0) / (tokens - 2 * sequences),
      targets: Object.fromEntries(named),
      seconds: (performance.now() - began) / 1000,
      cpuSeconds: (user + system) / 1e6,
    };
  } finally {
    await source.close();
  }
}

function textOf(
  { rows, sequences, tokens, filled, corrupted, targets, seconds, cpuSeconds }: EpochFigures,
  maxTokens: number,
): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  return textTable({
    caption: 'One epoch',
    rowHeaders: 1,
    columns: [
      { header: 'what', group: '', align: 'left' },
      { header: 'figure', group: '', align: 'right' },
    ],
    rows: [
      [`rows of ${formatCount(maxTokens)} tokens`, formatCount(rows)],
      ['sequences', formatCount(sequences)],
      ['tokens', formatCount(tokens)],
      ['slots filled', percent(filled)],
      ['nucleotides to predict', percent(corrupted)],
      ...Object.entries(targets).map(([kind, count]) => [`  by ${kind}`, formatCount(count)]),
      ['seconds', seconds.toFixed(1)],
      ['tokens per second', formatCount(tokens / seconds)],
      ['tokens per second of a core', formatCount(tokens / cpuSeconds)],
    ],
  });
}
