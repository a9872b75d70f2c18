/**
 * The batches of a corpus: clusters are drawn (sampling.ts), a member of each
 * is read and cropped, a window of them is shuffled and packed into rows, and
 * a step's rows are corrupted (masking.ts). One or two windows are in memory,
 * never the corpus. Everything is drawn from streams keyed by seed, epoch and
 * sequence, cluster or window: the rows of an epoch are the same whatever a
 * step takes of them, and a sequence's crop and mask whatever stands beside it.
 *
 * A step takes `rowsPerStep` rows, across windows but not across epochs: an
 * epoch's last step has what is left. No cluster stands in a step twice, as
 * long as the windows that it touches draw no more from the group that is
 * passed through repeatedly than it has.
 */
import { RandomStream } from '@rna/kernels';
import { cropPartners, tokenize } from '@rna/structure';
import { packTokens, STREAM } from '@rna/model';
import type { BatchSource, MaskedBatch } from './batchSource.ts';
import { packRows, type Cursor } from './batching.ts';
import { RECORD_KINDS, type Corpus, type CorpusRecord, type RecordKind } from './corpus/corpus.ts';
import { hash128 } from './corpus/hash.ts';
import { drawScheme, maskSequence, type MaskedSequence, type MaskingOptions, type MaskKey } from './masking.ts';
import { createSampling, type ClusterRun, type SamplingOptions } from './sampling.ts';

export interface CorpusBatchesOptions {
  readonly masking: MaskingOptions;
  /**
   * Tokens of a row at most, `<cls>` and `<eos>` included. A longer sequence is cropped at random, anew at each visit.
   */
  readonly maxTokens: number;
  readonly rowsPerStep: number;
  /** Parts into which a step's rows are cut. Default 1. */
  readonly accumulation?: number;
  readonly seed: number;
  /** Sequences that are shuffled and packed together. Default 2048. */
  readonly window?: number;
  /** Part of the sequences that is other RNA, where there are both. Default one half, SSR-LM's 1 : 1. */
  readonly otherShare?: SamplingOptions['otherShare'];
}

// Held-out masks are the same in every run, so that runs can be compared.
const EVALUATION_SEED = 0x6576616c;

/** A record that was drawn, before it is read. */
interface Draw {
  readonly kind: RecordKind;
  /** Its number in its section. */
  readonly number: number;
  readonly nucleotides: number;
  readonly pass: number;
}

/** A record as it is visited: cropped, not yet corrupted. */
interface Visit {
  readonly key: MaskKey;
  readonly tokens: Uint32Array;
  /** Where the record is ncRNA with a structure. */
  readonly partners: Int32Array | undefined;
}

type Row = readonly Visit[];

/** Throws a RangeError for a corpus without records and for options out of range; a step's fault is its rejection. */
export function corpusBatches(corpus: Corpus, options: CorpusBatchesOptions): BatchSource {
  const { masking, maxTokens, rowsPerStep, accumulation = 1, seed, window = 2048, otherShare = 0.5 } = options;
  for (const [name, value, least] of [
    ['maxTokens', maxTokens, 3],
    ['rowsPerStep', rowsPerStep, 1],
    ['accumulation', accumulation, 1],
  ] as const) {
    if (!(Number.isInteger(value) && value >= least))
      throw new RangeError(`corpusBatches: ${name} must be an integer of ${least} or more, got ${value}`);
  }
  const sampling = createSampling(corpus.sections, { seed, window, otherShare });
  const windowAt = keepLatest((epoch, number) =>
    readWindow(corpus, sampling.runs(epoch, number), { maxTokens, seed, epoch, window: number }),
  );

  return {
    async at(cursor) {
      const { epoch } = cursor;
      const rows: Row[] = [];
      let { window, row } = cursor;
      do {
        const packed = window < sampling.windows ? await windowAt(epoch, window) : [];
        if (!(row < packed.length))
          throw new RangeError(
            `corpusBatches: the data has no row ${row} in window ${window} of epoch ${epoch}; the cursor is of another corpus, seed or limit`,
          );
        const taken = packed.slice(row, row + rowsPerStep - rows.length);
        rows.push(...taken);
        row += taken.length;
        if (row === packed.length) [window, row] = [window + 1, 0];
      } while (rows.length < rowsPerStep && window < sampling.windows);
      const next: Cursor = window < sampling.windows ? { epoch, window, row } : { epoch: epoch + 1, window: 0, row: 0 };

      const size = Math.ceil(rows.length / accumulation);
      const parts = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) =>
        rows.slice(i * size, (i + 1) * size),
      );
      const batches = parts.map((part) => packMasked(part.flat().map((visit) => maskVisit(visit, masking))));
      // The window that comes next is read while this one's steps are made and run.
      const following =
        next.window + 1 < sampling.windows ? ([next.epoch, next.window + 1] as const) : ([next.epoch + 1, 0] as const);
      for (const [of, number] of [[next.epoch, next.window], following] as const)
        windowAt(of, number).catch(() => undefined);
      return { epoch, batches, rows: rows.length, next };
    },
    close: () => undefined,
  };
}

/**
 * Held-out batches: every cluster once, with the same member, crop and masks in every run. The first epoch is all there
 * is.
 */
