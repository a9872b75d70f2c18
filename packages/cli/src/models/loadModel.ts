/**
 * From MODEL on the command line to an encoder on the device. Opening reads
 * names and shapes alone and refuses what does not fit; loading uploads the
 * weights. In between a command checks its options against the model.
 */
import { openNamedModel, type Progress } from '@rna/inference/node';
import {
  Encoder,
  FULL_PRECISION,
  loadParameters,
  parameterCount,
  SequenceLengthError,
  type OpenedModel,
  type Precision,
} from '@rna/model';
import { InputError, type FastaRecord } from '@rna/structure';
import { DeviceError, MemoryBudgetError, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { BUILTIN } from './builtin.ts';
import { tooLong } from './inputLimit.ts';
import { messageOf } from '../commandLine/errors.ts';
import { note, progressBar, type ProgressBar } from '../commandLine/terminal.ts';

export interface ModelOptions {
  /** A config that takes the place of the `config.json` beside the weights. */
  readonly config?: string;
}

/**
 * Opens a model by its name (builtin, a path or a hub name), an adapter with its base, runs `task` on it and closes its
 * files. Warnings go to stderr.
 */
export async function withModel<T>(
  name: string,
  { config }: ModelOptions,
  task: (model: OpenedModel) => Promise<T>,
): Promise<T> {
  const download = downloadProgress();
  const files = await openNamedModel(name, {
    onProgress: download.onProgress,
    onNote: note,
    ...(config !== undefined && { configPath: config }),
  }).finally(() => {
    download.stop();
  });
  try {
    const { model } = files;
    if (name === BUILTIN) note(`the built-in model, ${(parameterCount(model.shapes) / 1e6).toFixed(1)} M parameters`);
    return await task(model);
  } finally {
    await files.close();
  }
}

/** Opens this machine's device, uploads a model, runs `task` and gives everything on the device back. */
export async function withEncoder<T>(
  model: OpenedModel,
  task: (encoder: Encoder) => Promise<T>,
  options: Partial<Precision> = {},
): Promise<T> {
  const { weights = FULL_PRECISION.weights, activations = FULL_PRECISION.activations } = options;
  return withDevice(async (device) =>
    task(new Encoder(device, model.config, await loadParameters(device, model, weights), { weights, activations })),
  );
}

export async function withDevice<T>(task: (device: Device) => Promise<T>): Promise<T> {
  const device = await openDevice({ quiet: true });
  try {
    return await task(device);
  } finally {
    device.destroy();
  }
}

/** A failure of the device or the model on a single record, as one that says where the record stands. */
export function naming(
  error: unknown,
  file: string,
  { id, line, sequence }: Pick<FastaRecord, 'id' | 'line' | 'sequence'>,
): unknown {
  if (error instanceof SequenceLengthError) return tooLong(file, line, id, sequence.length, error.most);
  if (!(error instanceof MemoryBudgetError || error instanceof DeviceError)) return error;
  return new InputError(
    file,
    line,
    `record "${id}" of ${sequence.length} nucleotides cannot be run on this adapter: ${messageOf(error)}`,
    'shorten or remove it, or use a machine with more memory',
  );
}

/** A bar for each file that comes from the hub. */
function downloadProgress() {
  let current: { readonly file: string; readonly bar: ProgressBar } | undefined;
  return {
    onProgress: ({ file, received, total }: Progress): void => {
      if (current?.file !== file) {
        current?.bar.stop();
        current = { file, bar: progressBar(file, total ?? 0, 'bytes') };
      }
      current.bar.update(received);
    },
    stop: (): void => {
      current?.bar.stop();
    },
  };
}
