// Drawings of RNAs.
export { arcDiagram } from './arcDiagram.ts';
export { CONFIDENCE_CLASSES, confidenceColour, confidenceFigure, type ConfidenceData } from './confidence.ts';
export { distanceBytes, distanceShade, FARTHEST } from './distances.ts';
export {
  CONFIDENCE_CAPTION,
  DISTANCES_CAPTION,
  PLDDT_MEANING,
  STRUCTURE_CAPTION,
  structureTrust,
  type StructureEvidence,
} from './tertiaryTexts.ts';
export { rna2dJson } from './drawing/rna2d.ts';
export type { DrawnStructure } from './drawing/structure.ts';
export { structureDrawing, type DrawingColour, type DrawingOptions } from './drawing/structureDrawing.ts';
export type { DrawingLayout } from './drawing/geometry.ts';
export { pairMatrix } from './pairMatrix.ts';
export { structureMap } from './structureMap.ts';
// Drawings of training runs and of corpora.
export { lossCurve } from './lossCurve.ts';
export {
  runCurves,
  runFigure,
  runPanels,
  scoreNames,
  type LoggedLine,
  type RunCurves,
  type RunPanel,
} from './runFigure.ts';
export { mutationMap, type ScoredMutation } from './mutationMap.ts';
export { corpusFigure, corpusFigures, type CorpusDrawing, type CorpusKind } from './corpusFigure.ts';
// Drawings of evaluations.
export { scoreBars, type BarGroup, type BarScore } from './bars.ts';
export { scoreByLength, type ScoredLengths } from './byLength.ts';
export { calibrationPlot, type Calibration } from './calibration.ts';
export { confusionMatrix } from './confusion.ts';
export { f1ByFamily, f1ByLength } from './f1.ts';
export { precisionRecallPlot, type PrecisionRecall } from './precisionRecall.ts';
export { embeddingFigures, embeddingMap, project, type EmbeddedRna, type PlacedRna } from './projection.ts';
export { PROJECTIONS, type Projection } from './projectionNames.ts';
export { clusters, type Clusters } from './clusters.ts';
export { scatter, type Predicted } from './scatter.ts';
export {
  pairCalibration,
  pairCurves,
  structureFigures,
  type PairCurves,
  type ScoredModel,
  type StructureFigureOptions,
} from './structureFigures.ts';
export { taskFigures, type Example, type ModelPredictions, type TaskFigureOptions } from './taskFigures.ts';
// What is drawn, and what a drawing is.
export type { Measured, Pair, RnaScore, ScoreRow, StructureExample, TrainingRun } from './data.ts';
export { figureFile, type Figure } from './figure.ts';
export { markup, nothing, trusted, type Markup } from './markup.ts';
export { look, markers, type Look } from './look.ts';
export { colours } from './figure.ts';
// Numbers as drawings and tables write them.
export { counted, formatCount, formatLoss, formatRate, formatScore } from './format.ts';
