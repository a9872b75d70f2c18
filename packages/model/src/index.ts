export * from './config.ts';
export * from './configJson.ts';
export * from './encoder.ts';
export * from './cost.ts';
export * from './flops.ts';
export * from './lora.ts';
export * from './packing.ts';
export * from './parameterGroups.ts';
export * from './parameters.ts';
export * from './precision.ts';
export * from './variantEffects.ts';
export * from './vectorFile.ts';
export * from './randomStreams.ts';
export * from './checkpoint/lora.ts';
export * from './errors.ts';
export * from './checkpoint/hubNames.ts';
export * from './checkpoint/limits.ts';
export * from './checkpoint/load.ts';
export * from './checkpoint/loadParameters.ts';
export * from './checkpoint/layout.ts';
export * from './checkpoint/names.ts';
export * from './checkpoint/open.ts';
export * from './checkpoint/pytorch.ts';
export * from './checkpoint/pytorchLegacy.ts';
export * from './checkpoint/pytorchWriter.ts';
export * from './checkpoint/safetensors.ts';
export * from './checkpoint/save.ts';
export * from './checkpoint/shards.ts';
export * from './checkpoint/source.ts';
export * from './checkpoint/tensorFile.ts';
export * from './heads/index.ts';
export * from './tertiary/config.ts';
export * from './tertiary/embedding.ts';
export * from './tertiary/parameters.ts';
export * from './tertiary/block.ts';
export * from './tertiary/pairHeads.ts';
export * from './tertiary/recycling.ts';
export * from './tertiary/trunk.ts';
export * from './tertiary/invariantPointAttention.ts';
export * from './tertiary/fullAtoms.ts';
export * from './tertiary/structureModule.ts';
export * from './tertiary/confidence.ts';
export * from './tertiary/tertiary.ts';
export * from './tertiary/predict.ts';
export * from './tertiary/losses.ts';
export {
  cropTarget,
  drawCrop,
  pairLabelsOf,
  targetPartners,
  type Crop,
  type TertiaryTarget,
} from './tertiary/target.ts';
export * from './tertiary/refineNet.ts';
export * from './tertiary/rhofold.ts';
export * from './tertiary/flops.ts';
