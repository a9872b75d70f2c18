/** A model's files in a browser: those of the package, of the hub, at an address, or that a person picked. */
import { BUILTIN, builtinFiles } from '@rna/builtin';
import {
  blobSource,
  CheckpointError,
  CONFIG_FILE,
  isHubName,
  isShardIndex,
  openModel,
  openShards,
  openTensorFile,
  parseConfig,
  WEIGHTS_FILES,
  type ByteSource,
} from '@rna/model';
import { httpSource } from '@rna/web';
import type { OpenedFiles, OpenOptions } from '../opening.ts';
import { openHubModel, weightsOf } from './hub.ts';

/** What a model is opened by in a browser. */
export type BrowserModelName = string | URL | readonly File[];

export const nameOf = (name: BrowserModelName): string =>
  typeof name === 'object' && !(name instanceof URL) ? name.map((file) => file.name).join(', ') : String(name);

/** A model's files by their plain names. */
interface Folder {
  /** The name of the weights, or of the index of shards. */
  readonly weights: string;
  readonly open: (file: string) => Promise<ByteSource>;
  /** Undefined where the folder has none. */
  readonly config: () => Promise<ByteSource | undefined>;
  /** Where a file is, for messages. */
  readonly shown: (file: string) => string;
}

/** Opens a model's files. Throws a CheckpointError where there is no model, or it is damaged. */
export async function openFiles(name: BrowserModelName, options: OpenOptions): Promise<OpenedFiles> {
  const folder = await locate(name, options);
  const configSource = await folder.config();
  const config = configSource && parseConfig(await textOf(configSource), folder.shown(CONFIG_FILE));
  const weights = await folder.open(folder.weights);
  const tensors = isShardIndex(folder.weights)
    ? await openShards(await textOf(weights), folder.shown(folder.weights), folder.open)
    : await openTensorFile(weights);
  const model = await openModel(tensors, config);
  model.warnings.forEach((warning) => options.onNote?.(warning));
  return { model, close: () => Promise.resolve() };
}

function locate(name: BrowserModelName, options: OpenOptions): Promise<Folder> | Folder {
  if (name === BUILTIN) return builtinFolder();
  if (typeof name === 'object' && !(name instanceof URL)) return pickedFolder(name);
  if (typeof name === 'string' && isHubName(name)) return hubFolder(name, options);
  if (!URL.canParse(name, location.href)) throw new CheckpointError(String(name), 'neither a model nor an address');
  return servedFolder(new URL(name, location.href));
}

/** By the addresses that a bundler gave the files: their names may be others. */
function builtinFolder(): Folder {
  return {
    weights: 'model.safetensors',
    open: () => httpSource(builtinFiles.weights.href),
    config: () => httpSource(builtinFiles.config.href),
    shown: (file) => `${BUILTIN}/${file}`,
  };
}

async function hubFolder(name: string, options: OpenOptions): Promise<Folder> {
  const model = await openHubModel(name, options);
  const [weights] = await weightsOf(name, model);
  return { weights, open: model.file, config: () => model.file(CONFIG_FILE), shown: (file) => `${name}/${file}` };
}

/** Files that a person picked or dropped: a config, and weights or an index with its shards. */
function pickedFolder(files: readonly File[]): Folder {
  const find = (name: string): File | undefined => files.find((file) => file.name === name);
  const rest = files.filter(({ name }) => !name.endsWith('.json'));
  const weights =
    WEIGHTS_FILES.find((name) => find(name) !== undefined) ?? (rest.length === 1 ? rest[0]!.name : undefined);
  if (weights === undefined) {
    throw new CheckpointError(
      nameOf(files),
      `expected the weights and their ${CONFIG_FILE}; give one file of weights, or one of ${WEIGHTS_FILES.join(', ')}`,
    );
  }
  const open = (name: string): Promise<ByteSource> => {
    const file = find(name);
    if (file === undefined) throw new CheckpointError(name, 'the index names it, and it is not among the files');
    return Promise.resolve(blobSource(name, file));
  };
  return {
    weights,
    open,
    config: () => (find(CONFIG_FILE) === undefined ? Promise.resolve(undefined) : open(CONFIG_FILE)),
    shown: (file) => file,
  };
}

const WEIGHTS_ENDING = /\.(?:safetensors|pt|pth|ckpt|bin|index\.json)$/i;

/** A folder of a server, or a file of weights beside its config. */
async function servedFolder(address: URL): Promise<Folder> {
  const isFile = WEIGHTS_ENDING.test(address.pathname);
  const folder = new URL(isFile ? '.' : address.pathname.replace(/\/*$/, '/'), address);
  const at = (file: string): string => new URL(file, folder).href;
  const isThere = async (file: string): Promise<boolean> => {
    const answer = await fetch(at(file), { method: 'HEAD' }).catch((cause: unknown) => {
      throw new CheckpointError(
        at(file),
        'cannot be reached: the address is wrong, the server is down, or it lets no other site read it (CORS)',
        { cause },
      );
    });
    return answer.ok;
  };
  let weights: string | undefined = isFile ? address.pathname.slice(address.pathname.lastIndexOf('/') + 1) : undefined;
  for (const file of WEIGHTS_FILES) if (weights === undefined && (await isThere(file))) weights = file;
  if (weights === undefined) throw new CheckpointError(folder.href, `has none of ${WEIGHTS_FILES.join(', ')}`);
  return {
    weights,
    open: (file) => httpSource(at(file)),
    config: async () => ((await isThere(CONFIG_FILE)) ? httpSource(at(CONFIG_FILE)) : undefined),
    shown: at,
  };
}

const textOf = async (source: ByteSource): Promise<string> =>
  new TextDecoder().decode(await source.read(0, source.size));
