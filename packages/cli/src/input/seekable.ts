/**
 * The bytes of a file from any place on: a plain file by its offsets, BGZF by
 * block and offset within the block, which is what its blocks are for. Ordinary gzip can only be read from its
 * beginning and is refused.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';
import { CommandError } from '../commandLine/errors.ts';
import type { PlacedBytes, RecordPlace } from './fastaScan.ts';

export type Packing = 'plain' | 'bgzf';

type Place = Pick<RecordPlace, 'offset' | 'within'>;

const GZIP = [0x1f, 0x8b];
/** Bytes of a gzip header up to the extra fields, of the extra field that BGZF has, and of the trailer. */
const [HEADER, TRAILER] = [12, 8];
const MOST_UNPACKED = 2 ** 16;

/** How a file is packed. Throws a CommandError for ordinary gzip, for UTF-16 and for what is no file. */
export async function packingOf(path: string): Promise<Packing> {
  const handle = await open(path, 'r');
  try {
    if (!(await handle.stat()).isFile())
      throw new CommandError(`${path} is no file, so no shard can be opened in it; write it to a file first`);
    const start = new Uint8Array(HEADER + 6);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    const [first, second] = start;
    if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
      throw new CommandError(`${path}: text in UTF-16 has no shards; convert it: iconv -t UTF-8 ${path} > NEW.fasta`);
    if (first !== GZIP[0] || second !== GZIP[1]) return 'plain';
    if (bytesRead === start.length && blockBytes(start) !== undefined) return 'bgzf';
    throw new CommandError(
      `${path}: ordinary gzip can only be read from its beginning, so no shard can be opened in it; unpack it (gunzip -k) or pack it in blocks (gunzip -c ${path} | bgzip > NEW.fasta.gz)`,
    );
  } finally {
    await handle.close();
  }
}

/** Bytes of a BGZF block, from its header; undefined where it is none. */
function blockBytes(header: Uint8Array): number | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const isGzip = header[0] === GZIP[0] && header[1] === GZIP[1] && header[2] === 8 && (header[3]! & 4) !== 0;
  const isBlock =
    view.getUint16(10, true) === 6 &&
    header[12] === 0x42 &&
    header[13] === 0x43 &&
    view.getUint16(14, true) === 2 &&
    view.getUint16(16, true) > HEADER + 6 + TRAILER - 1;
  return isGzip && isBlock ? view.getUint16(16, true) + 1 : undefined;
}

/** The bytes from one place to another, or to the end. Throws a CommandError for a damaged block. */
export async function* bytesBetween(
  path: string,
  packing: Packing,
  from: Place,
  to: Place | undefined,
): AsyncGenerator<PlacedBytes, void, undefined> {
  if (packing === 'bgzf') {
    yield* blocksBetween(path, from, to);
    return;
  }
  if (to?.offset === from.offset) return;
  let { offset } = from;
  const end = to === undefined ? {} : { end: to.offset - 1 };
  const stream = createReadStream(path, { start: offset, ...end, highWaterMark: 2 ** 18 });
  for await (const bytes of stream as AsyncIterable<Uint8Array>) {
    yield { bytes, offset };
    offset += bytes.length;
  }
}

async function* blocksBetween(
  path: string,
  from: Place,
  to: Place | undefined,
): AsyncGenerator<PlacedBytes, void, undefined> {
  for await (const { offset, bytes } of blocksFrom(path, from.offset)) {
    if (to !== undefined && offset > to.offset) return;
    const last = offset === to?.offset ? to.within : bytes.length;
    const first = offset === from.offset ? from.within : 0;
    if (last > first) yield { bytes: bytes.subarray(first, last), offset, within: first };
    if (offset === to?.offset) return;
  }
}

/** Unpacked blocks with the offset of each, from the block that begins at `offset`. */
async function* blocksFrom(
  path: string,
  offset: number,
): AsyncGenerator<{ readonly offset: number; readonly bytes: Uint8Array }, void, undefined> {
  const damaged = (at: number, cause?: unknown): CommandError =>
    new CommandError(`${path}: the BGZF block at byte ${at} is damaged or cut off; download or copy the file again`, {
      cause,
    });
  let rest: Uint8Array = new Uint8Array(0);
  let at = offset;
  for await (const chunk of createReadStream(path, { start: offset }) as AsyncIterable<Uint8Array>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let position = 0;
    while (rest.length - position >= HEADER + 6) {
      const block = rest.subarray(position);
      const length = blockBytes(block);
      if (length === undefined) throw damaged(at);
      if (block.length < length) break;
      try {
        const bytes = inflateRawSync(block.subarray(HEADER + 6, length - TRAILER), { maxOutputLength: MOST_UNPACKED });
        if (bytes.length > 0) yield { offset: at, bytes };
      } catch (cause) {
        throw damaged(at, cause);
      }
      position += length;
      at += length;
    }
    rest = rest.subarray(position);
  }
  if (rest.length > 0) throw damaged(at);
}
