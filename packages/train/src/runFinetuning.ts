/**
 * The fine-tuning script: the one that `rna finetune` and the page call. It names no platform: who calls it brings a
 * model and labelled RNAs, and says how a device is opened and where checkpoints, log and progress go. What a table
 * teaches of a head's sizes, and what a model that has the head decides, is worked out before: `labelledTable`, `tuned`.
 */
import {
  Encoder,
  headParameters,
  initialHead,
  loadParameters,
  parameter,
  type Head,
  type OpenedModel,
  type ParameterMap,
  type TaskHead,
} from '@rna/model';
import { trainingPrecision, type FinetuneConfig } from './config.ts';
import { holdOut, labelColumns, labelRows, type LabelledFileRna, type LabelledRow, type Note } from './labelledRows.ts';
import { ConfigError } from './overrides.ts';
import { finetune, type FinetuneRun } from './recipes.ts';
import { withRecovery, type RecoveryOptions } from './recovery.ts';
import type { TrainState } from './trainState.ts';

// Keeps the head's parameters apart from an encoder drawn from the same seed.
const HEAD_SEED_OFFSET = 0x68656164;

/** Labelled RNAs, with the config that they make whole. */
export interface LabelledData {
  /** The config with what the head learns from the training set's table. */
  readonly config: FinetuneConfig;
  readonly train: readonly LabelledFileRna<unknown>[];
  readonly validation: readonly LabelledFileRna<unknown>[];
}

/**
 * The RNAs of a task whose tables say what its labels are (`columns.learn`), from rows of the training set and of the
 * held-out one; where that is empty a part of the former is held out.
 * @param learnt Sizes of a model that is trained further.
 * @throws ConfigError for columns or a table that nothing can be learnt from; InputError for a label that cannot be read.
 */
export function labelledTable(
  head: Head,
  config: FinetuneConfig,
  rows: { readonly train: readonly LabelledRow[]; readonly validation: readonly LabelledRow[] },
  learnt: Readonly<Record<string, unknown>>,
  note: Note,
): LabelledData {
  const { data, head: asked } = config;
  const learn = head.columns?.learn?.bind(head.columns);
  if (learn === undefined) throw new RangeError(`${head.name} learns nothing of its sizes from a table`);
  const { id, sequence, targets } = labelColumns(head, head.sizes.parse(asked), data.columns ?? {});
  const sizes = learntSizes(data.train, () =>
    learn(head.sizes.parse({ ...learnt, ...asked }), {
      id,
      sequence,
      targets,
      rows: rows.train.map(({ labels, sequence: letters }) => ({ cells: labels, sequence: letters })),
    }),
  );
  const all = labelRows(head, sizes, rows.train, targets, note);
  const held = labelRows(head, sizes, rows.validation, targets, note);
  return { ...heldOutOf(all, held, config, note), config: { ...config, head: { ...sizes } } };
}

/** The RNAs of both sets, or where there are no files of the second a part of the first. */
export const heldOutOf = <T>(
  all: readonly T[],
  validation: readonly T[],
  { data, seed }: FinetuneConfig,
  note: Note,
): { readonly train: readonly T[]; readonly validation: readonly T[] } =>
  data.validation.length > 0 ? { train: all, validation } : holdOut(all, data.heldOutShare, seed, note);

/** A RangeError of a table that nothing can be learnt from is the files'. */
function learntSizes<S>(files: readonly string[], learn: () => S): S {
  try {
    return learn();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(`${files.join(', ')}: ${error.message}`, { cause: error });
  }
}

/** What a model that is trained further has learnt of its task; undefined where it starts anew. */
export const learntBy = (
  { task }: Pick<OpenedModel, 'task'>,
  head: Head,
  { model: { untrained } }: FinetuneConfig,
): Readonly<Record<string, unknown>> | undefined =>
  task?.head !== head || untrained || head.columns?.learn === undefined ? undefined : { ...task.sizes };

/**
 * The task that a model is fine-tuned for. One that has the head already is trained further, and so decides its sizes
 * where the config says nothing of them. Throws a ConfigError where it says others.
 */
export function tuned(
  { task: found }: Pick<OpenedModel, 'task'>,
  head: Head,
  asked: FinetuneConfig,
  note: Note,
): { readonly task: TaskHead; readonly config: FinetuneConfig } {
  const {
    model: { checkpoint, untrained },
  } = asked;
  if (found?.head !== head || untrained) return { task: { head, sizes: head.sizes.parse(asked.head) }, config: asked };
  const isSilent = JSON.stringify(asked.head) === JSON.stringify(head.sizes.parse({}));
  const config = isSilent ? { ...asked, head: { ...found.sizes } } : asked;
  const sizes = head.sizes.parse(config.head);
  const text = (each: object, name: string): string =>
    JSON.stringify(new Map<string, unknown>(Object.entries(each)).get(name));
  const differing = Object.keys(found.sizes).filter(
    (name) => head.trainingSizes?.includes(name) !== true && text(found.sizes, name) !== text(sizes, name),
  );
  if (differing.length > 0)
    throw new ConfigError(
      `${checkpoint} has a ${head.name} head of other sizes: ${differing.map((name) => `head.${name} is ${text(found.sizes, name)}, the config asks for ${text(sizes, name)}`).join('; ')}`,
    );
  note(`${checkpoint} has a ${head.name} head, which is trained further`);
  return { task: { head, sizes }, config };
}

export interface FinetuningRun
  extends
    Omit<FinetuneRun, 'encoder' | 'parameters' | 'task'>,
    Pick<RecoveryOptions<TrainState>, 'openDevice' | 'onDevice' | 'onLost'> {
  readonly model: OpenedModel;
  readonly task: TaskHead;
}

/**
 * Fine-tunes a model, or goes on with the run in `store`, and returns the state at its end. Devices are opened and
 * destroyed here. Rejects as `finetune` and `withRecovery` do.
 */
export async function runFinetuning({
  openDevice,
  onDevice,
  onLost,
  model,
  ...run
}: FinetuningRun): Promise<TrainState> {
  const { config, task, store, stop, ranks } = run;
  return withRecovery({
    openDevice,
    async run(device) {
      // On the f32 originals, which are what is trained.
      const encoder = config.model.untrained
        ? Encoder.initialize(device, model.config, config.seed, trainingPrecision(config))
        : new Encoder(device, model.config, await loadParameters(device, model, 'f32'), trainingPrecision(config));
      return finetune({ ...run, encoder, parameters: headOf(model, task, encoder, config) });
    },
    ...(onDevice && { onDevice }),
    ...(store && { store }),
    ...(onLost && { onLost }),
    ...(stop && { stop }),
    // A rank cannot go back to a checkpoint alone.
    ...(ranks && { retries: 0 }),
  });
}

/** The head's parameters: the model's own, or new ones. */
function headOf(
  model: OpenedModel,
  task: TaskHead,
  { device, config, parameters }: Encoder,
  { seed, model: { untrained } }: FinetuneConfig,
): ParameterMap {
  if (model.task?.head !== task.head || untrained) return initialHead(device, task, config, seed + HEAD_SEED_OFFSET);
  return new Map([...headParameters(task, config.dim).keys()].map((name) => [name, parameter(parameters, name)]));
}
