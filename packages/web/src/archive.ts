/**
 * A run as a ZIP: the files of a run's folder as `rna pretrain` keeps them,
 * `config.yaml`, `log.jsonl` and `checkpoints/<name>/…`, so that an unpacked
 * archive is a run that Node goes on with, and a Node run's folder, packed by
 * any tool, is one that the browser goes on with. Nothing is held in memory as
 * a whole. Entries are stored as they are: weights do not compress.
 */
import { checkpointName, CHECKPOINT_FILES, parseState, RUN_FILES } from '@rna/train';
import {
  BlobReader,
  configure,
  TextReader,
  TextWriter,
  ZipReader,
  ZipWriter,
  type FileEntry,
} from '@zip.js/zip.js/lib/zip-core-native.js';
import { childFile, childFolder, folderNames, readText, removeEntry, writeFile } from './opfs.ts';
import { checkpointFiles, checkpointNames, removeCheckpoint, saveComplete } from './runFolder.ts';

// A run is packed in a worker already.
configure({ useWebWorkers: false });

const ARCHIVE = 'archive.zip';
// A run has a few checkpoints of four files or five. More would take minutes to unpack, one by one.
const MOST_ENTRIES = 5000;
const MOST_STATE_BYTES = 2 ** 26;

/**
 * Packs a run with its newest checkpoint and gives the archive, which lives beside the run until it is packed again.
 */
export async function packRun(folder: FileSystemDirectoryHandle): Promise<File> {
  const checkpoints = await childFolder(folder, RUN_FILES.checkpoints);
  const newest = checkpoints && (await checkpointNames(checkpoints)).at(-1);
  if (checkpoints === undefined || newest === undefined)
    throw new Error('there is no checkpoint yet; the first one comes after run.checkpointEvery steps');
  const checkpoint = await checkpoints.getDirectoryHandle(newest);
  await writeFile(folder, ARCHIVE, async (sink) => {
    const zip = new ZipWriter(new WritableStream<Uint8Array>({ write: (bytes) => sink.write(bytes) }), { level: 0 });
    for (const name of [RUN_FILES.config, RUN_FILES.log]) {
      const text = await readText(folder, name);
      if (text !== undefined) await zip.add(name, new TextReader(text));
    }
    for (const name of await checkpointFiles(checkpoint))
      await zip.add(`${RUN_FILES.checkpoints}/${newest}/${name}`, new BlobReader(await childFile(checkpoint, name)));
    await zip.close();
  });
  return childFile(folder, ARCHIVE);
}

/**
 * Unpacks an archive into the folder of a run that has no checkpoint: every checkpoint in it, whichever folders it lies
 * in, and the log beside them. Rejects, with nothing left behind, for an archive that is damaged or too large, holds no
 * checkpoint, or one of no step that can be.
 */
export async function unpackRun(archive: Blob, folder: FileSystemDirectoryHandle): Promise<void> {
  const zip = new ZipReader(new BlobReader(archive), { checkCrc32: true });
  const checkpoints = await folder.getDirectoryHandle(RUN_FILES.checkpoints, { create: true });
  try {
    const entries = await entriesByFolder(zip);
    const all = [...entries.values()].flat();
    const states = all.filter(({ filename }) => baseName(filename) === CHECKPOINT_FILES.state);
    if (states.length === 0)
      throw new Error(
        `it holds no checkpoint (a folder with ${CHECKPOINT_FILES.state}); give the ZIP of a run that was downloaded here, or of a run's folder`,
      );
    const origins = new Map<number, string>();
    for (const state of states) {
      const step = await stepOf(state);
      const earlier = origins.get(step);
      if (earlier !== undefined)
        throw new Error(`${earlier} and ${state.filename} are both of step ${step}; give the archive of one run`);
      origins.set(step, state.filename);
      await saveComplete(checkpoints, checkpointName(step), async (checkpoint) => {
        for (const entry of entries.get(folderName(state.filename))!) await unpackEntry(entry, checkpoint);
      });
    }
    const log = all.find(({ filename }) => baseName(filename) === RUN_FILES.log);
    if (log !== undefined) await unpackEntry(log, folder);
  } catch (error) {
    for (const name of await folderNames(checkpoints)) await removeCheckpoint(checkpoints, name);
    await removeEntry(folder, RUN_FILES.log);
    throw error instanceof Error ? new Error(`the archive cannot be used: ${error.message}`, { cause: error }) : error;
  } finally {
    await zip.close();
  }
}

/** The files of an archive by the folder that they lie in. */
async function entriesByFolder(zip: ZipReader<unknown>): Promise<Map<string, FileEntry[]>> {
  const entries = new Map<string, FileEntry[]>();
  let count = 0;
  for await (const entry of zip.getEntriesGenerator()) {
    if (++count > MOST_ENTRIES)
      throw new Error(
        `it has more than ${MOST_ENTRIES} entries, which no run's folder has; pack the run's folder alone`,
      );
    if (entry.directory) continue;
    const name = folderName(entry.filename);
    const beside = entries.get(name);
    if (beside === undefined) entries.set(name, [entry]);
    else beside.push(entry);
  }
  return entries;
}

/** The step of a checkpoint in an archive, by its state. */
async function stepOf(state: FileEntry): Promise<number> {
  if (state.uncompressedSize > MOST_STATE_BYTES)
    throw new Error(`${state.filename} has ${state.uncompressedSize} bytes, too many for the state of a run`);
  return (await parseState(await state.getData(new TextWriter()), state.filename)).state.step;
}

const unpackEntry = (entry: FileEntry, folder: FileSystemDirectoryHandle): Promise<void> =>
  writeFile(folder, baseName(entry.filename), async (sink) => {
    await entry.getData(new WritableStream<Uint8Array>({ write: (bytes) => sink.write(bytes) }));
  });

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const folderName = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
