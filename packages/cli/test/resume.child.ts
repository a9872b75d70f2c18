/**
 * The process that resume.test.ts kills: pre-trains a tiny RiNALMo with all that is random (dropout, masks,
 * crops, accumulation) in the run's folder given, and prints a line after each step.
 */
import { Encoder, PRESETS } from '@rna/model';
import { parseStructureFile } from '@rna/structure';
import { openDevice } from '@rna/tensor/node';
import { memoryCorpus, pretrain, pretrainConfig, validateConfig } from '@rna/train';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { openRun } from '../src/training/runs.ts';

const [folder = '', data = ''] = process.argv.slice(2);
const records = parseStructureFile(readFileSync(data, 'utf8'), data);
const config = validateConfig(
  pretrainConfig,
  {
    seed: 3,
    out: folder,
    data: { train: [data] },
    batch: { maxTokens: 60, rows: 4, accumulation: 2 },
    optimizer: { learningRate: 0.01, warmupSteps: 5, maxGradientNorm: 1, spikeFactor: 3 },
    train: { steps: 24, recompute: true, ema: 0.9 },
    run: { evaluateEvery: 6, checkpointEvery: 4 },
  },
  'config',
);

const device = await openDevice();
const encoder = Encoder.initialize(
  device,
  { ...PRESETS['rinalmo-nano'], dim: 16, layers: 2, heads: 2, kvHeads: 2, ffnDim: 24 },
  config.seed,
);
const { store, log, close } = await openRun(folder);
await pretrain({
  config,
  encoder,
  store,
  log,
  train: memoryCorpus(records.slice(4)),
  validation: memoryCorpus(records.slice(0, 4)),
  onProgress: ({ step }) => {
    process.stdout.write(`step ${step}\n`);
  },
});
close();
device.destroy();
