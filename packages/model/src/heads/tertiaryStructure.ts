/**
 * Structures in space: RhoFold's module without an alignment, on the rows of a
 * language model (SSR-LM 3.3.3; TERTIARY sections 1 and 7). It is a head as the
 * others are, but for its loss, which is made of what the last of several cycles
 * leaves on the way, and of a part of a long chain alone.
 */
import { portable } from '@rna/kernels';
import {
  ATOM_SLOTS,
  confidences,
  decodeBasePairs,
  lddt,
  pearson,
  resolvedCount,
  rmsd,
  sigmoid,
  upperTriangle,
  type FoldingEngine,
  type ProbablePairs,
} from '@rna/structure';
import { add, concatenate, rows, sum, type Tensor } from '@rna/tensor';
import * as z from 'zod';
import { tertiaryTokens } from '../tertiary/embedding.ts';
import { DISTANCE_BINS, TERTIARY_PRESETS, tertiarySizes, type TertiarySizes } from '../tertiary/config.ts';
import { cropTarget, drawCrop, pairLabelsOf, type Crop, type TertiaryTarget } from '../tertiary/target.ts';
import { LOSS_WEIGHTS, structureGoal, structureLoss, type LossWeights } from '../tertiary/losses.ts';
import { atomMask } from '../tertiary/fullAtoms.ts';
import { plddtOf } from '../tertiary/confidence.ts';
import { distograms, pairLogitsOf } from '../tertiary/pairHeads.ts';
import { tertiaryFlops } from '../tertiary/flops.ts';
import { initializeTertiary, tertiaryParameters } from '../tertiary/parameters.ts';
import { runTertiary, type TertiaryCycle } from '../tertiary/tertiary.ts';
import { ENGINE_PRIORS, enginePrior, type EnginePrior } from './enginePriors.ts';
import type { Head, HeadInput, Labelled, Scalars, TaskHead } from './head.ts';

/** What the head predicts of an RNA of L nucleotides. */
export interface TertiaryPrediction {
  /** [L, 23, 3], Å, in the slots of ATOM_NAMES. */
  readonly coordinates: Float32Array;
  /** [L, 23]: 1 for each atom that a base has; none of a nucleotide of unknown base. */
  readonly mask: Uint8Array;
  /** [L], 0 to 1: the predicted lDDT. */
  readonly plddt: Float32Array;
  /** [L, L], symmetric: base pairs of the secondary structure. */
  readonly pairProbabilities: Float32Array;
}

/** A head that predicts structures in space. */
export type ChainTask = TaskHead<TertiaryHeadSizes, TertiaryTarget, TertiaryPrediction>;

/** Whether a task is structures in space. */
export const predictsChains = (task: TaskHead | undefined): task is ChainTask => task?.head.kind === 'coordinates';

/** Pairs of the secondary structure above this probability. */
const PAIR_THRESHOLD = 0.5;

/** The secondary structure of a prediction: partners [L], −1 without. */
export function predictedPartners(
  sequence: string,
  { pairProbabilities }: Pick<TertiaryPrediction, 'pairProbabilities'>,
): Int32Array {
  if (sequence.length < 2) return new Int32Array(sequence.length).fill(-1);
  return decodeBasePairs(upperTriangle(pairProbabilities, sequence.length), sequence, { threshold: PAIR_THRESHOLD });
}

/** Sizes of the module with the small ones as defaults, and how it is trained. Columns of the rows are the encoder's. */
export type TertiaryHeadSizes = Omit<TertiarySizes, 'lmDim' | 'pairPrior' | 'refineNet'> & {
  readonly prior: EnginePrior;
} & TertiaryTraining;

interface TertiaryTraining {
  readonly crop: number;
  readonly clamp: number;
  readonly weights: LossWeights;
}

const lossWeight = (name: keyof LossWeights) => z.number().nonnegative().default(LOSS_WEIGHTS[name]);
const { small } = TERTIARY_PRESETS;

