/** Opens models that this browser keeps. Weights are read by range as they are uploaded, and never held as a whole. */
import { CheckpointError, loraBase, openLora, type OpenedModel } from '@rna/model';
import { openFiles, type OpenedFiles } from './modelOffer.ts';
import { modelFolder, openModelFile, readRecord, type ModelRecord } from './modelRecord.ts';
import { isWhole } from './wholeness.ts';

/** A model that is not kept here, or not as a whole. */
export class NotKeptError extends Error {
  override readonly name = 'NotKeptError';
  readonly model: string;

  constructor(model: string, problem: string) {
    super(`${model} ${problem}`);
    this.model = model;
  }
}

/**
 * Opens a model by its name, an adapter with its base, which must be kept here too. Rejects with a NotKeptError for
 * what is not kept or not whole, and with a CheckpointError for files that do not fit.
 */
export async function openKeptModel(name: string, outer: readonly string[] = []): Promise<OpenedModel> {
  if (outer.includes(name)) throw new CheckpointError(name, 'is an adapter that is in the end its own base');
  const record = await readRecord(name);
  if (record === undefined)
    throw new NotKeptError(
      name,
      outer.length > 0 ? `is the base of ${outer.at(-1)!}, and is not kept here; fetch it first` : 'is not kept here',
    );
  if (!isWhole(record)) throw new NotKeptError(name, 'is not here as a whole; go on with its download first');
  const opened = await openKeptFiles(record);
  if ('model' in opened) return opened.model;
  return openLora(await openKeptModel(loraBase(opened.parts).name, [...outer, name]), opened.parts);
}

/** What a model's files are, which must be whole. */
export async function openKeptFiles({ name, files }: ModelRecord): Promise<OpenedFiles> {
  const folder = await modelFolder(name);
  const sources = files.map((file) => ({
    name: file.name,
    open: async () => (await openModelFile(folder, file.name)).source(`${name}/${file.name}`),
  }));
  return openFiles(name, sources);
}
