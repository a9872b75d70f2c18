/** Structures as drawings. Loaded where one is asked for, since what draws is large. */
import { figureFile, rna2dJson, structureDrawing, type DrawnStructure } from '@rna/figures';
import { basePairs } from '@rna/structure';
import type { FoldedRecord } from './output.ts';

const drawn = ({ id, sequence, partners, pairs }: FoldedRecord): DrawnStructure => ({
  id,
  sequence,
  pairs: basePairs(partners),
  probabilities: Array.from(pairs(), ({ i, j, probability }) => [i, j, probability] as const),
});

/** Nucleotides have the colour of the probability of their pair, or of having none. */
export const svgText = (record: FoldedRecord): string =>
  figureFile({ name: record.id, caption: '', svg: structureDrawing(drawn(record), { colour: 'probability' }) });

/** The RNA 2D JSON schema, as R2DT writes it and RNAcanvas reads it. */
export const r2dtText = (record: FoldedRecord): string => rna2dJson(drawn(record));
