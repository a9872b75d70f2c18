/** Which family of non-coding RNA a sequence is of (RINALMO 5.3): 88 of Rfam's, after Noviello et al. 2020. */
import { crossEntropy } from '@rna/tensor';
import * as z from 'zod';
import { CLASSIFIER_NAMES, classifierParameters, classifierSizes, classify } from './classifier.ts';
import type { Head } from './head.ts';
import { argmax, classScores, softmaxRows } from './scores.ts';

export interface NcrnaFamilySizes {
  readonly hidden: number;
  readonly classes: number;
}

/** Labels are numbers of classes, predictions probabilities of all classes. */
export const ncrnaFamily: Head<NcrnaFamilySizes, number, Float32Array> = {
  task: 'ncrna-family',
  title: 'families of non-coding RNA',
  sizes: z.strictObject({
    hidden: z.int().positive().default(256).describe('Width of the hidden layer'),
    classes: z.int().min(2).default(88).describe('Number of families'),
  }),
  names: { official: CLASSIFIER_NAMES },
  parameters: (dim, { hidden, classes }) => classifierParameters(dim, hidden, classes),
  sizesOf(shapeOf) {
    const found = classifierSizes(shapeOf);
    return found !== undefined && found.outputs > 1 ? { hidden: found.hidden, classes: found.outputs } : undefined;
  },
  forward: (input) => classify(input),
  loss: (logits, labels) => crossEntropy(logits, Int32Array.from(labels)),
  predict: (logits, { classes }) => softmaxRows(logits, classes),
  metrics: (probabilities, examples) => ({ ...classScores(probabilities.map(argmax), examples.map(({ target }) => target)) }),
  best: { metric: 'weightedF1', order: 'largest' },
  columns: {
    sequence: 'sequence', target: 'class_id',
    parse(text, { classes }) {
      const label = Number(text);
      if (!/^\d+$/.test(text) || label >= classes) throw new RangeError(`expected a class from 0 to ${classes - 1}, got "${text}"`);
      return label;
    },
  },
};
