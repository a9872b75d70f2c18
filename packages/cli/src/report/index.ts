/**
 * Drawings of RNAs, of training runs and of evaluations, for `npm start`'s report, `rna plot` and
 * `rna evaluate`: plain data in, text out. Nothing here reads a file, runs a model or computes a
 * score that a table shows.
 */

export { arcDiagram } from './arcDiagram.ts';
export { scoreBars } from './bars.ts';
export type { BarGroup, BarScore } from './bars.ts';
export { scoreByLength } from './byLength.ts';
export { calibrationPlot } from './calibration.ts';
export { confusionMatrix } from './confusion.ts';
export type * from './data.ts';
export { renderEvaluation } from './evaluationPage.ts';
export type { EvaluationReport, KeyScore } from './evaluationPage.ts';
export { f1ByFamily, f1ByLength } from './f1.ts';
export { figureFile } from './figure.ts';
export type { Figure } from './figure.ts';
export { formatCount, formatLoss, formatRate, formatScore } from './format.ts';
export { lossCurve } from './lossCurve.ts';
export type { Markup } from './markup.ts';
export { pairMatrix } from './pairMatrix.ts';
export { precisionRecallPlot } from './precisionRecall.ts';
export { embeddingFigures, project } from './projection.ts';
export type { EmbeddedRna, Projection } from './projection.ts';
export { renderReport } from './report.ts';
export { scatter } from './scatter.ts';
export { pairCurves, structureFigures } from './structureFigures.ts';
export type { PairCurves, ScoredModel, StructureFigureOptions } from './structureFigures.ts';
export { structureMap } from './structureMap.ts';
export { lossTable, scoreTable, textTable } from './table.ts';
export type { Column, Table } from './table.ts';
export { taskFigures } from './taskFigures.ts';
export type { Example, ModelPredictions, TaskFigureOptions } from './taskFigures.ts';
