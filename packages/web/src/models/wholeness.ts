/** How much of a kept model is here. A page asks this without reading records itself. */
import type { ModelRecord } from './modelRecord.ts';

export const isWhole = ({ files }: Pick<ModelRecord, 'files'>): boolean => files.every((file) => file.isWhole);

/** Bytes of a model's files together, as far as they are known. */
export const fileBytes = ({ files }: Pick<ModelRecord, 'files'>): number =>
  files.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
