/**
 * Fine-tuning without the encoder's own weights, on top of any recipe: the head
 * alone (`model.freeze`), or with it low-rank terms beside the encoder's
 * matrices (`model.lora`). A run is saved as a whole model, the terms added to
 * the weights, or as a LoRA adapter that names its base (checkpoint/lora.ts of
 * the model package); what a resume needs is the head and the terms themselves,
 * since the base is loaded as it was.
 */
import {
  LORA_CONFIG_FILE,
  LORA_HEAD_FILE,
  LORA_WEIGHTS_FILE,
  loraConfigJson,
  baseDigest,
  CheckpointError,
  Encoder,
  headParameters,
  initializeLora,
  isEncoder,
  LORA_TARGETS,
  metadataScalars,
  openTensorFile,
  parameter,
  readFloat32Chunks,
  readMerged,
  writeLora,
  writeLoraHead,
  writeSafetensors,
  type LoraBase,
  type ParameterMap,
  type Scalars,
} from '@rna/model';
import { describe, type Tensor } from '@rna/tensor';
import { z } from 'zod';
import type { TaskModel } from './predictions.ts';
import { CHECKPOINT_FILES } from './runFiles.ts';
import type { CheckpointReader, CheckpointWriter } from './trainState.ts';

export const loraConfig = z.strictObject({
  rank: z.int().positive().default(8).describe('Inner width of the low-rank terms; lora.* given at all turns them on'),
  alpha: z.number().positive().default(16).describe('The terms are multiplied by alpha / rank'),
  targets: z
    .array(z.enum(LORA_TARGETS))
    .min(1)
    .default([...LORA_TARGETS])
    .describe(
      "Matrices that have a term: queries, keys and values; the attention's output; both SwiGLU projections (gateUp), or RNA-FM's way up (up); the way down",
    ),
});

/** What a config's `model` says about which weights are trained and saved. */
export interface WeightsToTrain {
  readonly checkpoint: string;
  readonly freeze: boolean;
  readonly lora?: z.infer<typeof loraConfig> | undefined;
  readonly save: 'merged' | 'adapter';
}

/** For `superRefine` of a config's `model`. */
export function checkWeightsToTrain({ freeze, lora, save }: WeightsToTrain, context: z.RefinementCtx): void {
  if (freeze && lora !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['freeze'],
      message: 'trains the head alone, so there can be no lora.*; leave out one of them',
      input: freeze,
    });
  if (save === 'adapter' && !freeze && lora === undefined) {
    context.addIssue({
      code: 'custom',
      path: ['save'],
      message: "is adapter, but the encoder's own weights are trained; add freeze or lora.*, or save the merged model",
      input: save,
    });
  }
}

/** How a run that leaves the encoder's weights alone saves and loads its model. */
export interface PartialModelFiles {
  /** Whether a whole model is to be written beside these files, its parameters as `read` gives them. */
  readonly merged: boolean;
  save(writer: CheckpointWriter, scalars: Scalars): Promise<void>;
  /** Returns the scalars that were saved. */
  restore(reader: CheckpointReader): Promise<Scalars>;
  /** A parameter's values, with its low-rank term in them. */
  read(name: string): Promise<Float32Array>;
}

export interface Adaptation {
  /** What a run's task is computed with. */
  readonly encoder: Encoder;
  /** What may be trained of it, beside the head. */
  readonly trained: ReadonlyMap<string, Tensor>;
  /** Absent where the encoder's own weights are trained. */
  readonly files?: PartialModelFiles;
  /** Adds the low-rank terms to the weights that the encoder was made with. */
  merge(): Promise<void>;
  /** Frees the low-rank terms. */
  dispose(): void;
}

/**
 * What of a model a run trains, and how it is saved. Low-rank terms follow from the seed; the other tensors stay the
 * caller's.
 */
export function adaptEncoder<S extends object, T, P>(
  model: TaskModel<S, T, P>,
  weights: WeightsToTrain,
  seed: number,
): Adaptation {
  const { encoder: base } = model;
  const { device, config, precision } = base;
  const { freeze, lora } = weights;
  const low: ParameterMap = lora === undefined ? new Map<string, Tensor>() : initializeLora(device, config, lora, seed);
  const encoder =
    lora === undefined ? base : new Encoder(device, config, new Map([...base.parameters, ...low]), precision, lora);
  // The LM head has no part in the loss and is saved as it was.
  const isTrained = ([name]: [string, Tensor]): boolean => isEncoder(name);
  const trained = freeze || lora !== undefined ? low : new Map([...base.parameters].filter(isTrained));
  return {
    encoder,
    trained,
    ...(trained === low && { files: partialFiles({ ...model, encoder }, low, weights) }),
    async merge() {
      for (const name of low.keys()) {
        const weight = name.replace(/\.lora[AB]$/, '.weight');
        if (name.endsWith('.loraA'))
          device.write(parameter(base.parameters, weight), await readMerged(encoder, weight));
      }
    },
    dispose: () => {
      low.forEach((tensor) => {
        tensor.dispose();
      });
    },
  };
}

function partialFiles<S extends object, T, P>(
  { encoder, task, parameters }: TaskModel<S, T, P>,
  low: ParameterMap,
  { checkpoint, lora, save }: WeightsToTrain,
): PartialModelFiles {
  const { config } = encoder;
  const head = [...headParameters(task, config.dim).keys()];
  const trained = new Map([...low, ...head.map((name) => [name, parameter(parameters, name)] as const)]);
  const read = (name: string): Promise<Float32Array> => parameter(trained, name).read();
  let digest: Promise<string> | undefined;
  const baseOf = async (): Promise<LoraBase> => ({
    name: checkpoint,
    digest: await (digest ??= baseDigest(config, (name) => parameter(encoder.parameters, name).read())),
  });
  return {
    merged: save === 'merged',
    async save(writer, scalars) {
      await writer.file(CHECKPOINT_FILES.trained, (sink) =>
        writeSafetensors(
          sink,
          [...trained].map(([name, tensor]) => ({
            name,
            shape: tensor.shape,
            dtype: 'F32' as const,
            data: () => tensor.read(),
          })),
          new Map([...scalars].map(([name, value]) => [name, String(value)])),
        ),
      );
      if (save === 'merged') return;
      const base = await baseOf();
      await writer.file(LORA_HEAD_FILE, (sink) => writeLoraHead(sink, { task, dim: config.dim, scalars, base, read }));
      if (lora === undefined) return;
      await writer.file(LORA_CONFIG_FILE, (sink) =>
        sink.write(new TextEncoder().encode(loraConfigJson({ config, lora, base }))),
      );
      await writer.file(LORA_WEIGHTS_FILE, (sink) => writeLora(sink, { config, lora, base, read }));
    },
    async restore(reader) {
      const file = await openTensorFile(await reader.open(CHECKPOINT_FILES.trained));
      for (const [name, tensor] of trained) {
        const stored = file.tensors.get(name);
        if (stored === undefined || describe(stored.shape) !== describe(tensor.shape)) {
          throw new CheckpointError(
            file.name,
            `"${name}" ${describe(tensor.shape)} is ${stored === undefined ? 'missing' : describe(stored.shape)}`,
          );
        }
        for await (const { offset, data } of readFloat32Chunks(stored)) tensor.device.write(tensor, data, offset);
      }
      return metadataScalars(file, [task.head]);
    },
    read: (name) => (head.includes(name) ? read(name) : readMerged(encoder, name)),
  };
}
