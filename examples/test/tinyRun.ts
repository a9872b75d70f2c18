/**
 * The run on which Node and the browser are compared: 50 steps of a tiny model
 * with every feature on, evaluated and kept on the way.
 */
import { parseStructureFile } from '@rna/structure';
import { memoryCorpus, pretrainConfig, type Corpus, type StarterFields } from '@rna/train';

// RiNALMo is the architecture that has dropout; 2 of 4 rows a micro-batch.
export const fields: StarterFields = {
  seed: 5,
  model: { preset: 'rinalmo-nano', dim: 16, layers: 2, heads: 2, ffnDim: 24 },
  masking: { scheme: 'ssm' },
  batch: { maxTokens: 160, rows: 4, accumulation: 2 },
  optimizer: { learningRate: 1e-2, warmupSteps: 5, maxGradientNorm: 0.5 },
  train: { steps: 50, dropout: true, recompute: true },
  run: { evaluateEvery: 25, checkpointEvery: 20 },
};

/** The names of the corpus files, in Node and in the browser. */
export const data = { train: ['train.dbn'], validation: ['valid.dbn'] };

export const config = pretrainConfig.parse({ ...fields, out: 'tiny', data });

/** The texts of both files: 16 and 4 of the fixture's RNAs. */
export function splitCorpus(text: string): { train: string; validation: string } {
  const lines = text.trim().split('\n');
  const [train, validation] = [lines.slice(0, 48), lines.slice(48)];
  return { train: `${train.join('\n')}\n`, validation: `${validation.join('\n')}\n` };
}

export const readCorpus = (text: string): Corpus => memoryCorpus(parseStructureFile(text, 'corpus.dbn'));
