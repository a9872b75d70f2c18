/**
 * The models that this browser keeps, each a folder of the origin's private file system: its files as they were
 * published, and `record.json`, which says what it is and how far its download is. A model that is whole is read
 * from there by range.
 */
import { z } from 'zod';
import { childFolder, folderNames, openFolder, readText, removeEntry, writeFile } from '../opfs.ts';

const RECORD_FILE = 'record.json';

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
  bytes: z.strictObject({
    f32: count,
    f16: count,
    int8: count,
    /** Absent from records that were made before models were kept in 4 bits. */
    int4: count.optional(),
  }),
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
  /** Absent for an adapter, which is nothing without its base. */
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

/** A model's record; undefined where there is no such model. */
export async function readRecord(name: string): Promise<ModelRecord | undefined> {
  const folder = await childFolder(await openFolder(MODELS), folderName(name));
  const text = folder && (await readText(folder, RECORD_FILE));
  return text === undefined ? undefined : modelRecord.parse(JSON.parse(text));
}

export async function writeRecord(folder: FileSystemDirectoryHandle, record: ModelRecord): Promise<void> {
  await writeFile(folder, RECORD_FILE, (sink) => sink.write(new TextEncoder().encode(JSON.stringify(record))));
}

/** Deletes a model with all its files. */
export async function deleteModel(name: string): Promise<void> {
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
