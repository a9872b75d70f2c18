export { InputError, readable } from './errors.ts';
export { standardLetters } from './letters.ts';
export {
  MutationError,
  parseMutations,
  mutationsBetween,
  applyMutations,
  formatMutations,
  singleMutations,
  type Mutation,
} from './mutations.ts';
export { VOCABULARY, TOKEN, tokenize, detokenize, findInvalidLetter } from './tokenizer.ts';
export { checkedSequence, parsedCell } from './records/cells.ts';
export { csvLine, inertCell, type Cell } from './records/csv.ts';
export { parseFasta, type FastaRecord, type FastaOptions } from './records/fasta.ts';
export {
  chainRecordId,
  fileStem,
  RECORD_FORMATS,
  recordFormat,
  unpackedName,
  type RecordFormat,
} from './records/fileNames.ts';
export {
  parseRecords,
  parseStructureFile,
  writeDotBracket,
  writeCt,
  writeBpseq,
  type FileRecord,
  type RecordFileOptions,
  type Remarked,
} from './records/files.ts';
export { refuseForeignText } from './records/foreign.ts';
export { splitLines } from './records/lines.ts';
export { parseRdat, type ReactivityRow } from './records/rdat.ts';
export { findInvisible, firstWord } from './records/title.ts';
export {
  decodeBasePairs,
  greedyPairs,
  decodeNested,
  gammaOf,
  isCanonicalPair,
  upperTriangle,
  checkTriangle,
  type DecodeOptions,
  type ScoredPair,
} from './secondary/decode.ts';
export {
  BRACKET_KINDS,
  parseDotBracket,
  dotBracket,
  pairsLeftOut,
  bracketLevels,
  nestedPartners,
} from './secondary/dotBracket.ts';
export {
  scoreBasePairs,
  meanScore,
  thresholdCurve,
  bestThreshold,
  averagePrecision,
  f1Score,
  type PairScore,
  type ScoreOptions,
} from './secondary/metrics.ts';
export {
  PAIR_TYPES,
  pairType,
  scoreByPairType,
  totalByPairType,
  type PairType,
  type PairTypeScore,
  type PairTypeScores,
} from './secondary/pairTypes.ts';
export { RINALMO_PROTOCOL, SSR_LM_PROTOCOL, type StructureProtocol } from './secondary/protocols.ts';
export {
  basePairs,
  partnersFromPairs,
  checkPartners,
  cropPartners,
  removeGaps,
  type Structure,
} from './secondary/structure.ts';
export {
  evaluateStructures,
  chooseThreshold,
  scoreStructure,
  type PairPredictor,
  type StructureScore,
  type StructureEvaluation,
  type ThresholdOptions,
} from './secondary/structureScores.ts';
export {
  checkWindows,
  windowStarts,
  windowedPairs,
  windowedRows,
  type Windows,
  type WindowedRows,
} from './secondary/windows.ts';
export { expectedAccuracy, maximumExpectedAccuracy } from './folding/accuracy.ts';
export { parseFoldingConstraint, type FoldingConstraint } from './folding/constraint.ts';
export {
  LEAST_PAIR_PROBABILITY,
  MOST_LOG_ODDS,
  probablePairsBy,
  enginePairsInProcess,
  logOddsMap,
  type FoldingEngine,
  type ProbablePairs,
  type EnginePairs,
  type EnginePairsProvider,
} from './folding/enginePairs.ts';
export {
  UnfoldableError,
  FoldingOverflowError,
  LONGEST_FOLDED,
  foldingMemory,
  createFolder,
  type FoldingOptions,
  type FoldingArithmetic,
  type Folding,
} from './folding/fold.ts';
export { parseFoldingParameters, type FoldingParameters } from './folding/parameters.ts';
export { FOLDING_RULES, type FoldingRules } from './folding/rules.ts';
export { bootstrap, bootstrapOf, bootstrapAll, type Interval, type BootstrapOptions } from './statistics/bootstrap.ts';
export {
  calibrationBins,
  addCalibration,
  calibrationError,
  precisionRecallCurve,
  areaUnderPrecisionRecall,
  rocAuc,
  type CalibrationBin,
  type OperatingPoint,
} from './statistics/curves.ts';
export {
  binned,
  LENGTH_EDGES,
  lengthBins,
  similarityBins,
  grouped,
  ARCHIVE_FAMILIES,
  familyOf,
  familyKeyOf,
  type Bin,
} from './statistics/groups.ts';
export {
  fitLogistic,
  logisticSteps,
  logisticValues,
  type Samples,
  type LogisticRegression,
  type LogisticOptions,
} from './statistics/logisticRegression.ts';
export type { PredictionKind } from './statistics/predictionKind.ts';
export {
  sigmoid,
  softmaxRows,
  argmax,
  parseNumber,
  confusion,
  binaryScores,
  bestBinaryThreshold,
  publishedConfusion,
  publishedBinaryScores,
  classScores,
  regressionScores,
  type Confusion,
  type BinaryScores,
  type ClassScores,
  type RegressionScores,
} from './statistics/scores.ts';
export { nearestIdentity, readMmseqs } from './statistics/similarity.ts';
export {
  tableColumn,
  pearson,
  matthews,
  numberTableScores,
  labelTableScores,
  classTableScores,
  type Tables,
} from './statistics/tableScores.ts';
export type { Baseline } from './baselines/baseline.ts';
export { fitNaiveBayes, type NaiveBayes } from './baselines/naiveBayes.ts';
export {
  fitNucleotideBayes,
  fitNucleotideRidge,
  type NucleotideBayes,
  type NucleotideRidge,
} from './baselines/nucleotideWindow.ts';
export { fitRidge, type Ridge } from './baselines/ridge.ts';
export { SPLICE_WINDOWS, fitWeightMatrix, type Window, type WeightMatrix } from './baselines/weightMatrix.ts';
export { type AtomTable, type CoordinateFile, type SequenceResidue } from './tertiary/atoms.ts';
export { chainBreaks, rnaChains, type ChainOptions, type RnaChain, type UnknownNucleotide } from './tertiary/chains.ts';
export { readMmcif } from './tertiary/mmcif.ts';
export {
  ATOM_NAMES,
  ATOM_SLOTS,
  BASES,
  C1_SLOT,
  C4_SLOT,
  NITROGEN_SLOT,
  atomSlot,
  isBase,
  residueKind,
  type Base,
  type ResidueKind,
} from './tertiary/nucleotides.ts';
export { readPdb } from './tertiary/pdb.ts';
export { readCoordinates } from './tertiary/readCoordinates.ts';
export { writeMmcif, writePdb, type WrittenChain } from './tertiary/write.ts';
export { helixModel, randomWalkModel, type ModelledChain } from './tertiary/baselines.ts';
export { canonicalPartners, findBasePairs, type HydrogenBond, type SpatialPair } from './tertiary/basePairs.ts';
export {
  CHAIN_SCORE_LABELS,
  CHAIN_SCORES,
  confidences,
  resolvedCount,
  scoreChain,
  type ChainScores,
  type Confidence,
} from './tertiary/chainScores.ts';
export {
  LEFT_OUT,
  selectChains,
  type ChainFilters,
  type ChainSelection,
  type LeftOut,
} from './tertiary/chainSelection.ts';
export { DISTANCE_BINS, distanceBin, nitrogenDistances } from './tertiary/distances.ts';
export { fape, type FapeOptions, type FramesAndPoints } from './tertiary/fape.ts';
export {
  buildAtoms,
  chainFrames,
  chainGroupFrames,
  chainTorsions,
  groupCount,
  puckerPhase,
  type BuiltAtoms,
  type ChainFrames,
  type ChainTorsions,
  type GroupFrames,
} from './tertiary/fullAtoms.ts';
export {
  GEOMETRIES,
  PHOSPHATE_SLOT,
  PUCKER_SLOT,
  TORSION_SLOTS,
  geometryOf,
  type BaseGeometry,
  type Geometry,
  type GeometryName,
  type TorsionGroup,
} from './tertiary/geometry.ts';
export { LDDT_LABELS, LDDT_VARIANTS, lddt, type LddtName, type LddtScore, type LddtVariant } from './tertiary/lddt.ts';
export { findClashes, networkFidelity, type Clash, type NetworkFidelity } from './tertiary/modelScores.ts';
export {
  composeRigids,
  matrixQuaternion,
  quaternionMatrix,
  type Matrix,
  type Quaternion,
  type Rigid,
  type Vector,
} from './tertiary/rigid.ts';
export { commonNucleotides, joinChains, type ChainAtoms } from './tertiary/sameChain.ts';
export { rmsd, superpose } from './tertiary/superposition.ts';
export { tmScale, tmScore } from './tertiary/tmScore.ts';
