/**
 * A model in several files: an index says which tensor is in which, and the two
 * must agree. Shards are safetensors or PyTorch's, as their first bytes say.
 */
import * as z from 'zod';
import { CheckpointError } from '../errors.ts';
import { openTensorFile } from './open.ts';
import type { ByteSource } from './source.ts';
import { standIn } from './standIn.ts';
import type { StoredTensor, TensorFile } from './tensorFile.ts';

const indexFile = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens a model in shards. `index` is the text of `model.safetensors.index.json` or `pytorch_model.bin.index.json`,
 * `openShard` finds a file of the same folder by its plain name.
 * @throws CheckpointError if the index and the shards disagree on any tensor.
 */
export async function openShards(
  index: string,
  indexName: string,
  openShard: (fileName: string) => Promise<ByteSource>,
): Promise<TensorFile> {
  const weightMap = parseShardIndex(index, indexName);
  const tensors = new Map<string, StoredTensor>();
  const metadata = new Map<string, string>();
  const scalars = new Map<string, number>();
  const problems: string[] = [];
  for (const fileName of new Set(weightMap.values())) {
    const shard = await openTensorFile(await openShard(fileName));
    for (const [name, tensor] of shard.tensors) {
      if (weightMap.get(name) === fileName) tensors.set(name, tensor);
      else problems.push(`"${name}" is in ${fileName}, the index puts it in ${weightMap.get(name) ?? 'no file'}`);
    }
    for (const [key, value] of shard.metadata) metadata.set(key, value);
    for (const [key, value] of shard.scalars) scalars.set(key, value);
  }
  for (const [name, fileName] of weightMap) {
    if (!scalars.has(name) && !tensors.has(name)) problems.push(`"${name}" is not in ${fileName}`);
  }
  if (problems.length > 0) throw new CheckpointError(indexName, problems.join('; '));
  return { name: indexName, tensors, metadata, scalars };
}

/** Tensor name to shard file name, from the text of a shard index. */
export function parseShardIndex(index: string, indexName: string): ReadonlyMap<string, string> {
  const other = standIn(index);
  if (other !== undefined) throw new CheckpointError(indexName, other);
  let parsed: z.infer<typeof indexFile>;
  try {
    parsed = indexFile.parse(JSON.parse(index));
  } catch (cause) {
    throw new CheckpointError(indexName, 'expected JSON with a "weight_map" from tensor names to file names', {
      cause,
    });
  }
  const weightMap = new Map(Object.entries(parsed.weight_map));
  for (const fileName of weightMap.values()) {
    if (!/^[\w][\w.-]*$/.test(fileName)) {
      throw new CheckpointError(indexName, `shard "${fileName}" is not the plain name of a file in the same folder`);
    }
  }
  return weightMap;
}
