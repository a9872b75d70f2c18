/** Neighbours in space: points sorted into cubes, so that pairs within a distance cost what they are, not n². */

/**
 * Calls `visit(i, j, squared distance)` for every pair i < j of points nearer than `radius`, or at it, in Å.
 * @param points [n, 3]. @param active [n]: points with 0 are left out. Default: all are in.
 */
export function visitNeighbours(
  points: ArrayLike<number>,
  radius: number,
  visit: (i: number, j: number, squared: number) => void,
  active?: ArrayLike<number>,
): void {
  const members: number[] = [];
  for (let i = 0; 3 * i < points.length; i++) if (active === undefined || active[i]) members.push(i);
  if (members.length < 2) return;
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (const i of members)
    for (let axis = 0; axis < 3; axis++) {
      const value = points[3 * i + axis]!;
      if (!Number.isFinite(value)) throw new RangeError(`visitNeighbours: coordinate ${value} of point ${i}`);
      low[axis] = Math.min(low[axis]!, value);
      high[axis] = Math.max(high[axis]!, value);
    }
  // Points that are far apart get cubes that are larger: never more than a few a point.
  const extent = Math.max(...high.map((value, axis) => value - low[axis]!));
  const side = Math.max(radius, extent / Math.max(1, Math.cbrt(4 * members.length)));
  const counts = high.map((value, axis) => Math.floor((value - low[axis]!) / side) + 1);
  const [columns, rows, layers] = counts as [number, number, number];
  const cellOf = (i: number) => {
    const [x, y, z] = [0, 1, 2].map((axis) => Math.floor((points[3 * i + axis]! - low[axis]!) / side));
    return (z! * rows + y!) * columns + x!;
  };
  // Members in the order of their cells; `starts` says where each cell begins.
  const starts = new Int32Array(columns * rows * layers + 1);
  const cells = Int32Array.from(members, cellOf);
  for (const cell of cells) starts[cell + 1]!++;
  for (let cell = 0; cell < starts.length - 1; cell++) starts[cell + 1]! += starts[cell]!;
  const next = starts.slice();
  const sorted = new Int32Array(members.length);
  for (const [k, i] of members.entries()) sorted[next[cells[k]!]!++] = i;

  // Points in the order of their cells, so that the inner loop reads them in a row.
  const at = new Float64Array(3 * sorted.length);
  for (const [k, i] of sorted.entries()) for (let axis = 0; axis < 3; axis++) at[3 * k + axis] = points[3 * i + axis]!;

  const limit = radius * radius;
  const between = (from: number, to: number) => {
    for (let a = starts[from]!; a < starts[from + 1]!; a++) {
      const i = sorted[a]!;
      const x = at[3 * a]!;
      const y = at[3 * a + 1]!;
      const z = at[3 * a + 2]!;
      for (let b = from === to ? a + 1 : starts[to]!; b < starts[to + 1]!; b++) {
        const dx = at[3 * b]! - x;
        const dy = at[3 * b + 1]! - y;
        const dz = at[3 * b + 2]! - z;
        const squared = dx * dx + dy * dy + dz * dz;
        if (squared > limit) continue;
        const j = sorted[b]!;
        if (i < j) visit(i, j, squared);
        else visit(j, i, squared);
      }
    }
  };
  for (let z = 0; z < layers; z++)
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) {
        const cell = (z * rows + y) * columns + x;
        if (starts[cell] === starts[cell + 1]) continue;
        // Half of the 26 neighbours and the cell itself: each pair of cells once.
        for (const [dx, dy, dz] of HALF) {
          const [nx, ny, nz] = [x + dx, y + dy, z + dz];
          if (nx < 0 || ny < 0 || nx >= columns || ny >= rows || nz >= layers) continue;
          between(cell, (nz * rows + ny) * columns + nx);
        }
      }
}

const HALF: readonly (readonly [number, number, number])[] = [
  [0, 0, 0],
  [1, 0, 0],
  [-1, 1, 0],
  [0, 1, 0],
  [1, 1, 0],
  ...[-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dx, dy, 1] as const)),
];
