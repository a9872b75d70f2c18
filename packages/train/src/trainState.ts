/**
 * The state of a training run in a checkpoint: parameters, Adam's moments, the
 * step and the place in the data. Everything else that a step depends on is a
 * pure function of the seed and these, so a run resumed from a checkpoint goes
 * on bit for bit. A checkpoint is a folder of files; where folders are, and how
 * they appear whole or not at all, is a `CheckpointStore`'s concern (files in
 * Node, OPFS in a browser, memory in tests). The state has the digests of all
 * files, its own included, so that a checkpoint that was changed or cut off
 * later is found out, and the run goes on from the one before.
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
import { digestFile, digestingSink, sha256, type FileDigest } from './fileDigest.ts';
import type { AdamW } from './optimizer.ts';
import { CHECKPOINT_FILES, checkpointName, MOST_STEPS } from './runFiles.ts';

/** The files of a checkpoint that is being written. */
export interface CheckpointWriter {
  /** Writes one file, front to back. */
  file(name: string, write: (sink: ByteSink) => Promise<void>): Promise<void>;
}

/** The files of a complete checkpoint. */
export interface CheckpointReader {
  readonly name: string;
  /** Rejects with a CheckpointError where the checkpoint has no such file. */
  open(file: string): Promise<ByteSource>;
  /** Closes the sources that were opened. */
  close(): Promise<void>;
}

export interface CheckpointStore {
  /** Names of the complete checkpoints (`checkpointName`), the oldest first. Whatever else lies there does not count. */
  names(): Promise<readonly string[]>;
  /** Writes a checkpoint that appears under its name with all its files or, if the process dies, not at all. */
  save(name: string, write: (writer: CheckpointWriter) => Promise<void>): Promise<void>;
  open(name: string): Promise<CheckpointReader>;
  remove(name: string): Promise<void>;
  /** Takes a damaged checkpoint out of the names, and keeps what is left of it where that is possible. */
  setAside(name: string): Promise<void>;
}

/** What a run saves and loads as its model, in the form that everything else reads models in. */
export interface SavedModel {
  save(writer: CheckpointWriter): Promise<void>;
  restore(reader: CheckpointReader): Promise<void>;
}

const step = z.int().nonnegative().max(MOST_STEPS);

const evaluation = z.strictObject({ step, score: z.number(), metrics: z.record(z.string(), z.number()) });

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
  step,
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

/** The file as it is stored. Checkpoints of earlier versions have no digests. */
const storedState = trainState.extend({
  /** Digests of the checkpoint's other files. */
  files: z.record(z.string(), z.strictObject({ bytes: z.int().nonnegative(), digest: z.string() })).optional(),
  /** The SHA-256 of all of the above, as JSON without spaces. */
  digest: z.string().optional(),
});

type StoredState = z.infer<typeof storedState>;

/** A checkpoint that is not as it was written, and the one that takes its place. */
export interface Damage {
  readonly checkpoint: string;
  /** Names the file, and says what is wrong with it. */
  readonly error: CheckpointError;
  readonly instead: string;
}

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
    const files: Record<string, FileDigest> = {};
    const digesting: CheckpointWriter = {
      file: (name, write) =>
        writer.file(name, async (sink) => {
          const digested = digestingSink(sink);
          await write(digested.sink);
          files[name] = await digested.digest();
        }),
    };
    await asModel(trained, () => trained.model.save(digesting));
    await digesting.file(CHECKPOINT_FILES.moments, (sink) =>
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
    const stored = storedState.parse({ ...state, files });
    const text = `${JSON.stringify({ ...stored, digest: await ownDigest(stored) }, null, 2)}\n`;
    await writer.file(CHECKPOINT_FILES.state, (sink) => sink.write(new TextEncoder().encode(text)));
  });
}

const ownDigest = ({ digest: _, ...rest }: StoredState): Promise<string> =>
  sha256(new TextEncoder().encode(JSON.stringify(rest)));

/**
 * Loads the newest checkpoint that is whole into the model and the optimiser and returns its state; undefined if there
 * is none at all. Damaged ones that are newer are set aside and told. Throws a CheckpointError where all are damaged,
 * and one that lists every setting in which this run differs from the one that wrote the checkpoint. A run may be longer
 * than that one was (`isExtension`).
 */