export function heldOutBatches(
  corpus: Corpus,
  {
    masking,
    maxTokens,
    rowsPerStep = 1,
  }: Pick<CorpusBatchesOptions, 'masking' | 'maxTokens'> & { readonly rowsPerStep?: number },
): BatchSource {
  return corpusBatches(corpus, { masking, maxTokens, rowsPerStep, seed: EVALUATION_SEED, otherShare: 'natural' });
}

/** Keeps the latest windows asked for. One that failed is read again when it is asked for again. */
function keepLatest(read: (epoch: number, window: number) => Promise<Row[]>): typeof read {
  const kept = new Map<string, Promise<Row[]>>();
  return (epoch, window) => {
    const key = `${epoch} ${window}`;
    const rows = kept.get(key) ?? read(epoch, window);
    rows.catch(() => {
      kept.delete(key);
    });
    // Again at the end, the place of the latest.
    kept.delete(key);
    kept.set(key, rows);
    for (const oldest of [...kept.keys()].slice(0, -3)) kept.delete(oldest);
    return rows;
  };
}

interface WindowPlace {
  readonly maxTokens: number;
  readonly seed: number;
  readonly epoch: number;
  readonly window: number;
}

/**
 * Draws a window's records, packs them first-fit in shuffled order, shuffles the rows, and reads and crops what stands
 * in them.
 */
async function readWindow(
  corpus: Corpus,
  runs: readonly ClusterRun[],
  { maxTokens, seed, epoch, window }: WindowPlace,
): Promise<Row[]> {
  const draws = (await Promise.all(runs.map((run) => drawMembers(corpus, run, seed, epoch)))).flat();
  const random = new RandomStream(seed, STREAM.pack, epoch, window);
  random.shuffle(draws);
  const rows = random.shuffle(
    packRows(
      draws.map(({ nucleotides }) => Math.min(nucleotides + 2, maxTokens)),
      maxTokens,
    ),
  );
  const records = await readDraws(corpus, draws);
  const visits = draws.map((draw, i) => crop(draw, records[i]!, maxTokens - 2, seed, epoch));
  return rows.map((row) => row.map((i) => visits[i]!));
}

/** A member of each cluster of a run, each equally likely. */
async function drawMembers(
  corpus: Corpus,
  { kind, first, count, pass }: ClusterRun,
  seed: number,
  epoch: number,
): Promise<Draw[]> {
  const { offsets, lengths } = await corpus.clusters(kind, first, count);
  const begin = offsets[0]!;
  return Array.from({ length: count }, (_, i) => {
    const members = offsets[i + 1]! - offsets[i]!;
    const number =
      offsets[i]! +
      (members === 1
        ? 0
        : new RandomStream(seed, STREAM.clusterMember, epoch, pass, RECORD_KINDS.indexOf(kind), first + i).below(
            members,
          ));
    return { kind, number, nucleotides: lengths[number - begin]!, pass };
  });
}

/** The records of the draws, in their order; each section is read once, in the order of its records. */
async function readDraws(corpus: Corpus, draws: readonly Draw[]): Promise<CorpusRecord[]> {
  const records: CorpusRecord[] = [];
  await Promise.all(
    RECORD_KINDS.map(async (kind) => {
      const ofKind = [...draws.keys()]
        .filter((i) => draws[i]!.kind === kind)
        .sort((a, b) => draws[a]!.number - draws[b]!.number);
      if (ofKind.length === 0) return;
      const read = await corpus.records(
        kind,
        ofKind.map((i) => draws[i]!.number),
      );
      ofKind.forEach((i, at) => {
        records[i] = read[at]!;
      });
    }),
  );
  return records;
}

function crop(
  { kind, pass }: Draw,
  { sequence, partners }: CorpusRecord,
  longest: number,
  seed: number,
  epoch: number,
): Visit {
  const key = { seed, epoch, pass, sequence: sequenceHash(sequence) };
  const length = Math.min(sequence.length, longest);
  const excess = sequence.length - length;
  const start = excess === 0 ? 0 : new RandomStream(seed, STREAM.crop, epoch, pass, key.sequence).below(excess + 1);
  return {
    key,
    tokens: tokenize(sequence.slice(start, start + length)),
    partners: kind === 'structured' && partners !== undefined ? cropPartners(partners, start, length) : undefined,
  };
}

/** 53 bits of a hash of the letters, as an integer. */
function sequenceHash(sequence: string): number {
  const hash = hash128(new TextEncoder().encode(sequence));
  const view = new DataView(hash.buffer, hash.byteOffset);
  return (view.getUint32(0, true) & 0x1fffff) * 2 ** 32 + view.getUint32(4, true);
}

function maskVisit({ key, tokens, partners }: Visit, masking: MaskingOptions): MaskedSequence {
  const scheme = masking.scheme === 'ssm' ? drawScheme(partners !== undefined, key) : masking.scheme;
  return maskSequence(tokens, partners, { ...masking, scheme }, key);
}

function packMasked(sequences: readonly MaskedSequence[]): MaskedBatch {
  const { tokens, cuSeqlens } = packTokens(sequences.map((sequence) => sequence.tokens));
  const labels = new Int32Array(tokens.length);
  const maskKinds = new Uint8Array(tokens.length);
  sequences.forEach((sequence, i) => {
    labels.set(sequence.labels, cuSeqlens[i]);
    maskKinds.set(sequence.kinds, cuSeqlens[i]);
  });
  return {
    tokens,
    cuSeqlens,
    labels,
    maskKinds,
    targets: labels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0),
  };
}
