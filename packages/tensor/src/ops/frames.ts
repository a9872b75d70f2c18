/** Frames of nucleotides, [length, 7]: a quaternion (w, x, y, z) and a translation. */
import * as k from '@rna/kernels';
import { record } from '../tape.ts';
import { requireShape, type Tensor } from '../tensor.ts';

/** Throws a ShapeError naming `op` unless it is [length, 7]; returns the length. */
export function framesLength(frames: Tensor, op: string): number {
  requireShape(frames.shape.length === 2 && frames.shape[1] === 7, op, frames.shape);
  return frames.shape[0]!;
}

/**
 * R(q) · x + t: points from the frames of their nucleotides into space.
 * @param x [length, 3·points]: all x, then all y, then all z
 * @param frames [length, 7], of quaternions of length 1
 */
export function framePoints(x: Tensor, frames: Tensor): Tensor {
  const length = framesLength(frames, 'framePoints');
  requireShape(x.size % (3 * length) === 0 && x.shape[0] === length, 'framePoints', x.shape, frames.shape);
  const { device } = x;
  const points = x.size / (3 * length);
  const uniforms = { count: length * points, points };
  const { y } = device.run(k.framePoints, { x, frames }, { y: x.shape }, uniforms);
  return record(y, [x, frames], (dy, [needsX, needsFrames]) => [
    needsX === true ? device.run(k.framePointsBackward, { dy, frames }, { dx: x.shape }, uniforms).dx : undefined,
    needsFrames === true
      ? device.run(k.framePointsBackwardFrames, { dy, x, frames }, { dframes: frames.shape }, { count: length, points })
          .dframes
      : undefined,
  ]);
}

/**
 * Frames that are turned by the quaternion (1, b), made of length 1, and shifted by v, both seen from the frame
 * (Jumper et al. 2021, supplement algorithm 23).
 * @param frames [length, 7]
 * @param update [length, 6]: b, then v
 */
export function updateFrames(frames: Tensor, update: Tensor): Tensor {
  const length = framesLength(frames, 'updateFrames');
  requireShape(update.size === 6 * length, 'updateFrames', frames.shape, update.shape);
  const { device } = frames;
  const { y } = device.run(k.updateFrames, { frames, update }, { y: frames.shape }, { count: length });
  return record(y, [frames, update], (dy) => {
    const { dframes, dupdate } = device.run(
      k.updateFramesBackward,
      { dy, frames, update },
      { dframes: frames.shape, dupdate: update.shape },
      { count: length },
    );
    return [dframes, dupdate];
  });
}

/** Frames with translations times `factor`: from units of 10 Å to Å. */
export function scaleTranslations(frames: Tensor, factor: number): Tensor {
  framesLength(frames, 'scaleTranslations');
  const { device, shape, size: count } = frames;
  const uniforms = { count, rotation: 1, translation: factor };
  const { y } = device.run(k.scaleFrames, { x: frames }, { y: shape }, uniforms);
  return record(y, [frames], (dy) => [device.run(k.scaleFrames, { x: dy }, { y: shape }, uniforms).y]);
}

/** The same frames, through whose rotations no gradient goes back. */
export function stopRotations(frames: Tensor): Tensor {
  framesLength(frames, 'stopRotations');
  const { device, shape, size: count } = frames;
  return record(frames.alias(), [frames], (dy) => [
    device.run(k.scaleFrames, { x: dy }, { y: shape }, { count, rotation: 0, translation: 1 }).y,
  ]);
}

/** [length, 12]: rotations as matrices by rows, then translations. */
export function frameMatrices(frames: Tensor): Tensor {
  const length = framesLength(frames, 'frameMatrices');
  const { device } = frames;
  const { y } = device.run(k.frameMatrices, { frames }, { y: [length, 12] }, { count: length });
  return record(y, [frames], (dy) => [
    device.run(k.frameMatricesBackward, { dy, frames }, { dframes: frames.shape }, { count: length }).dframes,
  ]);
}
