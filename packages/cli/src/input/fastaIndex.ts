/**
 * The index of a FASTA file: where every 256th record begins, how many records
 * and nucleotides there are, and the digest of the file. It is made in one pass
 * and kept beside the file, 32 bytes for 256 records and a digest of its own at
 * the end, so that any range of records of a file of any size is opened at once.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { RecordRange } from '@rna/model';
import { InputError, readable } from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import { note } from '../commandLine/terminal.ts';
import { writeAtomically } from '../files/files.ts';
import { corpusFacts, corpusNucleotides, corpusText, isCorpusFile } from './corpusText.ts';
import { scanFasta, type PlacedBytes, type RecordPlace } from './fastaScan.ts';
import { bytesBetween, packingOf, type Packing } from './seekable.ts';

export interface FastaIndex {
  readonly path: string;
  readonly packing: Packing;
  readonly records: number;
  readonly nucleotides: number;
  /** SHA-256 of the file as it is on disk. */
  readonly sha256: string;
  /** For each group of records offset, within, line and the nucleotides before it. */
  readonly groups: Float64Array;
}

/** Records from one place of the index to the next. */
export const RECORDS_PER_GROUP = 256;
const FIELDS = 4;
const MAGIC = 'RNAINDEX';
const VERSION = 2;
const DIGEST_BYTES = 32;

interface IndexHeader {
  readonly version: number;
  readonly packing: Packing;
  readonly size: number;
  readonly samples: string;
  readonly sha256: string;
  readonly records: number;
  readonly nucleotides: number;
}

export const indexPath = (path: string): string => `${path}.index`;

/**
 * The index of a file: the one beside it where that is the file's, else a new one, which is then kept there if the
 * folder can be written to. A corpus is its own index. Throws an InputError for a file without a record and for two records of one id, and a
 * CommandError for what no shard can be opened in.
 */
export async function openFastaIndex(path: string): Promise<FastaIndex> {
  if (isCorpusFile(path)) return { path, packing: 'plain', ...(await corpusFacts(path)), groups: new Float64Array(0) };
  const kept = await readIndex(path);
  if (kept !== undefined) return kept;
  const index = await buildIndex(path);
  const { size } = await stat(path);
  const { groups, packing, sha256, records, nucleotides } = index;
  const header: IndexHeader = {
    version: VERSION,
    packing,
    size,
    samples: await sampleDigest(path, size),
    sha256,
    records,
    nucleotides,
  };
  await writeAtomically(indexPath(path), (sink) => sink.write(encodeIndex(header, groups))).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error;
    note(`${indexPath(path)} cannot be written, so every shard reads the whole file once to find its records`);
  });
  return index;
}

