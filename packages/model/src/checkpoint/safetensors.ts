/**
 * The safetensors format: an 8-byte header length, a JSON header, then the
 * tensors' bytes without gaps. Files are opened by reading the header alone;
 * data are read by range, so size is limited by the file system, not by memory.
 * The writer knows the header before any data and takes the data one tensor
 * after the other. Nothing here knows what the tensors mean.
 */
import * as z from 'zod';
import { elementCount, type Shape } from '../config.ts';
import { CheckpointError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import type { ByteSink, ByteSource } from './source.ts';
import { DTYPE_BYTES, isDType, type DType, type StoredTensor, type TensorFile } from './tensorFile.ts';

const LENGTH_BYTES = 8;
const METADATA = '__metadata__';

const headerEntry = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()).max(LIMITS.extents),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
// Entries and not a record: zod leaves out a key named __proto__.
const headerMetadata = z.preprocess(
  (value) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : value),
  z.array(z.tuple([z.string(), z.string()])),
);

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Within the data section, in bytes; `end` excluded. */
  readonly begin: number;
  readonly end: number;
}

/**
 * Opens one file by its header.
 * @throws CheckpointError if the header is damaged, the file is cut off, or tensors overlap, leave gaps or share a
 * name.
 */
export async function openSafetensors(source: ByteSource): Promise<TensorFile> {
  const fail = (problem: string): never => {
    throw new CheckpointError(source.name, problem);
  };
  if (source.size < LENGTH_BYTES) {
    fail(`${source.size} bytes are too few for a safetensors file; the download may have been cut off: fetch it again`);
  }
  const lengthBytes = await source.read(0, LENGTH_BYTES);
  const headerBytes = Number(new DataView(lengthBytes.buffer, lengthBytes.byteOffset, 8).getBigUint64(0, true));
  if (headerBytes > LIMITS.headerBytes) {
    fail(
      `the header claims ${headerBytes} bytes, ${LIMITS.headerBytes} at most are read: ` +
        'this is not a safetensors file (expected .safetensors, or a .pt saved by PyTorch 1.6 or later)',
    );
  }
  const dataStart = LENGTH_BYTES + headerBytes;
  if (dataStart > source.size) {
    fail(
      `cut off inside its header: ${dataStart} bytes expected at least, the file has ${source.size}; fetch it again`,
    );
  }
  const { entries, metadata } = parseHeader(await source.read(LENGTH_BYTES, headerBytes), source.name);
  checkLayout(entries, source.size - dataStart, source.name);

  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, {
      file: source.name,
      name,
      dtype,
      shape,
      byteLength: end - begin,
      read: (byteOffset, byteLength) => {
        if (byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > end - begin) {
          throw new RangeError(`${source.name}: bytes ${byteOffset}+${byteLength} are outside tensor "${name}"`);
        }
        return source.read(dataStart + begin + byteOffset, byteLength);
      },
    });
  }
  return { name: source.name, tensors, metadata, scalars: new Map() };
}

function parseHeader(bytes: Uint8Array, file: string): { entries: Entry[]; metadata: Map<string, string> } {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(file, `the header is not JSON (${(cause as Error).message}): the file is damaged`, {
      cause,
    });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new CheckpointError(file, 'the header is not a JSON object: the file is damaged');
  }
  const entries: Entry[] = [];
  let metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA) {
      const parsed = headerMetadata.safeParse(value);
      if (!parsed.success) throw new CheckpointError(file, `"${METADATA}" must map names to strings`);
      metadata = new Map(parsed.data);
    } else {
      entries.push(parseEntry(name, value, file));
    }
  }
  refuseDuplicates(text, file);
  return { entries, metadata };
}

