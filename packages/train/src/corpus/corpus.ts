/**
 * What a corpus is to those who train on it: sections by kind of RNA, clusters
 * in a shuffled order, records by number. `openCorpus` (reader.ts) gives one
 * from a file, `memoryCorpus` (memory.ts) from records; nothing here says where
 * the bytes are.
 */

/** A sequence of the corpus; `partners` [length] (−1 where unpaired) if its structure is known. */
export interface CorpusRecord {
  readonly sequence: string;
  readonly partners?: Int32Array;
}

/** Kinds of records, each a section of its own: ncRNA with a structure, ncRNA without, other RNA. */
export const RECORD_KINDS = ['structured', 'ncrna', 'other'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** A record on its way into a corpus. */
export interface CorpusInput extends CorpusRecord {
  /** Default: 'structured' with partners, else 'ncrna'. Only 'structured' ones have partners. */
  readonly kind?: RecordKind;
  /** The name of its cluster, or the name's `clusterHash`; without one it is a cluster of its own. */
  readonly cluster?: string | Uint8Array;
}

export interface Corpus {
  /** Hex digest of the content: a run is resumed only with the same. */
  readonly digest: string;
  readonly sections: Readonly<Record<RecordKind, SectionSize>>;
  /**
   * The clusters first … first + count − 1 of a section, whose records stand
   * together. Throws a RangeError where there are not so many.
   */
  clusters(kind: RecordKind, first: number, count: number): Promise<ClusterRange>;
  /**
   * Records by their numbers within a section, in the order asked: upper case,
   * with U. Throws a RangeError for a number that is out of range.
   */
  records(kind: RecordKind, numbers: ArrayLike<number>): Promise<CorpusRecord[]>;
}

export interface SectionSize {
  readonly records: number;
  readonly clusters: number;
}

export interface ClusterRange {
  /** [count + 1]: the number of each cluster's first record, and of the first behind them. */
  readonly offsets: Uint32Array;
  /** [offsets[count] − offsets[0]]: nucleotides of those records. */
  readonly lengths: Uint32Array;
}

/** A corpus that is damaged, or no corpus. The message opens with the file and says what to do. */
export class CorpusError extends Error {
  override readonly name = 'CorpusError';
  /** False where the file is something else; true for a corpus that is damaged or of another version. */
  readonly isCorpus: boolean;

  constructor(
    /** Name of the file at fault. */
    readonly file: string,
    problem: string,
    { isCorpus = true, ...options }: ErrorOptions & { readonly isCorpus?: boolean } = {},
  ) {
    super(`${file}: ${problem}`, options);
    this.isCorpus = isCorpus;
  }
}
