/** Small models and real RNAs for the tests. */
import { readFileSync } from 'node:fs';
import { Encoder, PRESETS, type EncoderConfig } from '@rna/model';
import { parseStructureFile, type Structure } from '@rna/structure';
import type { Device } from '@rna/tensor';

const PRESET_OF = { rinalmo: 'rinalmo-nano', 'ssr-lm': 'ssr-lm-s', 'rna-fm': 'rna-fm' } as const;

export const tinyConfig = (model: EncoderConfig['model']): EncoderConfig => ({
  ...PRESETS[PRESET_OF[model]],
  dim: 16,
  layers: 2,
  heads: 2,
  kvHeads: 2,
  ffnDim: 24,
});

export const tinyEncoder = (device: Device, model: EncoderConfig['model'] = 'ssr-lm', seed = 1): Encoder =>
  Encoder.initialize(device, tinyConfig(model), seed);

export const disposeAll = (parameters: ReadonlyMap<string, { dispose(): void }>): void => {
  parameters.forEach((parameter) => {
    parameter.dispose();
  });
};

/** Twenty RNAs of 34 to 67 nucleotides with their structures. */
export const rnas: readonly Structure[] = parseStructureFile(
  readFileSync(new URL('./fixtures/short.dbn', import.meta.url), 'utf8'),
  'short.dbn',
);
