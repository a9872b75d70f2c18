/**
 * The corpus file, from front to back:
 *
 *     header    16 bytes: magic, version (u32), bytes of a page (u32)
 *     sections  structured, ncrna, other; of each three streams in pages (pages.ts):
 *       data      records one behind the other (record.ts)
 *       entries   of each record and one more: length (u32), offset in data (u32 low, u32 high)
 *       clusters  of each cluster and one more: number of its first record (u32)
 *     table     JSON: where the streams are, counts, statistics, how it was built
 *     trailer   32 bytes: hash of the table (16), its bytes (u32), version (u32), magic
 *
 * All numbers are little-endian. The table stands behind what it speaks of, so
 * that a corpus is written in one go; a file that was cut off has none. Every
 * byte is under a checksum or is a constant.
 */
import type { ByteSource } from '@rna/model';
import { z } from 'zod';
import { CorpusError, RECORD_KINDS, type RecordKind, type SectionSize } from './corpus.ts';
import { hash128, hex } from './hash.ts';
import { fileBytes, PAGE_BYTES, type PagedStream } from './pages.ts';
import { byKind } from './record.ts';
import { statisticsSchema } from './statistics.ts';

/**
 * How a corpus begins, and no text does. As PNG's: a byte above 127, line ends, and an end of file, which careless
 * copies change.
 */
export const CORPUS_MAGIC = Uint8Array.of(0x89, 0x52, 0x4e, 0x41, 0x0d, 0x0a, 0x1a, 0x0a);
const VERSION = 1;
export const HEADER_BYTES = 16;
const TRAILER_BYTES = 32;

export const ENTRY_BYTES = 12;
export const CLUSTER_BYTES = 4;

export const STREAMS = ['data', 'entries', 'clusters'] as const;
export type StreamName = (typeof STREAMS)[number];

const count = z.number().int().min(0);
const streamSchema = z.object({ offset: count, bytes: count, chain: z.string().regex(/^[0-9a-f]{32}$/) });
const sectionSchema = z.object({
  records: count.max(0xffffffff - 1),
  clusters: count.max(0xffffffff - 1),
  streams: z.object({ data: streamSchema, entries: streamSchema, clusters: streamSchema }),
  statistics: statisticsSchema,
});
const tableSchema = z.object({
  sections: z.object({ structured: sectionSchema, ncrna: sectionSchema, other: sectionSchema }),
  /** What whoever built it had to say of inputs and of what was left out: plain counts by name. */
  build: z
    .object({
      inputs: z.array(
        z.object({ folder: z.string(), as: z.string(), format: z.string(), files: count, records: count }),
      ),
      notes: z.record(z.string(), count),
    })
    .optional(),
});

export type CorpusTable = z.infer<typeof tableSchema>;
export type SectionTable = z.infer<typeof sectionSchema>;
/** How a corpus came about. */
export type CorpusBuild = NonNullable<CorpusTable['build']>;

export function headerBytes(): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(CORPUS_MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, PAGE_BYTES, true);
  return bytes;
}

/** Table and trailer. */
export function tableBytes(table: CorpusTable): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(table));
  const bytes = new Uint8Array(text.byteLength + TRAILER_BYTES);
  bytes.set(text);
  bytes.set(hash128(text), text.byteLength);
  const view = new DataView(bytes.buffer, text.byteLength);
  view.setUint32(16, text.byteLength, true);
  view.setUint32(20, VERSION, true);
  bytes.set(CORPUS_MAGIC, text.byteLength + 24);
  return bytes;
}

