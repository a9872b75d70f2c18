/**
 * Where checkpoint bytes come from and go to, without naming a platform: a
 * source is read by range, a sink is written from front to back. Memory and
 * `Blob` versions are here (tests, browsers); files are the command line's.
 */
import { CheckpointError } from '../errors.ts';

export interface ByteSource {
  /** The name that errors show. */
  readonly name: string;
  /** Total size in bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`, as a fresh array that the caller may keep; rejects if the source ends before.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** Throws a CheckpointError unless a source has the range: to be asked before anything is allocated for it. */
export function checkRange(source: { name: string; size: number }, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size)) {
    throw new CheckpointError(
      source.name,
      `bytes ${offset} to ${offset + length} were asked for, but the file has ${source.size}: it is cut off or damaged`,
    );
  }
}

/** A source that refuses a range outside before it is asked for it, so that nothing is allocated for a claim. */
export function checkedSource(source: ByteSource): ByteSource {
  return {
    name: source.name,
    size: source.size,
    async read(offset, length) {
      checkRange(source, offset, length);
      return source.read(offset, length);
    },
  };
}

/** Bytes in memory, such as those of `readFile`. They are not copied, so they must stay as they are. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  // `slice` of Node's Buffer, which is a Uint8Array too, is a view and no copy.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const source = {
    name,
    size: bytes.byteLength,
    read: (offset: number, length: number) =>
      new Promise<Uint8Array>((resolve) => {
        checkRange(source, offset, length);
        resolve(view.slice(offset, offset + length));
      }),
  };
  return source;
}

/** A file that a page was given, or a fetched blob; read by range, never as a whole. */
export function blobSource(name: string, blob: Blob): ByteSource {
  const source = {
    name,
    size: blob.size,
    async read(offset: number, length: number): Promise<Uint8Array> {
      checkRange(source, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
  return source;
}

/** A sink that keeps everything; `bytes()` joins what was written so far. */
export function memorySink(): ByteSink & { bytes(): Uint8Array } {
  const parts: Uint8Array[] = [];
  return {
    write(bytes) {
      parts.push(new Uint8Array(bytes));
      return Promise.resolve();
    },
    bytes() {
      const joined = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
      let offset = 0;
      for (const part of parts) {
        joined.set(part, offset);
        offset += part.byteLength;
      }
      return joined;
    },
  };
}
