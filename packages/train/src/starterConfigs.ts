/**
 * Configs to begin with, from one that a software adapter trains in a minute to the published sizes: what the
 * application and the example offer. A config is `rna pretrain`'s, without the folder and the files.
 */
import type { z } from 'zod';
import type { pretrainConfig } from './config.ts';

/** The fields of a pre-training config that do not name places. */
export type StarterFields = Omit<z.input<typeof pretrainConfig>, 'out' | 'data'>;

export interface StarterConfig {
  readonly title: string;
  /** What it needs, in a sentence. */
  readonly takes: string;
  readonly config: StarterFields;
}

const optimizer = { learningRate: 2e-3, warmupSteps: 20, maxGradientNorm: 1 };

export const STARTER_CONFIGS = {
  tiny: {
    title: 'Tiny SSR-LM (25 thousand)',
    takes: 'It trains in a few minutes without a GPU.',
    config: {
      model: { preset: 'ssr-lm-s', dim: 32, layers: 2, heads: 4, ffnDim: 88 },
      batch: { maxTokens: 512, rows: 1 },
      optimizer,
      train: { steps: 200 },
      run: { evaluateEvery: 25, checkpointEvery: 25 },
    },
  },
  small: {
    title: 'Small SSR-LM (0.5 million)',
    takes: 'It trains without a GPU, in ten minutes or more.',
    config: {
      model: { preset: 'ssr-lm-s', dim: 96, layers: 4, heads: 6, ffnDim: 256 },
      batch: { maxTokens: 1024, rows: 1 },
      optimizer,
      train: { steps: 300 },
      run: { evaluateEvery: 50, checkpointEvery: 50 },
    },
  },
  'ssr-lm-s': {
    title: 'SSR-LM S (8 million)',
    takes: 'It is meant for a GPU.',
    config: {
      model: { preset: 'ssr-lm-s' },
      batch: { maxTokens: 1024, rows: 8, accumulation: 2 },
      optimizer: { learningRate: 4e-4, warmupSteps: 100, maxGradientNorm: 1 },
      train: { steps: 2000 },
      run: { evaluateEvery: 100, checkpointEvery: 100 },
    },
  },
  'rinalmo-micro': {
    title: 'RiNALMo micro (33 million)',
    takes: 'It is meant for a GPU.',
    config: {
      model: { preset: 'rinalmo-micro' },
      masking: { scheme: 'mlm' },
      batch: { maxTokens: 1024, rows: 8, accumulation: 4 },
      optimizer: { learningRate: 2e-4, warmupSteps: 200, maxGradientNorm: 1 },
      train: { steps: 2000 },
      run: { evaluateEvery: 100, checkpointEvery: 100 },
    },
  },
} as const satisfies Record<string, StarterConfig>;

export type StarterName = keyof typeof STARTER_CONFIGS;
