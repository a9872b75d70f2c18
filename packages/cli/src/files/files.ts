/**
 * Files as the model package reads and writes them: sources by range, and
 * sinks that leave either a whole file or none. Formats are not known here.
 */
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CheckpointError, type ByteSink, type ByteSource } from '@rna/model';

export interface FileSource extends ByteSource {
  readonly close: () => Promise<void>;
}

/** Opens a file for reading by range; the caller closes it. Rejects as node does if it cannot be opened. */
export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    name: path,
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) {
          throw new CheckpointError(
            path,
            `ends at byte ${offset + filled}, but ${offset + length} were expected: it is cut off or was changed`,
          );
        }
        filled += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/**
 * Writes a file that others see only when it is complete: under a temporary
 * name in the same folder, flushed to disk, then renamed over `path`. If
 * `write` rejects, the temporary file is removed and what stood at `path` stays.
 */
export async function writeAtomically(path: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`);
  const handle = await open(temporary, 'wx');
  try {
    try {
      await write({
        async write(bytes) {
          let written = 0;
          while (written < bytes.byteLength) {
            written += (await handle.write(bytes, written, bytes.byteLength - written)).bytesWritten;
          }
        },
      });
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
