/** Models by name in a browser, in a page or in a worker. */
import { engineFiles } from '@rna/builtin';
import { keptBytes, keptModels, memoryBudget, openDevice } from '@rna/web';
import { modelOpener, type OpenOptions } from '../opening.ts';
import type { RnaModel } from '../rnaModel.ts';
import { fetchFile, nameOf, openFiles, type BrowserModelName } from './files.ts';

const open = modelOpener<BrowserModelName>({
  openFiles,
  openDevice,
  readEngine: async (engine) => (await fetchFile(engineFiles[engine])).text(),
  nameOf,
  memoryOf: memoryBudget,
});

/**
 * Opens a model and puts it on the adapter. In a browser a name is `builtin` (the model that comes with the package
 * `@rna/builtin`); the name of a model of the hub, which is downloaded once into the browser's private storage, checked,
 * and resumed where it broke off; an address, relative ones with `./` or `/` before them, of a folder or a file; or the
 * files that a person picked.
 *
 *     using model = await openModel('builtin');
 *     const { dotBracket } = await model.fold('GGGGAAAACCCC');
 *
 * It computes where it is called, the folding engines that some heads need too: in a page, call it in a worker.
 * @throws CheckpointError where there is no such model or it is damaged, DeviceError where there is no adapter.
 */
export function openModel(name: BrowserModelName, options: OpenOptions = {}): Promise<RnaModel> {
  return open(name, options);
}

export type { Pool } from '@rna/model';
export type { Progress } from '../progress.ts';
export type { OpenOptions } from '../opening.ts';
export type { Reach } from '../windows.ts';
export type { ByName, Prediction } from '../prediction.ts';
export { RnaModel, type EmbedOptions, type FoldedRna, type FoldOptions } from '../rnaModel.ts';
export { deleteModel } from '@rna/web';
export type { BrowserModelName } from './files.ts';

/** A model that this browser keeps. */
export interface SavedModel {
  /** Its name, on the hub where it is from one. */
  readonly name: string;
  /** Bytes of its files, whole ones or not. */
  readonly bytes: number;
}

/** The models that this browser keeps for the pages of this site, by name. */
export async function savedModels(): Promise<SavedModel[]> {
  const models = await keptModels();
  return Promise.all(models.map(async (model) => ({ name: model.name, bytes: await keptBytes(model) })));
}
