/** Losses of a predicted structure: the frame-aligned point error, torsion angles, and the predicted lDDT. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';
import { sum } from './loss.ts';
import { columnSum } from './matmul.ts';

/** What frames and points should be. Tensors must outlive the tape's walk or belong to a scope under it. */
export interface FapeGoal {
  /** [frames, 12]: rotations by rows, translations in Å. */
  readonly frames: Tensor;
  /** [points, 3], Å. */
  readonly points: Tensor;
  /** [frames] and [points], 0 for those that do not count. */
  readonly frameMask: Tensor;
  readonly pointMask: Tensor;
  /** Sums of the masks. */
  readonly framesCounted: number;
  readonly pointsCounted: number;
}

export interface FapeOptions {
  /** Where an error is cut, Å; Infinity for no cut. */
  readonly clamp: number;
  /** What the mean is multiplied by; default 1. */
  readonly factor?: number;
}

const CHUNK = 256;
// Å², under the root of each error, and what the counts have more.
const EPSILON = 1e-4;
const UNIT = 10;
// No error is of this size.
const NO_CLAMP = 3e38;

/**
 * FAPE (Jumper et al. 2021, supplement algorithm 28): the mean error of all points seen from all frames, over 10 Å.
 * @param frames [..., 12], of rotations by rows and translations in Å
 * @param points [..., 3], Å
 * @returns [1]
 */
export function fape(frames: Tensor, points: Tensor, goal: FapeGoal, { clamp, factor = 1 }: FapeOptions): Tensor {
  const [f, p] = [frames.size / 12, points.size / 3];
  requireShape(
    goal.frames.size === frames.size &&
      goal.points.size === points.size &&
      goal.frameMask.size === f &&
      goal.pointMask.size === p,
    'fape',
    frames.shape,
    points.shape,
    goal.frames.shape,
    goal.points.shape,
  );
  const { device } = frames;
  const inputs = {
    frames,
    points,
    goalFrames: goal.frames,
    goalPoints: goal.points,
    frameMask: goal.frameMask,
    pointMask: goal.pointMask,
  };
  const uniforms = (count: number): k.Uniforms<(typeof k.fape)['uniforms']> => ({
    count,
    frames: f,
    points: p,
    chunk: CHUNK,
    clamp: Math.min(clamp, NO_CLAMP),
    epsilon: EPSILON,
    scale: factor / (UNIT * (goal.framesCounted + EPSILON) * (goal.pointsCounted + EPSILON)),
  });
  const pointChunks = Math.ceil(p / CHUNK);
  const loss = device.scope(() => {
    const { y } = device.run(k.fape, inputs, { y: [pointChunks, f] }, uniforms(pointChunks * f));
    return columnSum(y, pointChunks * f, 1);
  });
  return record(loss, Object.values(inputs), (dy, [needsFrames, needsPoints]) => {
    const dframes = (): Tensor =>
      device.scope(() => {
        const { y } = device.run(
          k.fapeBackwardFrames,
          { ...inputs, dy },
          { y: [pointChunks, 12 * f] },
          uniforms(pointChunks * f),
        );
        return columnSum(y, pointChunks, 12 * f).alias(frames.shape);
      });
    const dpoints = (): Tensor =>
      device.scope(() => {
        const chunks = Math.ceil(f / CHUNK);
        const { y } = device.run(k.fapeBackwardPoints, { ...inputs, dy }, { y: [chunks, 3 * p] }, uniforms(chunks * p));
        return columnSum(y, chunks, 3 * p).alias(points.shape);
      });
    return [needsFrames === true ? dframes() : undefined, needsPoints === true ? dpoints() : undefined];
  });
}

/**
 * Σ weight · |x̂ − goal|² + sizeWeight · ||x| − 1| of torsion angles, x̂ of length 1 (Jumper et al. 2021, supplement
 * algorithm 27).
 * @param x [..., 2], whole times as many as goal
 * @param goal [targets, 2]
 * @param weight [targets], as sizeWeight
 * @returns [1]
 */
export function torsionLoss(x: Tensor, goal: Tensor, weight: Tensor, sizeWeight: Tensor): Tensor {
  const [count, targets] = [x.size / 2, weight.size];
  requireShape(
    goal.size === 2 * targets && sizeWeight.size === targets && count % targets === 0,
    'torsionLoss',
    x.shape,
    goal.shape,
    weight.shape,
  );
  const { device } = x;
  const inputs = { x, goal, weight, sizeWeight };
  const uniforms = { count, targets };
  const { y } = device.run(k.torsionLoss, inputs, { y: [count] }, uniforms);
  return sum(
    record(y, Object.values(inputs), (dy) => [
      device.run(k.torsionLossBackward, { dy, ...inputs }, { dx: x.shape }, uniforms).dx,
    ]),
  );
}

/**
 * Cross entropy of 50 bins against the lDDT that predicted coordinates have, through which no gradient goes: the mean
 * over the nucleotides whose atom is known (Jumper et al. 2021, supplement 1.9.6).
 * @param logits [L, 50]
 * @param coordinates [L, slots, 3], as the true ones; mask [L, slots]
 * @param slot The atom by which distances are measured
 * @param counted Nucleotides whose atom is known
 * @returns [1]
 */
export function lddtLoss(
  logits: Tensor,
  coordinates: Tensor,
  goal: Tensor,
  mask: Tensor,
  { slot, counted }: { readonly slot: number; readonly counted: number },
): Tensor {
  const [rows = 0, cols = 0] = logits.shape;
  const slots = mask.size / rows;
  requireShape(
    coordinates.size === 3 * mask.size && goal.size === coordinates.size && Number.isInteger(slots) && slot < slots,
    'lddtLoss',
    logits.shape,
    coordinates.shape,
    goal.shape,
    mask.shape,
  );
  const { device } = logits;
  const { y: labels } = device.run(
    k.lddtBins,
    { coordinates, goal, mask },
    { y: [rows] },
    { count: rows, slots, slot },
  );
  const { loss } = device.run(k.crossEntropy, { logits, labels }, { loss: [rows] }, { rows, cols });
  return sum(
    record(loss, [logits, labels], (dloss) => [
      device.run(k.crossEntropyBackward, { dloss, logits, labels }, { dlogits: logits.shape }, { rows, cols }).dlogits,
      undefined,
    ]),
    1 / counted,
  );
}
