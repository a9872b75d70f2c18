/**
 * A corpus opened from any source of bytes: a file, a `Blob`, ranges over HTTP,
 * memory. Opening reads the table alone; records and clusters are read by
 * range when they are asked for, each block is checked by its checksum, and a
 * few stay cached. Memory does not depend on the number of records.
 */
import { memorySource, type ByteSource } from '@rna/model';
import { CorpusError, RECORD_KINDS, type Corpus, type CorpusInput, type RecordKind } from './corpus.ts';
import { CLUSTER_BYTES, contentDigest, ENTRY_BYTES, readTable, type CorpusTable } from './format.ts';
import { openPages, type PageReader } from './pages.ts';
import { byKind, decodeRecord, encodeRecord } from './record.ts';
import { corpusBytes } from './writer.ts';

/** A corpus with what its file says of it. */
export interface OpenedCorpus extends Corpus {
  readonly table: CorpusTable;
}

/** Throws a CorpusError for what is no corpus, is damaged, or of another version. */
export async function openCorpus(source: ByteSource): Promise<OpenedCorpus> {
  return corpusOf(source, await readTable(source));
}

/**
 * A corpus of records in memory, in the order and with the digest of a file
 * that is built of the same. Nothing is left out, duplicates neither.
 * Throws a RangeError for what is no record.
 */
export function memoryCorpus(records: readonly CorpusInput[]): OpenedCorpus {
  const { bytes, table } = corpusBytes(records.map(encodeRecord));
  return corpusOf(memorySource('corpus in memory', bytes), table);
}

function corpusOf(source: ByteSource, table: CorpusTable): OpenedCorpus {
  const readers = byKind((kind) => {
    const { data, entries, clusters } = table.sections[kind].streams;
    return {
      data: openPages(source, data, `${kind} data`),
      entries: openPages(source, entries, `${kind} entries`),
      clusters: openPages(source, clusters, `${kind} clusters`),
    };
  });
  return {
    table,
    digest: contentDigest(table.sections),
    sections: byKind((kind) => ({ records: table.sections[kind].records, clusters: table.sections[kind].clusters })),
    async clusters(kind, first, count) {
      const section = table.sections[kind];
      if (!(
        Number.isInteger(first) &&
        Number.isInteger(count) &&
        first >= 0 &&
        count >= 0 &&
        first + count <= section.clusters
      )) {
        throw new RangeError(
          `clusters ${first} to ${first + count} were asked for, but section "${kind}" has ${section.clusters}`,
        );
      }
      const offsets = await readWords(readers[kind].clusters, first * CLUSTER_BYTES, count + 1);
      const [start, end] = [offsets[0]!, offsets[count]!];
      if (!(start <= end && end <= section.records)) throw disagreement(source, kind);
      const entries = await readWords(readers[kind].entries, start * ENTRY_BYTES, 3 * (end - start));
      return { offsets, lengths: Uint32Array.from({ length: end - start }, (_, i) => entries[3 * i]!) };
    },
    async records(kind, numbers) {
      const { records } = table.sections[kind];
      const wanted = Array.from(numbers);
      const wrong = wanted.find((number) => !(Number.isInteger(number) && number >= 0 && number < records));
      if (wrong !== undefined)
        throw new RangeError(`record ${wrong} was asked for, but section "${kind}" has ${records}, from 0`);
      const entries = await readers[kind].entries.read(
        wanted.map((number) => [number * ENTRY_BYTES, (number + 2) * ENTRY_BYTES] as const),
      );
      const places = entries.map(entryPlace);
      const bytes = await readers[kind].data.read(places.map(({ start, end }) => [start, end] as const));
      return bytes.map((record, i) => decodeRecord(record, places[i]!.length, kind));
    },
  };
}

/** What was read through and found whole. */
export interface CorpusCheck {
  readonly records: number;
  readonly bytes: number;
}

/**
 * Reads a corpus through: every checksum, every entry, every record. Throws a
 * CorpusError for the first fault. `onProgress` is told of bytes that were read.
 */
export async function verifyCorpus(
  source: ByteSource,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<CorpusCheck> {
  const corpus = await openCorpus(source);
  let [bytes, records] = [0, 0];
  for (const kind of RECORD_KINDS) {
    const { streams, ...section } = corpus.table.sections[kind];
    for (const [name, stream] of Object.entries(streams)) {
      for await (const payload of openPages(source, stream, `${kind} ${name}`).scan())
        onProgress((bytes += payload.byteLength));
    }
    let next = 0;
    for (let first = 0; first < section.clusters; first += CHECKED_TOGETHER) {
      const { offsets } = await corpus.clusters(kind, first, Math.min(CHECKED_TOGETHER, section.clusters - first));
      if (offsets[0] !== next || offsets.some((offset, i) => i > 0 && offset <= offsets[i - 1]!))
        throw disagreement(source, kind);
      next = offsets.at(-1)!;
    }
    if (next !== section.records) throw disagreement(source, kind);
    for await (const part of corpusRecords(corpus, kind)) records += part.length;
  }
  return { records, bytes };
}

const CHECKED_TOGETHER = 4096;

/** All records of a section in order, some thousand at a time. */
export async function* corpusRecords(
  corpus: Corpus,
  kind: RecordKind,
): AsyncGenerator<Awaited<ReturnType<Corpus['records']>>, void, undefined> {
  const { records } = corpus.sections[kind];
  for (let first = 0; first < records; first += CHECKED_TOGETHER) {
    yield await corpus.records(
      kind,
      Array.from({ length: Math.min(CHECKED_TOGETHER, records - first) }, (_, i) => first + i),
    );
  }
}

const disagreement = (source: ByteSource, kind: RecordKind): CorpusError =>
  new CorpusError(
    source.name,
    `damaged: the clusters of section "${kind}" do not fit its records; build the corpus anew`,
  );

function entryPlace(bytes: Uint8Array): { length: number; start: number; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const offset = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  return { length: view.getUint32(0, true), start: offset(4), end: offset(ENTRY_BYTES + 4) };
}

async function readWords(pages: PageReader, start: number, count: number): Promise<Uint32Array> {
  const [bytes] = await pages.read([[start, start + 4 * count]]);
  const view = new DataView(bytes!.buffer, bytes!.byteOffset);
  return Uint32Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
}
