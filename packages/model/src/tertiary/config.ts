/**
 * Sizes of the tertiary-structure module, RhoFold's with one row instead of an alignment (SSR-LM 3.3.3; TERTIARY
 * section 11), and what is chosen about it: presets, and the one description of every field.
 */
import * as z from 'zod';

/** Bins of the predicted lDDT, each 1/50 wide. */
export const LDDT_BINS = 50;
/** Bins of each distogram: no contact, then [k − 1, k) Å for k = 1 … 39. */
export const DISTANCE_BINS = 40;
/** Bins of the recycled C1' distances, whose lower edges lie between 2 and 40 Å. */
export const RECYCLED_BINS = 40;
/** Slots of torsions of a nucleotide, each a cosine and a sine. */
export const TORSIONS = 6;
/** RhoFold's alphabet: special tokens, then A U G C, a gap, unused ones and the mask. */
export const TERTIARY_VOCABULARY = 17;
/** The row of the table of positions that the first nucleotide reads. */
export const FIRST_NUCLEOTIDE = 2;
/** How much wider than the pair representation the heads over pairs are inside. */
export const HEAD_FACTOR = 4;

const size = z.int().positive();

export const tertiarySizes = z.object({
  lmDim: size.describe('Columns of the language model that a nucleotide comes with'),
  rowDim: size.describe('Channels of the sequence row (c_m)'),
  pairDim: size
    .multipleOf(4, 'the pair representation takes half its channels for each nucleotide, in sines and cosines')
    .describe('Channels of the pair representation (c_z)'),
  singleDim: size.describe('Channels of the single representation (c_s)'),
  positions: size.describe('Rows of the table of positions; the first nucleotide reads row 2'),
  blocks: size.describe('E2Eformer blocks of the trunk'),
  rowHeads: size.describe('Heads of the attention along the sequence'),
  rowHeadDim: size.describe('Columns of each of these heads'),
  outerDim: size.describe('Channels of each side of the outer product'),
  triangleDim: size.describe('Channels of the triangle multiplications'),
  triangleHeads: size.describe('Heads of the triangle attentions'),
  triangleHeadDim: size.describe('Columns of each of these heads'),
  transitionFactor: size.describe('How much wider the transitions of the trunk are inside'),
  ipaHeads: size.describe('Heads of the invariant point attention'),
  ipaDim: size.describe('Columns of each of these heads'),
  queryPoints: size.describe('Query and key points of each of these heads'),
  valuePoints: size.describe('Value points of each of these heads'),
  iterations: size.describe('Iterations of the structure module, which share their weights'),
  torsionDim: size.describe('Channels of the torsion net'),
  torsionBlocks: size.describe('Residual blocks of the torsion net'),
  recycles: z.int().nonnegative().describe('Cycles after the first of a prediction'),
  form: z
    .enum(['pub', 'af2'])
    .describe(
      'Whether the attention along the sequence normalises its row first: af2 does, published RhoFold does not',
    ),
  geometry: z
    .enum(['published', 'repaired'])
    .default('published')
    .describe(
      'The table that full atoms are built from: RhoFold’s, or one with two sugar puckers and turning OP1, OP2',
    ),
  pairPrior: z
    .boolean()
    .default(false)
    .describe('Whether pair probabilities of the secondary structure go into the pair representation'),
  refineNet: z
    .object({ dim: size, layers: size })
    .optional()
    .describe('RhoFold’s refinement of the atoms, where it is there: its channels, and layers of each of four stages'),
});

export type TertiarySizes = z.infer<typeof tertiarySizes>;

const published = {
  lmDim: 640,
  rowDim: 256,
  pairDim: 128,
  singleDim: 384,
  positions: 4098,
  blocks: 12,
  rowHeads: 8,
  rowHeadDim: 32,
  outerDim: 32,
  triangleDim: 128,
  triangleHeads: 4,
  triangleHeadDim: 32,
  transitionFactor: 4,
  ipaHeads: 12,
  ipaDim: 16,
  queryPoints: 4,
  valuePoints: 8,
  iterations: 8,
  torsionDim: 128,
  torsionBlocks: 2,
  recycles: 9,
  form: 'pub',
  geometry: 'published',
  pairPrior: false,
  refineNet: { dim: 64, layers: 4 },
} as const satisfies TertiarySizes;

/** Rows of the table of positions where the training chains are of at most 256 nucleotides: twice that, and more. */
const FEWER_POSITIONS = 1024 + FIRST_NUCLEOTIDE;

/**
 * `published` is RhoFold's checkpoint; `small` and `tiny` train on two cores. Columns of the language model are those
 * of the encoder in use: `{ ...TERTIARY_PRESETS.small, lmDim }`.
 */
export const TERTIARY_PRESETS = {
  published,
  small: {
    lmDim: 640,
    rowDim: 128,
    pairDim: 64,
    singleDim: 128,
    positions: FEWER_POSITIONS,
    blocks: 4,
    rowHeads: 8,
    rowHeadDim: 16,
    outerDim: 16,
    triangleDim: 64,
    triangleHeads: 4,
    triangleHeadDim: 16,
    transitionFactor: 2,
    ipaHeads: 8,
    ipaDim: 16,
    queryPoints: 4,
    valuePoints: 8,
    iterations: 4,
    torsionDim: 64,
    torsionBlocks: 2,
    recycles: 3,
    form: 'af2',
    geometry: 'repaired',
    pairPrior: false,
  },
  tiny: {
    lmDim: 640,
    rowDim: 64,
    pairDim: 32,
    singleDim: 64,
    positions: FEWER_POSITIONS,
    blocks: 2,
    rowHeads: 4,
    rowHeadDim: 8,
    outerDim: 8,
    triangleDim: 32,
    triangleHeads: 4,
    triangleHeadDim: 8,
    transitionFactor: 2,
    ipaHeads: 4,
    ipaDim: 8,
    queryPoints: 4,
    valuePoints: 4,
    iterations: 3,
    torsionDim: 32,
    torsionBlocks: 2,
    recycles: 1,
    form: 'af2',
    geometry: 'repaired',
    pairPrior: false,
  },
} as const satisfies Record<string, TertiarySizes>;

export type TertiaryPreset = keyof typeof TERTIARY_PRESETS;