function encodeIndex(header: IndexHeader, groups: Float64Array): Uint8Array {
  const json = JSON.stringify(header);
  // The places behind it stand at a multiple of eight bytes.
  const text = json.padEnd(Math.ceil((json.length + 4) / 8) * 8 - 4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const bytes = Buffer.concat([
    Buffer.from(MAGIC, 'latin1'),
    length,
    Buffer.from(text, 'latin1'),
    new Uint8Array(groups.buffer, groups.byteOffset, groups.byteLength),
  ]);
  return Buffer.concat([bytes, digestOf(bytes)]);
}

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** The index beside a file; undefined where there is none, or not this file's. */
async function readIndex(path: string): Promise<FastaIndex | undefined> {
  const bytes = await readFile(indexPath(path)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  });
  const { size } = await stat(path);
  if (bytes === undefined) return undefined;
  const start = MAGIC.length + 4;
  if (bytes.length < start || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw new CommandError(`${indexPath(path)} is no index of records; remove or rename it`);
  const end = bytes.length - DIGEST_BYTES;
  // What was damaged, or is of an earlier version, is made anew.
  if (end < start || !digestOf(bytes.subarray(0, end)).equals(bytes.subarray(end))) return undefined;
  const begin = start + bytes.readUInt32LE(MAGIC.length);
  const header = JSON.parse(bytes.toString('latin1', start, begin)) as IndexHeader;
  if (header.version !== VERSION || header.size !== size) return undefined;
  const places = bytes.subarray(begin, end);
  if (places.length !== 8 * FIELDS * Math.ceil(header.records / RECORDS_PER_GROUP)) return undefined;
  if (header.samples !== (await sampleDigest(path, size))) return undefined;
  const groups = new Float64Array(Uint8Array.from(places).buffer);
  const { packing, records, nucleotides, sha256 } = header;
  return { path, packing, records, nucleotides, sha256, groups };
}

const [SAMPLES, SAMPLE_BYTES] = [64, 4096];

/** A digest of 64 pieces of a file, by which an index knows that it is the file's without reading all of it. */
async function sampleDigest(path: string, size: number): Promise<string> {
  const hash = createHash('sha256');
  const handle = await open(path, 'r');
  try {
    const piece = Buffer.alloc(SAMPLE_BYTES);
    for (let sample = 0; sample < SAMPLES; sample++) {
      const last = Math.max(0, size - SAMPLE_BYTES);
      const { bytesRead } = await handle.read(piece, 0, SAMPLE_BYTES, Math.floor((last * sample) / (SAMPLES - 1)));
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
  return hash.digest('hex');
}

async function buildIndex(path: string): Promise<FastaIndex> {
  const packing = await packingOf(path);
  const hash = createHash('sha256');
  const groups: number[] = [];
  const ids = numberList();
  const scanned = await scanFasta(
    packing === 'plain' ? hashed(wholeFile(path, packing), hash) : wholeFile(path, packing),
    1,
    (record, { offset, within, line }, nucleotides) => {
      if (record % RECORDS_PER_GROUP === 0) groups.push(offset, within, line, nucleotides);
      return false;
    },
    (_line, id) => {
      ids.push(id);
    },
  );
  if (packing === 'bgzf') for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  if (scanned.records === 0)
    throw new InputError(path, 1, 'no record in the file', 'give at least one, as ">ID" and a line of letters');
  await refuseRepeatedIds(path, packing, ids.sorted());
  return { path, packing, ...scanned, sha256: hash.digest('hex'), groups: Float64Array.from(groups) };
}

const START = { offset: 0, within: 0 } as const;

const wholeFile = (path: string, packing: Packing): AsyncGenerator<PlacedBytes, void, undefined> =>
  bytesBetween(path, packing, START, undefined);

async function* hashed(
  chunks: AsyncIterable<PlacedBytes>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<PlacedBytes, void, undefined> {
  for await (const chunk of chunks) {
    hash.update(chunk.bytes);
    yield chunk;
  }
}

/** Numbers of which there may be a hundred million: eight bytes each. */
function numberList() {
  let values = new Float64Array(1024);
  let length = 0;
  return {
    push: (value: number): void => {
      if (length === values.length) {
        const larger = new Float64Array(2 * length);
        larger.set(values);
        values = larger;
      }
      values[length++] = value;
    },
    sorted: (): Float64Array => values.subarray(0, length).sort(),
  };
}

/** Throws an InputError for an id that two records have. Only ids of one hash are read again and compared. */
async function refuseRepeatedIds(path: string, packing: Packing, hashes: Float64Array): Promise<void> {
  const repeated = new Set<number>();
  for (let i = 1; i < hashes.length; i++) if (hashes[i] === hashes[i - 1]) repeated.add(hashes[i]!);
  if (repeated.size === 0) return;
  const lines = new Map<string, number>();
  await scanFasta(
    wholeFile(path, packing),
    1,
    () => false,
    (line, hash, text) => {
      if (!repeated.has(hash)) return;
      const id = text();
      const earlier = lines.get(id);
      if (earlier !== undefined)
        throw new InputError(
          path,
          line,
          `a second record has the id "${readable(id)}" (the first is on line ${earlier})`,
          'give each record an id of its own',
        );
      lines.set(id, line);
    },
  );
}

/** The text of a range of records, and the line that it begins on. Nothing before it is read but a part of a group. */
export async function openRecords(
  index: FastaIndex,
  { first, count }: RecordRange,
): Promise<{ readonly firstLine: number; readonly text: () => AsyncGenerator<string, void, undefined> }> {
  const { path, packing, records } = index;
  // A record is two lines there.
  if (isCorpusFile(path)) return { firstLine: 2 * first + 1, text: () => corpusText(path, { first, count }) };
  // What stands before the first header is the first range's, so that it is not passed over in silence.
  const from = first === 0 ? { ...START, line: 1 } : (await placeOf(index, first)).place;
  const to = first + count === records ? undefined : (await placeOf(index, first + count)).place;
  return {
    firstLine: from.line,
    text: async function* () {
      const decoder = new StringDecoder('utf8');
      for await (const { bytes } of bytesBetween(path, packing, from, to)) yield decoder.write(Buffer.from(bytes));
      const rest = decoder.end();
      if (rest !== '') yield rest;
    },
  };
}

/** Read once for all ranges that are asked for. */
const ofCorpora = new WeakMap<FastaIndex, Promise<Float64Array>>();

/** Nucleotides of a range of records, gaps included. */
export async function nucleotidesOf(index: FastaIndex, { first, count }: RecordRange): Promise<number> {
  if (isCorpusFile(index.path)) {
    let sums = ofCorpora.get(index);
    if (sums === undefined) ofCorpora.set(index, (sums = corpusNucleotides(index.path)));
    return (await sums)[first + count]! - (await sums)[first]!;
  }
  const before = async (record: number): Promise<number> =>
    record === index.records ? index.nucleotides : (await placeOf(index, record)).nucleotides;
  return (await before(first + count)) - (await before(first));
}

/** Where a record begins, found from the start of its group, and the nucleotides of the records before it. */
async function placeOf(
  { path, packing, groups }: FastaIndex,
  record: number,
): Promise<{ readonly place: RecordPlace; readonly nucleotides: number }> {
  const group = Math.floor(record / RECORDS_PER_GROUP);
  const [offset, within, line, before] = groups.subarray(FIELDS * group, FIELDS * (group + 1));
  let found: { place: RecordPlace; nucleotides: number } | undefined;
  await scanFasta(
    bytesBetween(path, packing, { offset: offset!, within: within! }, undefined),
    line!,
    (number, place, nucleotides) => {
      if (number < record % RECORDS_PER_GROUP) return false;
      found = { place, nucleotides: before! + nucleotides };
      return true;
    },
  );
  if (found === undefined)
    throw new CommandError(`${path}: record ${record + 1} is not where the index has it; remove ${indexPath(path)}`);
  return found;
}