const training = {
  crop: z
    .int()
    .min(2)
    .default(256)
    .describe('Nucleotides of a chain that a step takes at most; where they begin is drawn'),
  clamp: z
    .number()
    .positive()
    .default(30)
    .describe("Å at which an atom's error counts no more; AlphaFold's 10 for proteins is less than a base pair"),
  weights: z
    .strictObject({
      backbone: lossWeight('backbone').describe('FAPE of C1′ in the main frames, mean over the iterations'),
      allAtom: lossWeight('allAtom').describe('FAPE of all atoms in the frames of all rigid groups'),
      torsion: lossWeight('torsion').describe('Torsion angles, mean over the iterations'),
      angleNorm: lossWeight('angleNorm').describe('Lengths of the torsions, as the net gives them'),
      distogram: lossWeight('distogram').describe('Cross entropy of the distances, mean of the three distograms'),
      pairs: lossWeight('pairs').describe('Cross entropy of the base pairs'),
      confidence: lossWeight('confidence').describe('Cross entropy of the predicted lDDT'),
    })
    .prefault({}),
} as const;

/** A size's schema with a default, and the same description. */
const field = <K extends keyof typeof small & keyof typeof tertiarySizes.shape>(name: K) => {
  const schema = tertiarySizes.shape[name];
  return (schema as z.ZodType).default(small[name]).describe(schema.description ?? '');
};

const sizes = z.strictObject({
  ...Object.fromEntries(
    (Object.keys(small) as (keyof typeof small)[])
      .filter((name) => name !== 'lmDim' && name !== 'pairPrior')
      .map((name) => [name, field(name)]),
  ),
  prior: enginePrior
    .default('none')
    .describe('Folding engine whose pair probabilities the pair representation begins with; both: their mean'),
  ...training,
  // The fields above are those of the type, by name.
}) as unknown as z.ZodType<TertiaryHeadSizes>;

const moduleSizes = (
  dim: number,
  { prior, crop: _crop, clamp: _clamp, weights: _weights, ...own }: TertiaryHeadSizes,
): TertiarySizes => ({ ...own, lmDim: dim, pairPrior: prior !== 'none' });

/** Names of the numbers that say how a model was trained, in its files. */
const EVIDENCE = ['trainedChains', 'heldOutChains', 'heldOutLddt'] as const;
type Evidence = Readonly<Partial<Record<(typeof EVIDENCE)[number], number>>>;

/**
 * Labels are chains with what of them is resolved. Steps take a part of a long chain, and draw how many cycles they
 * run; gradients go through the last.
 */