/** Reads header, trailer and table. Throws a CorpusError where they are not a corpus's, or damaged. */
export async function readTable(source: ByteSource): Promise<CorpusTable> {
  const fault = (problem: string, cause?: unknown) => new CorpusError(source.name, problem, { cause });
  const noCorpus = (problem: string) => new CorpusError(source.name, `not a corpus: ${problem}`, { isCorpus: false });
  const again = 'copy or download the file again, or build the corpus anew';
  if (source.size < HEADER_BYTES) throw noCorpus(`it has ${source.size} bytes`);
  const header = await source.read(0, HEADER_BYTES);
  if (!startsWith(header, CORPUS_MAGIC)) throw noCorpus('it does not begin as one');
  const version = new DataView(header.buffer, header.byteOffset).getUint32(8, true);
  if (version !== VERSION)
    throw fault(
      `a corpus of version ${version}, but version ${VERSION} is read here; build it anew, or use the program that built it`,
    );
  if (!startsWith(header, headerBytes()))
    throw fault(`damaged: its header is not that of version ${VERSION}; ${again}`);

  const trailer = await source.read(Math.max(0, source.size - TRAILER_BYTES), Math.min(TRAILER_BYTES, source.size));
  const view = new DataView(trailer.buffer, trailer.byteOffset);
  const isWhole =
    trailer.byteLength === TRAILER_BYTES &&
    startsWith(trailer.subarray(24), CORPUS_MAGIC) &&
    view.getUint32(20, true) === VERSION;
  const tableLength = isWhole ? view.getUint32(16, true) : 0;
  const tableAt = source.size - TRAILER_BYTES - tableLength;
  if (!isWhole || tableAt < HEADER_BYTES) throw fault(`cut off or damaged: it does not end as a corpus does; ${again}`);
  const text = await source.read(tableAt, tableLength);
  if (!startsWith(trailer, hash128(text)))
    throw fault(
      `damaged: its table (bytes ${tableAt} to ${tableAt + tableLength - 1}) does not match its checksum; ${again}`,
    );

  let table: CorpusTable;
  try {
    table = tableSchema.parse(JSON.parse(new TextDecoder().decode(text)));
  } catch (error) {
    throw fault('its table is not one that this program knows; build the corpus anew', error);
  }
  const end = RECORD_KINDS.flatMap((kind) => STREAMS.map((name) => table.sections[kind].streams[name])).reduce<
    number | undefined
  >((at, stream) => (at === stream.offset ? at + fileBytes(stream) : undefined), HEADER_BYTES);
  const areWhole = RECORD_KINDS.every((kind) => {
    const { records, clusters, streams } = table.sections[kind];
    return (
      streams.entries.bytes === (records + 1) * ENTRY_BYTES && streams.clusters.bytes === (clusters + 1) * CLUSTER_BYTES
    );
  });
  if (end !== tableAt || !areWhole) throw fault(`damaged: its table does not fit its ${source.size} bytes; ${again}`);
  return table;
}

/** Stands for the content: records, clusters and their order, not for statistics or how it was built. */
export function contentDigest(
  sections: Readonly<
    Record<RecordKind, SectionSize & { readonly streams: Readonly<Record<StreamName, Pick<PagedStream, 'chain'>>> }>
  >,
): string {
  const lines = RECORD_KINDS.map((kind) => {
    const { records, clusters, streams } = sections[kind];
    return [kind, records, clusters, ...STREAMS.map((name) => streams[name].chain)].join(' ');
  });
  return hex(hash128(new TextEncoder().encode(lines.join('\n'))));
}

/** Streams given their offsets, in the order of the file. */
export function placeSections(
  sections: Readonly<
    Record<
      RecordKind,
      Omit<SectionTable, 'streams'> & { readonly streams: Readonly<Record<StreamName, Omit<PagedStream, 'offset'>>> }
    >
  >,
): CorpusTable['sections'] {
  let offset = HEADER_BYTES;
  return byKind((kind) => {
    const { streams, ...rest } = sections[kind];
    const place = (name: StreamName): PagedStream => {
      const placed = { offset, ...streams[name] };
      offset += fileBytes(placed);
      return placed;
    };
    return { ...rest, streams: { data: place('data'), entries: place('entries'), clusters: place('clusters') } };
  });
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array): boolean => prefix.every((byte, i) => bytes[i] === byte);
