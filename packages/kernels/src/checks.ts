/** Every kernel's check, in one list for the tests, the gradient check and the benchmark. */
import type { KernelCheck } from './check.ts';
import * as adamW from './adamW.check.ts';
import * as activations from './activations.check.ts';
import * as cast from './cast.check.ts';
import * as attention from './attention.check.ts';
import * as attentionPack from './attentionPack.check.ts';
import * as crossEntropy from './crossEntropy.check.ts';
import * as embedding from './embedding.check.ts';
import * as positionEmbedding from './positionEmbedding.check.ts';
import * as layerNorm from './layerNorm.check.ts';
import * as rmsNorm from './rmsNorm.check.ts';
import * as elementwise from './elementwise.check.ts';
import * as matmul from './matmul.check.ts';
import * as lossScale from './lossScale.check.ts';
import * as movingAverage from './movingAverage.check.ts';
import * as multiplyAdd from './multiplyAdd.check.ts';
import * as stepGuard from './stepGuard.check.ts';
import * as softmax from './softmax.check.ts';
import * as gradientNorm from './gradientNorm.check.ts';
import * as pair from './pair.check.ts';
import * as pairPrior from './pairPrior.check.ts';
import * as pairLoss from './pairLoss.check.ts';
import * as instanceNorm from './instanceNorm.check.ts';
import * as conv2d from './conv2d.check.ts';
import * as quantize from './quantize.check.ts';
import * as quantizeGroups from './quantizeGroups.check.ts';
import * as reduction from './reduction.check.ts';
import * as gatherRows from './gatherRows.check.ts';
import * as conv1d from './conv1d.check.ts';
import * as segmentNorm from './segmentNorm.check.ts';
import * as segmentMean from './segmentMean.check.ts';
import * as binaryCrossEntropy from './binaryCrossEntropy.check.ts';
import * as huber from './huber.check.ts';
import * as apc from './apc.check.ts';
import * as frames from './frames.check.ts';
import * as pointAttention from './pointAttention.check.ts';
import * as fullAtoms from './fullAtoms.check.ts';
import * as torsions from './torsions.check.ts';
import * as fape from './fape.check.ts';
import * as lddtBins from './lddtBins.check.ts';
import * as edges from './edges.check.ts';
import * as batchedMatmul from './batchedMatmul.check.ts';
import * as distanceBins from './distanceBins.check.ts';
import * as pairAttention from './pairAttention.check.ts';
import * as gate from './gate.check.ts';
import * as joinColumns from './joinColumns.check.ts';
import * as swapAxes from './swapAxes.check.ts';

const modules = [
  layerNorm,
  rmsNorm,
  softmax,
  embedding,
  positionEmbedding,
  crossEntropy,
  attention,
  attentionPack,
  activations,
  adamW,
  gradientNorm,
  lossScale,
  stepGuard,
  movingAverage,
  multiplyAdd,
  elementwise,
  matmul,
  cast,
  quantize,
  quantizeGroups,
  reduction,
  pair,
  pairPrior,
  pairLoss,
  instanceNorm,
  conv2d,
  gatherRows,
  conv1d,
  segmentNorm,
  segmentMean,
  binaryCrossEntropy,
  huber,
  apc,
  frames,
  pointAttention,
  fullAtoms,
  torsions,
  fape,
  lddtBins,
  edges,
  batchedMatmul,
  distanceBins,
  pairAttention,
  gate,
  joinColumns,
  swapAxes,
];

const isCheck = (value: unknown): value is KernelCheck =>
  typeof value === 'object' && value !== null && 'kernel' in value;

export const checks: readonly KernelCheck[] = modules.flatMap((module) => Object.values(module).filter(isCheck));

/** Gradients that no single kernel gives whole. */
export const jointGradients = {
  attention: attention.attentionGradient,
  pointAttention: pointAttention.pointAttentionGradient,
  fape: fape.fapeGradient,
  edgeFeatures: edges.edgeFeaturesGradient,
};

export type { Call, KernelCheck, Values, Work } from './check.ts';
export { gradientErrors, type GradientCheck } from './check.ts';
