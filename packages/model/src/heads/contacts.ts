/**
 * Contacts without supervision (SSR-LM 3.3.1, after Rao et al. 2021): a logistic
 * regression on attention maps, made symmetric and corrected on the device, of
 * all layers and heads. Fitted to a few RNAs with known pairs; no gradient
 * reaches the encoder. The device holds the maps of one layer at a time.
 */
import { product, symmetricApc, type Tensor } from '@rna/tensor';
import type { Encoder } from '../encoder.ts';
import { packTokens } from '../packing.ts';
import { tokenize } from '../tokenizer.ts';
import { fitLogistic, type LogisticRegression, type Samples } from './logisticRegression.ts';
import { sigmoid } from './scores.ts';

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

const pairCount = (length: number, separation: number): number => Math.max(0, ((length - separation) * (length - separation + 1)) / 2);

/**
 * The corrected attention maps of a sequence as columns over its pairs i < j with j − i ≥ separation, row by row:
 * [layers · heads][pairs]. Throws a RangeError for a sequence without such a pair.
 */
export async function contactFeatures(encoder: Encoder, sequence: string, separation = CONTACT_SEPARATION): Promise<Float32Array[]> {
  const { device, config: { layers, heads } } = encoder;
  const length = sequence.length;
  if (length <= separation) throw new RangeError(`contactFeatures: a sequence of ${length} nucleotides has no pair ${separation} apart`);
  const batch = packTokens([tokenize(sequence)]);
  const perPass = Math.max(1, Math.floor(READ_BYTES / (4 * heads * length * length)));
  const columns: Float32Array[] = [];
  for (let first = 0; first < layers; first += perPass) {
    // A read copies when it is called, so that the map can go with its block.
    const reads: Promise<Float32Array>[] = [];
    device.scope(() => {
      encoder.forward(batch, {
        layers: Math.min(layers, first + perPass),
        onAttention: (block, map) => { if (block >= first) reads.push(symmetricApc(map(0)).read()); },
      });
    });
    for (const maps of await Promise.all(reads)) {
      for (let h = 0; h < heads; h++) columns.push(farPairs(maps.subarray(h * length * length, (h + 1) * length * length), length, separation));
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

/** Fits the regression to RNAs, to the tolerance that fitLogistic states. */
export function fitContacts(encoder: Encoder, rnas: readonly Samples[], penalty = CONTACT_PENALTY): ContactRegression {
  const { layers, heads } = encoder.config;
  const fitted = fitLogistic(rnas, { penalty });
  if (fitted.weights.length !== layers * heads) throw new RangeError(`fitContacts: features of ${fitted.weights.length} maps; this encoder has ${layers} layers of ${heads} heads`);
  return { ...fitted, layers, heads };
}

/** Probabilities of contact of all pairs, summed up on the device: the strict upper triangle, row by row. */
export async function predictContacts(encoder: Encoder, sequence: string, regression: ContactRegression): Promise<Float32Array> {
  const { device, config: { layers, heads } } = encoder;
  if (regression.layers !== layers || regression.heads !== heads) {
    throw new RangeError(`predictContacts: the regression is for ${regression.layers} layers of ${regression.heads} heads, the encoder has ${layers} of ${heads}`);
  }
  const length = sequence.length;
  if (length < 2) return new Float32Array(0);
  const total = device.scope(() => {
    let sum = device.full([length, length], regression.intercept);
    encoder.forward(packTokens([tokenize(sequence)]), {
      layers,
      onAttention: (block, map) => {
        const weights = device.tensor(Float32Array.from(regression.weights.subarray(block * heads, (block + 1) * heads)));
        const next: Tensor = product(weights, symmetricApc(map(0)), 1, heads, length * length, { residual: sum, shape: [length, length] });
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
  for (let i = 0; i < length; i++) for (let j = i + 1; j < length; j++) probabilities[at++] = sigmoid(values[i * length + j]!);
  return probabilities;
}

export interface ContactPrecision {
  /** Precision of the length's, half the length's and a fifth of the length's number of most probable pairs. */
  readonly atL: number;
  readonly atHalf: number;
  readonly atFifth: number;
  /** Of as many as there are true pairs. */
  readonly atTrue: number;
}

/**
 * How many of the most probable pairs at least `separation` apart are true; ties go to the smaller i, then j.
 * Throws a RangeError for an RNA without such a pair or without a true one.
 */
export function contactPrecision(probabilities: Float32Array, partners: Int32Array, separation = CONTACT_SEPARATION): ContactPrecision {
  const length = partners.length;
  if (probabilities.length !== (length * (length - 1)) / 2) throw new RangeError(`contactPrecision: ${probabilities.length} probabilities are not those of the pairs of ${length} positions`);
  const pairs: { readonly probability: number; readonly isTrue: boolean }[] = [];
  let at = 0;
  for (let i = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++, at++) {
      if (j - i >= separation) pairs.push({ probability: probabilities[at]!, isTrue: partners[i] === j });
    }
  }
  const trues = pairs.filter(({ isTrue }) => isTrue).length;
  if (trues === 0) throw new RangeError(`contactPrecision: no true pair is ${separation} or more apart; leave the RNA out`);
  pairs.sort((a, b) => b.probability - a.probability);
  const precision = (count: number): number => {
    const best = pairs.slice(0, Math.max(1, Math.floor(count)));
    return best.filter(({ isTrue }) => isTrue).length / best.length;
  };
  return { atL: precision(length), atHalf: precision(length / 2), atFifth: precision(length / 5), atTrue: precision(trues) };
}
