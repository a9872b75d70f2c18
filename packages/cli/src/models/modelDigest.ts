/** One digest for all files that a model is read from, by which shards of a corpus know that they were made by one model. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { locateModel, LORA_FILES, openLoraFiles } from '@rna/inference/node';
import { CONFIG_FILE, isShardIndex, loraBase, parseShardIndex } from '@rna/model';
import { BUILTIN } from './builtin.ts';

/**
 * SHA-256 over names and contents of a model's weights, shards and config, and an adapter's with those of its base.
 * Rejects as `openModelFiles` does for what is no model.
 */
export async function modelDigest(model: string, configPath: string | undefined): Promise<string> {
  const hash = createHash('sha256');
  await addModel(hash, model, configPath, []);
  return hash.digest('hex');
}

async function addModel(
  hash: Hash,
  model: string,
  configPath: string | undefined,
  outer: readonly string[],
): Promise<void> {
  const adapter = model === BUILTIN || outer.includes(model) ? undefined : await openLoraFiles(model);
  if (adapter !== undefined) {
    const base = loraBase(adapter.parts).name;
    await adapter.close();
    for (const file of LORA_FILES) await addFile(hash, join(model, file));
    return addModel(hash, base, configPath, [...outer, model]);
  }
  const { folder, weights } = await locateModel(model, {});
  await addFile(hash, configPath ?? join(folder, CONFIG_FILE));
  await addFile(hash, weights);
  if (!isShardIndex(weights)) return;
  const shards = new Set(parseShardIndex(await readFile(weights, 'utf8'), weights).values());
  for (const shard of [...shards].sort()) await addFile(hash, join(folder, shard));
}

async function addFile(hash: Hash, path: string): Promise<void> {
  if (!existsSync(path)) return;
  const own = createHash('sha256');
  for await (const chunk of createReadStream(path)) own.update(chunk as Uint8Array);
  hash.update(`${basename(path)} ${own.digest('hex')}\n`);
}
