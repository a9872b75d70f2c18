/**
 * What `rna pretrain` and `rna finetune` share: the run's folder, opened for
 * training (`config.yaml` beside what runs.ts keeps, and at the end `model/` and
 * `report.html`), what a person sees of the run, how devices are opened for it,
 * and the ends of a run: done, interrupted with a checkpoint, or failed with its
 * last checkpoint intact.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CheckpointError } from '@rna/model';
import { DeviceError, DeviceLostError, measurePeakFlops, MemoryBudgetError } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import {
  checkCheckpoint,
  CHECKPOINT_FILES,
  checkpointName,
  checkpointStep,
  ConfigError,
  differenceLines,
  differingSettings,
  isExtension,
  ofFirst,
  parseLog,
  requireAlike,
  RUN_FILES,
  TrainingError,
  validateConfig,
  type Evaluation,
  type RecoveryOptions,
  type RunPlaces,
  type TrainState,
} from '@rna/train';
import { stringify } from 'yaml';
import type { ZodType } from 'zod';
import { LORA_FILES } from '@rna/inference/node';
import { CommandError, InterruptedError, messageOf, UsageError } from '../commandLine/errors.ts';
import { openFileSource, writeAtomically } from '../files/files.ts';
import { readRun } from './readRun.ts';
import { renderRuns } from '../report/runPage.ts';
import { type Run, claimFolder, openCheckpoints, openClaimed } from './runs.ts';
import type { MpiRanks } from '../ranks/ranks.ts';
import { packageVersion } from '../commandLine/version.ts';
import { note, writeResult } from '../commandLine/terminal.ts';
import { parseYaml, type ConfigOptions } from '../input/trainingInput.ts';
import { trainingDisplay } from './trainingProgress.ts';

export interface TrainingOptions extends ConfigOptions {
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
const MODEL_FILES = [CHECKPOINT_FILES.config, CHECKPOINT_FILES.weights, ...LORA_FILES];
const WRITING = '.writing-model';
const REMOVING = '.removing-model';

/** The whole config as YAML, in the order of the schema. */
export const configText = (config: object): string => stringify(config);

export const printConfig = (config: object): Promise<void> => writeResult(configText(config));

/** A run's folder that this process has opened to train in. It must be closed. */
export interface TrainingRun {
  readonly folder: string;
  /** Where the run is kept and shown, and who shares its work. */
  readonly places: RunPlaces;
  /** How devices are opened, and what is said when one is lost. */
  readonly devices: Pick<RecoveryOptions<TrainState>, 'openDevice' | 'onDevice' | 'onLost'>;
  /** Makes `model/` and the report of a run that has come to its end; undefined where another rank does. */
  readonly finish: (state: TrainState) => Promise<FinishedRun | undefined>;
  /** The error of a run that has not, with what is kept of it. */
  readonly explain: (error: unknown) => Promise<unknown>;
  readonly close: () => void;
}

/**
 * Opens the folder of a run, made if it is not there. A run found there is gone on with; it must have the same config,
 * but for `out`, `run.*`, what changes no bit, and a larger number of steps or epochs. Rejects with a CommandError or a
 * UsageError before anything in the folder is changed: where another process has it, where it holds something else, and
 * for other settings.
 * @param command As `pretrain`, for messages and the head of `config.yaml`.
 * @param signal Ends the run after a checkpoint.
 * @param ranks Those that share the work, all of which call this; the first has the folder, the others read its
 * checkpoints. Rejects with a RanksError, before anything is changed, where config or version differ between them.
 */
export async function openTrainingRun<T extends Config>(
  command: string,
  schema: ZodType<T>,
  config: T,
  signal: AbortSignal,
  ranks: MpiRanks | undefined,
): Promise<TrainingRun> {
  if (ranks === undefined) return openOwnRun(command, schema, config, signal);
  await requireAlike(ranks, { version: packageVersion(), command, config });
  let own: TrainingRun | undefined;
  await ofFirst(ranks, async () => {
    own = await openOwnRun(command, schema, config, signal);
    return null;
  });
  if (own !== undefined) {
    note(`${ranks.size} ranks share the work (${ranks.library})`);
    return { ...own, places: { ...own.places, ranks } };
  }
  const { store } = await openCheckpoints(config.out);
  return {
    folder: config.out,
    places: { store, stop: signal, ranks },
    devices: { openDevice: openTrainingDevice },
    finish: () => Promise.resolve(undefined),
    explain: (error) => Promise.resolve(error),
    close: () => undefined,
  };
}

const openTrainingDevice: RecoveryOptions<TrainState>['openDevice'] = (tuned) =>
  openDevice({ quiet: true, ...(tuned && { tuned }) });

