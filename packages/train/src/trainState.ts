/**
 * The state of a training run in a checkpoint: parameters, Adam's moments, the
 * step and the place in the data. Everything else that a step depends on is a
 * pure function of the seed and these, so a run resumed from a checkpoint goes
 * on bit for bit. A checkpoint is a folder of files; where folders are, and how
 * they appear whole or not at all, is a `CheckpointStore`'s concern (files in
 * Node, OPFS in a browser, memory in tests).
 */
import {
  CheckpointError,
  openTensorFile,
  readFloat32Chunks,
  writeSafetensors,
  type ByteSink,
  type ByteSource,
} from '@rna/model';
import { describe, type AdapterAnswers, type Tensor } from '@rna/tensor';
import { z } from 'zod';
import { cursorSchema } from './batching.ts';
import type { WeightAverage } from './ema.ts';
import type { AdamW } from './optimizer.ts';

/** The files of a checkpoint that is being written. */
export interface CheckpointWriter {
  /** Writes one file, front to back. */
  file(name: string, write: (sink: ByteSink) => Promise<void>): Promise<void>;
}

/** The files of a complete checkpoint. */
export interface CheckpointReader {
  readonly name: string;
  open(file: string): Promise<ByteSource>;
  /** Closes the sources that were opened. */
  close(): Promise<void>;
}

export interface CheckpointStore {
  /** Names of the complete checkpoints, the oldest first. */
  names(): Promise<readonly string[]>;
  /** Writes a checkpoint that appears under its name with all its files or, if the process dies, not at all. */
  save(name: string, write: (writer: CheckpointWriter) => Promise<void>): Promise<void>;
  open(name: string): Promise<CheckpointReader>;
  remove(name: string): Promise<void>;
}

/** What a run saves and loads as its model, in the form that everything else reads models in. */
export interface SavedModel {
  save(writer: CheckpointWriter): Promise<void>;
  restore(reader: CheckpointReader): Promise<void>;
}

const evaluation = z.strictObject({
  step: z.int().nonnegative(),
  score: z.number(),
  metrics: z.record(z.string(), z.number()),
});

/** What `rna tune` found, as a device is opened with it. */
const tuned: z.ZodType<AdapterAnswers> = z.record(
  z.string(),
  z.strictObject({
    version: z.string(),
    shapes: z.record(
      z.string(),
      z.strictObject({
        variant: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
        tableMs: z.number(),
        ms: z.number(),
      }),
    ),
  }),
);

const trainState = z.strictObject({
  step: z.int().nonnegative(),
  cursor: cursorSchema,
  evaluation: evaluation.optional(),
  best: evaluation.optional(),
  /** Evaluations since the best one. */
  evaluationsSinceBest: z.int().nonnegative(),
  /** The answers of the autotuner that the run was begun with, without which its sums are made in another order. */
  tuned: tuned.optional(),
  settings: z.record(z.string(), z.json()),
});

/** One evaluation on held-out data. `score` orders models, a larger one is better; `metrics` are for people. */
export type Evaluation = z.infer<typeof evaluation>;

/** `trainer.json`: where a run stands after `step` updates. */
export type TrainState = z.infer<typeof trainState>;

/** Settings of a run that a resumed run must share, as JSON. */
export type Settings = TrainState['settings'];

const STATE_FILE = 'trainer.json';
const MOMENTS_FILE = 'optimizer.safetensors';

/** The name of the checkpoint after `step` updates; names sort by step. */
export const checkpointName = (step: number): string => `step-${String(step).padStart(9, '0')}`;

/** The step in a checkpoint's name. */
const stepOf = (name: string): number => Number(/\d+$/.exec(name)?.[0]);

/** What is trained and saved. */
export interface Trained {
  readonly model: SavedModel;
  readonly optimizer: AdamW;
  /** Takes the place of the weights in the saved model. */
  readonly average?: WeightAverage;
}

/** What a checkpoint holds beside the model. */
const runTensors = ({ optimizer, average }: Trained): Map<string, Tensor> =>
  new Map([...optimizer.moments(), ...(average?.weights() ?? [])]);

/** Runs `body` with the values that are the model's: the averages, where there are some. */
export const asModel = <T>({ average }: Pick<Trained, 'average'>, body: () => Promise<T>): Promise<T> =>
  average === undefined ? body() : average.during(body);