export const tertiaryStructure: Head<TertiaryHeadSizes, TertiaryTarget, TertiaryPrediction> = {
  name: 'tertiary-structure',
  title: 'structures in space',
  kind: 'coordinates',
  sizes,
  oneSequence: true,
  engines: ({ prior }) => ENGINE_PRIORS[prior],
  parameters: (dim, own) => tertiaryParameters(moduleSizes(dim, own)),
  initialize: (device, dim, own, seed) => initializeTertiary(device, moduleSizes(dim, own), seed, typicalTorsions(own)),
  cost(_, length, dim, own) {
    const { trunk, structure, heads } = tertiaryFlops(moduleSizes(dim, own), length);
    const map = 4 * length ** 2 * Math.max(own.pairDim, own.triangleDim, DISTANCE_BINS);
    return {
      flops: (own.recycles + 1) * (trunk + structure) + heads,
      // The pair representation and what a triangle attention makes of it, in buffers that wait for their next use.
      bytes: MAPS * map + 4 * length * own.rowDim * MAPS,
      largest: map,
    };
  },
  forward: (input, own) => runHeadModule(input, own).output,
  loss() {
    throw new Error('tertiary-structure: the loss is made of more than the output; call trainingLoss');
  },
  trainingLoss(input, [target], own) {
    const { draws, weight: parameterOf } = input;
    if (draws === undefined) throw new RangeError('tertiary-structure: a training pass draws its cycles and its crop');
    const recycles = draws.below(own.recycles + 1);
    const crop = drawCrop(target!, own.crop, draws);
    const { tokens, lm, probabilities } = moduleInput(input, own, crop);
    const last = runTertiary(parameterOf, moduleSizes(lm.shape[1]!, own), tokens, lm, {
      recycles,
      first: crop.first,
      recompute: true,
      ...(probabilities && { probabilities }),
    });
    const prediction = {
      ...last,
      distograms: distograms(parameterOf, last.pair),
      pairLogits: pairLogitsOf(parameterOf, last.pair),
    };
    const goal = structureGoal(cropTarget(target!, crop), own, pairLabelsOf(target!, crop));
    const { total } = structureLoss(prediction, goal, { weights: own.weights, clamp: own.clamp });
    return recycles === 0 && own.recycles > 0 ? withZeroGradients(total, RECYCLING.map(parameterOf)) : total;
  },
  idle(name, { form, recycles, weights }) {
    const heads = { plddt_head: weights.confidence, ss_head: weights.pairs, dist_head: weights.distogram };
    return (
      // With one row the column attention's softmax is 1.
      /\.msa_att_col\._msa_att\.mha\.linear_[qk]\./.test(name) ||
      (form === 'pub' && /\.msa_att_\w+(\._msa_att)?\.layer_norm_m\./.test(name)) ||
      (recycles === 0 && RECYCLING.includes(name)) ||
      Object.entries(heads).some(([head, given]) => given === 0 && name.startsWith(`${head}.`))
    );
  },
  // An RNA without two places in space teaches nothing.
  terms: (_, target) => (resolvedCount(target) < 2 ? 0 : 1),
  predict: (output, _, __, [length = 0]) => [predictionOf(output, length)],
  metrics(predictions, examples) {
    const models = predictions.map((prediction, i) => ({ sequence: examples[i]!.sequence, ...prediction }));
    const mean = (score: (truth: TertiaryTarget, model: (typeof models)[number]) => number): number => {
      const values = models
        .map((model, i) => score(examples[i]!.target, model))
        .filter((value) => !Number.isNaN(value));
      return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
    };
    const sure = models.flatMap((model, i) => confidences(examples[i]!.target, model, model.plddt));
    return {
      lddtC1: meanLddt(predictions, examples),
      lddtAllAtom: mean((truth, model) => lddt(truth, model, 'allAtom').score),
      rmsdC1: mean((truth, model) => rmsd(truth, model, 'c1')),
      plddt: mean((_, { plddt }) => plddt.reduce((sum, value) => sum + value, 0) / plddt.length),
      plddtCorrelation:
        sure.length === 0
          ? 0
          : pearson(
              sure.map(({ predicted }) => predicted),
              sure.map(({ actual }) => actual),
            ),
    };
  },
  scalars: EVIDENCE,
  fit: (targets) => new Map([['trainedChains', targets.length]]),
  choose: (predictions, examples) =>
    new Map([
      ['heldOutChains', examples.length],
      ['heldOutLddt', meanLddt(predictions, examples)],
    ]),
  trainingSizes: ['crop', 'clamp', 'weights', 'recycles'],
  best: { metric: 'lddtC1', order: 'largest' },
};

/** What a model's file says of how it was trained; a field is absent where it says nothing. */
export const tertiaryEvidence = (scalars: Scalars): Evidence =>
  Object.fromEntries([...scalars].filter(([name]) => EVIDENCE.some((each) => each === name)));

/** The mean lDDT of C1' of the chains that have two places of it. */
function meanLddt(predictions: readonly TertiaryPrediction[], examples: readonly Labelled<TertiaryTarget>[]): number {
  const scores = predictions
    .map((model, i) => lddt(examples[i]!.target, { sequence: examples[i]!.sequence, ...model }, 'c1Strict').score)
    .filter((score) => !Number.isNaN(score));
  return scores.reduce((sum, score) => sum + score, 0) / Math.max(1, scores.length);
}

/** Values of the size of a pair representation that a cycle holds at once, as counted of it. */
const MAPS = 26;

/** Tokens of a sequence; a letter that has no atoms is RhoFold's unknown one. */
const nucleotideTokens = (sequence: string): Uint32Array =>
  Uint32Array.from(sequence, (letter) => (/[ACGUTacgut]/.test(letter) ? tertiaryTokens(letter)[0]! : UNKNOWN_TOKEN));
const UNKNOWN_TOKEN = 3;

/**
 * Cosines and sines that the torsions of an untrained model begin with: circular means of A-form helices in the slots of
 * the repaired geometry (166 chains of the PDB), or those that RhoFold's slots have.
 */
