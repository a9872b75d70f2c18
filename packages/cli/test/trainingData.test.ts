/** The batches of a run come from a worker, and are the same to the bit as those made in place. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  corpusBytes,
  encodeRecord,
  FIRST_CURSOR,
  memoryCorpus,
  pretrainConfig,
  runBatches,
  validateConfig,
  type BatchSource,
  type CorpusInput,
  type PretrainConfig,
  type StepData,
} from '@rna/train';
import { afterEach, describe, expect, test } from 'vitest';
import { openData, type TrainingData } from '../src/commands/pretrain/dataSource.ts';
import { readTrainingData, startBatches } from '../src/commands/pretrain/trainingData.ts';
import { fasta, temporaryFolder } from './harness.ts';
import { rnas, structures } from './training.ts';

const started: ReturnType<typeof startBatches>[] = [];
afterEach(async () => {
  for (const batches of started.splice(0)) await batches.close();
});

function start(data: TrainingData, config: PretrainConfig): ReturnType<typeof startBatches> {
  const batches = startBatches(data, config);
  started.push(batches);
  return batches;
}

const configOf = (data: object): PretrainConfig =>
  validateConfig(
    pretrainConfig,
    { out: 'run', seed: 5, data, batch: { maxTokens: 80, rows: 3, accumulation: 2 }, train: { steps: 1 } },
    'config',
  );

async function steps(source: BatchSource, count: number): Promise<StepData[]> {
  const taken: StepData[] = [];
  let cursor = FIRST_CURSOR;
  while (taken.length < count) {
    const step = await source.at(cursor);
    taken.push(step);
    cursor = step.next;
  }
  return taken;
}

const inputs: CorpusInput[] = rnas.map(({ sequence, partners }, i) =>
  i % 4 === 3 ? { sequence, kind: 'other' } : { sequence, partners, cluster: `of ${i % 5}` },
);

/** A corpus of the RNAs, in clusters and with other RNA. */
const bytes = corpusBytes(inputs.map((input) => encodeRecord(input))).bytes;

function corpusFile(folder: string, name: string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('a batch worker', () => {
  test('makes the batches of files that it is sent', async () => {
    const folder = temporaryFolder();
    const config = configOf({
      train: [structures(folder, 'train.dbn', rnas.slice(6))],
      validation: [structures(folder, 'validation.dbn', rnas.slice(0, 6))],
      other: [fasta(folder, '>a\nGGGAAACCCUUU\n>b\nACGUACGUACGUACGU\n')],
    });
    const data = await readTrainingData(config.data);
    const [batches, direct] = [
      start(data, config),
      runBatches({ train: await openData(data.train), validation: await openData(data.validation!) }, config),
    ];
    expect(await steps(batches.train, 20)).toEqual(await steps(direct.train, 20));
    expect(await steps(batches.validation!, 4)).toEqual(await steps(direct.validation!, 4));
  });

  test('reads a corpus file, which gives the same as its records in memory', async () => {
    const file = corpusFile(temporaryFolder(), 'rna.corpus');
    const config = configOf({ train: [file], validation: [file] });
    const data = await readTrainingData(config.data);
    const batches = start(data, config);
    const direct = runBatches({ train: memoryCorpus(inputs) }, config);
    expect(await steps(batches.train, 20)).toEqual(await steps(direct.train, 20));
    expect((await openData(data.train)).digest).toBe(memoryCorpus(inputs).digest);
  });

  test('tells what went wrong there', async () => {
    const folder = temporaryFolder();
    const config = configOf({ train: ['a.dbn'] });
    const batches = start({ train: { file: join(folder, 'gone.corpus') } }, config);
    await expect(batches.train.at(FIRST_CURSOR)).rejects.toThrow('gone.corpus');
    const ended = start({ train: { bytes } }, config);
    await ended.close();
    await expect(ended.train.at(FIRST_CURSOR)).rejects.toThrow('closed');
  });
});

test('a corpus stands alone', async () => {
  const folder = temporaryFolder();
  const file = corpusFile(folder, 'rna.corpus');
  const other = structures(folder, 'other.dbn', rnas);
  await expect(readTrainingData(configOf({ train: [file, other] }).data)).rejects.toThrow('data.train: ');
  await expect(readTrainingData(configOf({ train: [other], validation: [file, other] }).data)).rejects.toThrow(
    'data.validation: ',
  );
  await expect(readTrainingData(configOf({ train: [file], other: [other] }).data)).rejects.toThrow(
    'has its own other RNA',
  );
});
