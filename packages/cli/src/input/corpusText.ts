/**
 * A corpus as an input of sequences: its records as FASTA, named by section and number (`ncrna/12`), since a corpus
 * keeps no names. Any range of them is read at once, so a corpus is its own index.
 */
import { createHash } from 'node:crypto';
import type { RecordRange } from '@rna/model';
import type { OpenedCorpus, RecordKind } from '@rna/train';
import { openFileSource } from '../files/files.ts';

/** Records, and clusters, that are read together. */
const TOGETHER = 4096;

export const isCorpusFile = (path: string): boolean => path.toLowerCase().endsWith('.corpus');

/**
 * The text of a corpus, or of some of its records, which are counted through all sections. Throws a CorpusError for
 * what is no corpus, or damaged.
 */
export async function* corpusText(path: string, range?: RecordRange): AsyncGenerator<string, void, undefined> {
  const { first, count } = range ?? { first: 0, count: Infinity };
  const { openCorpus, RECORD_KINDS } = await reader();
  const source = await openFileSource(path);
  try {
    const corpus = await openCorpus(source);
    let before = 0;
    for (const kind of RECORD_KINDS) {
      const { records } = corpus.sections[kind];
      const end = Math.min(records, first + count - before);
      for (let from = Math.max(0, first - before); from < end; from += TOGETHER) {
        const numbers = Array.from({ length: Math.min(TOGETHER, end - from) }, (_, k) => from + k);
        const found = await corpus.records(kind, numbers);
        yield found.map(({ sequence }, k) => `>${kind}/${from + k}\n${sequence}\n`).join('');
      }
      before += records;
    }
  } finally {
    await source.close();
  }
}

export interface CorpusFacts {
  readonly records: number;
  readonly nucleotides: number;
  /** SHA-256 of the corpus's own digest. */
  readonly sha256: string;
}

/** What the table of a corpus says of it. Throws a CorpusError as `corpusText` does. */
export const corpusFacts = (path: string): Promise<CorpusFacts> =>
  withCorpus(path, ({ digest, table }, kinds) => {
    const sections = kinds.map((kind) => table.sections[kind]);
    return Promise.resolve({
      records: sections.reduce((sum, { records }) => sum + records, 0),
      nucleotides: sections.reduce((sum, { statistics }) => sum + statistics.nucleotides, 0),
      sha256: createHash('sha256').update(digest).digest('hex'),
    });
  });

/** The nucleotides before each record, and behind the last all of them. */
export const corpusNucleotides = (path: string): Promise<Float64Array> =>
  withCorpus(path, async (corpus, kinds) => {
    const sums = [0];
    for (const kind of kinds) {
      const { clusters } = corpus.sections[kind];
      for (let from = 0; from < clusters; from += TOGETHER) {
        const { lengths } = await corpus.clusters(kind, from, Math.min(TOGETHER, clusters - from));
        for (const length of lengths) sums.push(sums.at(-1)! + length);
      }
    }
    return Float64Array.from(sums);
  });

/** Loaded where there is a corpus: commands that read FASTA begin without it. */
const reader = () => import('@rna/train');

async function withCorpus<T>(
  path: string,
  work: (corpus: OpenedCorpus, kinds: readonly RecordKind[]) => Promise<T>,
): Promise<T> {
  const { openCorpus, RECORD_KINDS } = await reader();
  const source = await openFileSource(path);
  try {
    return await work(await openCorpus(source), RECORD_KINDS);
  } finally {
    await source.close();
  }
}
