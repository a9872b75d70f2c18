/**
 * A model by its name in Node: the built-in one, a folder as the hub lays it out, a single file
 * with a `config.json` beside it, or a hub name. Opens the tensors and the
 * config; fitting them to an encoder is `openModel` of the model package.
 */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CheckpointError,
  CONFIG_FILE,
  isHubName,
  isShardIndex,
  openShards,
  openTensorFile,
  parseConfig,
  type EncoderConfig,
  type TensorFile,
  WEIGHTS_FILES,
} from '@rna/model';
import { BUILTIN, builtinFiles } from '@rna/builtin';
import { openFileSource, type FileSource } from './files.ts';
import { fetchHubModel, type HubOptions } from './hub.ts';

export interface ModelFiles {
  readonly tensors: TensorFile;
  /** Undefined if there is no config: the sizes must then be those of a published model. */
  readonly config: EncoderConfig | undefined;
  readonly close: () => Promise<void>;
}

/**
 * Opens a model's files. `configPath` overrides the `config.json` beside the weights.
 * @throws CheckpointError if the name is no path and no hub name, or a file is missing or damaged.
 */
export async function openModelFiles(
  model: string,
  options: HubOptions & { configPath?: string } = {},
): Promise<ModelFiles> {
  const { folder, weights } = await locateModel(model, options);
  const configPath = options.configPath ?? join(folder, CONFIG_FILE);
  if (options.configPath !== undefined && !existsSync(configPath))
    throw new CheckpointError(configPath, 'no such file');
  const config = existsSync(configPath) ? parseConfig(await readFile(configPath, 'utf8'), configPath) : undefined;

  const sources: FileSource[] = [];
  const openSource = async (path: string): Promise<FileSource> => {
    if (!existsSync(path)) throw new CheckpointError(path, 'no such file, though the index names it; fetch it again');
    const source = await openFileSource(path);
    sources.push(source);
    return source;
  };
  const close = async (): Promise<void> => {
    await Promise.all(sources.map((source) => source.close()));
  };
  try {
    const tensors = isShardIndex(weights)
      ? await openShards(await readFile(weights, 'utf8'), weights, (shard) => openSource(join(folder, shard)))
      : await openTensorFile(await openSource(weights));
    return { tensors, config, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where the files of a model are; one of the hub is downloaded first. */
export async function locateModel(model: string, options: HubOptions): Promise<{ folder: string; weights: string }> {
  if (model === BUILTIN) return inFolder(dirname(fileURLToPath(builtinFiles.weights)));
  if (!existsSync(model)) {
    if (isHubName(model)) return inFolder(await fetchHubModel(model, options));
    throw new CheckpointError(
      model,
      'no such file or folder, and neither builtin nor the name of a hub model, which has the form organisation/model, ' +
        'such as multimolecule/rinalmo-micro',
    );
  }
  return (await stat(model)).isDirectory() ? inFolder(model) : { folder: dirname(model), weights: model };
}

function inFolder(folder: string): { folder: string; weights: string } {
  const weights = WEIGHTS_FILES.map((file) => join(folder, file)).find((path) => existsSync(path));
  if (weights === undefined) throw new CheckpointError(folder, `the folder has none of ${WEIGHTS_FILES.join(', ')}`);
  return { folder, weights };
}
