/** The model that a worker has on its device: one at a time, kept until another is asked for. */
import { builtinFiles } from '@rna/builtin';
import {
  Encoder,
  loadParameters,
  longestInput,
  memorySource,
  modelCost,
  openModel,
  openTensorFile,
  parseConfig,
  type OpenedModel,
} from '@rna/model';
import { megabytes, type Device } from '@rna/tensor';
import { memoryBudget, openDevice, openKeptModel } from '@rna/web';
import { BUILTIN, type ModelProgress, type Weights } from '../calls/modelCalls.ts';
import { fetchFile } from './fetchFile.ts';
import { TooLongError } from './refusals.ts';

export interface LoadedModel {
  readonly model: OpenedModel;
  readonly encoder: Encoder;
  /** Throws a TooLongError for an RNA of more nucleotides than the model reads or the adapter has the memory for. */
  readonly checkLength: (length: number) => void;
}

type Tell = (progress: ModelProgress) => void;

let device: Promise<Device> | undefined;
let last: { readonly key: string; readonly loaded: unknown; readonly free: () => void } | undefined;

/** The built-in model's files, read. */
export async function readBuiltin(): Promise<OpenedModel> {
  const name = 'the built-in model';
  const [weights, config] = await Promise.all([
    fetchFile(builtinFiles.weights).then((answer) => answer.arrayBuffer()),
    fetchFile(builtinFiles.config).then((answer) => answer.text()),
  ]);
  return openModel(await openTensorFile(memorySource(name, new Uint8Array(weights))), parseConfig(config, name));
}

/** A model that is kept here, or the built-in one, on the device. */
export const loadModel = (name: string, weights: Weights, tell: Tell): Promise<LoadedModel> =>
  putOnDevice(`${weights} ${name}`, tell, async (on) => {
    const model = name === BUILTIN ? await readBuiltin() : await openKeptModel(name);
    const parameters = await loadParameters(on, counted(model, tell), weights);
    const encoder = new Encoder(on, model.config, parameters, { weights, activations: 'f32' });
    return {
      loaded: { model, encoder, checkLength: lengthCheck(on, model, weights) },
      free() {
        for (const tensor of parameters.values()) tensor.dispose();
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

function lengthCheck(on: Device, { config, task }: OpenedModel, weights: Weights): (length: number) => void {
  const memory = memoryBudget(on);
  const { maxStorageBufferBindingSize, maxBufferSize } = on.gpu.limits;
  const binding = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  // <cls> and <eos> take two positions.
  const positions = (longestInput(config) ?? Infinity) - 2;
  return (length) => {
    if (length > positions)
      throw new TooLongError(`${length} nucleotides are too long for the model, which reads ${positions} at most`);
    const { bytes, largest } = modelCost(on, config, task, length, weights);
    if (bytes > memory || largest > binding)
      throw new TooLongError(
        `${length} nucleotides are too long for the model on this adapter: they would take ${megabytes(bytes)}`,
      );
  };
}