async function openOwnRun<T extends Config>(
  command: string,
  schema: ZodType<T>,
  config: T,
  signal: AbortSignal,
): Promise<TrainingRun> {
  const folder = config.out;
  const unlock = await claimFolder(folder);
  try {
    await prepareFolder(command, schema, config);
  } catch (error) {
    unlock();
    throw error;
  }
  const run = await openClaimed(folder, unlock);
  const last = (await run.store.names()).at(-1);
  note(
    last === undefined ? `a new run in ${folder}` : `resuming from step ${checkpointStep(last)} (${run.path(last)})`,
  );
  const display = trainingDisplay();
  return {
    folder,
    places: {
      store: run.store,
      log: run.log,
      stop: signal,
      onEvaluation: display.onEvaluation,
      onDamage: display.onDamage,
      onProgress: (progress) => {
        run.time(progress);
        display.onProgress(progress);
      },
    },
    devices: {
      openDevice: openTrainingDevice,
      onDevice: async (device) => {
        display.setPeakFlops(await measurePeakFlops(device));
        display.onCompile();
      },
      onLost: display.onLost,
    },
    finish: (state) => {
      display.stop();
      return finish(folder, run, state);
    },
    explain: (error) => {
      display.stop();
      return explain(error, run);
    },
    close: run.close,
  };
}

/** Writes the folder's `config.yaml`, once it is known that a run in the folder is this one. */
async function prepareFolder<T extends Config>(command: string, schema: ZodType<T>, config: T): Promise<void> {
  const { out: folder } = config;
  const path = join(folder, RUN_FILES.config);
  const names = await readdir(folder);
  const isRun = names.includes(RUN_FILES.config);
  const own = names.every((name) => name.startsWith('.') || name === RUN_FILES.checkpoints);
  const inside = names.includes(RUN_FILES.checkpoints) ? await readdir(join(folder, RUN_FILES.checkpoints)) : [];
  if (!isRun && (!own || inside.some((name) => !name.startsWith('.')))) {
    throw new CommandError(
      `${folder} is not empty and holds no run (it has no ${RUN_FILES.config}); choose another --out`,
    );
  }
  // A run without a checkpoint has no claim on its folder.
  if (inside.some((name) => checkpointStep(name) !== undefined)) {
    const stored = storedConfig(schema, await readFile(path, 'utf8'), path, command);
    checkSameRun(path, stored, config);
  }
  // What a killed process left half written.
  for (const name of names.filter((each) => each.endsWith('.partial'))) await rm(join(folder, name));
  const text = `# The whole config of this run. The same command with this --out resumes it.\n# rna ${command}\n${configText(config)}`;
  await writeAtomically(path, (sink) => sink.write(new TextEncoder().encode(text)));
}

/** Throws a UsageError that lists the fields in which a config is not that of the run in the folder. */
function checkSameRun(path: string, stored: Config, config: Config): void {
  const differences = differingSettings(stored, config).filter(
    (each) => !ELSEWHERE.includes(each.path) && !/^(run|data\.columns)(\.|$)/.test(each.path),
  );
  const other = differences.filter((each) => !isExtension(each));
  if (other.length > 0) {
    throw new UsageError(
      `${path}: the run in this folder has other settings:\n${differenceLines(other)}\nuse the same settings to resume it, or another --out for a new run`,
    );
  }
  for (const { path: field, then, now } of differences)
    note(
      `the run is made longer: ${field} was ${String(then)}, is ${String(now)}; from here on the learning rate is that of the longer run`,
    );
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
 * Fields that a resumed run may have otherwise, beside how often it is looked at (`run.*`): where it is, what costs memory or time alone, and from which files RNAs
 * come, whose content its checkpoints know.
 */
const ELSEWHERE = ['out', 'train.recompute', 'data.train', 'data.other', 'data.validation', 'data.clusters'];

/** Puts the best checkpoint, else the last, into `model/` and gathers the run's figures from its log. */
async function finish(folder: string, run: Run, state: TrainState): Promise<FinishedRun> {
  const modelStep = await stepOfModel(run, state);
  await installModel(folder, run.path(checkpointName(modelStep)));

  await writeReport(folder);
  const log = join(folder, RUN_FILES.log);
  const entries = parseLog(await readFile(log, 'utf8'), log);
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

/** The step of the checkpoint that becomes the run's model: of the best evaluation, else of the last step. */
async function stepOfModel({ store }: Run, { step, best }: TrainState): Promise<number> {
  if (best === undefined || best.step === step) return step;
  const name = checkpointName(best.step);
  // The model before the first step may have been the best; it is no result of the training.
  if (!(await store.names()).includes(name)) {
    note(`no evaluation was better than the one before the first step; ${RUN_FILES.model}/ is the last checkpoint`);
    return step;
  }
  try {
    await checkCheckpoint(store, name);
    return best.step;
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    note(`${error.message}; this was the best checkpoint, and ${RUN_FILES.model}/ is the last one instead`);
    return step;
  }
}

/** `report.html`: the run's curves, where it ended, its config. */
async function writeReport(folder: string): Promise<void> {
  const text = renderRuns([await readRun(folder, basename(resolve(folder)))]);
  await writeAtomically(join(folder, RUN_FILES.report), (sink) => sink.write(new TextEncoder().encode(text)));
}

/**
 * Copies a checkpoint's model to `model/`, which appears whole or, if the process dies, is made again by the next
 * resume.
 */
async function installModel(folder: string, checkpoint: string): Promise<void> {
  const [temporary, doomed, model] = [WRITING, REMOVING, RUN_FILES.model].map((name) => join(folder, name)) as [
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
