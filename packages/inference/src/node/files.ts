/** Files of this machine as the model package reads them, and the folders that they are put into. */
import { existsSync } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CheckpointError, checkRange, type ByteSource } from '@rna/model';

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
      checkRange({ name: path, size }, offset, length);
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
 * Makes a folder and those above it that are missing. Throws as node does, with the folder that could not be made. Node's
 * own recursive form says of a disk that cannot be written to that there is no such file.
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    await mkdir(folder).catch((error: unknown) => {
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  }
  if (!(await stat(path)).isDirectory()) await mkdir(path);
}
