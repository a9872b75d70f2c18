/** How many tokens go into a pass of embeddings. */
import type { EncoderConfig } from '@rna/model';
import type { Device } from '@rna/tensor';

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
