/**
 * The models that this browser keeps, each a folder of the origin's private file system: its files as they were
 * published, in parts, and `record.json`, which says what it is and how far its download is. A model that is whole is
 * read from there by range.
 */
import { CheckpointError } from '@rna/model';
import { z } from 'zod';
import { childFolder, folderNames, openFolder, readText, removeEntry, writeFile } from '../opfs.ts';
import { openPartedFile, type PartedFile } from './keptFile.ts';

const RECORD_FILE = 'record.json';
/** The folder of a model's files, which may have any name. */
const FILES = 'files';

const count = z.int().nonnegative();

/** What is known of a model from its names and shapes alone. */
const modelFacts = z.strictObject({
  /** The architecture. */
  model: z.string(),
  dim: count,
  layers: count,
  parameters: count,
  /** Whether it says how likely a letter is. */
  lmHead: z.boolean(),
  /** What it was fine-tuned for. */
  task: z.strictObject({ name: z.string(), title: z.string(), kind: z.string() }).optional(),
  /** Nucleotides that it reads at most, where its positions were learned. */
  longest: count.optional(),
  /** Bytes of its weights on the adapter, by how they are stored there. */
  bytes: z.strictObject({ f32: count, f16: count, int8: count, int4: count }),
  /** Bytes of a pass over an RNA of usual length beside them. */
  passBytes: count,
  warnings: z.array(z.string()),
});
export type ModelFacts = z.infer<typeof modelFacts>;

const keptFile = z.strictObject({
  name: z.string(),
  /** Undefined where a server does not say. */
  bytes: count.optional(),
  /** SHA-256 in hexadecimal digits: the one that is expected, and once the file is whole its own. */
  sha256: z.string().optional(),
  /** The SHA-1 that git gives it as a blob, where that is what is promised. */
  gitSha1: z.string().optional(),
  /** Where it is fetched from; a file that a person gave has none. */
  url: z.string().optional(),
  isWhole: z.boolean(),
});
export type KeptFile = z.infer<typeof keptFile>;

const modelRecord = z.strictObject({
  name: z.string(),
  /** Where it is from, for people. */
  origin: z.string(),
  files: z.array(keptFile).readonly(),
  /** Absent for an adapter, which is nothing without its base, and where nobody looked before the files are whole. */
  facts: modelFacts.optional(),
  /** The base of an adapter. */
  adapterOf: z.string().optional(),
});
export type ModelRecord = z.infer<typeof modelRecord>;

const MODELS = 'rna-models';

/** All models, whole or not, by name. A folder whose record cannot be read is not one of them. */
export async function keptModels(): Promise<ModelRecord[]> {
  const models = await openFolder(MODELS);
  const records: ModelRecord[] = [];
  for (const name of await folderNames(models)) {
    const text = await readText(await models.getDirectoryHandle(name), RECORD_FILE);
    const parsed = text === undefined ? undefined : modelRecord.safeParse(jsonOf(text));
    if (parsed?.success === true) records.push(parsed.data);
  }
  return records.sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

/** The folder of a model, made if it is not there. */
export const modelFolder = async (name: string): Promise<FileSystemDirectoryHandle> =>
  (await openFolder(MODELS)).getDirectoryHandle(folderName(name), { create: true });

/** A file of a model, as far as it is here. */
export const openModelFile = async (folder: FileSystemDirectoryHandle, file: string): Promise<PartedFile> =>
  openPartedFile(await folder.getDirectoryHandle(FILES, { create: true }), file);

/** Bytes of a model's files that are here, whole ones or not. */
export async function keptBytes({ name, files }: ModelRecord): Promise<number> {
  const folder = await modelFolder(name);
  const sizes = await Promise.all(files.map(async (file) => (await openModelFile(folder, file.name)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Does what may be done by one tab at a time with what is kept of a model.
 * @param whenBusy Another tab's work is waited for, until the signal is aborted; or the call is refused
 */
export async function alone<T>(name: string, work: () => Promise<T>, whenBusy: AbortSignal | 'refuse'): Promise<T> {
  const lock = `${MODELS} ${name}`;
  if (whenBusy !== 'refuse') return navigator.locks.request(lock, { signal: whenBusy }, work);
  return navigator.locks.request(lock, { ifAvailable: true }, (held) => {
    if (held === null)
      throw new CheckpointError(name, 'is being fetched, perhaps in another tab; pause it there, or wait for it');
    return work();
  });
}

/** A model's record; undefined where there is no such model. */
export async function readRecord(name: string): Promise<ModelRecord | undefined> {
  const folder = await childFolder(await openFolder(MODELS), folderName(name));
  const text = folder && (await readText(folder, RECORD_FILE));
  return text === undefined ? undefined : modelRecord.parse(JSON.parse(text));
}

export async function writeRecord(folder: FileSystemDirectoryHandle, record: ModelRecord): Promise<void> {
  await writeFile(folder, RECORD_FILE, (sink) => sink.write(new TextEncoder().encode(JSON.stringify(record))));
}

/** Deletes a model with all its files. Rejects with a CheckpointError while it is being fetched. */
export const deleteModel = (name: string): Promise<void> => alone(name, () => removeModel(name), 'refuse');

/** As `deleteModel`, by who is alone with it. */
export async function removeModel(name: string): Promise<void> {
  await removeEntry(await openFolder(MODELS), folderName(name));
}

/** A name without what a folder's cannot have. */
const folderName = (name: string): string => encodeURIComponent(name).replaceAll('.', '%2E').replaceAll('*', '%2A');

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
