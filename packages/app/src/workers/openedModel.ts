/** The model that a worker has on its device: one at a time, kept until another is asked for. */
import { engineFiles } from '@rna/builtin';
import { modelOpener, openBuiltin, type RnaModel } from '@rna/inference/browser';
import type { OpenedModel } from '@rna/model';
import { megabytes, type Device } from '@rna/tensor';
import { memoryBudget, openDevice, openKeptModel } from '@rna/web';
import { BUILTIN, type ModelProgress, type Weights } from '../calls/modelCalls.ts';
import { fetchFile } from './fetchFile.ts';
import { TooLongError } from './refusals.ts';

type Tell = (progress: ModelProgress) => void;

let device: Promise<Device> | undefined;
let last: { readonly key: string; readonly loaded: unknown; readonly free: () => void } | undefined;

/** A model that is kept here, or the built-in one, on the device. */
export const loadModel = (name: string, weights: Weights, tell: Tell): Promise<RnaModel> =>
  putOnDevice(`${weights} ${name}`, tell, async (on) => {
    const open = modelOpener<string>({
      async openFiles() {
        const model = name === BUILTIN ? await openBuiltin(fetchFile) : await openKeptModel(name);
        return { model: counted(model, tell), close: () => Promise.resolve() };
      },
      openDevice: () => Promise.resolve(on),
      readEngine: async (engine) => (await fetchFile(engineFiles[engine])).text(),
      nameOf: () => (name === BUILTIN ? 'the built-in model' : name),
      memoryOf: memoryBudget,
    });
    const loaded = await open(name, { device: on, weights });
    return {
      loaded,
      free() {
        loaded.dispose();
      },
    };
  });

/** What `load` puts on the device in place of what was there before; it stays until something of another key is asked for. */
export async function putOnDevice<T>(
  key: string,
  tell: Tell,
  load: (on: Device) => Promise<{ readonly loaded: T; readonly free: () => void }>,
): Promise<T> {
  // What is under a key was put there by its own `load`.
  if (last?.key === key) return last.loaded as T;
  tell({ note: 'opening the adapter …' });
  const on = await openedDevice();
  last?.free();
  last = undefined;
  on.memory.trim();
  tell({ note: 'reading the model …' });
  const put = await load(on);
  last = { key, ...put };
  return put.loaded;
}

/** A device that could not be opened is tried again by the next call. */
async function openedDevice(): Promise<Device> {
  device ??= openDevice();
  try {
    return await device;
  } catch (error) {
    device = undefined;
    throw error;
  }
}

/** The model, telling how much of its weights has been read. */
function counted(model: OpenedModel, tell: Tell): OpenedModel {
  const total = [...model.shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 4), 0);
  return {
    ...model,
    async *parameters(maxBytes) {
      let done = 0;
      for await (const chunk of model.parameters(maxBytes)) {
        yield chunk;
        done += chunk.data.byteLength;
        tell({ note: `loading the model: ${megabytes(done)} of ${megabytes(total)} …` });
      }
    },
  };
}

/** Throws a TooLongError for an RNA of more nucleotides than the model reads or the adapter has the memory for. */
export function checkLength({ reach: { nucleotides, bytes, fits } }: RnaModel, length: number): void {
  if (length > nucleotides)
    throw new TooLongError(`${length} nucleotides are too long for the model, which reads ${nucleotides} at most`);
  if (!fits(length))
    throw new TooLongError(
      `${length} nucleotides are too long for the model on this adapter: they would take ${megabytes(bytes(length))}`,
    );
}
