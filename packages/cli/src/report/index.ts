/**
 * Drawings of RNAs and of training runs, for `npm start`'s report and for `rna plot`: plain data in,
 * text out. Nothing here reads a file, runs a model or computes a score.
 */

export { arcDiagram } from './arcDiagram.ts';
export type * from './data.ts';
export { f1ByFamily, f1ByLength } from './f1.ts';
export { formatCount, formatLoss, formatRate, formatScore } from './format.ts';
export { lossCurve } from './lossCurve.ts';
export type { Markup } from './markup.ts';
export { pairMatrix } from './pairMatrix.ts';
export { renderReport } from './report.ts';
export { structureMap } from './structureMap.ts';
export { lossTable, scoreTable, textTable } from './table.ts';
export type { Column, Table } from './table.ts';
