/**
 * The worker's side of a run: takes commands, opens the run's folder, calls the
 * training script with the places where a run is kept and shown, and tells the
 * page what happens. What is trained, and how, is the script's.
 */
import type { AdapterAnswers, Device } from '@rna/tensor';
import {
  pretrainConfig,
  validateConfig,
  type Corpus,
  type DeviceLoss,
  type PretrainConfig,
  type RunBatches,
  type RunPlaces,
  type StopSignal,
  type TrainState,
} from '@rna/train';
import { packRun, STATE_FILE, unpackRun } from './archive.ts';
import { runBatchesIn } from './batches.ts';
import { corpusName, keepCorpus, keptCorpus, openKept } from './corpus.ts';
import { openDevice } from './device.ts';
import { createGate, type Gate } from './gate.ts';
import { childFile, childFolder, openRuns } from './opfs.ts';
import type { Command, CorpusChoice, RunEvent } from './protocol.ts';
import { CHECKPOINTS, checkpointNames, openRunFolder, type RunFolder } from './runFolder.ts';
import { readConfig, writeConfig } from './savedRuns.ts';

/** What a training script is called with. */
export interface ScriptRun extends RunPlaces {
  /** Opens a device with the autotuner's answers that the run was begun with. */
  readonly openDevice: (tuned: AdapterAnswers | undefined) => Promise<Device>;
  readonly onLost: (loss: DeviceLoss) => void;
  readonly stop: StopSignal;
  readonly config: PretrainConfig;
  readonly train: Corpus;
  readonly validation?: Corpus;
  readonly batches: RunBatches;
}

/** Trains to the end, or until it is stopped. */
export type Script = (run: ScriptRun) => Promise<TrainState>;

/** The part of a worker's global scope that is used. */
export interface CommandScope {
  addEventListener(type: 'message', listener: (event: MessageEvent<Command>) => void): void;
  postMessage(event: RunEvent): void;
}

export interface RunServer {
  readonly script: Script;
  /** Makes a worker that calls `serveRunBatches`. */
  readonly batchWorker: () => Worker;
}

/** A run that goes on. */
interface Going {
  readonly gate: Gate;
  readonly stop: AbortController;
  folder?: RunFolder;
}

type Tell = (event: RunEvent) => void;
type Prepare = (folder: FileSystemDirectoryHandle) => Promise<void>;

/** Serves one run after the other to the page that made this worker: `serveRuns(self, …)`. */
export function serveRuns(scope: CommandScope, server: RunServer): void {
  const tell: Tell = (event) => {
    scope.postMessage(event);
  };
  let going: Going | undefined;

  const begin = (name: string, prepare: Prepare): void => {
    if (going !== undefined) {
      tell({ type: 'failed', message: 'a run is going on already; stop it first' });
      return;
    }
    const run: Going = { gate: createGate(), stop: new AbortController() };
    going = run;
    const end = (event: RunEvent): void => {
      going = undefined;
      tell(event);
    };
    goThrough(name, prepare, run, server, tell).then(
      (state) => {
        end({ type: 'finished', state });
      },
      (error: unknown) => {
        end(
          run.stop.signal.aborted && error === run.stop.signal.reason
            ? { type: 'stopped' }
            : { type: 'failed', message: messageOf(error) },
        );
      },
    );
  };

  const pack = async (name: string): Promise<File> => {
    const open = going?.folder?.folder.name === name ? going.folder : undefined;
    const run = open ?? (await openRunFolder(await openRuns(), name));
    try {
      return await run.undisturbed(() => packRun(run.folder));
    } finally {
      if (open === undefined) await run.close();
    }
  };

  const obey = (command: Command): void => {
    switch (command.type) {
      case 'start':
        begin(command.run, (folder) => startAnew(folder, command.config, command.corpus));
        break;
      case 'resume':
        begin(command.run, () => Promise.resolve());
        break;
      case 'import':
        begin(command.run, (folder) => startFromArchive(folder, command.archive, command.corpus));
        break;
      case 'pause':
        going?.gate.close();
        break;
      case 'unpause':
        going?.gate.open();
        break;
      case 'stop':
        going?.stop.abort();
        going?.gate.open();
        break;
      case 'pack':
        pack(command.run).then(
          (file) => {
            tell({ type: 'packed', run: command.run, file });
          },
          (error: unknown) => {
            tell({ type: 'notPacked', message: messageOf(error) });
          },
        );
        break;
    }
  };
  scope.addEventListener('message', ({ data }) => {
    obey(data);
  });
}

