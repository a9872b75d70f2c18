/**
 * A run's corpus in the browser. Files of sequences or structures are turned
 * into the binary form once, when the run begins; a binary corpus is copied,
 * or stays where it is served and is read by range. So a run outlives the page
 * and the file that it was begun with, and two workers can read one corpus.
 */
import { blobSource } from '@rna/model';
import { parseRecords, recordFormat, standardLetters } from '@rna/structure';
import { corpusBytes, CORPUS_MAGIC, encodeRecord, openCorpus, type Corpus, type EncodedRecord } from '@rna/train';
import { z } from 'zod';
import { httpSource } from './httpSource.ts';
import { childFile, fileNames, readText, removeEntry, writeFile, writeStream } from './opfs.ts';
import type { CorpusChoice } from './protocol.ts';

/** Binary corpora in a form that can be posted to a worker: files, or addresses. */
export interface KeptCorpus {
  readonly train: Blob | string;
  readonly validation?: Blob | string;
}

const FOLDER = 'corpus';
const PLACES_FILE = 'corpus.json';
/** How a file that is packed by gzip begins. */
const GZIP_MAGIC = Uint8Array.of(0x1f, 0x8b);

/** Where a part of the corpus is: at an address, or in the run's folder. */
const place = z.strictObject({ url: z.url().optional() });
type Place = z.infer<typeof place>;
const places = z.strictObject({ train: place, validation: place.optional() });

/**
 * Keeps a corpus in the run's folder, in place of one that was there. Rejects with an InputError that names file and
 * line for text that cannot be read.
 */
export async function keepCorpus(
  folder: FileSystemDirectoryHandle,
  { train, validation }: CorpusChoice,
): Promise<void> {
  const corpus = await folder.getDirectoryHandle(FOLDER, { create: true });
  for (const name of await fileNames(corpus)) await removeEntry(corpus, name);
  const kept = {
    train: await keepPart(corpus, 'train', train),
    ...(validation !== undefined && { validation: await keepPart(corpus, 'validation', validation) }),
  };
  await writeFile(folder, PLACES_FILE, (sink) => sink.write(new TextEncoder().encode(JSON.stringify(kept))));
}

/** The corpus of a run that is kept here. */
export async function keptCorpus(folder: FileSystemDirectoryHandle): Promise<KeptCorpus> {
  const text = await readText(folder, PLACES_FILE);
  if (text === undefined)
    throw new Error(
      `the run '${folder.name}' has no corpus; delete it and begin anew, or import it again with the corpus that it was begun on`,
    );
  const { train, validation } = places.parse(JSON.parse(text));
  const corpus = await folder.getDirectoryHandle(FOLDER);
  const find = async ({ url }: Place, name: string): Promise<Blob | string> => url ?? childFile(corpus, name);
  return { train: await find(train, 'train'), ...(validation && { validation: await find(validation, 'validation') }) };
}

/** Opens what `keptCorpus` gave. */
export async function openKept({
  train,
  validation,
}: KeptCorpus): Promise<{ readonly train: Corpus; readonly validation?: Corpus }> {
  const open = async (name: string, source: Blob | string): Promise<Corpus> =>
    openCorpus(typeof source === 'string' ? await httpSource(source) : blobSource(name, source));
  return {
    train: await open('the training RNAs', train),
    ...(validation !== undefined && { validation: await open('the held-out RNAs', validation) }),
  };
}

/** The name that a config has for a corpus: without folders, so that it can lie anywhere. */
export const corpusName = (source: File | string): string =>
  source instanceof File ? source.name : decodeURIComponent(new URL(source).pathname.split('/').at(-1)!);

async function keepPart(corpus: FileSystemDirectoryHandle, part: string, source: File | string): Promise<Place> {
  if (typeof source !== 'string') {
    if (await beginsWith(source, CORPUS_MAGIC)) await writeStream(corpus, part, source.stream());
    else await keepRecords(corpus, part, source.name, source);
    return {};
  }
  const served = await httpSource(source);
  const head = new Blob([(await served.read(0, Math.min(CORPUS_MAGIC.length, served.size))) as BlobPart]);
  if (await beginsWith(head, CORPUS_MAGIC)) return { url: source };
  await keepRecords(corpus, part, corpusName(source), new Blob([(await served.read(0, served.size)) as BlobPart]));
  return {};
}

async function beginsWith(blob: Blob, magic: Uint8Array): Promise<boolean> {
  const bytes = new Uint8Array(await blob.slice(0, magic.length).arrayBuffer());
  return magic.every((byte, i) => bytes[i] === byte);
}

/** Turns a file of sequences or structures into the binary form. */
async function keepRecords(corpus: FileSystemDirectoryHandle, part: string, name: string, file: Blob): Promise<void> {
  const isPacked = await beginsWith(file, GZIP_MAGIC);
  const bytes = (
    isPacked ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream()
  ) as ReadableStream<BufferSource>;
  const text = bytes.pipeThrough(new TextDecoderStream(recordFormat(name) === 'stockholm' ? 'latin1' : 'utf-8'));
  const records: EncodedRecord[] = [];
  for await (const { sequence, partners } of parseRecords(chunksOf(text), name))
    records.push(encodeRecord({ sequence: standardLetters(sequence), ...(partners && { partners }) }));
  await writeFile(corpus, part, (sink) => sink.write(corpusBytes(records).bytes));
}

/** A stream's chunks; not every browser iterates streams by itself. */
async function* chunksOf<T>(stream: ReadableStream<T>): AsyncGenerator<T, void, undefined> {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
