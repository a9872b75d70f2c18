/** How a hub of models lays a model out: its name, its files, their addresses. Fetching them is the platforms'. */

export const CONFIG_FILE = 'config.json';
export const WEIGHTS_FILE = 'model.safetensors';
export const SHARD_INDEX_FILE = 'model.safetensors.index.json';
/** What may hold the weights in a folder, the first that is there: one file, or an index of shards. */
export const WEIGHTS_FILES = [
  WEIGHTS_FILE,
  SHARD_INDEX_FILE,
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

export const isShardIndex = (file: string): boolean => file.endsWith('.index.json');

/** The hub that is meant where none is named. */
export const PUBLIC_HUB = 'https://huggingface.co';
/** The largest published model takes 2.6 GB. */
export const LARGEST_WEIGHTS = 64 * 2 ** 30;

/** `organisation/model`, both plain names. */
export const isHubName = (name: string): boolean => /^\w[\w.-]*\/\w[\w.-]*$/.test(name);

/** The address of a model's file. `hub` has no slash at its end. */
export const hubFileUrl = (hub: string, model: string, file: string): string => `${hub}/${model}/resolve/main/${file}`;
