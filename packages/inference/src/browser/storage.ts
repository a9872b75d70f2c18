/**
 * Models that were downloaded, in the browser's private storage. A file lies
 * there in parts of 32 MiB, each written whole, so that a tab that is closed
 * loses no more than one; they are read as one file, and never joined. A file
 * `complete.json` says what they are once they are all there and checked.
 */
import { CheckpointError, checkRange, type ByteSource } from '@rna/model';
import { childFile, childFolder, fileNames, folderNames, openFolder, readText, removeEntry, writeFile } from '@rna/web';

// Not where @rna/web keeps the models of an application, which lie there as they were published.
const MODELS = 'rna-hub-models';
const COMPLETE = 'complete.json';
/** Bytes of every part but the last. */
export const PART_BYTES = 2 ** 25;

/** A model that this browser keeps. */
export interface SavedModel {
  /** Its name on the hub. */
  readonly name: string;
  /** Bytes of its files, whole ones or not. */
  readonly bytes: number;
}

/** A file that is being downloaded, or was. */
export interface KeptFile {
  /** Bytes that are there: all of them, or a multiple of `PART_BYTES`. */
  readonly size: number;
  /** Whether they are all there and were checked. */
  readonly complete: boolean;
  /** Adds a part behind those that are there. */
  readonly add: (bytes: Uint8Array) => Promise<void>;
  /** Every part in its order. */
  readonly parts: () => AsyncGenerator<Uint8Array, void, undefined>;
  readonly finish: () => Promise<void>;
  /** Removes all parts. */
  readonly clear: () => Promise<void>;
  /** The whole file, by range. */
  readonly source: (name: string) => ByteSource;
}

// A hub name has one slash, which is no letter of a folder's name.
const folderOf = (model: string): string => model.replace('/', '--');
const modelOf = (folder: string): string => folder.replace('--', '/');

const openModels = (): Promise<FileSystemDirectoryHandle> => openFolder(MODELS);

/** What is kept of a version of a model's file. Other versions of it are removed. */
export async function openKeptFile(model: string, file: string, version: string): Promise<KeptFile> {
  const models = await openModels();
  const folder = await models.getDirectoryHandle(folderOf(model), { create: true });
  const own = `${file}.${version}`;
  for (const other of await folderNames(folder)) {
    if (other !== own && other.startsWith(`${file}.`) && /^[0-9a-f]{16}$/.test(other.slice(file.length + 1)))
      await removeEntry(folder, other);
  }
  const parts = await folder.getDirectoryHandle(own, { create: true });
  const files = await partFiles(parts);
  let size = files.reduce((sum, part) => sum + part.size, 0);
  let complete = (await readText(parts, COMPLETE)) !== undefined;
  return {
    get size() {
      return size;
    },
    get complete() {
      return complete;
    },
    async add(bytes) {
      const name = partName(files.length);
      await writeFile(parts, name, (sink) => sink.write(bytes));
      files.push(await childFile(parts, name));
      size += bytes.byteLength;
    },
    async *parts() {
      for (const part of files) yield new Uint8Array(await part.arrayBuffer());
    },
    async finish() {
      await writeFile(parts, COMPLETE, (sink) => sink.write(new TextEncoder().encode(JSON.stringify({ size }))));
      complete = true;
    },
    async clear() {
      await removeEntry(folder, own);
    },
    source: (name) => partsSource(name, files, size),
  };
}

const partName = (index: number): string => `part-${String(index).padStart(5, '0')}`;

/** The parts that are there, up to the first that is missing. */
async function partFiles(folder: FileSystemDirectoryHandle): Promise<File[]> {
  const names = new Set(await fileNames(folder));
  const files: File[] = [];
  while (names.has(partName(files.length))) files.push(await childFile(folder, partName(files.length)));
  return files;
}

function partsSource(name: string, files: readonly File[], size: number): ByteSource {
  return {
    name,
    size,
    async read(offset, length) {
      checkRange({ name, size }, offset, length);
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length;) {
        const part = Math.floor((offset + at) / PART_BYTES);
        const start = (offset + at) % PART_BYTES;
        const slice = files[part]!.slice(start, start + length - at);
        if (slice.size === 0) throw new CheckpointError(name, 'a part of it is shorter than it was; delete the model');
        bytes.set(new Uint8Array(await slice.arrayBuffer()), at);
        at += slice.size;
      }
      return bytes;
    },
  };
}

/** The models that this browser keeps, by name. */
export async function savedModels(): Promise<SavedModel[]> {
  const models = await openModels();
  const found: SavedModel[] = [];
  for (const name of await folderNames(models)) {
    const folder = await models.getDirectoryHandle(name);
    let bytes = 0;
    for (const file of await folderNames(folder)) {
      const parts = await childFolder(folder, file);
      if (parts !== undefined) for (const part of await partFiles(parts)) bytes += part.size;
    }
    found.push({ name: modelOf(name), bytes });
  }
  return found;
}

/** Deletes what is kept of a model; nothing happens where nothing is. */
export async function deleteModel(name: string): Promise<void> {
  await removeEntry(await openModels(), folderOf(name));
}
