/**
 * The random streams of a run. Every random number is a function of the seed,
 * the number of its stream, and what it is drawn for (an epoch, a step, a
 * sequence). Two uses with one number would draw the same numbers, so all of
 * them stand here, and a test sees that they differ. A number is never changed:
 * a run that was begun with it could not be resumed to the same bits.
 *
 * New weights are drawn from the streams 0, 1, 2, … of the parameters in their
 * order (parameters.ts), so the streams of a training run lie far above these.
 * The numbers of training are four letters in ASCII.
 */
export const STREAM = {
  // Pre-training.
  /** In which order an epoch visits the clusters. */
  clusterOrder: 0x6f726465,
  /** Which member of a cluster is read. */
  clusterMember: 0x6d656d62,
  /** Where a sequence that is too long is cut. */
  crop: 0x63726f70,
  /** How the sequences of a window are packed into rows. */
  pack: 0x7061636b,
  /** Which positions are masked. */
  mask: 0x6d61736b,
  /** By which scheme a sequence is masked. */
  maskScheme: 0x73636865,
  /** The dropout of an encoder, in pre-training and in fine-tuning. */
  dropout: 0x64726f70,

  // Fine-tuning.
  /** In which order an epoch visits the RNAs. */
  rnaOrder: 0x66696e65,
  /** The dropout of a head. */
  headDropout: 0x68656164,
  /** What a head draws in a training pass beside its dropout: crops, numbers of cycles. */
  headDraws: 0x64726177,
  /** The first values of low-rank terms. */
  lowRankTerms: 0x6c6f7261,
  /** Which RNAs are held out where no file of such is given. */
  heldOut: 0x68656c64,

  // Prediction.
  /** Which nucleotides the language model does not see in a sample of a structure in space. */
  tertiarySamples: 0x73616d70,

  // Making of data sets, each with a seed of its own.
  /** Which groups of similar RNAs go to which fold. */
  foldGroups: 1,
  /** Which UTRs train and which are held out. */
  ribosomeLoadSplit: 2,
  /** Which structures of a family are held out. */
  structureValidation: 3,
  /** What is put around the members of a family. */
  familyNoise: 4,
} as const;
