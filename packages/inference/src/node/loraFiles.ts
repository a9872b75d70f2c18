/**
 * A folder that holds an adapter in place of a model: what a fine-tuning run saves
 * with `model.save: adapter`, or PEFT with `save_pretrained`. Its base is opened
 * by the name that it gives; both together are a model as any other.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  LORA_CONFIG_FILE,
  LORA_HEAD_FILE,
  LORA_WEIGHTS_FILE,
  openTensorFile,
  parsePeftConfig,
  type LoraParts,
  type TensorFile,
  WEIGHTS_FILES,
} from '@rna/model';
import { openFileSource, type FileSource } from './files.ts';

/** Files of an adapter, or a part of them: a run without low-rank terms has a head alone. */
export const LORA_FILES = [LORA_CONFIG_FILE, LORA_WEIGHTS_FILE, LORA_HEAD_FILE];

/** Opens a folder's adapter; undefined where the name is no such folder, or there is a whole model in it. */
export async function openLoraFiles(
  name: string,
): Promise<{ parts: LoraParts; close: () => Promise<void> } | undefined> {
  const at = (file: string): string => join(name, file);
  if (
    WEIGHTS_FILES.some((file) => existsSync(at(file))) ||
    ![LORA_CONFIG_FILE, LORA_HEAD_FILE].some((file) => existsSync(at(file)))
  )
    return undefined;
  const sources: FileSource[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(sources.map((source) => source.close()));
  };
  const open = async (file: string): Promise<TensorFile> => {
    const source = await openFileSource(at(file));
    sources.push(source);
    return openTensorFile(source);
  };
  try {
    const lora = existsSync(at(LORA_CONFIG_FILE)) && {
      config: parsePeftConfig(await readFile(at(LORA_CONFIG_FILE), 'utf8'), at(LORA_CONFIG_FILE)),
      weights: await open(LORA_WEIGHTS_FILE),
    };
    const head = existsSync(at(LORA_HEAD_FILE)) && (await open(LORA_HEAD_FILE));
    return { parts: { name, ...(lora && { lora }), ...(head && { head }) }, close };
  } catch (error) {
    await close();
    throw error;
  }
}