export async function restoreCheckpoint(
  store: CheckpointStore,
  trained: Trained,
  settings: Settings,
  onDamage?: (damage: Damage) => void,
): Promise<TrainState | undefined> {
  const name = await newestWhole(store, onDamage);
  if (name === undefined) return undefined;
  const reader = await store.open(name);
  try {
    const { state } = await readState(reader);
    const differences = differingSettings(state.settings, settings).filter((each) => !isExtension(each));
    if (differences.length > 0) {
      throw new CheckpointError(
        `${reader.name}/${CHECKPOINT_FILES.state}`,
        `the run to resume has other settings:\n${differenceLines(differences)}\nuse the same settings, or another output folder for a new run`,
      );
    }
    await asModel(trained, () => trained.model.restore(reader));
    trained.optimizer.unfreeze(state.step);
    const moments = await openTensorFile(await reader.open(CHECKPOINT_FILES.moments));
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

/** The newest checkpoint that is whole. Damaged ones that are newer are set aside, once one that is whole is found. */
async function newestWhole(store: CheckpointStore, onDamage?: (damage: Damage) => void): Promise<string | undefined> {
  const names = await store.names();
  const damaged: { readonly checkpoint: string; readonly error: CheckpointError }[] = [];
  for (const name of [...names].reverse()) {
    try {
      await checkCheckpoint(store, name);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      damaged.push({ checkpoint: name, error });
      continue;
    }
    for (const each of damaged) {
      await store.setAside(each.checkpoint);
      onDamage?.({ ...each, instead: name });
    }
    return name;
  }
  if (damaged.length === 0) return undefined;
  throw new CheckpointError(
    damaged[0]!.checkpoint,
    `no checkpoint of this run is whole, so it cannot go on; restore one from a copy, or begin a new run in another folder:\n${damaged.map(({ error }) => `  ${error.message}`).join('\n')}`,
  );
}

/** Reads all of a checkpoint. Rejects with a CheckpointError that names the first file that is not as it was written. */
export async function checkCheckpoint(store: CheckpointStore, name: string): Promise<void> {
  const reader = await store.open(name);
  try {
    const { files } = await readState(reader);
    for (const [file, written] of Object.entries(files)) {
      const source = await reader.open(file);
      if (source.size !== written.bytes)
        throw new CheckpointError(
          source.name,
          `damaged: it has ${source.size} bytes, but ${written.bytes} were written`,
        );
      if ((await digestFile(source)).digest !== written.digest)
        throw new CheckpointError(
          source.name,
          `damaged: its bytes are not those that were written (they do not match the digest in ${CHECKPOINT_FILES.state})`,
        );
    }
  } finally {
    await reader.close();
  }
}

/**
 * The state in the newest checkpoint whose state can be read, if there is any checkpoint: what is to be known of a run
 * before a device is opened for it. Throws a CheckpointError where none can be read.
 */
export async function newestState(store: CheckpointStore): Promise<TrainState | undefined> {
  let fault: CheckpointError | undefined;
  for (const name of [...(await store.names())].reverse()) {
    const reader = await store.open(name);
    try {
      return (await readState(reader)).state;
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      fault ??= error;
    } finally {
      await reader.close();
    }
  }
  if (fault !== undefined) throw fault;
  return undefined;
}

async function readState(
  reader: CheckpointReader,
): Promise<{ readonly state: TrainState; readonly files: Readonly<Record<string, FileDigest>> }> {
  const source = await reader.open(CHECKPOINT_FILES.state);
  if (source.size > MOST_STATE_BYTES)
    throw new CheckpointError(source.name, `not the state of a training run: it has ${source.size} bytes`);
  return parseState(new TextDecoder().decode(await source.read(0, source.size)), source.name);
}

// Settings and tuned variants, far below.
const MOST_STATE_BYTES = 2 ** 26;

/**
 * The state in a `trainer.json`'s text, and the digests of the files beside it; none where an earlier version wrote it.
 * Throws a CheckpointError for any other text, and for one that was changed.
 */
export async function parseState(
  text: string,
  file: string,
): Promise<{ readonly state: TrainState; readonly files: Readonly<Record<string, FileDigest>> }> {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(file, `not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const result = storedState.safeParse(fields);
  if (!result.success)
    throw new CheckpointError(file, `not the state of a training run: ${z.prettifyError(result.error)}`);
  const { files, digest, ...state } = result.data;
  if ((files === undefined) !== (digest === undefined))
    throw new CheckpointError(file, `damaged: of "files" and "digest" only one is there`);
  if (digest !== undefined && digest !== (await ownDigest(result.data)))
    throw new CheckpointError(
      file,
      'damaged: its values are not those that were written (they do not match its digest)',
    );
  return { state, files: files ?? {} };
}

/** A setting of two runs, or of one then and now. */
export interface Difference {
  /** As `train.steps`. */
  readonly path: string;
  readonly then: unknown;
  readonly now: unknown;
}

/** Every value in which two settings differ; what is absent is undefined. */
export function differingSettings(then: unknown, now: unknown, path = ''): Difference[] {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isObject(then) && isObject(now)) {
    const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])];
    return keys.flatMap((key) => differingSettings(then[key], now[key], path === '' ? key : `${path}.${key}`));
  }
  return JSON.stringify(then) === JSON.stringify(now) ? [] : [{ path, then, now }];
}

/** A line for each difference; `names` are what its two sides are called. */
export const differenceLines = (
  differences: readonly Difference[],
  [first, second]: readonly [string, string] = ['then', 'now'],
): string =>
  differences
    .map(
      ({ path, then, now }) =>
        `  ${path}: ${first} ${JSON.stringify(then) ?? 'absent'}, ${second} ${JSON.stringify(now) ?? 'absent'}`,
    )
    .join('\n');

const LENGTHS: ReadonlySet<string> = new Set(['train.steps', 'train.epochs']);

/** Whether a run is only made longer: a larger number of steps or epochs. */
export const isExtension = ({ path, then, now }: Difference): boolean =>
  LENGTHS.has(path) && typeof then === 'number' && typeof now === 'number' && now > then;
