/**
 * Contacts without supervision (SSR-LM 3.3.1, after Rao et al. 2021): a logistic
 * regression on attention maps, made symmetric and corrected on the device, of
 * all layers and heads. Fitted to a few RNAs with known pairs; no gradient
 * reaches the encoder. Predicting, the device holds the maps of one layer at a
 * time; a fit needs them all, which are read back as they come.
 */
import { product, symmetricApc, type Tensor } from '@rna/tensor';
import type { EncoderConfig } from '../config.ts';
import type { Encoder } from '../encoder.ts';
import { packTokens } from '../packing.ts';
import {
  checkTriangle,
  type ScoredPair,
  tokenize,
  logisticSteps,
  type LogisticRegression,
  type Samples,
  sigmoid,
} from '@rna/structure';

/** Least distance |i − j| of a pair that is learnt from and counted. */
export const CONTACT_SEPARATION = 6;
/** The papers' λ = 0.15 is scikit-learn's C: the penalty's weight against the summed log-likelihood is its inverse. */
export const CONTACT_PENALTY = 1 / 0.15;

// A pass reads so many bytes of maps back at most; more layers are further passes.
const READ_BYTES = 2 ** 28;

export interface ContactRegression extends LogisticRegression {
  readonly layers: number;
  readonly heads: number;
}

const pairCount = (length: number, separation: number): number =>
  Math.max(0, ((length - separation) * (length - separation + 1)) / 2);

/**
 * The corrected attention maps of a sequence as columns over its pairs i < j with j − i ≥ separation, row by row:
 * [layers · heads][pairs]. Throws a RangeError for a sequence without such a pair.
 */
export async function contactFeatures(
  encoder: Encoder,
  sequence: string,
  separation = CONTACT_SEPARATION,
): Promise<Float32Array[]> {
  const {
    device,
    config: { layers, heads },
  } = encoder;
  const length = sequence.length;
  if (length <= separation)
    throw new RangeError(`contactFeatures: a sequence of ${length} nucleotides has no pair ${separation} apart`);
  const batch = packTokens([tokenize(sequence)]);
  const perPass = Math.max(1, Math.floor(READ_BYTES / (4 * heads * length * length)));
  const columns: Float32Array[] = [];
  for (let first = 0; first < layers; first += perPass) {
    // A read copies when it is called, so that the map can go with its block.
    const reads: Promise<Float32Array>[] = [];
    device.scope(() => {
      encoder.forward(batch, {
        layers: Math.min(layers, first + perPass),
        onAttention: (block, map) => {
          if (block >= first) reads.push(symmetricApc(map(0)).read());
        },
      });
    });
    for (const maps of await Promise.all(reads)) {
      for (let h = 0; h < heads; h++)
        columns.push(farPairs(maps.subarray(h * length * length, (h + 1) * length * length), length, separation));
    }
  }
  return columns;
}

function farPairs(map: Float32Array, length: number, separation: number): Float32Array {
  const pairs = new Float32Array(pairCount(length, separation));
  let at = 0;
  for (let i = 0; i + separation < length; i++) {
    pairs.set(map.subarray(i * length + i + separation, (i + 1) * length), at);
    at += length - i - separation;
  }
  return pairs;
}

/** Which of the pairs of `contactFeatures` are base pairs, by the partners [length] of each position. */
export function contactLabels(partners: Int32Array, separation = CONTACT_SEPARATION): Uint8Array {
  const length = partners.length;
  const labels = new Uint8Array(pairCount(length, separation));
  let at = 0;
  for (let i = 0; i + separation < length; i++) {
    for (let j = i + separation; j < length; j++) labels[at++] = partners[i] === j ? 1 : 0;
  }
  return labels;
}

/** Bytes of the features of RNAs of these lengths, all of which a fit holds at once. */
export const contactFeatureBytes = (
  lengths: readonly number[],
  { layers, heads }: Pick<EncoderConfig, 'layers' | 'heads'>,
  separation = CONTACT_SEPARATION,
): number => 4 * layers * heads * lengths.reduce((sum, length) => sum + pairCount(length, separation), 0);

export interface ContactFitOptions {
  readonly penalty?: number;
  /**
   * Called before every Newton step with what `LogisticRegression` calls the violation; where it rejects, the fit ends
   * so.
   */
  readonly onStep?: (violation: number) => Promise<void>;
}

/** Fits the regression to RNAs, to the tolerance that fitLogistic states; throws as that does. */
export async function fitContacts(
  { config: { layers, heads } }: Encoder,
  rnas: readonly Samples[],
  { penalty = CONTACT_PENALTY, onStep }: ContactFitOptions = {},
): Promise<ContactRegression> {
  const features = rnas[0]?.columns.length ?? 0;
  if (features !== layers * heads)
    throw new RangeError(
      `fitContacts: features of ${features} maps; this encoder has ${layers} layers of ${heads} heads`,
    );
  const steps = logisticSteps(rnas, { penalty });
  for (;;) {
    const step = steps.next();
    if (step.done === true) return { ...step.value, layers, heads };
    await onStep?.(step.value);
  }
}

