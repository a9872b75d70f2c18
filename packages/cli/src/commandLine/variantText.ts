/** A kernel's variant on one line: `algorithm=tiled rows=8`. */
import type { Variant } from '@rna/kernels';

export const variantText = (variant: Variant): string =>
  Object.entries(variant)
    .map(([field, value]) => `${field}=${String(value)}`)
    .join(' ');
