/** The shades of a map of distances within a structure: light is near, dark is far. */

/** Å from which all distances have the darkest shade: the last that a distogram tells from others. */
export const FARTHEST = 39;

/** A byte for each distance in Å: 0 is near, 255 is `FARTHEST` and more. */
export const distanceBytes = (distances: ArrayLike<number>): Uint8ClampedArray<ArrayBuffer> =>
  Uint8ClampedArray.from(distances, (distance) => (255 * Math.min(distance, FARTHEST)) / FARTHEST);

/** The shade of such a byte: red, green and blue of 255. */
export const distanceShade = (byte: number): readonly [number, number, number] => [
  253 - 0.75 * byte,
  231 - 0.85 * byte,
  255 - 0.45 * byte,
];
