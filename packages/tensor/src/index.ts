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
export { disposeFlat, flatZeros, type FlatTensors } from './flat.ts';
export { megabytes, type MemoryUse } from './memory.ts';
export { bindGroupLayout, computePipeline, type PipelineCompiler, type PipelineSource } from './pipelines.ts';
export { measurePeakFlops } from './peakFlops.ts';
export { backward, recompute, recomputeAll, record, type Rule } from './tape.ts';
export {
  byteLength,
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
export { add, scale, reshape, dropout, residual, type Dropout } from './ops/elementwise.ts';
export { product, linear, linearChannels } from './ops/matmul.ts';
export { lowRankLinear, type LowRank } from './ops/lowRank.ts';
export { cast, quantize, quantizeGroups, type GroupedWeight } from './ops/storage.ts';
export { layerNorm } from './ops/layerNorm.ts';
export { rmsNorm } from './ops/rmsNorm.ts';
export { swiglu, gelu, relu, silu, softmax } from './ops/activations.ts';
export { framePoints, updateFrames, scaleTranslations, stopRotations, frameMatrices } from './ops/frames.ts';
export {
  pointAttention,
  type PointAttentionSizes,
  type PointAttentionInputs,
  type PointAttentionMaps,
} from './ops/pointAttention.ts';
export { groupFrames, placeAtoms, unitAngles, type AtomTable } from './ops/fullAtoms.ts';
export { fape, torsionLoss, lddtLoss, type FapeGoal, type FapeOptions } from './ops/structureLoss.ts';
export {
  edgeFeatures,
  joinRows,
  moveNodes,
  neighbourSums,
  siluDot,
  squaredDistances,
  type EdgeBand,
} from './ops/edges.ts';
export { embedding, positionEmbedding } from './ops/embedding.ts';
export { sum, crossEntropy, binaryCrossEntropy, huberLoss, squaredError } from './ops/loss.ts';
export {
  longestSequence,
  uploadPack,
  attention,
  attentionMap,
  type Pack,
  type AttentionHeads,
} from './ops/attention.ts';
export { rows, concatenate, pairSum, pairLogits, pairLoss } from './ops/pair.ts';
export {
  uploadSegments,
  firstRows,
  gatherRows,
  conv1d,
  segmentNorm,
  segmentMean,
  type Segments,
  type SegmentNormOptions,
} from './ops/segments.ts';
export { symmetricApc } from './ops/apc.ts';
export {
  adamWBundles,
  bundleGradient,
  adamWUpdate,
  disposeBundle,
  type AdamWTensor,
  type AdamWBundle,
  type AdamWSettings,
} from './ops/adamW.ts';
export { gradientNorm, type GradientNormOptions } from './ops/gradientNorm.ts';
export { conv2d, normConv2d } from './ops/conv2d.ts';
export { pairResNet, type PairResNet } from './ops/pairResNet.ts';
export { pairDistance, pairPrior, type PriorScale } from './ops/pairPrior.ts';
export { residualBlock, type BlockFilters } from './ops/residualBlock.ts';
export { instanceNorm, type InstanceNormOptions } from './ops/instanceNorm.ts';
export { channelGate, gate } from './ops/gate.ts';
export { columns, joinColumns } from './ops/joinColumns.ts';
export { swapAxes } from './ops/swapAxes.ts';
export { batchedProduct } from './ops/batchedMatmul.ts';
export { pairAttention, type PairAttentionShape } from './ops/pairAttention.ts';
export { distanceBins } from './ops/distanceBins.ts';
export { feedForward, type LinearLayer } from './ops/feedForward.ts';
