/**
 * From a name to an opened model: names and shapes are read and what does not
 * fit is refused; the weights are read when they are uploaded. An adapter is
 * opened with its base, which may be another adapter.
 */
import { realpath } from 'node:fs/promises';
import { BUILTIN } from '@rna/builtin';
import { CheckpointError, LORA_BASE_FIELD, loraBase, openLora, openModel, type OpenedModel } from '@rna/model';
import type { OpenedFiles } from '../opening.ts';
import type { HubOptions } from './hub.ts';
import { openLoraFiles } from './loraFiles.ts';
import { openModelFiles } from './modelFiles.ts';

export interface NamedModelOptions extends HubOptions {
  /** A config that takes the place of the `config.json` beside the weights. */
  readonly configPath?: string;
}

/**
 * Opens a model by its name: builtin, a path or a hub name. The caller closes it when its weights have been read.
 * @param outer The adapters that it is the base of
 * @throws CheckpointError as `openModelFiles` and the model package's `openModel` do, and for an adapter that is its own
 *   base.
 */
export async function openNamedModel(
  name: string,
  options: NamedModelOptions = {},
  outer: readonly string[] = [],
): Promise<OpenedFiles> {
  // A folder that has the built-in model's name is not meant.
  const adapter = name === BUILTIN ? undefined : await openLoraFiles(name);
  if (adapter === undefined) return openWholeModel(name, options);
  try {
    const folder = await realpath(name);
    if (outer.includes(folder)) {
      throw new CheckpointError(
        name,
        `an adapter that is in the end its own base; name the model that it was trained on as "${LORA_BASE_FIELD}"`,
      );
    }
    const base = loraBase(adapter.parts).name;
    options.onNote?.(`${name} is an adapter of ${base}`);
    const { model, close } = await openNamedModel(base, options, [...outer, folder]);
    return await joined(openLora(model, adapter.parts), [adapter.close, close]);
  } catch (error) {
    await adapter.close();
    throw error;
  }
}

async function openWholeModel(name: string, options: NamedModelOptions): Promise<OpenedFiles> {
  const { tensors, config, close } = await openModelFiles(name, options);
  const opened = await joined(openModel(tensors, config), [close]);
  opened.model.warnings.forEach((warning) => options.onNote?.(warning));
  return opened;
}

/** A model with what closes its files, which is done at once where it cannot be opened. */
async function joined(opening: Promise<OpenedModel>, closes: readonly (() => Promise<void>)[]): Promise<OpenedFiles> {
  const close = async (): Promise<void> => {
    await Promise.all(closes.map((each) => each()));
  };
  try {
    return { model: await opening, close };
  } catch (error) {
    await close();
    throw error;
  }
}
