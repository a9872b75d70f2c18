export {
  longestInput,
  PRESETS,
  checkConfig,
  encoderParameters,
  elementCount,
  parameterCount,
  type EncoderConfig,
  type LearnedPositions,
  type HeadConfig,
  type ModelConfig,
  type Shape,
  type ParameterShapes,
  type PresetName,
} from './config.ts';
export { parseConfig, configJson } from './configJson.ts';
export { Encoder, type ForwardOptions } from './encoder.ts';
export { encoderCost, modelCost, type PassCost } from './cost.ts';
export { forwardFlops } from './flops.ts';
export {
  LORA_TARGETS,
  loraParameters,
  initializeLora,
  readMerged,
  type LoraTarget,
  type LoraSizes,
  type AdaptedEncoder,
  type HostLowRank,
} from './lora.ts';
export {
  EmptyBatchError,
  packTokens,
  checkPack,
  sequenceRange,
  unpackTokens,
  unpackRows,
  poolRows,
  groupByTokenBudget,
  type PackedTokens,
  type Pool,
} from './packing.ts';
export { batchesOf, batchPart, ownOf, type Batch, type BatchPart, type RecordRange } from './batches.ts';
export { isEncoder, isLmHead, isEmbedding, blockOf } from './parameterGroups.ts';
export { parameter, initializeParameters, type ParameterMap } from './parameters.ts';
export {
  FULL_PRECISION,
  LARGEST_INT4_ERROR,
  storeParameter,
  weightBytes,
  type WeightType,
  type Precision,
} from './precision.ts';
export { VARIANT_SCORES, scoreVariants, type VariantScore, type VariantScoreOptions } from './variantEffects.ts';
export { writeNpy, npyHeader, vectorColumns, writeCsv, type Vectors } from './vectorFile.ts';
export { STREAM } from './randomStreams.ts';
export {
  LORA_CONFIG_FILE,
  LORA_WEIGHTS_FILE,
  LORA_HEAD_FILE,
  LORA_BASE_FIELD,
  baseDigest,
  loraConfigJson,
  writeLora,
  writeLoraHead,
  parsePeftConfig,
  loraBase,
  openLora,
  type LoraBase,
  type LoraToWrite,
  type LoraHead,
  type LoraParts,
  type PeftConfig,
} from './checkpoint/lora.ts';
export { CheckpointError, SequenceLengthError } from './errors.ts';
export {
  CONFIG_FILE,
  WEIGHTS_FILE,
  WEIGHTS_FILES,
  isShardIndex,
  PUBLIC_HUB,
  LARGEST_WEIGHTS,
  isHubName,
  hubFileUrl,
} from './checkpoint/hubNames.ts';
export { LIMITS } from './checkpoint/limits.ts';
export { openModel, type ParameterChunk, type OpenedModel } from './checkpoint/load.ts';
export { loadParameters } from './checkpoint/loadParameters.ts';
export { metadataScalars, type FoundHead } from './checkpoint/layout.ts';
export {
  WRITTEN_LAYOUTS,
  schemesOf,
  writtenLayout,
  savedLayout,
  encoderMappings,
  headMappings,
  type Scheme,
  type ModelKind,
  type Layout,
  type SourceTensor,
  type ParameterMapping,
  type HeadNaming,
} from './checkpoint/names.ts';
export { openTensorFile } from './checkpoint/open.ts';
export { openPyTorch, type Archive } from './checkpoint/pytorch.ts';
export { writePyTorch } from './checkpoint/pytorchWriter.ts';
export { openSafetensors, writeSafetensors, type TensorEntry } from './checkpoint/safetensors.ts';
export { writeModel, type ModelToWrite } from './checkpoint/save.ts';
export { openShards, parseShardIndex } from './checkpoint/shards.ts';
export {
  checkRange,
  checkedSource,
  memorySource,
  blobSource,
  memorySink,
  type ByteSource,
  type ByteSink,
} from './checkpoint/source.ts';
export {
  readFloat32,
  readFloat32Chunks,
  type DType,
  type StoredTensor,
  type TensorFile,
  type Chunk,
} from './checkpoint/tensorFile.ts';
export {
  HEADS,
  classification,
  CONTACT_SEPARATION,
  contactFeatures,
  contactLabels,
  contactFeatureBytes,
  fitContacts,
  predictContacts,
  topContacts,
  contactPrecision,
  predictsPairs,
  headPrefix,
  headParameters,
  initialHead,
  runHead,
  headConfig,
  taskHead,
  scalarNames,
  scalar,
  multiLabel,
  ncrnaFamily,
  nucleotideClassification,
  nucleotideRegression,
  regression,
  ribosomeLoad,
  secondaryStructure,
  pairLabels,
  spliceSite,
  translationEfficiency,
  expressionLevel,
  resNet1dSizes,
  type ClassificationSizes,
  type ContactRegression,
  type ContactFitOptions,
  type ContactPrecision,
  type Scalars,
  type HeadNames,
  type Labelled,
  type HeadInput,
  type LabelRow,
  type LabelTable,
  type TargetColumns,
  type Head,
  type TaskHead,
  type PairTask,
  type NcrnaFamilySizes,
  headLoss,
  predictedPartners,
  predictsChains,
  tertiaryStructure,
  tertiaryEvidence,
  type ChainTask,
  type TertiaryHeadSizes,
  type TertiaryPrediction,
  type OwnSizes,
  type SecondaryStructureSizes,
  type SpliceSiteSizes,
  type ResNet1dSizes,
} from './heads/index.ts';
export { TERTIARY_PRESETS, type TertiarySizes, type TertiaryPreset } from './tertiary/config.ts';
export { tertiaryTokens, embed, type Representations } from './tertiary/embedding.ts';
export {
  weightsOf,
  tertiaryParameters,
  blockParameters,
  initializeTertiary,
  type Weights,
} from './tertiary/parameters.ts';
export { trunkBlock, type BlockObserver } from './tertiary/block.ts';
export { distograms, pairLogitsOf } from './tertiary/pairHeads.ts';
export type { Recycled } from './tertiary/recycling.ts';
export { trunk, type TrunkOptions, type TrunkOutput } from './tertiary/trunk.ts';
export { pairBias, invariantPointAttention, type PointAttentionState } from './tertiary/invariantPointAttention.ts';
export { geometryName, fullAtoms, atomMask, type FullAtoms } from './tertiary/fullAtoms.ts';
export { structureModule, type StructureIteration, type StructureOptions } from './tertiary/structureModule.ts';
export { confidence, plddtOf } from './tertiary/confidence.ts';
export { runTertiary, type TertiaryOptions, type TertiaryCycle } from './tertiary/tertiary.ts';
export {
  torsionLosses,
  distogramLoss,
  confidenceLoss,
  structureLoss,
  type StructureGoal,
  type StructurePrediction,
  type LossWeights,
  type LossOptions,
  type StructureLoss,
} from './tertiary/losses.ts';
export {
  predictTertiary,
  meanDistances,
  type TertiaryModel,
  type TertiaryDetail,
  type TertiaryDetailOptions,
  type PredictStructure,
} from './tertiary/predict.ts';
export {
  structureSamples,
  surestFirst,
  letterWithoutAtoms,
  type SampleOptions,
  type StructureSample,
} from './tertiary/samples.ts';
export {
  cropTarget,
  drawCrop,
  pairLabelsOf,
  targetPartners,
  type Crop,
  type TertiaryTarget,
} from './tertiary/target.ts';
export { refineNet, type RefineObserver } from './tertiary/refineNet.ts';
export {
  isRhoFold,
  openRhoFold,
  loadRhoFold,
  disposeRhoFold,
  rhoFoldRows,
  predictRhoFold,
  type OpenedRhoFold,
  type RhoFold,
} from './tertiary/rhofold.ts';
export { tertiaryFlops, type TertiaryFlops } from './tertiary/flops.ts';
