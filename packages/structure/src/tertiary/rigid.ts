/**
 * Rotations and rigid motions in doubles: quaternions (w, x, y, z), matrices
 * [3, 3] by rows, and frames that three points span.
 */

export type Vector = readonly [number, number, number];
export type Quaternion = readonly [number, number, number, number];
/** [3, 3] by rows. */
export type Matrix = readonly [number, number, number, number, number, number, number, number, number];

/** x ↦ rotation · x + translation. */
export interface Rigid {
  readonly rotation: Matrix;
  readonly translation: Vector;
}

export const IDENTITY: Rigid = { rotation: [1, 0, 0, 0, 1, 0, 0, 0, 1], translation: [0, 0, 0] };

export const subtract = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const add = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const scale = (a: Vector, factor: number): Vector => [a[0] * factor, a[1] * factor, a[2] * factor];
export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const norm = (a: Vector): number => Math.sqrt(dot(a, a));
export const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** The vector at place `index` of [n, 3] values. */
export const vectorAt = (values: ArrayLike<number>, index: number): Vector => [
  values[3 * index]!,
  values[3 * index + 1]!,
  values[3 * index + 2]!,
];

/** The rotation of a quaternion of length 1; of another, the rotation times the squared length. */
export function quaternionMatrix([w, x, y, z]: Quaternion): Matrix {
  return [
    w * w + x * x - y * y - z * z,
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    w * w - x * x + y * y - z * z,
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    w * w - x * x - y * y + z * z,
  ];
}

/** The quaternion of a rotation, of the two the one with w ≥ 0. */
export function matrixQuaternion(m: Matrix): Quaternion {
  // The largest of the four is taken from the diagonal, so that no division is by a small number.
  const squares = [
    1 + m[0] + m[4] + m[8],
    1 + m[0] - m[4] - m[8],
    1 - m[0] + m[4] - m[8],
    1 - m[0] - m[4] + m[8],
  ] as const;
  const largest = squares.indexOf(Math.max(...squares));
  const r = Math.sqrt(squares[largest]!);
  const [a, b, c] = [m[7] - m[5], m[2] - m[6], m[3] - m[1]];
  const [d, e, f] = [m[1] + m[3], m[2] + m[6], m[5] + m[7]];
  const rows: readonly Quaternion[] = [
    [r * r, a, b, c],
    [a, r * r, d, e],
    [b, d, r * r, f],
    [c, e, f, r * r],
  ];
  const q = normalizeQuaternion(rows[largest]!);
  return q[0] < 0 ? [-q[0], -q[1], -q[2], -q[3]] : q;
}

export function multiplyQuaternions(a: Quaternion, b: Quaternion): Quaternion {
  return [
    a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
    a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
    a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
    a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
  ];
}

/** A quaternion divided by its length. Throws a RangeError where that is 0. */
export function normalizeQuaternion([w, x, y, z]: Quaternion): Quaternion {
  const length = Math.sqrt(w * w + x * x + y * y + z * z);
  if (!(length > 0)) throw new RangeError(`normalizeQuaternion: (${w}, ${x}, ${y}, ${z}) has no direction`);
  return [w / length, x / length, y / length, z / length];
}

export function multiplyMatrices(a: Matrix, b: Matrix): Matrix {
  const entry = (row: number, column: number) =>
    a[3 * row]! * b[column]! + a[3 * row + 1]! * b[column + 3]! + a[3 * row + 2]! * b[column + 6]!;
  return [
    entry(0, 0),
    entry(0, 1),
    entry(0, 2),
    entry(1, 0),
    entry(1, 1),
    entry(1, 2),
    entry(2, 0),
    entry(2, 1),
    entry(2, 2),
  ];
}

export const transpose = (m: Matrix): Matrix => [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];

export const rotate = (m: Matrix, v: Vector): Vector => [
  m[0] * v[0] + m[1] * v[1] + m[2] * v[2],
  m[3] * v[0] + m[4] * v[1] + m[5] * v[2],
  m[6] * v[0] + m[7] * v[1] + m[8] * v[2],
];

export const applyRigid = ({ rotation, translation }: Rigid, x: Vector): Vector =>
  add(rotate(rotation, x), translation);

/** Rᵀ(x − t): what `applyRigid` undoes. */
export const invertApply = ({ rotation, translation }: Rigid, x: Vector): Vector =>
  rotate(transpose(rotation), subtract(x, translation));

export const invertRigid = ({ rotation, translation }: Rigid): Rigid => {
  const inverse = transpose(rotation);
  return { rotation: inverse, translation: scale(rotate(inverse, translation), -1) };
};

/** First `inner`, then `outer`. */
export const composeRigids = (outer: Rigid, inner: Rigid): Rigid => ({
  rotation: multiplyMatrices(outer.rotation, inner.rotation),
  translation: applyRigid(outer, inner.translation),
});

/**
 * The frame of three points: origin `origin`, x axis towards `ahead`, `aside` in the xy plane with y > 0. `epsilon` is
 * added to both lengths that are divided by: RhoFold's 1e-4 makes the axes a little short.
 */
export function frameOfPoints(aside: Vector, origin: Vector, ahead: Vector, epsilon = 0): Rigid {
  const forward = subtract(ahead, origin);
  const x = scale(forward, 1 / (norm(forward) + epsilon));
  const side = subtract(aside, origin);
  const across = subtract(side, scale(x, dot(x, side)));
  const y = scale(across, 1 / (norm(across) + epsilon));
  const z = cross(x, y);
  return { rotation: [x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]], translation: origin };
}

/** The dihedral angle a-b-c-d as (cos, sin), IUPAC's sign; NaN where three atoms lie on a line. */
export function dihedral(a: Vector, b: Vector, c: Vector, d: Vector): readonly [number, number] {
  const axis = subtract(c, b);
  const before = cross(subtract(b, a), axis);
  const after = cross(axis, subtract(d, c));
  const cos = dot(before, after);
  const sin = dot(cross(before, after), axis) / norm(axis);
  const length = Math.hypot(cos, sin);
  return [cos / length, sin / length];
}
