/**
 * Whether a device's products on subgroup matrices are right: the feature is
 * experimental, and drivers have had it wrong. One product of small whole
 * numbers, whose sums are exact, with edges that fill no tile.
 */
import { matmul, type MatmulVariant } from '@rna/kernels';
import type { Device } from './device.ts';
import { DeviceError } from './errors.ts';

const [ROWS, INNER, COLS] = [70, 44, 67];

/** Runs the product in a variant. Rejects only where the device is lost. */
export async function productsAreRight(device: Device, variant: Partial<MatmulVariant>): Promise<boolean> {
  const a = Float32Array.from({ length: ROWS * INNER }, (_, i) => ((i * 7) % 9) - 4);
  const b = Float32Array.from({ length: INNER * COLS }, (_, i) => ((i * 5) % 7) - 3);
  const half = (values: Float32Array, name: string) => {
    const tensor = device.empty([values.length], 'f16', name).keep();
    device.write(tensor, values);
    return tensor;
  };
  const [left, right] = [half(a, 'a'), half(b, 'b')];
  const sizes = { rows: ROWS, inner: INNER, cols: COLS, depth: INNER };
  const { y } = device.run(matmul, { a: left, b: right }, { y: [ROWS, COLS] }, sizes, variant);
  try {
    const sums = await y.read();
    return sums.every((sum, i) => {
      let expected = 0;
      for (let k = 0; k < INNER; k++) expected += a[Math.floor(i / COLS) * INNER + k]! * b[k * COLS + (i % COLS)]!;
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
