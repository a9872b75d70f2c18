/**
 * Whether the middle of a sequence is a splice site (RINALMO 5.2). One model per
 * kind of site, donor or acceptor.
 */
import { binaryCrossEntropy } from '@rna/tensor';
import * as z from 'zod';
import { CLASSIFIER_NAMES, classifierParameters, classifierSizes, classify } from './classifier.ts';
import type { Head } from './head.ts';
import { binaryScores, publishedBinaryScores, publishedConfusion, sigmoid } from '@rna/structure';

export interface SpliceSiteSizes {
  readonly hidden: number;
}

// The paper's; the code leaves it to the caller (1 if not given).
const PUBLISHED_BATCH = 32;

const logit = (probability: number): number => Math.fround(Math.log(probability / (1 - probability)));

/** Labels are 0 or 1, predictions probabilities; the scalar `threshold`, 0.5 without it, says which are a yes. */
export const spliceSite: Head<SpliceSiteSizes, number, number> = {
  name: 'splice-site',
  title: 'splice sites',
  kind: 'probability',
  sizes: z.strictObject({ hidden: z.int().positive().default(128).describe('Width of the hidden layer') }),
  names: { official: CLASSIFIER_NAMES },
  parameters: (dim, { hidden }) => classifierParameters(dim, hidden, 1),
  sizesOf(shapeOf) {
    const found = classifierSizes(shapeOf);
    return found?.outputs === 1 ? { hidden: found.hidden } : undefined;
  },
  forward: (input) => classify(input),
  loss: (logits, labels) => binaryCrossEntropy(logits, Float32Array.from(labels)),
  scalars: ['threshold'],
  predict: (logits) => Array.from(logits, sigmoid),
  metrics: (probabilities, examples, scalars) => ({
    ...binaryScores(
      probabilities,
      examples.map(({ target }) => target),
      scalars.get('threshold'),
    ),
  }),
  published: (probabilities, examples) => ({
    ...publishedBinaryScores(
      publishedConfusion(
        probabilities.map(logit),
        examples.map(({ target }) => target),
        PUBLISHED_BATCH,
      ),
    ),
  }),
  best: { metric: 'f1', order: 'largest' },
  columns: {
    sequence: 'sequence',
    target: 'label',
    group: 'group',
    headerless: ['group', 'sequence', 'label'],
    meaning: '0 or 1',
    parse(text) {
      if (text !== '0' && text !== '1') throw new RangeError(`expected 0 or 1, got "${text}"`);
      return Number(text);
    },
  },
};