function parseEntry(name: string, value: unknown, file: string): Entry {
  const fail = (problem: string): never => {
    throw new CheckpointError(file, `tensor "${name}": ${problem}`);
  };
  if (name.length > LIMITS.nameLength) {
    throw new CheckpointError(
      file,
      `a tensor has a name of ${name.length} letters ("${name.slice(0, 60)}…"); ${LIMITS.nameLength} at most are read`,
    );
  }
  const parsed = headerEntry.safeParse(value);
  if (!parsed.success) {
    return fail(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  }
  const {
    dtype,
    shape,
    data_offsets: [begin, end],
  } = parsed.data;
  if (!isDType(dtype))
    return fail(`dtype ${dtype.slice(0, 20)} is not known; expected one of ${Object.keys(DTYPE_BYTES).join(', ')}`);
  const expected = elementCount(shape) * DTYPE_BYTES[dtype];
  if (end - begin !== expected) {
    fail(`[${shape.join(', ')}] ${dtype} takes ${expected} bytes, the header gives it ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

// JSON.parse keeps the last of two equal keys in silence. In this header a key
// is followed by an object exactly if it is a tensor or the metadata, and a
// string can only begin where the previous one has ended.
function refuseDuplicates(text: string, file: string): void {
  const seen = new Set<string>();
  for (const [, quoted, opensObject] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:\s*\{)?/g)) {
    if (opensObject === undefined) continue;
    const name = JSON.parse(quoted!) as string;
    if (seen.has(name)) throw new CheckpointError(file, `two tensors are named "${name}"`);
    seen.add(name);
  }
}

/** The format's own rule: tensors follow each other without overlap or gap and fill the file. */
function checkLayout(entries: readonly Entry[], dataBytes: number, file: string): void {
  let position = 0;
  let previous = '';
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < position) throw new CheckpointError(file, `tensors "${previous}" and "${name}" overlap`);
    if (begin > position) {
      throw new CheckpointError(file, `${begin - position} bytes before tensor "${name}" belong to no tensor`);
    }
    position = end;
    previous = name;
    if (end > dataBytes) {
      throw new CheckpointError(
        file,
        `tensor "${name}" ends at byte ${end} of the data, but the file has only ${dataBytes}: it is cut off; fetch it again`,
      );
    }
  }
  if (position !== dataBytes) {
    throw new CheckpointError(file, `${dataBytes - position} bytes after the last tensor belong to no tensor`);
  }
}

export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Called once, when the writer reaches this tensor; the parts are little-endian, in order. */
  readonly data: () => AsyncIterable<ArrayBufferView> | Promise<ArrayBufferView>;
}

/**
 * Writes tensors in the order given. Only one part of one tensor is in memory
 * at a time, so files may be larger than memory and have any number of records.
 * @throws CheckpointError before anything is written if names clash, later if a tensor's data are not of its size.
 */
export async function writeSafetensors(
  sink: ByteSink,
  entries: readonly TensorEntry[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await sink.write(encodeHeader(entries, metadata));
  for (const entry of entries) await pour(entry, (bytes) => sink.write(bytes));
}

/** Hands a tensor's parts on as bytes and holds its data to the size that was announced. */
export async function pour(entry: TensorEntry, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const expected = elementCount(entry.shape) * DTYPE_BYTES[entry.dtype];
  const data = entry.data();
  let written = 0;
  const writePart = async (part: ArrayBufferView): Promise<void> => {
    written += part.byteLength;
    if (written <= expected) await write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  };
  if (Symbol.asyncIterator in data) for await (const part of data) await writePart(part);
  else await writePart(await data);
  if (written !== expected) {
    throw new CheckpointError(
      'output',
      `tensor "${entry.name}" [${entry.shape.join(', ')}] ${entry.dtype} takes ${expected} bytes, ${written} were given`,
    );
  }
}

function encodeHeader(entries: readonly TensorEntry[], metadata: ReadonlyMap<string, string>): Uint8Array {
  const fields: [string, unknown][] = [];
  if (metadata.size > 0) fields.push([METADATA, Object.fromEntries(metadata)]);
  const names = new Set<string>([METADATA]);
  let position = 0;
  for (const { name, dtype, shape } of entries) {
    if (names.has(name)) throw new CheckpointError('output', `two tensors are named "${name}"`);
    names.add(name);
    const end = position + elementCount(shape) * DTYPE_BYTES[dtype];
    fields.push([name, { dtype, shape, data_offsets: [position, end] }]);
    position = end;
  }
  // Joined by hand: an object would move names that look like integers to the front.
  const json = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.byteLength / 8) * 8;
  const header = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, LENGTH_BYTES);
  return header;
}