/** Probabilities of contact of all pairs, summed up on the device: the strict upper triangle, row by row. */
export async function predictContacts(
  encoder: Encoder,
  sequence: string,
  regression: ContactRegression,
): Promise<Float32Array> {
  const {
    device,
    config: { layers, heads },
  } = encoder;
  if (regression.layers !== layers || regression.heads !== heads) {
    throw new RangeError(
      `predictContacts: the regression is for ${regression.layers} layers of ${regression.heads} heads, the encoder has ${layers} of ${heads}`,
    );
  }
  const length = sequence.length;
  if (length < 2) return new Float32Array(0);
  const total = device.scope(() => {
    let sum = device.full([length, length], regression.intercept);
    encoder.forward(packTokens([tokenize(sequence)]), {
      layers,
      onAttention: (block, map) => {
        const weights = device.tensor(
          Float32Array.from(regression.weights.subarray(block * heads, (block + 1) * heads)),
        );
        const next: Tensor = product(weights, symmetricApc(map(0)), 1, heads, length * length, {
          residual: sum,
          shape: [length, length],
        });
        // The hook's tensors go with the block; the sum goes on.
        sum.dispose();
        sum = next.keep();
      },
    });
    return device.adopt(sum);
  });
  const values = await total.read();
  total.dispose();
  const probabilities = new Float32Array((length * (length - 1)) / 2);
  let at = 0;
  for (let i = 0; i < length; i++)
    for (let j = i + 1; j < length; j++) probabilities[at++] = sigmoid(values[i * length + j]!);
  return probabilities;
}

/** The pairs of `contactFeatures`, taken from a strict upper triangle. Throws a RangeError for another length, and for NaN. */
function farProbabilities(
  probabilities: Float32Array,
  length: number,
  separation: number,
  caller: string,
): Float32Array {
  checkTriangle(probabilities, length, caller);
  const far = new Float32Array(pairCount(length, separation));
  let [row, at] = [0, 0];
  for (let i = 0; i + separation < length; i++) {
    const end = row + length - i - 1;
    far.set(probabilities.subarray(row + separation - 1, end), at);
    at += length - i - separation;
    row = end;
  }
  if (far.some(Number.isNaN)) throw new RangeError(`${caller}: the probabilities contain NaN`);
  return far;
}

/**
 * The `count` most probable pairs (default: as many as nucleotides) at least `separation` apart, the best first; of
 * equals those of the smaller i, then j. A nucleotide may be in several.
 * @param probabilities the strict upper triangle of [length, length], as `predictContacts` gives it
 */
export function topContacts(
  probabilities: Float32Array,
  length: number,
  { count = length, separation = CONTACT_SEPARATION } = {},
): ScoredPair[] {
  const far = farProbabilities(probabilities, length, separation, 'topContacts');
  // Numbers alone are sorted quickly; objects are made of the best.
  const least = far.slice().sort()[Math.max(0, far.length - count)] ?? 0;
  const best: ScoredPair[] = [];
  let index = 0;
  for (let i = 0; i + separation < length; i++) {
    for (let j = i + separation; j < length; j++) {
      const probability = far[index++]!;
      if (probability >= least) best.push({ i, j, probability });
    }
  }
  return best.sort((a, b) => b.probability - a.probability).slice(0, count);
}

/** Precision of the most probable pairs, by how many of them are taken. */
export interface ContactPrecision {
  /** As many as nucleotides. */
  readonly l: number;
  /** Half as many. */
  readonly half: number;
  readonly fifth: number;
  /** As many as there are true pairs. */
  readonly true: number;
}

/**
 * How many of the most probable pairs at least `separation` apart are true. Of equally probable ones it takes none
 * before the other and counts what an order by lot gives in the mean, so that a regression that tells no pairs apart
 * has the precision of chance. Throws a RangeError for an RNA without a true pair that far apart.
 */
export function contactPrecision(
  probabilities: Float32Array,
  partners: Int32Array,
  separation = CONTACT_SEPARATION,
): ContactPrecision {
  const length = partners.length;
  const far = farProbabilities(probabilities, length, separation, 'contactPrecision');
  const labels = contactLabels(partners, separation);
  const truths = far.filter((_, pair) => labels[pair] === 1);
  if (truths.length === 0)
    throw new RangeError(`contactPrecision: no true pair is ${separation} or more apart; leave the RNA out`);
  const ascending = far.slice().sort();
  const precision = (pairs: number): number => {
    const count = Math.min(far.length, Math.max(1, Math.floor(pairs)));
    const least = ascending[far.length - count]!;
    const [above, tied] = [far.filter((value) => value > least).length, far.filter((value) => value === least).length];
    const [trueAbove, trueTied] = [
      truths.filter((value) => value > least).length,
      truths.filter((value) => value === least).length,
    ];
    return (trueAbove + (trueTied * (count - above)) / tied) / count;
  };
  return {
    l: precision(length),
    half: precision(length / 2),
    fifth: precision(length / 5),
    true: precision(truths.length),
  };
}
