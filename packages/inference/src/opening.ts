/** From a name to a model on a device, by what a platform gives: files, folding parameters, a device. */
import {
  Encoder,
  FULL_PRECISION,
  loadParameters,
  type OpenedModel,
  type ParameterMap,
  type Precision,
} from '@rna/model';
import {
  enginePairsInProcess,
  parseFoldingParameters,
  type EnginePairsProvider,
  type FoldingEngine,
} from '@rna/structure';
import type { Device } from '@rna/tensor';
import type { Progress } from './progress.ts';
import { RnaModel } from './rnaModel.ts';
import { reachOf } from './windows.ts';

/** How a model is opened. */
export interface OpenOptions extends Partial<Precision> {
  /** Called for every part of a file that arrives over a network. */
  readonly onProgress?: (progress: Progress) => void;
  /** Told what a person should know and no error says, a sentence each. Default: nobody is told. */
  readonly onNote?: (text: string) => void;
  /** The device to run on, which stays its caller's. Default: one of the model's own, on the machine's adapter. */
  readonly device?: Device;
  /** Ends the opening, downloads included; what has arrived of a file is kept, and gone on with the next time. */
  readonly signal?: AbortSignal;
  /** The hub that names are looked up on. Default: the public hub of Hugging Face. */
  readonly hub?: string;
}

/** A model whose names and shapes were read and whose weights can be, until its files are closed. */
export interface OpenedFiles {
  readonly model: OpenedModel;
  readonly close: () => Promise<void>;
}

/** What `openModel` needs of a platform. */
export interface Platform<Name> {
  readonly openFiles: (name: Name, options: OpenOptions) => Promise<OpenedFiles>;
  readonly openDevice: () => Promise<Device>;
  /** The text of an engine's parameters. */
  readonly readEngine: (engine: FoldingEngine) => Promise<string>;
  /** What a model is called in messages. */
  readonly nameOf: (name: Name) => string;
  /** Bytes of the device's memory that may be counted on. */
  readonly memoryOf: (device: Device) => number;
}

/** `openModel` of a platform. */
export function modelOpener<Name>(platform: Platform<Name>): (name: Name, options?: OpenOptions) => Promise<RnaModel> {
  return async (name, options = {}) => {
    const files = await platform.openFiles(name, options);
    try {
      const precision: Precision = {
        weights: options.weights ?? FULL_PRECISION.weights,
        activations: options.activations ?? FULL_PRECISION.activations,
      };
      const { model } = files;
      const priors = await enginesOf(model, platform);
      const device = options.device ?? (await platform.openDevice());
      let parameters: ParameterMap = new Map();
      const release = (): void => {
        for (const tensor of parameters.values()) tensor.dispose();
        if (options.device === undefined) device.destroy();
      };
      try {
        parameters = await loadParameters(device, model, precision.weights);
        const encoder = new Encoder(device, model.config, parameters, precision);
        const beside = { memory: platform.memoryOf(device), weights: precision.weights };
        return new RnaModel({
          name: platform.nameOf(name),
          opened: model,
          encoder,
          reach: reachOf(device, model.config, model.task, beside),
          encoderReach: reachOf(device, model.config, undefined, beside),
          priors,
          release,
        });
      } catch (error) {
        release();
        throw error;
      }
    } finally {
      await files.close();
    }
  };
}

async function enginesOf<Name>(
  { task }: OpenedModel,
  { readEngine }: Platform<Name>,
): Promise<EnginePairsProvider | undefined> {
  const engines = task?.head.engines?.(task.sizes) ?? [];
  if (engines.length === 0) return undefined;
  const parameters = await Promise.all(
    engines.map(async (engine) => [engine, parseFoldingParameters(await readEngine(engine), engine)] as const),
  );
  return enginePairsInProcess(Object.fromEntries(parameters));
}
