/**
 * The model in the box, by the name that stands for it wherever a command takes
 * a model. A folder that is called so is `./builtin`.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtinFiles, type ModelCard } from '@rna/builtin';

export const BUILTIN = 'builtin';

/** The folder with its weights and config. */
export const builtinFolder = (): string => dirname(fileURLToPath(builtinFiles.weights));

export async function readCard(): Promise<ModelCard> {
  return JSON.parse(await readFile(builtinFiles.card, 'utf8')) as ModelCard;
}

/** SHA-256 and size of its weights as they lie on this machine. */
export async function weightsDigest(): Promise<Pick<ModelCard, 'sha256' | 'bytes'>> {
  const bytes = await readFile(builtinFiles.weights);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}
