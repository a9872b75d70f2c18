/**
 * Superposition of two sets of points by rotation and translation (Kabsch),
 * and the RMSD that is left. The rotation is the largest eigenvector of Horn's
 * 4 × 4 matrix, so it is never a mirror image.
 */

import { ATOM_SLOTS, C1_SLOT } from './nucleotides.ts';
import {
  normalizeQuaternion,
  quaternionMatrix,
  rotate,
  subtract,
  vectorAt,
  type Matrix,
  type Quaternion,
  type Rigid,
} from './rigid.ts';
import { checkSameChain, type ChainAtoms } from './sameChain.ts';

/**
 * The rigid motion that brings `points` nearest to `target`, both [n, 3], in the sense of least squares. `chosen` lists
 * the points that count. Throws a RangeError for sizes that differ or no point.
 */
export function superpose(target: ArrayLike<number>, points: ArrayLike<number>, chosen?: ArrayLike<number>): Rigid {
  const count = chosen?.length ?? points.length / 3;
  if (target.length !== points.length || count === 0)
    throw new RangeError(`superpose: ${target.length / 3} and ${points.length / 3} points, ${count} of them chosen`);
  const targetCentre = new Float64Array(3);
  const centre = new Float64Array(3);
  for (let k = 0; k < count; k++) {
    const at = 3 * (chosen === undefined ? k : chosen[k]!);
    for (let axis = 0; axis < 3; axis++) {
      targetCentre[axis]! += target[at + axis]! / count;
      centre[axis]! += points[at + axis]! / count;
    }
  }
  // s[3 a + b] is the sum of points' axis a times the target's axis b.
  const s = new Float64Array(9);
  for (let k = 0; k < count; k++) {
    const at = 3 * (chosen === undefined ? k : chosen[k]!);
    for (let a = 0; a < 3; a++)
      for (let b = 0; b < 3; b++)
        s[3 * a + b]! += (points[at + a]! - centre[a]!) * (target[at + b]! - targetCentre[b]!);
  }
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = s as unknown as Matrix;
  const horn = [
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ];
  const rotation = quaternionMatrix(largestEigenvector(Float64Array.from(horn.flat())));
  const translation = subtract(vectorAt(targetCentre, 0), rotate(rotation, vectorAt(centre, 0)));
  return { rotation, translation };
}

/** The unit eigenvector of the largest eigenvalue of a symmetric 4 × 4 matrix, by rows, by Jacobi's rotations. */
function largestEigenvector(a: Float64Array): Quaternion {
  const vectors = new Float64Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  for (let sweep = 0; sweep < 50; sweep++) {
    let rest = 0;
    for (let p = 0; p < 4; p++) for (let q = p + 1; q < 4; q++) rest += a[4 * p + q]! ** 2;
    if (rest === 0) break;
    for (let p = 0; p < 4; p++)
      for (let q = p + 1; q < 4; q++) {
        const off = a[4 * p + q]!;
        if (off === 0) continue;
        const theta = (a[5 * q]! - a[5 * p]!) / (2 * off);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const cos = 1 / Math.sqrt(t * t + 1);
        const sin = t * cos;
        turnColumns(a, p, q, cos, sin);
        turnColumns(vectors, p, q, cos, sin);
        for (let k = 0; k < 4; k++) {
          const pk = a[4 * p + k]!;
          const qk = a[4 * q + k]!;
          a[4 * p + k] = cos * pk - sin * qk;
          a[4 * q + k] = sin * pk + cos * qk;
        }
      }
  }
  let best = 0;
  for (let k = 1; k < 4; k++) if (a[5 * k]! > a[5 * best]!) best = k;
  return normalizeQuaternion([vectors[best]!, vectors[4 + best]!, vectors[8 + best]!, vectors[12 + best]!]);
}

/** Turns columns p and q of a 4 × 4 matrix into each other. */
function turnColumns(matrix: Float64Array, p: number, q: number, cos: number, sin: number): void {
  for (let k = 0; k < 16; k += 4) {
    const kp = matrix[k + p]!;
    const kq = matrix[k + q]!;
    matrix[k + p] = cos * kp - sin * kq;
    matrix[k + q] = sin * kp + cos * kq;
  }
}

/** [n]: squared distances of `target` from `points` moved, both [n, 3]. */
export function squaredDistances(
  target: ArrayLike<number>,
  points: ArrayLike<number>,
  { rotation: r, translation: t }: Rigid,
): Float64Array {
  const squared = new Float64Array(points.length / 3);
  for (let k = 0; k < squared.length; k++) {
    const x = points[3 * k]!;
    const y = points[3 * k + 1]!;
    const z = points[3 * k + 2]!;
    const dx = r[0] * x + r[1] * y + r[2] * z + t[0] - target[3 * k]!;
    const dy = r[3] * x + r[4] * y + r[5] * z + t[1] - target[3 * k + 1]!;
    const dz = r[6] * x + r[7] * y + r[8] * z + t[2] - target[3 * k + 2]!;
    squared[k] = dx * dx + dy * dy + dz * dz;
  }
  return squared;
}

/** The atoms that both sides have: of C1' alone, of one other slot, or all. Points [n, 3] and the nucleotide of each [n]. Throws a RangeError for a coordinate that is not finite. */
export function commonPoints(
  truth: ChainAtoms,
  model: ChainAtoms,
  slot: (base: string) => number | 'all',
): { truth: Float64Array; model: Float64Array; nucleotides: Int32Array } {
  const places: number[] = [];
  for (let i = 0; i < truth.sequence.length; i++) {
    const wanted = slot(truth.sequence[i]!);
    for (let k = 0; k < ATOM_SLOTS; k++) {
      const at = i * ATOM_SLOTS + k;
      if ((wanted === 'all' || wanted === k) && truth.mask[at] && model.mask[at]) places.push(at);
    }
  }
  const points = ({ coordinates }: ChainAtoms) =>
    Float64Array.from({ length: 3 * places.length }, (_, k) => {
      const value = coordinates[3 * places[Math.floor(k / 3)]! + (k % 3)]!;
      if (!Number.isFinite(value)) throw new RangeError(`a coordinate of an atom is ${value}`);
      return value;
    });
  return {
    truth: points(truth),
    model: points(model),
    nucleotides: Int32Array.from(places, (at) => Math.floor(at / ATOM_SLOTS)),
  };
}

/**
 * RMSD in Å after superposition on the same atoms: those that both sides have, C1' alone or all heavy ones. NaN without
 * an atom in common. Throws a RangeError for sequences that differ.
 */
export function rmsd(truth: ChainAtoms, model: ChainAtoms, atoms: 'c1' | 'all'): number {
  checkSameChain(truth, model, 'rmsd');
  const points = commonPoints(truth, model, () => (atoms === 'all' ? 'all' : C1_SLOT));
  if (points.nucleotides.length === 0) return NaN;
  const squared = squaredDistances(points.truth, points.model, superpose(points.truth, points.model));
  return Math.sqrt(squared.reduce((sum, value) => sum + value, 0) / squared.length);
}
