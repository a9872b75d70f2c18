/**
 * A model under training as a folder that everything else reads models from:
 * `config.json` and `model.safetensors` under the published names (the Hugging
 * Face port's for RiNALMo, LLaMA's for SSR-LM, RNA-FM's own), the head's scalars in
 * its metadata. Values go through unrounded, so a resumed run has the same bits.
 */
import {
  CheckpointError,
  configJson,
  headConfig,
  openModel,
  openTensorFile,
  parseConfig,
  isLmHead,
  savedLayout,
  writeModel,
  type EncoderConfig,
  type Scalars,
  type TaskHead,
} from '@rna/model';
import type { Tensor } from '@rna/tensor';
import type { PartialModelFiles } from './lora.ts';
import { CHECKPOINT_FILES } from './runFiles.ts';
import type { SavedModel } from './trainState.ts';

export interface ModelParts {
  readonly config: EncoderConfig;
  readonly task?: TaskHead;
  /** Every parameter, those of the LM head included if the model has one. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /**
   * What the head knows beside its weights, as it is when a checkpoint is written; restoring one puts its scalars here.
   */
  readonly scalars?: Map<string, number>;
  /** Where less than the whole model is trained. */
  readonly partial?: PartialModelFiles;
}

/** How a run saves and loads a model. */
export function savedModel({ config, task, parameters, scalars = new Map(), partial }: ModelParts): SavedModel {
  const layout = savedLayout(config.model);
  const find = (name: string): Tensor => {
    const tensor = parameters.get(name);
    if (tensor === undefined) throw new Error(`savedModel: the model has no parameter '${name}'`);
    return tensor;
  };
  const keep = (stored: Scalars): void => {
    stored.forEach((value, name) => {
      scalars.set(name, value);
    });
  };
  return {
    async save(writer) {
      await partial?.save(writer, scalars);
      if (partial?.merged === false) return;
      await writer.file(CHECKPOINT_FILES.config, (sink) =>
        sink.write(new TextEncoder().encode(configJson(config, layout.vocabularySize, task && headConfig(task)))),
      );
      await writer.file(CHECKPOINT_FILES.weights, (sink) =>
        writeModel(sink, {
          config,
          scheme: layout.scheme,
          lmHead: [...parameters.keys()].some(isLmHead),
          task,
          scalars,
          read: (name) => partial?.read(name) ?? find(name).read(),
        }),
      );
    },
    async restore(reader) {
      if (partial !== undefined) {
        keep(await partial.restore(reader));
        return;
      }
      const configSource = await reader.open(CHECKPOINT_FILES.config);
      const stored = parseConfig(
        new TextDecoder().decode(await configSource.read(0, configSource.size)),
        configSource.name,
      );
      const model = await openModel(
        await openTensorFile(await reader.open(CHECKPOINT_FILES.weights)),
        stored,
        task && [task.head],
      );
      const missing = [...parameters.keys()].filter((name) => !model.shapes.has(name));
      if (missing.length > 0)
        throw new CheckpointError(
          `${reader.name}/${CHECKPOINT_FILES.weights}`,
          `lacks parameters of this run's model: ${missing.join(', ')}`,
        );
      for await (const { name, shape, offset, data } of model.parameters()) {
        const tensor = find(name);
        if (tensor.shape.join() !== shape.join())
          throw new CheckpointError(
            `${reader.name}/${CHECKPOINT_FILES.weights}`,
            `"${name}" is [${shape.join(', ')}], this run's model has [${tensor.shape.join(', ')}]`,
          );
        tensor.device.write(tensor, data, offset);
      }
      keep(model.scalars);
    },
  };
}
