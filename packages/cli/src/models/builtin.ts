/**
 * The model in the box, by the name that stands for it wherever a command takes
 * a model. A folder that is called so is `./builtin`.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { BUILTIN, builtinFiles, type ModelCard } from '@rna/builtin';
import { CommandError } from '../commandLine/errors.ts';

export { BUILTIN };

export async function readCard(): Promise<ModelCard> {
  return JSON.parse(await readFile(builtinFiles.card, 'utf8')) as ModelCard;
}

/**
 * Refuses the built-in model where letters' probabilities are asked for and its language-model head was not trained:
 * the weights are there, and mean nothing.
 */
export async function requireLetters(model: string): Promise<void> {
  if (model === BUILTIN && !(await readCard()).trained.languageModel)
    throw new CommandError(
      "the built-in model's language-model head was not trained, so it cannot say how likely a letter is; name a pre-trained model, such as multimolecule/rinalmo-micro",
    );
}

/** SHA-256 and size of its weights as they lie on this machine. */
export async function weightsDigest(): Promise<Pick<ModelCard, 'sha256' | 'bytes'>> {
  const bytes = await readFile(builtinFiles.weights);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}
