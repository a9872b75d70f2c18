export { FIRST_CURSOR, packRows, type Cursor } from './batching.ts';
export {
  serveBatches,
  remoteBatches,
  type MaskedBatch,
  type StepData,
  type BatchSource,
  type BatchPort,
  type RemoteBatches,
} from './batchSource.ts';
export {
  pretrainConfig,
  finetuneConfig,
  newEncoderConfig,
  trainingPrecision,
  pretrainSchedule,
  finetuneSchedule,
  finetuneSteps,
  type PretrainConfig,
  type FinetuneConfig,
} from './config.ts';
export {
  RECORD_KINDS,
  CorpusError,
  type CorpusRecord,
  type RecordKind,
  type CorpusInput,
  type Corpus,
  type SectionSize,
  type ClusterRange,
} from './corpus/corpus.ts';
export { contentDigest, CORPUS_MAGIC, type CorpusBuild, type CorpusTable, type SectionTable } from './corpus/format.ts';
export { hash128 } from './corpus/hash.ts';
export {
  openCorpus,
  memoryCorpus,
  verifyCorpus,
  corpusRecords,
  type OpenedCorpus,
  type CorpusCheck,
} from './corpus/reader.ts';
export {
  KEY_BYTES,
  encodeRecord,
  clusterHash,
  letterBytes,
  sequenceHash,
  compareKeys,
  KIND_NAMES,
  byKind,
  type EncodedRecord,
} from './corpus/record.ts';
export { lengthBin, type SectionStatistics } from './corpus/statistics.ts';
export { writeCorpus, corpusBytes, type Spool, type WriteCorpusOptions } from './corpus/writer.ts';
export { corpusBatches, heldOutBatches, type CorpusBatchesOptions } from './corpusBatches.ts';
export { WeightAverage } from './ema.ts';
export { finetuningTask, type FinetuningOptions, type FinetuningTask } from './finetuning.ts';
export type { WeightsToTrain, PartialModelFiles, Adaptation } from './lora.ts';
export {
  MASK_KIND,
  IGNORED,
  maskSequence,
  type MaskingScheme,
  type MaskingOptions,
  type MaskKey,
  type MaskedSequence,
} from './masking.ts';
export {
  createMeter,
  type Logged,
  type LogEntry,
  type TrainingLog,
  type Progress,
  type StepFacts,
  type Meter,
  type MeterOptions,
} from './meter.ts';
export {
  DEFAULT_LOSS_SCALING,
  decayGroups,
  AdamW,
  readReport,
  type ParameterGroup,
  type AdamWOptions,
  type LossScaling,
  type StepReport,
  type Refusal,
  type DecayOptions,
} from './optimizer.ts';
export { ConfigError, configFields, validateConfig, applyOverrides, type ConfigField } from './overrides.ts';
export {
  predictions,
  tokensOf,
  predictPack,
  priorsOf,
  pairPredictor,
  type TaskModel,
  type LabelledRna,
  type StructureModel,
} from './predictions.ts';
export {
  labelColumns,
  rowLabels,
  type AskedColumns,
  type FileRna,
  type LabelledFileRna,
  type LabelledRow,
  type RowColumns,
} from './labelledRows.ts';
export { labelCells, predictionColumns, type Cells } from './predictionTable.ts';
export { pretrainingTask, maskedMetrics, type PretrainingOptions } from './pretraining.ts';
export {
  gatherValues,
  ofFirst,
  OtherRankStoppedError,
  RanksError,
  requireAlike,
  requireSameBits,
  type Ranks,
} from './ranks.ts';
export {
  runBatches,
  stepsAhead,
  pretrain,
  finetune,
  type RunPlaces,
  type PretrainRun,
  type RunBatches,
  type FinetuneRun,
} from './recipes.ts';
export { withRecovery, type DeviceLoss, type RecoveryOptions } from './recovery.ts';
export { RUN_FILES, CHECKPOINT_FILES, MOST_STEPS, checkpointName, checkpointStep } from './runFiles.ts';
export { parseLog, parseLogLine } from './runLog.ts';
export {
  heldOutOf,
  labelledTable,
  learntBy,
  runFinetuning,
  tuned,
  type FinetuningRun,
  type LabelledData,
} from './runFinetuning.ts';
export { runPretraining, type PretrainingRun } from './runPretraining.ts';
export { tuningOfRun } from './runTuning.ts';
export { createSampling, type Sampling, type SamplingOptions } from './sampling.ts';
export { savedModel, type ModelParts } from './savedModel.ts';
export {
  constantSchedule,
  linearSchedule,
  warmupCosineSchedule,
  type Schedule,
  type LinearScheduleOptions,
  type WarmupCosineOptions,
} from './schedule.ts';
export { STARTER_CONFIGS, type StarterConfig, type StarterFields, type StarterName } from './starterConfigs.ts';
export {
  saveCheckpoint,
  restoreCheckpoint,
  checkCheckpoint,
  newestState,
  parseState,
  differingSettings,
  differenceLines,
  isExtension,
  type CheckpointWriter,
  type CheckpointReader,
  type CheckpointStore,
  type SavedModel,
  type Evaluation,
  type TrainState,
  type Settings,
  type Damage,
  type Trained,
  type Difference,
} from './trainState.ts';
export {
  TrainingError,
  train,
  type MicroBatch,
  type StepBatch,
  type TrainingTask,
  type StopSignal,
  type TrainOptions,
} from './trainer.ts';
export { unfreezingGroups, type UnfreezeStage, type UnfreezingOptions } from './unfreezing.ts';
