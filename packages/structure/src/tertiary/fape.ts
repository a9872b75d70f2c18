/**
 * FAPE, the frame-aligned point error of AlphaFold 2 (Jumper et al., 2021,
 * algorithm 28): every point seen from every frame, in the truth and in the
 * model. In doubles, as a score and as the reference of the loss. It tells a
 * mirror image apart, which lDDT cannot.
 */

import { invertApply, norm, subtract, vectorAt, type Matrix, type Rigid, type Vector } from './rigid.ts';

export interface FramesAndPoints {
  /** [F, 3, 3] and [F, 3] in Å. */
  readonly rotations: ArrayLike<number>;
  readonly translations: ArrayLike<number>;
  /** [P, 3], Å. */
  readonly points: ArrayLike<number>;
}

export interface FapeOptions {
  /** Where an error is cut, Å; Infinity for no cut. */
  readonly clamp: number;
  /** [F] and [P]: frames and points that count. Default: all. */
  readonly frameMask?: ArrayLike<number>;
  readonly pointMask?: ArrayLike<number>;
  /** Added under the root of each error (Å²: a perfect model scores its root / unit) and to both counts. Default 1e-4. */
  readonly epsilon?: number;
  /** What an error is divided by, Å. Default 10. */
  readonly unit?: number;
}

/** The mean error over frames and points in units of `unit`. Throws a RangeError for sizes that differ. */
export function fape(
  truth: FramesAndPoints,
  model: FramesAndPoints,
  { clamp, frameMask, pointMask, epsilon = 1e-4, unit = 10 }: FapeOptions,
): number {
  const frames = truth.translations.length / 3;
  const points = truth.points.length / 3;
  for (const side of [truth, model])
    if (
      side.rotations.length !== 9 * frames ||
      side.translations.length !== 3 * frames ||
      side.points.length !== 3 * points
    )
      throw new RangeError('fape: the truth and the model have different numbers of frames or points');
  let sum = 0;
  let [framesCounted, pointsCounted] = [0, 0];
  const counts = (mask: ArrayLike<number> | undefined, at: number) => mask === undefined || Boolean(mask[at]);
  for (let p = 0; p < points; p++) if (counts(pointMask, p)) pointsCounted++;
  for (let f = 0; f < frames; f++) {
    if (!counts(frameMask, f)) continue;
    framesCounted++;
    const [inTruth, inModel] = [frameAt(truth, f), frameAt(model, f)];
    for (let p = 0; p < points; p++) {
      if (!counts(pointMask, p)) continue;
      const error: Vector = subtract(
        invertApply(inModel, vectorAt(model.points, p)),
        invertApply(inTruth, vectorAt(truth.points, p)),
      );
      sum += Math.min(Math.sqrt(norm(error) ** 2 + epsilon), clamp);
    }
  }
  return sum / unit / ((framesCounted + epsilon) * (pointsCounted + epsilon));
}

const frameAt = ({ rotations, translations }: FramesAndPoints, at: number): Rigid => ({
  rotation: Array.from({ length: 9 }, (_, k) => rotations[9 * at + k]!) as unknown as Matrix,
  translation: vectorAt(translations, at),
});
