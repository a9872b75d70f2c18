/**
 * A run as a ZIP: the files of a run's folder as `rna pretrain` keeps them,
 * `config.yaml`, `log.jsonl` and `checkpoints/<name>/…`, so that an unpacked
 * archive is a run that Node goes on with, and a Node run's folder, packed by
 * any tool, is one that the browser goes on with. Nothing is held in memory as
 * a whole. Entries are stored as they are: weights do not compress.
 */
import { checkpointName } from '@rna/train';
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
import {
  CHECKPOINTS,
  checkpointFiles,
  checkpointNames,
  LOG_FILE,
  removeCheckpoint,
  saveComplete,
} from './runFolder.ts';

// A run is packed in a worker already.
configure({ useWebWorkers: false });

export const CONFIG_FILE = 'config.yaml';
const ARCHIVE = 'archive.zip';
export const STATE_FILE = 'trainer.json';

/**
 * Packs a run with its newest checkpoint and gives the archive, which lives beside the run until it is packed again.
 */
export async function packRun(folder: FileSystemDirectoryHandle): Promise<File> {
  const checkpoints = await childFolder(folder, CHECKPOINTS);
  const newest = checkpoints && (await checkpointNames(checkpoints)).at(-1);
  if (checkpoints === undefined || newest === undefined)
    throw new Error('there is no checkpoint yet; the first one comes after run.checkpointEvery steps');
  const checkpoint = await checkpoints.getDirectoryHandle(newest);
  await writeFile(folder, ARCHIVE, async (sink) => {
    const zip = new ZipWriter(new WritableStream<Uint8Array>({ write: (bytes) => sink.write(bytes) }), { level: 0 });
    for (const name of [CONFIG_FILE, LOG_FILE]) {
      const text = await readText(folder, name);
      if (text !== undefined) await zip.add(name, new TextReader(text));
    }
    for (const name of await checkpointFiles(checkpoint))
      await zip.add(`${CHECKPOINTS}/${newest}/${name}`, new BlobReader(await childFile(checkpoint, name)));
    await zip.close();
  });
  return childFile(folder, ARCHIVE);
}

/**
 * Unpacks an archive into the folder of a run that has no checkpoint: every checkpoint in it, whichever folders it lies
 * in, and the log beside them. Rejects, with nothing left behind, for an archive that is damaged or holds no
 * checkpoint.
 */
export async function unpackRun(archive: Blob, folder: FileSystemDirectoryHandle): Promise<void> {
  const zip = new ZipReader(new BlobReader(archive), { checkSignature: true });
  const checkpoints = await folder.getDirectoryHandle(CHECKPOINTS, { create: true });
  try {
    const entries = (await zip.getEntries()).filter((entry): entry is FileEntry => !entry.directory);
    const states = entries.filter(({ filename }) => baseName(filename) === STATE_FILE);
    if (states.length === 0)
      throw new Error(
        `the archive holds no checkpoint (a folder with ${STATE_FILE}); give the ZIP of a run that was downloaded here, or of a run's folder`,
      );
    for (const state of states) {
      const prefix = folderName(state.filename);
      const { step } = JSON.parse(await state.getData(new TextWriter())) as { step: number };
      await saveComplete(checkpoints, checkpointName(step), async (checkpoint) => {
        for (const entry of entries.filter(({ filename }) => folderName(filename) === prefix))
          await unpackEntry(entry, checkpoint);
      });
    }
    const log = entries.find(({ filename }) => baseName(filename) === LOG_FILE);
    if (log !== undefined) await unpackEntry(log, folder);
  } catch (error) {
    for (const name of await folderNames(checkpoints)) await removeCheckpoint(checkpoints, name);
    await removeEntry(folder, LOG_FILE);
    throw error instanceof Error ? new Error(`the archive cannot be used: ${error.message}`, { cause: error }) : error;
  } finally {
    await zip.close();
  }
}

const unpackEntry = (entry: FileEntry, folder: FileSystemDirectoryHandle): Promise<void> =>
  writeFile(folder, baseName(entry.filename), async (sink) => {
    await entry.getData(new WritableStream<Uint8Array>({ write: (bytes) => sink.write(bytes) }));
  });

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const folderName = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
