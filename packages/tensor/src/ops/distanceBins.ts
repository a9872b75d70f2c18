/** Distances between points as bins. */
import * as k from '@rna/kernels';
import { requireShape, type Tensor } from '../tensor.ts';

/**
 * For each two points the bin that their distance is in, as one among zeros; not recorded, since bins have no gradient.
 * @param x [length, 3]
 * @param edges ascending distances; bin k lies between edges k and k + 1, and neither belongs to it
 * @returns [length, length, edges.length − 1]
 */
export function distanceBins(x: Tensor, edges: Float32Array): Tensor {
  const [length = 0] = x.shape;
  requireShape(x.shape.length === 2 && x.shape[1] === 3 && edges.length > 1, 'distanceBins', x.shape, [edges.length]);
  const { device } = x;
  const bins = edges.length - 1;
  return device.scope(
    () =>
      device.run(
        k.distanceBins,
        { x, edges: device.tensor(edges.map((edge) => edge * edge)) },
        { y: [length, length, bins] },
        { count: length * length * bins, length, bins },
      ).y,
  );
}
