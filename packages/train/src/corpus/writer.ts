/**
 * Writes a corpus from records that are encoded and in order (`compareKeys`),
 * from front to back. The two directories of a section stand behind its data
 * and grow with it, so they are put aside in spools meanwhile; all else is
 * constant memory. Finding duplicates and sorting are the caller's.
 */
import type { ByteSink } from '@rna/model';
import { RECORD_KINDS, type RecordKind } from './corpus.ts';
import {
  headerBytes,
  placeSections,
  STREAMS,
  tableBytes,
  type CorpusBuild,
  type CorpusTable,
  type StreamName,
} from './format.ts';
import { HASH_BYTES } from './hash.ts';
import { createPageWriter } from './pages.ts';
import { byKind, compareKeys, type EncodedRecord } from './record.ts';
import { createStatistics } from './statistics.ts';

/** Keeps pages until they are asked for, once. */
export interface Spool {
  write(page: Uint8Array): Promise<void>;
  read(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface WriteCorpusOptions {
  /** Records of each kind in order. */
  readonly sections: (kind: RecordKind) => AsyncIterable<EncodedRecord> | Iterable<EncodedRecord>;
  /** An empty spool; 16 bytes a record pass through it at most. */
  readonly spool: () => Promise<Spool>;
  /** Kept in the file; the digest does not depend on it. */
  readonly build?: CorpusBuild;
}

/** Gives the table of what it wrote. */
export async function writeCorpus(
  sink: ByteSink,
  { sections, spool, build }: WriteCorpusOptions,
): Promise<CorpusTable> {
  await sink.write(headerBytes());
  const tables: Partial<Record<RecordKind, ReturnType<SectionEncoder['finish']>>> = {};
  for (const kind of RECORD_KINDS) {
    const outputs: Record<StreamName, Pick<Spool, 'write'>> = {
      data: sink,
      entries: await spool(),
      clusters: await spool(),
    };
    const pending: [StreamName, Uint8Array][] = [];
    const drain = async (): Promise<void> => {
      for (const [stream, page] of pending.splice(0)) await outputs[stream].write(page);
    };
    const encoder = encodeSection(kind, (stream, page) => {
      pending.push([stream, page]);
    });
    for await (const record of sections(kind)) {
      encoder.add(record);
      if (pending.length > 0) await drain();
    }
    tables[kind] = encoder.finish();
    await drain();
    for (const output of [outputs.entries, outputs.clusters] as Spool[])
      for await (const page of output.read()) await sink.write(page);
  }
  const table: CorpusTable = { sections: placeSections(byKind((kind) => tables[kind]!)), ...(build && { build }) };
  await sink.write(tableBytes(table));
  return table;
}

/** A corpus as bytes in memory, of encoded records in any order. */
export function corpusBytes(records: readonly EncodedRecord[]): { bytes: Uint8Array; table: CorpusTable } {
  const parts: Uint8Array[] = [headerBytes()];
  const sections = byKind((kind) => {
    const pages: Record<StreamName, Uint8Array[]> = { data: [], entries: [], clusters: [] };
    const encoder = encodeSection(kind, (stream, page) => {
      pages[stream].push(page);
    });
    records
      .filter((record) => record.kind === kind)
      .sort((a, b) => compareKeys(a.key, b.key))
      .forEach((record) => {
        encoder.add(record);
      });
    const table = encoder.finish();
    parts.push(...STREAMS.flatMap((stream) => pages[stream]));
    return table;
  });
  const table: CorpusTable = { sections: placeSections(sections) };
  parts.push(tableBytes(table));
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return { bytes, table };
}

type SectionEncoder = ReturnType<typeof encodeSection>;

/** Takes the records of a section in order and gives the pages of its streams. */
function encodeSection(kind: RecordKind, emit: (stream: StreamName, page: Uint8Array) => void) {
  const [data, entries, clusters] = STREAMS.map((stream) =>
    createPageWriter((page) => {
      emit(stream, page);
    }),
  ) as [Pages, Pages, Pages];
  const statistics = createStatistics();
  let [records, clusterCount] = [0, 0];
  let previous: EncodedRecord | undefined;
  const addEntry = (length: number): void => {
    const offset = data.bytes();
    entries.append(words(length, offset % 2 ** 32, Math.floor(offset / 2 ** 32)));
  };
  return {
    add(record: EncodedRecord): void {
      if (record.kind !== kind)
        throw new RangeError(`writeCorpus: a record of kind "${record.kind}" in section "${kind}"`);
      if (previous !== undefined && compareKeys(previous.key, record.key) > 0)
        throw new RangeError('writeCorpus: the records are not in order; sort them by compareKeys');
      const opensCluster =
        previous === undefined ||
        !record.hasNamedCluster ||
        !previous.hasNamedCluster ||
        !haveOneCluster(previous, record);
      statistics.add(record, opensCluster);
      if (opensCluster) {
        clusters.append(words(records));
        clusterCount++;
      }
      addEntry(record.length);
      data.append(record.bytes);
      records++;
      previous = record;
    },
    finish() {
      addEntry(0);
      clusters.append(words(records));
      return {
        records,
        clusters: clusterCount,
        streams: { data: data.finish(), entries: entries.finish(), clusters: clusters.finish() },
        statistics: statistics.finish(),
      };
    },
  };
}

type Pages = ReturnType<typeof createPageWriter>;

const haveOneCluster = (a: EncodedRecord, b: EncodedRecord): boolean =>
  a.key.subarray(0, HASH_BYTES).every((byte, i) => byte === b.key[i]);

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  return bytes;
}
