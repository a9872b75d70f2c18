export * from './errors.ts';
export { standardLetters } from './letters.ts';
export * from './mutations.ts';
export * from './tokenizer.ts';
export { csvLine, inertCell, type Cell } from './records/csv.ts';
export * from './records/fasta.ts';
export { fileStem, RECORD_FORMATS, recordFormat, unpackedName, type RecordFormat } from './records/fileNames.ts';
export * from './records/files.ts';
export { refuseForeignText } from './records/foreign.ts';
export { splitLines } from './records/lines.ts';
export { parseRdat, type ReactivityRow } from './records/rdat.ts';
export { findInvisible, firstWord } from './records/title.ts';
export * from './secondary/decode.ts';
export * from './secondary/dotBracket.ts';
export * from './secondary/metrics.ts';
export * from './secondary/pairTypes.ts';
export * from './secondary/protocols.ts';
export * from './secondary/structure.ts';
export * from './secondary/structureScores.ts';
export * from './secondary/windows.ts';
export { expectedAccuracy, maximumExpectedAccuracy } from './folding/accuracy.ts';
export { parseFoldingConstraint, type FoldingConstraint } from './folding/constraint.ts';
export * from './folding/enginePairs.ts';
export * from './folding/fold.ts';
export { parseFoldingParameters, type FoldingParameters } from './folding/parameters.ts';
export * from './folding/rules.ts';
export * from './statistics/bootstrap.ts';
export * from './statistics/curves.ts';
export * from './statistics/groups.ts';
export * from './statistics/logisticRegression.ts';
export * from './statistics/predictionKind.ts';
export * from './statistics/scores.ts';
export * from './statistics/similarity.ts';
export * from './statistics/tableScores.ts';
export type { Baseline } from './baselines/baseline.ts';
export * from './baselines/naiveBayes.ts';
export * from './baselines/ridge.ts';
export * from './baselines/weightMatrix.ts';
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
export { canonicalPartners, findBasePairs, type HydrogenBond, type SpatialPair } from './tertiary/basePairs.ts';
export { DISTANCE_BINS, distanceBin } from './tertiary/distances.ts';
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
