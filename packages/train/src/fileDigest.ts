/**
 * Digests of files, by which a checkpoint tells that it is as it was written.
 * A digest is the SHA-256 of the SHA-256s of a file's parts, since the
 * platforms' own SHA-256, which is many times faster than one in JavaScript,
 * takes bytes that are in memory at once, and a file need not fit there.
 */
import type { ByteSink, ByteSource } from '@rna/model';

const PART_BYTES = 2 ** 22;

export interface FileDigest {
  readonly bytes: number;
  /** 64 hexadecimal digits. */
  readonly digest: string;
}

/** The SHA-256 of bytes as hexadecimal digits. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  return [...(await hash(bytes))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A sink that hands on what it takes, and the digest of it once all is written. */
export function digestingSink(sink: ByteSink): { readonly sink: ByteSink; readonly digest: () => Promise<FileDigest> } {
  const part = new Uint8Array(PART_BYTES);
  let [filled, bytes] = [0, 0];
  const parts: Uint8Array[] = [];
  const close = async (): Promise<void> => {
    parts.push(await hash(part.subarray(0, filled)));
    filled = 0;
  };
  return {
    sink: {
      async write(given) {
        for (let at = 0; at < given.byteLength;) {
          const taken = given.subarray(at, at + PART_BYTES - filled);
          part.set(taken, filled);
          filled += taken.byteLength;
          at += taken.byteLength;
          if (filled === PART_BYTES) await close();
        }
        bytes += given.byteLength;
        await sink.write(given);
      },
    },
    async digest() {
      if (filled > 0) await close();
      return { bytes, digest: await digestOf(parts) };
    },
  };
}

/** The digest of a whole file. */
export async function digestFile(source: ByteSource): Promise<FileDigest> {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < source.size; at += PART_BYTES)
    parts.push(await hash(await source.read(at, Math.min(PART_BYTES, source.size - at))));
  return { bytes: source.size, digest: await digestOf(parts) };
}

function digestOf(parts: readonly Uint8Array[]): Promise<string> {
  const all = new Uint8Array(parts.length * 32);
  parts.forEach((part, i) => {
    all.set(part, i * 32);
  });
  return sha256(all);
}

const hash = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
