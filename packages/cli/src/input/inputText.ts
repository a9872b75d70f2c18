/**
 * The text of what a command is given, a file or stdin, whatever it is packed
 * or encoded in. All input of text goes through here, so that no command reads
 * less than another: gzip and BGZF are known by their first bytes and not by a
 * name, UTF-16 by its byte-order mark.
 */
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { splitLines } from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';

/** The path that means stdin. */
export const STDIN = '-';

/** What messages call an input. */
export const inputName = (path: string): string => (path === STDIN ? 'stdin' : path);

/** The encoding of text without a byte-order mark. */
export type InputEncoding = 'utf8' | 'latin1';

/**
 * The text of a file, or of stdin, in chunks. `onRead` is told how many of its bytes were read so far.
 * @throws CommandError for a gzip file that cannot be unpacked; rejects as node does for what cannot be read.
 */
export async function* readText(
  path: string,
  encoding: InputEncoding = 'utf8',
  onRead?: (bytes: number) => void,
): AsyncGenerator<string, void, undefined> {
  const raw = path === STDIN ? process.stdin : createReadStream(path);
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of raw as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      yield chunk;
    }
  };
  try {
    for await (const text of decoded(unpacked(counted()), encoding)) {
      onRead?.(bytes);
      yield text;
    }
  } catch (error) {
    throw gzipFault(path, error);
  } finally {
    raw.destroy();
  }
}

/** The lines of any text file, read as `readText` does. Throws an InputError for what is no text. */
export async function* readLines(path: string): AsyncGenerator<string, void, undefined> {
  for await (const lines of splitLines(readText(path), inputName(path))) yield* lines;
}

type Bytes = AsyncGenerator<Uint8Array, void, undefined>;

async function* unpacked(chunks: Bytes): Bytes {
  const start = await startOf(chunks, 2);
  const whole = prepended(start, chunks);
  if (start[0] !== 0x1f || start[1] !== 0x8b) {
    yield* whole;
    return;
  }
  const gunzip = createGunzip();
  // Whoever reads the bytes is told of errors there.
  pipeline(Readable.from(whole, { objectMode: false }), gunzip, () => undefined);
  yield* gunzip as AsyncIterable<Uint8Array>;
}

async function* decoded(chunks: Bytes, encoding: InputEncoding): AsyncGenerator<string, void, undefined> {
  const start = await startOf(chunks, 2);
  const [first, second] = start;
  const utf16 =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : undefined;
  const decoder = utf16 === undefined ? new StringDecoder(encoding) : undefined;
  const wide = utf16 === undefined ? undefined : new TextDecoder(utf16);
  for await (const chunk of prepended(start, chunks))
    yield wide?.decode(chunk, { stream: true }) ?? decoder!.write(Buffer.from(chunk));
  const rest = wide?.decode() ?? decoder!.end();
  if (rest !== '') yield rest;
}

/** The first bytes of a stream: `length` of them or more, fewer where it has no more. */
async function startOf(chunks: Bytes, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < length) {
    const next = await chunks.next();
    if (next.done) break;
    parts.push(next.value);
    bytes += next.value.length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

async function* prepended(start: Uint8Array, rest: Bytes): Bytes {
  if (start.length > 0) yield start;
  yield* rest;
}

function gzipFault(path: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) return error;
  return new CommandError(`${inputName(path)}: not a whole gzip file (${error.message}); download or copy it again`, {
    cause: error,
  });
}
