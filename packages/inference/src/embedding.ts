/** What embeddings of RNAs are made by: how many tokens go into a pass, and how the rows of a sequence become one. */
import type { EncoderConfig } from '@rna/model';
import type { Device } from '@rna/tensor';

/**
 * 'none': every row of the representation, [length + 2, dim], `<cls>` first and `<eos>` last. 'cls': the row of `<cls>`,
 * [dim]. 'mean': the mean of the nucleotides' rows, [dim].
 */
export type Pooling = 'none' | 'cls' | 'mean';

/** A sequence's rows [length + 2, dim], its first row, or the mean of the rows between `<cls>` and `<eos>`. */
export function pooled(rows: Float32Array, dim: number, pool: Pooling): Float32Array {
  if (pool === 'none') return rows;
  if (pool === 'cls') return rows.subarray(0, dim);
  const nucleotides = rows.length / dim - 2;
  return Float32Array.from({ length: dim }, (_, column) => {
    let sum = 0;
    for (let row = 1; row <= nucleotides; row++) sum += rows[row * dim + column]!;
    return sum / nucleotides;
  });
}

/** Software drivers gain nothing from larger packs; on a GPU they fill it. */
const TOKENS = { cpu: 4096, gpu: 16384 } as const;

/** Tokens whose widest activation fits one binding of the device. */
export function defaultTokenBudget(device: Device, { ffnDim, heads, kvHeads, dim }: EncoderConfig): number {
  const widest = Math.max(2 * ffnDim, ((heads + 2 * kvHeads) * dim) / heads);
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  return Math.max(
    1,
    Math.min(
      TOKENS[device.traits.class],
      Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / (4 * widest)),
    ),
  );
}
