/**
 * The worker's side of a run: takes commands, opens the run's folder, calls the
 * scripts of pre-training and of fine-tuning (`runPretraining`, `runFinetuning`)
 * with the places where a run is kept and shown, and tells the page what happens.
 * What is trained, and how, is the scripts'.
 */
import {
  CHECKPOINT_FILES,
  newestState,
  pretrainConfig,
  RUN_FILES,
  runFinetuning,
  runPretraining,
  validateConfig,
  type DeviceLoss,
  type RunPlaces,
  type TrainState,
} from '@rna/train';
import type { AdapterAnswers } from '@rna/tensor';
import { packRun, unpackRun } from './archive.ts';
import { runBatchesIn } from './batches.ts';
import { corpusName, keepCorpus, keptCorpus, openKept } from './corpus.ts';
import { openDevice } from './device.ts';
import { createGate, type Gate } from './gate.ts';
import { childFolder, openRuns } from './opfs.ts';
import type { Command, CorpusChoice, RunEvent } from './protocol.ts';
import { checkpointNames, openRunFolder, type RunFolder } from './runFolder.ts';
import { readConfig, writeConfig } from './savedRuns.ts';
import { keepTuning, plannedTuning, readTuning, type TuningServer } from './tuning.ts';

/** The part of a worker's global scope that is used. */
export interface CommandScope {
  addEventListener(type: 'message', listener: (event: MessageEvent<Command>) => void): void;
  postMessage(event: RunEvent): void;
}

export interface RunServer {
  /** Makes a worker that calls `serveRunBatches`. */
  readonly batchWorker: () => Worker;
  /** Without it no run is fine-tuned. */
  readonly tuning?: TuningServer;
}

/** A run that goes on. */
interface Going {
  readonly gate: Gate;
  readonly stop: AbortController;
  folder?: RunFolder;
}

type Tell = (event: RunEvent) => void;
type Prepare = (run: RunFolder) => Promise<void>;

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
        begin(command.run, ({ folder }) => startAnew(folder, command.config, command.corpus));
        break;
      case 'finetune':
        begin(command.run, async ({ folder }) => {
          await refuseOverwriting(folder);
          await keepTuning(folder, command.config, command.choice, tuningOf(server));
        });
        break;
      case 'resume':
        begin(command.run, () => Promise.resolve());
        break;
      case 'import':
        begin(command.run, (run) => startFromArchive(run, command.archive, command.corpus));
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
  server: RunServer,
  tell: Tell,
): Promise<TrainState> {
  const opened = await openRunFolder(await openRuns(), name);
  run.folder = opened;
  try {
    await prepare(opened);
    const shared = {
      ...placesOf(opened, tell),
      stop: run.stop.signal,
      openDevice: (tuned?: AdapterAnswers) => openDevice({ wait: run.gate.wait, ...(tuned && { tuned }) }),
      onLost({ error, checkpoint }: DeviceLoss) {
        tell({
          type: 'note',
          text: `${error.message}. Going on with a new one, from ${checkpoint ?? 'the beginning'}`,
        });
      },
    };
    const tuning = await readTuning(opened.folder);
    if (tuning !== undefined) {
      const planned = await plannedTuning(opened.folder, tuning, tuningOf(server), (text) => {
        tell({ type: 'note', text });
      });
      const { best } = planned.task.head;
      return await runFinetuning({
        ...shared,
        ...planned,
        onDevice({ traits }) {
          tell({ type: 'begun', run: name, steps: tuning.steps, adapter: traits.description, best });
        },
      });
    }
    const config = await readConfig(opened.folder);
    const corpus = await keptCorpus(opened.folder);
    const corpora = await openKept(corpus);
    const batches = runBatchesIn(server.batchWorker(), config, corpus);
    try {
      return await runPretraining({
        ...shared,
        ...corpora,
        config,
        batches,
        onDevice({ traits }) {
          tell({ type: 'begun', run: name, steps: config.train.steps, adapter: traits.description });
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
    onDamage({ error, instead }) {
      tell({ type: 'note', text: `${error.message}. Going on from ${instead}` });
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
async function startFromArchive({ folder, store }: RunFolder, archive: Blob, corpus: CorpusChoice): Promise<void> {
  await refuseOverwriting(folder);
  await unpackRun(archive, folder);
  const { settings } = (await newestState(store))!;
  const data = { ...(settings['data'] as object), ...namesOf(corpus) };
  await writeConfig(
    folder,
    validateConfig(pretrainConfig, { ...settings, out: folder.name, data }, CHECKPOINT_FILES.state),
  );
  await keepCorpus(folder, corpus);
}

function tuningOf({ tuning }: RunServer): TuningServer {
  if (tuning === undefined) throw new Error('this page does not fine-tune models');
  return tuning;
}

const namesOf = ({ train, validation }: CorpusChoice): { train: string[]; validation: string[] } => ({
  train: [corpusName(train)],
  validation: validation === undefined ? [] : [corpusName(validation)],
});

async function refuseOverwriting(folder: FileSystemDirectoryHandle): Promise<void> {
  const checkpoints = await childFolder(folder, RUN_FILES.checkpoints);
  if (checkpoints !== undefined && (await checkpointNames(checkpoints)).length > 0)
    throw new Error(`a run named '${folder.name}' is kept here already; resume it, delete it or choose another name`);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