/** Writes model, moments and state as one checkpoint. The reports of all recorded steps must have been read before. */
export async function saveCheckpoint(store: CheckpointStore, trained: Trained, state: TrainState): Promise<void> {
  await store.save(checkpointName(state.step), async (writer) => {
    await asModel(trained, () => trained.model.save(writer));
    await writer.file(MOMENTS_FILE, (sink) =>
      writeSafetensors(
        sink,
        [...runTensors(trained)].map(([name, tensor]) => ({
          name,
          shape: tensor.shape,
          dtype: 'F32' as const,
          data: () => tensor.read(),
        })),
      ),
    );
    // Parsed, which puts the keys in the schema's order: a resumed run's file is the same to the byte.
    const text = `${JSON.stringify(trainState.parse(state), null, 2)}\n`;
    await writer.file(STATE_FILE, (sink) => sink.write(new TextEncoder().encode(text)));
  });
}

/**
 * Loads the newest checkpoint into the model and the optimiser and returns its state; undefined if there is none.
 * Throws a CheckpointError that lists every setting in which this run differs from the one that wrote it.
 */
export async function restoreCheckpoint(
  store: CheckpointStore,
  trained: Trained,
  settings: Settings,
): Promise<TrainState | undefined> {
  const name = (await store.names()).at(-1);
  if (name === undefined) return undefined;
  const reader = await store.open(name);
  try {
    const state = await readState(reader);
    const differences = differingKeys(state.settings, settings);
    if (differences.length > 0) {
      throw new CheckpointError(
        `${name}/${STATE_FILE}`,
        `the run to resume has other settings:\n${differences.map((line) => `  ${line}`).join('\n')}\nuse the same settings, or another output folder for a new run`,
      );
    }
    await asModel(trained, () => trained.model.restore(reader));
    trained.optimizer.unfreeze(state.step);
    const moments = await openTensorFile(await reader.open(MOMENTS_FILE));
    const expected = runTensors(trained);
    const foreign = [...moments.tensors.keys()].filter((key) => !expected.has(key));
    if (foreign.length > 0)
      throw new CheckpointError(moments.name, `has tensors that this run does not train: ${foreign.join(', ')}`);
    for (const [key, tensor] of expected) {
      const stored = moments.tensors.get(key);
      if (stored === undefined || describe(stored.shape) !== describe(tensor.shape)) {
        throw new CheckpointError(
          moments.name,
          `"${key}" ${describe(tensor.shape)} is ${stored === undefined ? 'missing' : describe(stored.shape)}`,
        );
      }
      for await (const { offset, data } of readFloat32Chunks(stored)) tensor.device.write(tensor, data, offset);
    }
    return state;
  } finally {
    await reader.close();
  }
}

/**
 * The state in the newest checkpoint, if there is one: what is to be known of a run before a device is opened for it.
 */
export async function newestState(store: CheckpointStore): Promise<TrainState | undefined> {
  const name = (await store.names()).at(-1);
  if (name === undefined) return undefined;
  const reader = await store.open(name);
  try {
    return await readState(reader);
  } finally {
    await reader.close();
  }
}

/**
 * Removes all checkpoints but the newest, the newest `keep` of the regular ones (every `every` steps, and the one at
 * `steps`), and the best.
 */
export async function pruneCheckpoints(
  store: CheckpointStore,
  {
    keep,
    every,
    steps,
    best,
  }: { readonly keep: number; readonly every: number; readonly steps: number; readonly best: number | undefined },
): Promise<void> {
  const names = await store.names();
  const regular = names.filter((name) => stepOf(name) % every === 0 || stepOf(name) === steps);
  const kept = new Set([
    ...names.slice(-1),
    ...regular.slice(-keep),
    ...(best === undefined ? [] : [checkpointName(best)]),
  ]);
  for (const name of names) if (!kept.has(name)) await store.remove(name);
}

async function readState(reader: CheckpointReader): Promise<TrainState> {
  const source = await reader.open(STATE_FILE);
  const text = new TextDecoder().decode(await source.read(0, source.size));
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(source.name, `not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const result = trainState.safeParse(fields);
  if (!result.success)
    throw new CheckpointError(source.name, `not the state of a training run: ${z.prettifyError(result.error)}`);
  return result.data;
}

/** `path: then …, now …` for every value in which two settings differ. */
export function differingKeys(then: unknown, now: unknown, path = ''): string[] {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isObject(then) && isObject(now)) {
    const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])];
    return keys.flatMap((key) => differingKeys(then[key], now[key], path === '' ? key : `${path}.${key}`));
  }
  const [a, b] = [JSON.stringify(then) ?? 'absent', JSON.stringify(now) ?? 'absent'];
  return a === b ? [] : [`${path}: then ${a}, now ${b}`];
}
