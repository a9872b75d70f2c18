/**
 * Whether a device's products on subgroup matrices are right: the feature is
 * experimental, and drivers have had it wrong. Products of small whole numbers,
 * whose sums are exact: with edges that fill no tile, and of several tiles whose
 * inner index is taken in parts, so that operands lie at many offsets.
 */
import { matmul, type MatmulVariant } from '@rna/kernels';
import type { Device } from './device.ts';
import { DeviceError } from './errors.ts';

const SIZES = [
  { rows: 70, inner: 44, cols: 67, depth: 44 },
  { rows: 200, inner: 164, cols: 133, depth: 64 },
] as const;

/** Runs the products in a variant. Rejects only where the device is lost. */
export async function productsAreRight(device: Device, variant: Partial<MatmulVariant>): Promise<boolean> {
  for (const sizes of SIZES) if (!(await productIsRight(device, variant, sizes))) return false;
  return true;
}

async function productIsRight(
  device: Device,
  variant: Partial<MatmulVariant>,
  sizes: (typeof SIZES)[number],
): Promise<boolean> {
  const { rows, inner, cols, depth } = sizes;
  const a = Float32Array.from({ length: rows * inner }, (_, i) => ((i * 7) % 9) - 4);
  const b = Float32Array.from({ length: inner * cols }, (_, i) => ((i * 5) % 7) - 3);
  const half = (values: Float32Array, name: string) => {
    const tensor = device.empty([values.length], 'f16', name).keep();
    device.write(tensor, values);
    return tensor;
  };
  const [left, right] = [half(a, 'a'), half(b, 'b')];
  const { y } = device.run(
    matmul,
    { a: left, b: right },
    { y: [Math.ceil(inner / depth), rows, cols] },
    sizes,
    variant,
  );
  try {
    const sums = await y.read();
    return sums.every((sum, i) => {
      const [part, row, col] = [Math.floor(i / cols / rows), Math.floor(i / cols) % rows, i % cols];
      let expected = 0;
      for (let k = part * depth; k < Math.min(inner, (part + 1) * depth); k++)
        expected += a[row * inner + k]! * b[k * cols + col]!;
      return sum === expected;
    });
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return false;
  } finally {
    [left, right, y].forEach((tensor) => {
      tensor.dispose();
    });
  }
}