const typicalTorsions = ({ geometry }: TertiaryHeadSizes): number[] | undefined =>
  geometry === 'published'
    ? undefined
    : A_FORM.flatMap((degrees) => [portable.cos((degrees * Math.PI) / 180), portable.sin((degrees * Math.PI) / 180)]);
const A_FORM = [46, 14, 158, 28, -31, 174];

/**
 * The last cycle of a prediction, and the head's output: atoms [L, 23, 3], their mask [L, 23], plDDT [L] and the logits of
 * base pairs [L, L], one after the other.
 */
export function runHeadModule(
  input: HeadInput,
  own: TertiaryHeadSizes,
): { readonly output: Tensor; readonly last: TertiaryCycle } {
  const { device, weight: parameterOf } = input;
  return device.scope(() => {
    const { tokens, lm, probabilities } = moduleInput(input, own, { first: 0, count: lengthOf(input) });
    const last = runTertiary(parameterOf, moduleSizes(lm.shape[1]!, own), tokens, lm, {
      ...(probabilities && { probabilities }),
    });
    // `concatenate` frees what it is given.
    const parts = [
      last.atoms.coordinates.alias(),
      device.tensor(Float32Array.from(atomMask(tokens))),
      plddtOf(last.confidence),
      pairLogitsOf(parameterOf, last.pair),
    ];
    return { output: concatenate(parts, [parts.reduce((sum, { size }) => sum + size, 0)]), last };
  });
}

/** A prediction from an output that was read back. */
export function predictionOf(output: Float32Array, length: number): TertiaryPrediction {
  let from = 0;
  const take = (count: number): Float32Array => output.slice(from, (from += count));
  return {
    coordinates: take(3 * ATOM_SLOTS * length),
    mask: Uint8Array.from(take(ATOM_SLOTS * length)),
    plddt: take(length),
    pairProbabilities: take(length * length).map(sigmoid),
  };
}

/** What a first cycle has no use for. */
const RECYCLING: readonly string[] = ['linear', 'layer_norm_m', 'layer_norm_z'].flatMap((part) =>
  ['weight', 'bias'].map((kind) => `recycle_embnet.${part}.${kind}`),
);

/** A loss that depends on parameters with a slope of 0. */
const withZeroGradients = (loss: Tensor, parameters: readonly Tensor[]): Tensor =>
  parameters.reduce((total, each) => add(total, sum(each, 0)), loss);

const lengthOf = ({ representation }: HeadInput): number => (representation.shape[0] ?? 0) - 2;

/** Tokens, rows and pair probabilities of a part of the sequence. */
function moduleInput(
  { device, representation, sequences, priors }: HeadInput,
  { prior }: TertiaryHeadSizes,
  { first, count }: Crop,
): { readonly tokens: Uint32Array; readonly lm: Tensor; readonly probabilities: Tensor | undefined } {
  const [sequence] = sequences ?? [];
  if (sequence === undefined)
    throw new RangeError('tertiary-structure: the head reads the letters of a sequence, and none was given');
  const engines: readonly FoldingEngine[] = ENGINE_PRIORS[prior];
  const [pairs] = priors ?? [];
  if (engines.length > 0 && pairs === undefined)
    throw new RangeError(
      `tertiary-structure: the head's prior is "${prior}", but no pair probabilities were given with the sequence`,
    );
  return {
    tokens: nucleotideTokens(sequence.slice(first, first + count)),
    // Behind `<cls>`.
    lm: rows(representation, 1 + first, count),
    probabilities:
      engines.length === 0
        ? undefined
        : device.tensor(
            meanProbabilities(
              engines.map((engine) => pairs![engine]!),
              first,
              count,
            ),
            [count, count],
          ),
  };
}

/** [count, count]: the mean of what engines say of pairs of the nucleotides from `first` on. */
function meanProbabilities(engines: readonly ProbablePairs[], first: number, count: number): Float32Array {
  const map = new Float32Array(count * count);
  for (const { i: rows_, j: columns, probability } of engines)
    for (const [at, p] of probability.entries()) {
      const [i, j] = [rows_[at]! - first, columns[at]! - first];
      if (i < 0 || j < 0 || i >= count || j >= count) continue;
      map[i * count + j]! += p / engines.length;
      map[j * count + i]! += p / engines.length;
    }
  return map;
}
