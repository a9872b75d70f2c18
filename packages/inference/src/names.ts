/** Names that models and their files go by: on a hub, in a folder, in a cache. */

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

/** `organisation/model`, both plain names. */
export const isHubName = (name: string): boolean => /^\w[\w.-]*\/\w[\w.-]*$/.test(name);

export const PUBLIC_HUB = 'https://huggingface.co';
/** The largest published model takes 2.6 GB. */
export const LARGEST_WEIGHTS = 64 * 2 ** 30;

/** How much of a file has arrived; `total` is undefined where the server does not say. Bytes. */
export interface Progress {
  readonly file: string;
  readonly received: number;
  readonly total: number | undefined;
}
