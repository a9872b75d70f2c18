/**
 * The few calls of the origin's private file system that runs need, with what
 * is missing as `undefined` and a full disk as an error that says what to do.
 * A file is written to a copy that takes its place when it is whole.
 */
import type { ByteSink } from '@rna/model';

const RUNS = 'rna-runs';

/** The folder of all runs of this origin. Rejects where the browser has no private file system. */
export const openRuns = (): Promise<FileSystemDirectoryHandle> => openFolder(RUNS);

/** A folder of this origin, made if it is not there. Rejects where the browser has no private file system. */
export async function openFolder(name: string): Promise<FileSystemDirectoryHandle> {
  // Missing in old browsers, in private windows of some, and in pages that came over plain HTTP.
  if (!('storage' in navigator) || !('getDirectory' in navigator.storage)) {
    throw new Error(
      'this browser has no private file system here, so nothing can be kept: open the page over https or from localhost, in a current browser and not in a private window',
    );
  }
  return (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
}

export async function folderNames(folder: FileSystemDirectoryHandle): Promise<string[]> {
  return namesOf(folder, 'directory');
}

export async function fileNames(folder: FileSystemDirectoryHandle): Promise<string[]> {
  return namesOf(folder, 'file');
}

async function namesOf(folder: FileSystemDirectoryHandle, kind: FileSystemHandleKind): Promise<string[]> {
  const names: string[] = [];
  for await (const [name, handle] of folder.entries()) if (handle.kind === kind) names.push(name);
  return names.sort();
}

export const childFolder = (
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemDirectoryHandle | undefined> => unlessMissing(folder.getDirectoryHandle(name));

/** A file's contents as they are now, read when asked for. Rejects where there is none. */
export async function childFile(folder: FileSystemDirectoryHandle, name: string): Promise<File> {
  return (await folder.getFileHandle(name)).getFile();
}

export async function readText(folder: FileSystemDirectoryHandle, name: string): Promise<string | undefined> {
  const file = await unlessMissing(childFile(folder, name));
  return file?.text();
}

/** Removes a file or a folder with all that is in it, if it is there. */
export async function removeEntry(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  await unlessMissing(folder.removeEntry(name, { recursive: true }));
}

/**
 * Writes a file that takes the place of what stood there when `write` is done.
 * @param shown What errors call it
 */
export async function writeFile(
  folder: FileSystemDirectoryHandle,
  name: string,
  write: (sink: ByteSink) => Promise<void>,
  shown = name,
): Promise<void> {
  const stream = await openWritable(folder, name);
  try {
    await write({ write: (bytes) => stream.write(bytes as Uint8Array<ArrayBuffer>) });
    await stream.close();
  } catch (error) {
    await stream.abort().catch(() => undefined);
    throw fullDisk(error, shown);
  }
}

/** Copies a stream into a file. */
export async function writeStream(
  folder: FileSystemDirectoryHandle,
  name: string,
  stream: ReadableStream<Uint8Array>,
): Promise<void> {
  await writeFile(folder, name, async (sink) => {
    await stream.pipeTo(new WritableStream({ write: (bytes) => sink.write(bytes) }));
  });
}

async function openWritable(folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemWritableFileStream> {
  return (await folder.getFileHandle(name, { create: true })).createWritable();
}

/** The space that the browser gives this site is used up. */
export class StorageFullError extends Error {
  override readonly name = 'StorageFullError';
}

/** The error for space that is used up says so; others stay as they are. */
function fullDisk(error: unknown, name: string): unknown {
  if (!(error instanceof DOMException && error.name === 'QuotaExceededError')) return error;
  return new StorageFullError(
    `${name} does not fit: the space that the browser gives this site is used up; delete runs or models that are kept here, or free disk space`,
    { cause: error },
  );
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return undefined;
    throw error;
  }
}
