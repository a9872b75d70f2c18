/**
 * What `rna pretrain` trains on: a corpus file, or files of RNAs that are made
 * into a corpus in memory; and the worker thread that makes batches of it ahead
 * of the adapter (batchWorker.ts). A file is opened there once more, a corpus
 * in memory is sent once.
 */
import { extname } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import {
  corpusBytes,
  encodeRecord,
  remoteBatches,
  stepsAhead,
  type BatchPort,
  type CorpusInput,
  type PretrainConfig,
  type RemoteBatches,
  type RunBatches,
} from '@rna/train';
import { CORPUS_EXTENSION } from '../corpus/build.ts';
import type { DataSource, TrainingData } from './dataSource.ts';
import { UsageError } from '../../commandLine/errors.ts';
import { startWorker } from '../../threads/startWorker.ts';
import { readRecords } from '../../input/trainingInput.ts';

/**
 * Reads the files of a config; of a corpus nothing yet. Throws an InputError or CommandError as readRecords does, a
 * UsageError where a corpus is one file of several.
 */
export async function readTrainingData({ train, other, validation }: PretrainConfig['data']): Promise<TrainingData> {
  const corpus = corpusFile('data.train', train);
  if (corpus !== undefined && other.length > 0)
    throw new UsageError(
      `data.other: ${corpus} is a corpus, which has its own other RNA; leave data.other out, or build a corpus of all (rna corpus build)`,
    );
  const ncrna = async (files: readonly string[]): Promise<CorpusInput[]> =>
    (await readRecords(files)).map(({ sequence, partners }) => ({ sequence, ...(partners && { partners }) }));
  const others = async (): Promise<CorpusInput[]> =>
    (await readRecords(other)).map(({ sequence }) => ({ sequence, kind: 'other' }));
  const heldOut = corpusFile('data.validation', validation);
  return {
    train: corpus === undefined ? inMemory([...(await ncrna(train)), ...(await others())]) : { file: corpus },
    ...(heldOut !== undefined
      ? { validation: { file: heldOut } }
      : validation.length > 0 && { validation: inMemory(await ncrna(validation)) }),
  };
}

const inMemory = (records: readonly CorpusInput[]): DataSource => ({
  bytes: corpusBytes(records.map((record) => encodeRecord(record))).bytes,
});

function corpusFile(field: string, files: readonly string[]): string | undefined {
  const corpus = files.find((file) => extname(file).toLowerCase() === CORPUS_EXTENSION);
  if (corpus !== undefined && files.length > 1)
    throw new UsageError(
      `${field}: ${corpus} is a corpus, which stands alone; build one corpus of all files (rna corpus build)`,
    );
  return corpus;
}

/** Starts the worker that makes a run's batches. It must be closed. */
export function startBatches(
  data: TrainingData,
  config: PretrainConfig,
): RunBatches & { readonly close: () => Promise<void> } {
  const [train, validation] = [new MessageChannel(), new MessageChannel()];
  const worker = startWorker('commands/pretrain/batchWorker', {
    workerData: { data, config, ports: { train: train.port2, validation: validation.port2 } },
    transferList: [train.port2, validation.port2],
  });
  // @types/node does not know `onmessage`, which its ports have.
  const sources = [train.port1, validation.port1].map((port) =>
    remoteBatches(port as unknown as BatchPort, stepsAhead(config)),
  ) as [RemoteBatches, RemoteBatches];
  const fail = (error: Error): void => {
    sources.forEach((source) => {
      source.fail(error);
    });
  };
  worker.on('error', fail);
  worker.on('exit', (code) => {
    fail(new Error(`the worker that makes batches ended with code ${code}`));
  });
  return {
    train: sources[0],
    ...(data.validation && { validation: sources[1] }),
    async close() {
      sources.forEach((source) => {
        source.close();
      });
      await worker.terminate();
    },
  };
}
