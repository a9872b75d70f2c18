/// <reference types="@webgpu/types" preserve="true" />
export {
  answersOf,
  collectJobs,
  tune,
  type Candidate,
  type TuningJob,
  type TuningOptions,
  type TuningResult,
} from './autotune.ts';
export { adapterTraits } from './adapter.ts';
export { Device, type DeviceOptions, type ObservedCall, type OutputShape } from './device.ts';
export {
  DeviceError,
  DeviceLostError,
  MemoryBudgetError,
  ShapeError,
  TuningError,
  type MemoryShortage,
} from './errors.ts';
export { megabytes, type MemoryUse } from './memory.ts';
export { bindGroupLayout, computePipeline, type PipelineCompiler, type PipelineSource } from './pipelines.ts';
export { measurePeakFlops } from './peakFlops.ts';
export { backward, recompute, recomputeAll, record, type Rule } from './tape.ts';
export {
  describe,
  elements,
  requireShape,
  Tensor,
  type DType,
  type FloatType,
  type HostArray,
  type Shape,
} from './tensor.ts';
export {
  adapterKey,
  addAnswers,
  currentAnswers,
  NO_ANSWERS,
  parseTuningRecord,
  type AdapterAnswers,
  type KernelAnswers,
  type TunedAnswer,
  type TuningRecord,
  type TuningStorage,
} from './tuning.ts';
export * from './ops/elementwise.ts';
export * from './ops/matmul.ts';
export { lowRankLinear, type LowRank } from './ops/lowRank.ts';
export * from './ops/storage.ts';
export * from './ops/layerNorm.ts';
export * from './ops/rmsNorm.ts';
export * from './ops/activations.ts';
export * from './ops/frames.ts';
export * from './ops/pointAttention.ts';
export * from './ops/fullAtoms.ts';
export * from './ops/structureLoss.ts';
export {
  edgeFeatures,
  joinRows,
  moveNodes,
  neighbourSums,
  siluDot,
  squaredDistances,
  type EdgeBand,
} from './ops/edges.ts';
export * from './ops/embedding.ts';
export * from './ops/loss.ts';
export * from './ops/attention.ts';
export * from './ops/pair.ts';
export * from './ops/segments.ts';
export * from './ops/apc.ts';
export * from './ops/adamW.ts';
export { gradientNorm, type GradientNormOptions } from './ops/gradientNorm.ts';
export { conv2d, normConv2d } from './ops/conv2d.ts';
export { pairResNet, type PairResNet } from './ops/pairResNet.ts';
export { pairDistance, pairPrior, type PriorScale } from './ops/pairPrior.ts';
export * from './ops/residualBlock.ts';
export { instanceNorm, type InstanceNormOptions } from './ops/instanceNorm.ts';
export { channelGate, gate } from './ops/gate.ts';
export { columns, joinColumns } from './ops/joinColumns.ts';
export { swapAxes } from './ops/swapAxes.ts';
export { batchedProduct } from './ops/batchedMatmul.ts';
export { pairAttention, type PairAttentionShape } from './ops/pairAttention.ts';
export { distanceBins } from './ops/distanceBins.ts';
export { feedForward, type LinearLayer } from './ops/feedForward.ts';
