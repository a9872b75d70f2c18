/**
 * A file of a kept model, in parts that are each written whole. A page cannot write into a file in place, and what it
 * writes is there once the file is closed; so a tab that is closed loses no more than one part, and a download goes on
 * behind the last. Parts are read as one file, and never joined.
 */
import { CheckpointError, checkRange, type ByteSource } from '@rna/model';
import { childFile, fileNames, removeEntry, writeFile } from '../opfs.ts';

/** Bytes of a part at most. */
export const PART_BYTES = 2 ** 23;

export interface PartedFile {
  /** Bytes that are there. */
  readonly size: number;
  /** Adds a part behind those that are there, of `PART_BYTES` at most. */
  readonly add: (bytes: Uint8Array) => Promise<void>;
  /** Every part in its order. */
  readonly parts: () => AsyncGenerator<Uint8Array, void, undefined>;
  /** Removes all parts. */
  readonly clear: () => Promise<void>;
  /** The file by range. */
  readonly source: (name: string) => ByteSource;
}

interface Part {
  /** Where it begins in the file. */
  readonly start: number;
  readonly file: File;
}

/** Opens a file of parts in a folder, which is empty where nothing has been written. */
export async function openPartedFile(folder: FileSystemDirectoryHandle, name: string): Promise<PartedFile> {
  const own = (): Promise<FileSystemDirectoryHandle> => folder.getDirectoryHandle(name, { create: true });
  const parts: Part[] = [];
  let size = 0;
  const take = (file: File): void => {
    parts.push({ start: size, file });
    size += file.size;
  };
  const found = await own();
  // A tab that ended while it wrote may have left an empty file behind the last part.
  for (const each of await fileNames(found)) {
    if (each !== partName(parts.length)) break;
    const file = await childFile(found, each);
    if (file.size === 0) break;
    take(file);
  }
  return {
    get size() {
      return size;
    },
    async add(bytes) {
      const to = await own();
      const next = partName(parts.length);
      await writeFile(to, next, (sink) => sink.write(bytes), name);
      take(await childFile(to, next));
    },
    async *parts() {
      for (const { file } of parts) yield new Uint8Array(await file.arrayBuffer());
    },
    async clear() {
      await removeEntry(folder, name);
      parts.length = 0;
      size = 0;
    },
    source: (shown) => partsSource(shown, parts, size),
  };
}

/** So that names sort as the parts follow each other. */
const partName = (index: number): string => `part-${String(index).padStart(6, '0')}`;

function partsSource(name: string, parts: readonly Part[], size: number): ByteSource {
  return {
    name,
    size,
    async read(offset, length) {
      checkRange({ name, size }, offset, length);
      const bytes = new Uint8Array(length);
      for (let index = partAt(parts, offset), at = 0; at < length; index++) {
        const { start, file } = parts[index]!;
        const from = offset + at - start;
        const slice = new Uint8Array(await readable(name, file.slice(from, from + length - at)));
        bytes.set(slice, at);
        at += slice.byteLength;
      }
      return bytes;
    },
  };
}

/** A file that was deleted or replaced since it was opened cannot be read any more. */
async function readable(name: string, blob: Blob): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (cause) {
    if (!(cause instanceof DOMException)) throw cause;
    throw new CheckpointError(name, 'was deleted or replaced while it was read; fetch the model again', { cause });
  }
}

/** The index of the part in which a byte lies. */
function partAt(parts: readonly Part[], offset: number): number {
  let [low, high] = [0, parts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (parts[middle]!.start <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
