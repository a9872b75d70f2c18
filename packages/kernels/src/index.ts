export {
  pinnedSize,
  defineKernel,
  inputNames,
  bindingNames,
  withDerived,
  pipelineKey,
  halfStorage,
  halfNames,
  elementTypes,
  kernelWgsl,
  packUniforms,
  kernelVersion,
  shapeClass,
  octave,
  flatGrid,
  FLAT_SIZE,
  flatIndex,
  elementwise,
  flatVector,
  vectorwise,
  type ElementType,
  type UniformType,
  type Bindings,
  type UniformTypes,
  type Variant,
  type Uniforms,
  type Grid,
  type AdapterTraits,
  type Tuning,
  type KernelSpec,
  type Kernel,
  type AnyKernel,
} from './kernel.ts';
export { threefry2x32, threefryWgsl, deriveKey, RandomStream } from './random.ts';
export * as portable from './portableMath.ts';
export { attentionTiles, tableEntries, isBounded, entryCounts, tableVariant, type TableEntry } from './variants.ts';
export { fill, add, accumulate, scale, dropoutThreshold, dropout, dropoutAdd } from './elementwise.ts';
export { cast } from './cast.ts';
export { toHalf, fromHalf, decodeHalves, encodeHalves } from './half.ts';
export { matmul, type MatmulVariant } from './matmul.ts';
export { matrixStorage, unitFits, unitName, type MatrixUnit } from './subgroupMatrix.ts';
export { quantizedRowWords, quantizeRows } from './quantize.ts';
export { QUANTIZED_GROUP, groupedRowWords, quantizeGroups } from './quantizeGroups.ts';
export { columnSum, type ColumnVariant } from './reduction.ts';
export { SQUARED_TENSORS, sumOfSquares, stridedSum, REPORT, REPORT_SIZE, clipFactor } from './gradientNorm.ts';
export { SCALED_REPORT, SCALED_REPORT_SIZE, lossScale } from './lossScale.ts';
export { GUARD_SIZE, REASON, stepGuard } from './stepGuard.ts';
export { movingAverage } from './movingAverage.ts';
export { multiplyAdd, multiplyAddFlops } from './multiplyAdd.ts';
export { adamW } from './adamW.ts';
export { ropeTable } from './rope.ts';
export { layerNorm, layerNormBackward, layerNormBackwardWeight } from './layerNorm.ts';
export { rmsNorm, rmsNormBackward, rmsNormBackwardWeight } from './rmsNorm.ts';
export { softmax, softmaxBackward } from './softmax.ts';
export {
  swiglu,
  swigluBackward,
  swigluBackwardBeta,
  gelu,
  geluBackward,
  relu,
  reluBackward,
  silu,
  siluBackward,
  type SwigluVariant,
} from './activations.ts';
export { embedding, embeddingBackward } from './embedding.ts';
export { positionEmbedding, positionEmbeddingBackward } from './positionEmbedding.ts';
export { crossEntropy, crossEntropyBackward, broadcast } from './crossEntropy.ts';
export { attention, attentionBackwardQuery, attentionBackwardKey, type AttentionVariant } from './attention.ts';
export { attentionPack, attentionUnpack, attentionDelta, attentionMap } from './attentionPack.ts';
export { rows, rowsBackward, joinRows, pairSum, pairSumBackward, pairLogits, pairLogitsBackward } from './pair.ts';
export { pairPrior, pairPriorBackward, pairDistance, pairDistanceBackward } from './pairPrior.ts';
export { pairLoss, pairLossBackward } from './pairLoss.ts';
export {
  instanceNormChunks,
  instanceNormStats,
  instanceNorm,
  instanceNormBackwardSums,
  instanceNormBackward,
  type InstanceNormVariant,
} from './instanceNorm.ts';
export {
  packFilters,
  sumTaps,
  conv2d,
  conv2dBackwardWeight,
  sumFilters,
  type Conv2dVariant,
  type Conv2dWeightVariant,
} from './conv2d.ts';
export { gatherRows } from './gatherRows.ts';
export { segmentTable, sequenceTable } from './segments.ts';
export { unfold, unfoldBackward } from './conv1d.ts';
export {
  segmentStats,
  segmentNorm,
  segmentNormBackwardSums,
  segmentNormBackward,
  type SegmentNormVariant,
  type SegmentNormBackwardVariant,
} from './segmentNorm.ts';
export { segmentMean, segmentMeanBackward } from './segmentMean.ts';
export { binaryCrossEntropy, binaryCrossEntropyBackward } from './binaryCrossEntropy.ts';
export { huber, huberBackward } from './huber.ts';
export { apcSums, apc } from './apc.ts';
export {
  framePoints,
  framePointsBackward,
  framePointsBackwardFrames,
  updateFrames,
  updateFramesBackward,
  scaleFrames,
  frameMatrices,
  frameMatricesBackward,
} from './frames.ts';
export {
  pointAttentionLogits,
  pointAttentionValues,
  pointAttentionPairs,
  pointAttentionPointsBackward,
  pointAttentionFramesBackward,
  pointAttentionWeightsBackward,
  pointAttentionQueriesBackward,
  pointAttentionKeysBackward,
  pointAttentionValuesBackward,
  pointAttentionHeadsBackward,
  pointAttentionBiasBackward,
  pointAttentionPairsBackward,
} from './pointAttention.ts';
export {
  ATOMS_OF_NUCLEOTIDE,
  TORSIONS_OF_NUCLEOTIDE,
  ATOM_COLUMNS,
  groupFrames,
  groupFramesBackward,
  placeAtoms,
  placeAtomsBackward,
} from './fullAtoms.ts';
export { unitAngles, unitAnglesBackward, torsionLoss, torsionLossBackward } from './torsions.ts';
export { fape, fapeBackwardFrames, fapeBackwardPoints } from './fape.ts';
export { lddtBins } from './lddtBins.ts';
export {
  squaredDistances,
  squaredDistancesBackward,
  edgeFeatureCount,
  edgeFeatures,
  edgeFeaturesBackward,
  neighbourSums,
  neighbourSumsBackward,
  groupSums,
  moveNodes,
  moveNodesBackwardWeights,
  moveNodesBackward,
  siluDot,
} from './edges.ts';
export { gate, gateBackward, channelGate, channelGateBackward } from './gate.ts';
export { joinColumns, takeColumns } from './joinColumns.ts';
export { swapSizes, swapAxes, type SwapVariant } from './swapAxes.ts';
export { batchedMatmul, type BatchedMatmulVariant } from './batchedMatmul.ts';
export {
  pairAttention,
  pairAttentionStats,
  pairAttentionBackwardQuery,
  pairAttentionBackwardKey,
  pairAttentionBackwardBias,
  type PairAttentionVariant,
} from './pairAttention.ts';
export { distanceBins } from './distanceBins.ts';
