/** Attention maps as evidence of contacts: symmetric, and corrected for what rows and columns have in common. */
import * as k from '@rna/kernels';
import { requireShape, type Tensor } from '../tensor.ts';
import { columnSum } from './matmul.ts';

/**
 * S[i, j] − S[i, ·] · S[·, j] / S[·, ·] with S = P + Pᵀ, without the rows and columns of `<cls>` and `<eos>`
 * (Rao et al. 2021). Not recorded.
 * @param p [heads, length + 2, length + 2], attention probabilities
 * @returns [heads, length, length]
 */
export function symmetricApc(p: Tensor): Tensor {
  const [heads = 0, size = 0] = p.shape;
  const length = size - 2;
  requireShape(p.shape.length === 3 && p.shape[2] === size && length >= 1, 'symmetricApc', p.shape);
  const { device } = p;
  return device.scope(() => {
    const { sums } = device.run(k.apcSums, { p }, { sums: [length, heads] }, { count: length * heads, heads, length });
    const totals = columnSum(sums, length, heads);
    return device.run(
      k.apc,
      { p, sums, totals },
      { y: [heads, length, length] },
      { count: heads * length * length, heads, length },
    ).y;
  });
}
