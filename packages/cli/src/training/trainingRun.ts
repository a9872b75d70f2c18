/**
 * What `rna pretrain` and `rna finetune` share: the run's folder (`config.yaml`
 * beside what runs.ts keeps, and at the end `model/` and `report.html`), going on with a run that
 * was stopped or whose device was lost, and the ends of a run: done, interrupted
 * with a checkpoint, or failed with its last checkpoint intact.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DeviceError, DeviceLostError, measurePeakFlops, MemoryBudgetError, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import {
  checkpointName,
  configFields,
  ConfigError,
  TrainingError,
  validateConfig,
  withRecovery,
  type Evaluation,
  type LogEntry,
  type RunPlaces,
  type TrainState,
} from '@rna/train';
import { stringify } from 'yaml';
import type { ZodType } from 'zod';
import { ADAPTER_FILES } from '../models/adapterFiles.ts';
import { CommandError, InterruptedError, messageOf, UsageError } from '../commandLine/errors.ts';
import { openFileSource, writeAtomically } from '../files/files.ts';
import { CONFIG_FILE as MODEL_CONFIG_FILE, WEIGHTS_FILE } from '../models/hub.ts';
import { readRun } from './readRun.ts';
import { CHECKPOINTS, CONFIG_FILE, LOG_FILE, MODEL_FOLDER, REPORT_FILE } from './runFiles.ts';
import { renderRuns } from '../report/runPage.ts';
import { openRun, type Run } from './runs.ts';
import { note, writeResult } from '../commandLine/terminal.ts';
import { parseYaml } from '../input/trainingInput.ts';
import { trainingDisplay } from './trainingProgress.ts';

export interface TrainingOptions {
  /** YAML or JSON file of the config. */
  readonly config?: string;
  /** `--key value` arguments. */
  readonly overrides: readonly string[];
  readonly json?: boolean;
  readonly printConfig?: boolean;
}

/** A run that ended, with what its table is made of. */
export interface FinishedRun {
  readonly folder: string;
  readonly steps: number;
  /** Step of the checkpoint that `model/` holds. */
  readonly modelStep: number;
  /** Loss of the first and of the last step. */
  readonly trainingLoss: { readonly before: number; readonly after: number };
  /** Held-out metrics before the first step and at `modelStep`; absent without held-out data. */
  readonly before?: Evaluation['metrics'];
  readonly after?: Evaluation['metrics'];
}

type Config = { readonly out: string };

// A checkpoint has those of a whole model, or those of an adapter.
const MODEL_FILES = [MODEL_CONFIG_FILE, WEIGHTS_FILE, ...ADAPTER_FILES];
const WRITING = '.writing-model';
const REMOVING = '.removing-model';

/** The whole config as YAML, in the order of the schema. */
export const configText = (config: object): string => stringify(config);

export const printConfig = (config: object): Promise<void> => writeResult(configText(config));

/** Runs a run's work on this machine's device, and on a new one if it is lost. */
export type OnDevice = (run: (device: Device) => Promise<TrainState>) => Promise<TrainState>;

/**
 * Opens the run's folder, calls `train` with the places where a run is kept and shown, and makes `model/` of the
 * result. A run found there is gone on with; it must have the same config, but for `out`, `run.*` and what changes no
 * bit. `train` puts on the device what it needs each time anew.
 */
export async function keepRun<T extends Config>(
  command: string,
  schema: ZodType<T>,
  config: T,
  signal: AbortSignal,
  train: (places: RunPlaces, onDevice: OnDevice) => Promise<TrainState>,
): Promise<FinishedRun> {
  const folder = config.out;
  await prepareFolder(command, schema, config);
  const run = await openRun(folder);
  const display = trainingDisplay();
  try {
    const last = (await run.store.names()).at(-1);
    note(last === undefined ? `a new run in ${folder}` : `resuming from step ${stepOf(last)} (${run.path(last)})`);
    const state = await train(
      {
        store: run.store,
        log: run.log,
        stop: signal,
        onEvaluation: display.onEvaluation,
        onProgress: (progress) => {
          run.time(progress);
          display.onProgress(progress);
        },
      },
      (onDevice) =>
        withRecovery({
          store: run.store,
          stop: signal,
          onLost: display.onLost,
          open: (tuned) => openDevice(tuned && { tuned }),
          run: async (device) => {
            display.setPeakFlops(await measurePeakFlops(device));
            display.onCompile();
            return onDevice(device);
          },
        }),
    );
    display.stop();
    return await finish(folder, run, state);
  } catch (error) {
    display.stop();
    throw await explain(error, run);
  } finally {
    run.close();
  }
}

/**
 * Makes the folder and its `config.yaml`, or checks that the run in it is this one. A run without a checkpoint has no
 * claim on its folder.
 */
async function prepareFolder<T extends Config>(command: string, schema: ZodType<T>, config: T): Promise<void> {
  const { out: folder } = config;
  const path = join(folder, CONFIG_FILE);
  await mkdir(join(folder, CHECKPOINTS), { recursive: true });
  const names = await readdir(folder);
  const isRun = names.includes(CONFIG_FILE);
  const own = names.every((name) => name.startsWith('.') || name === CHECKPOINTS);
  const checkpoints = (await readdir(join(folder, CHECKPOINTS))).filter((name) => !name.startsWith('.'));
  if (!isRun && (!own || checkpoints.length > 0)) {
    throw new CommandError(`${folder} is not empty and holds no run (it has no ${CONFIG_FILE}); choose another --out`);
  }
  if (checkpoints.length > 0) {
    const stored = storedConfig(schema, await readFile(path, 'utf8'), path, command);
    const differences = differingFields(schema, stored, config);
    if (differences.length > 0) {
      throw new UsageError(
        `${path}: the run in this folder has other settings:\n${differences.join('\n')}\nuse the same settings to resume it, or another --out for a new run`,
      );
    }
  }
  // What a killed process left half written.
  for (const name of names.filter((each) => each.endsWith('.partial'))) await rm(join(folder, name));
  const text = `# The whole config of this run. The same command with this --out resumes it.\n# rna ${command}\n${configText(config)}`;
  await writeAtomically(path, (sink) => sink.write(new TextEncoder().encode(text)));
}

