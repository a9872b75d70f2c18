/** Models by name in Node. */
import { readFile } from 'node:fs/promises';
import { engineFiles } from '@rna/builtin';
import { openDevice } from '@rna/tensor/node';
import { modelOpener, type OpenOptions } from '../opening.ts';
import type { RnaModel } from '../rnaModel.ts';
import { memoryBudget } from '../windows.ts';
import { openNamedModel } from './namedModel.ts';

const open = modelOpener<string>({
  openFiles: (name, { hub, onProgress, onNote, signal }) =>
    openNamedModel(name, { onProgress, onNote, signal, ...(hub !== undefined && { endpoint: hub }) }),
  openDevice,
  readEngine: (engine) => readFile(engineFiles[engine], 'utf8'),
  nameOf: (name) => name,
  memoryOf: memoryBudget,
});

/**
 * Opens a model and puts it on the adapter. In Node a name is `builtin` (the model that comes with the package
 * `@rna/builtin`), the path of a folder or file, or the name of a model of the hub, which is downloaded once into a cache
 * folder, checked, and resumed where it broke off.
 *
 *     using model = await openModel('builtin');
 *     const { dotBracket } = await model.fold('GGGGAAAACCCC');
 *
 * @throws CheckpointError where there is no such model or it is damaged, DeviceError where there is no adapter.
 */
export function openModel(name: string, options: OpenOptions = {}): Promise<RnaModel> {
  return open(name, options);
}

export type { Pool } from '@rna/model';
export type { Progress } from '../progress.ts';
export type { OpenOptions } from '../opening.ts';
export type { Reach } from '../windows.ts';
export type { ByName, Prediction } from '../prediction.ts';
export { RnaModel, type EmbedOptions, type FoldedRna, type FoldOptions } from '../rnaModel.ts';