/** A run from its preparation to its end. */
async function goThrough(
  name: string,
  prepare: Prepare,
  run: Going,
  { script, batchWorker }: RunServer,
  tell: Tell,
): Promise<TrainState> {
  const opened = await openRunFolder(await openRuns(), name);
  run.folder = opened;
  try {
    await prepare(opened.folder);
    const config = await readConfig(opened.folder);
    const corpus = await keptCorpus(opened.folder);
    const corpora = await openKept(corpus);
    const batches = runBatchesIn(batchWorker(), config, corpus);
    try {
      return await script({
        ...placesOf(opened, tell),
        ...corpora,
        config,
        batches,
        stop: run.stop.signal,
        async openDevice(tuned) {
          const device = await openDevice({ wait: run.gate.wait, ...(tuned && { tuned }) });
          tell({ type: 'begun', run: name, steps: config.train.steps, adapter: device.traits.description });
          return device;
        },
        onLost({ error, checkpoint }) {
          tell({
            type: 'note',
            text: `${error.message}. Going on with a new one, from ${checkpoint ?? 'the beginning'}`,
          });
        },
      });
    } finally {
      batches.close();
    }
  } finally {
    await opened.close();
  }
}

/** Where a run is kept, with the page told of it. */
function placesOf({ store, log }: RunFolder, tell: Tell): RunPlaces {
  return {
    store: {
      ...store,
      async save(checkpoint, write) {
        await store.save(checkpoint, write);
        tell({ type: 'saved', checkpoint });
      },
    },
    log: {
      async rewind(step) {
        await log.rewind(step);
        tell({ type: 'history', entries: await log.entries() });
      },
      append(entry) {
        log.append(entry);
        tell({ type: 'entry', entry });
      },
    },
    onProgress: (progress) => {
      tell({ type: 'progress', progress });
    },
  };
}

/** The config and the corpus of a new run. */
async function startAnew(
  folder: FileSystemDirectoryHandle,
  fields: Readonly<Record<string, unknown>>,
  corpus: CorpusChoice,
): Promise<void> {
  await refuseOverwriting(folder);
  await writeConfig(
    folder,
    validateConfig(pretrainConfig, { ...fields, out: folder.name, data: namesOf(corpus) }, folder.name),
  );
  await keepCorpus(folder, corpus);
}

/** The run of an archive: its config is the settings that its newest checkpoint was written with. */
async function startFromArchive(folder: FileSystemDirectoryHandle, archive: Blob, corpus: CorpusChoice): Promise<void> {
  await refuseOverwriting(folder);
  await unpackRun(archive, folder);
  const checkpoints = await folder.getDirectoryHandle(CHECKPOINTS);
  const newest = await checkpoints.getDirectoryHandle((await checkpointNames(checkpoints)).at(-1)!);
  const { settings } = JSON.parse(await (await childFile(newest, STATE_FILE)).text()) as {
    settings: Record<string, unknown>;
  };
  const data = { ...(settings['data'] as object), ...namesOf(corpus) };
  await writeConfig(
    folder,
    validateConfig(pretrainConfig, { ...settings, out: folder.name, data }, `${newest.name}/${STATE_FILE}`),
  );
  await keepCorpus(folder, corpus);
}

const namesOf = ({ train, validation }: CorpusChoice): { train: string[]; validation: string[] } => ({
  train: [corpusName(train)],
  validation: validation === undefined ? [] : [corpusName(validation)],
});

async function refuseOverwriting(folder: FileSystemDirectoryHandle): Promise<void> {
  const checkpoints = await childFolder(folder, CHECKPOINTS);
  if (checkpoints !== undefined && (await checkpointNames(checkpoints)).length > 0)
    throw new Error(`a run named '${folder.name}' is kept here already; resume it, delete it or choose another name`);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