function storedConfig<T>(schema: ZodType<T>, text: string, path: string, command: string): T {
  try {
    return validateConfig(schema, parseYaml(text, path), path);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof UsageError)) throw error;
    throw new CommandError(`the folder holds no run of rna ${command}; choose another --out:\n${error.message}`, {
      cause: error,
    });
  }
}

/**
 * Fields that a resumed run may have otherwise: where it is, what costs memory or time alone, and from which files RNAs
 * come, whose content its checkpoints know.
 */
const ELSEWHERE = ['out', 'train.recompute', 'data.train', 'data.other', 'data.validation'];

/** A line for each field in which two configs differ, apart from those and how often the run is looked at. */
function differingFields(schema: ZodType, then: unknown, now: unknown): string[] {
  return configFields(schema)
    .map(({ path }) => path)
    .filter((path) => !ELSEWHERE.includes(path) && !path.startsWith('run.'))
    .flatMap((path) => {
      const [a, b] = [then, now].map((config) => JSON.stringify(valueAt(config, path)) ?? 'absent');
      return a === b ? [] : [`  ${path}: then ${a}, now ${b}`];
    });
}

const valueAt = (config: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
      config,
    );

const stepOf = (checkpoint: string): number => Number(/\d+$/.exec(checkpoint)?.[0]);

/** Puts the best checkpoint, else the last, into `model/` and gathers the run's figures from its log. */
async function finish(folder: string, run: Run, state: TrainState): Promise<FinishedRun> {
  const names = await run.store.names();
  // The model before the first step may have been the best; it is no result of the training.
  const best = state.best !== undefined && names.includes(checkpointName(state.best.step)) ? state.best : undefined;
  if (state.best !== undefined && best === undefined)
    note('no evaluation was better than the one before the first step; model/ is the last checkpoint');
  const modelStep = best?.step ?? state.step;
  await installModel(folder, run.path(checkpointName(modelStep)));

  await writeReport(folder);
  const entries = readLog(await readFile(join(folder, LOG_FILE), 'utf8'));
  const losses = entries.flatMap((entry) => ('loss' in entry ? [entry.loss] : []));
  const evaluationAt = (step: number): Evaluation['metrics'] | undefined =>
    entries.flatMap((entry) => ('evaluation' in entry && entry.step === step ? [entry.evaluation] : [])).at(-1);
  const [before, after] = [evaluationAt(0), evaluationAt(modelStep)];
  return {
    folder,
    steps: state.step,
    modelStep,
    trainingLoss: { before: losses[0]!, after: losses.at(-1)! },
    ...(before && { before }),
    ...(after && { after }),
  };
}

/** `report.html`: the run's curves, where it ended, its config. */
async function writeReport(folder: string): Promise<void> {
  const text = renderRuns([await readRun(folder, basename(resolve(folder)))]);
  await writeAtomically(join(folder, REPORT_FILE), (sink) => sink.write(new TextEncoder().encode(text)));
}

const readLog = (text: string): LogEntry[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogEntry);

/**
 * Copies a checkpoint's model to `model/`, which appears whole or, if the process dies, is made again by the next
 * resume.
 */
async function installModel(folder: string, checkpoint: string): Promise<void> {
  const [temporary, doomed, model] = [WRITING, REMOVING, MODEL_FOLDER].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [temporary, doomed]) await rm(path, { recursive: true, force: true });
  await mkdir(temporary);
  for (const name of MODEL_FILES.filter((file) => existsSync(join(checkpoint, file)))) {
    const source = await openFileSource(join(checkpoint, name));
    try {
      await writeAtomically(join(temporary, name), async (sink) => {
        for (let offset = 0; offset < source.size; offset += COPY_BYTES)
          await sink.write(await source.read(offset, Math.min(COPY_BYTES, source.size - offset)));
      });
    } finally {
      await source.close();
    }
  }
  if (existsSync(model)) await rename(model, doomed);
  await rename(temporary, model);
  await rm(doomed, { recursive: true, force: true });
}

const COPY_BYTES = 2 ** 24;

/** An error of a run with what is kept of it, where a person can do something about it. */
async function explain(error: unknown, run: Run): Promise<unknown> {
  const interrupted = error instanceof InterruptedError;
  const failed =
    error instanceof TrainingError ||
    error instanceof DeviceError ||
    error instanceof DeviceLostError ||
    error instanceof MemoryBudgetError;
  if (!interrupted && !failed) return error;
  const last = (await run.store.names()).at(-1);
  const kept =
    last === undefined
      ? 'There is no checkpoint yet (run.checkpointEvery sets how often there is one).'
      : `The last checkpoint is ${run.path(last)}; the same command resumes from it.`;
  return interrupted
    ? new InterruptedError(`interrupted. ${kept}`, { cause: error })
    : new CommandError(`${messageOf(error)}\n${kept}`, { cause: error });
}
