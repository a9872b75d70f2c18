/** Which family of non-coding RNA a sequence is of (RINALMO 5.3): 88 of Rfam's, after Noviello et al. 2020. */
import { crossEntropy } from '@rna/tensor';
import * as z from 'zod';
import { CLASSIFIER_NAMES, classifierParameters, classifierSizes, classify } from './classifier.ts';
import type { Head } from './head.ts';
import { argmax, classScores, softmaxRows } from '@rna/structure';

const DEFAULT_CLASSES = 88;

export interface NcrnaFamilySizes {
  readonly hidden: number;
  readonly classes: number;
  /** What the classes are called, in order. */
  readonly names?: readonly string[] | undefined;
}

/** Labels are numbers of classes, predictions probabilities of all classes. */
export const ncrnaFamily: Head<NcrnaFamilySizes, number, Float32Array> = {
  name: 'ncrna-family',
  title: 'families of non-coding RNA',
  kind: 'classes',
  sizes: z
    .strictObject({
      hidden: z.int().positive().default(256).describe('Width of the hidden layer'),
      classes: z.int().min(2).default(DEFAULT_CLASSES).describe('Number of families'),
      names: z.array(z.string().min(1)).optional().describe('Names of the families, in the order of their numbers'),
    })
    .refine(
      ({ classes, names }) => names === undefined || new Set(names).size === classes,
      'names must be as many as classes, each once',
    ),
  names: { official: CLASSIFIER_NAMES },
  parameters: (dim, { hidden, classes }) => classifierParameters(dim, hidden, classes),
  sizesOf(shapeOf) {
    const found = classifierSizes(shapeOf);
    return found !== undefined && found.outputs > 1 ? { hidden: found.hidden, classes: found.outputs } : undefined;
  },
  forward: (input) => classify(input),
  loss: (logits, labels) => crossEntropy(logits, Int32Array.from(labels)),
  predict: (logits, { classes }) => softmaxRows(logits, classes),
  metrics: (probabilities, examples) => ({
    ...classScores(
      probabilities.map(argmax),
      examples.map(({ target }) => target),
    ),
  }),
  classNames: ({ classes, names }) => names ?? Array.from({ length: classes }, (_, label) => String(label)),
  // A class without an RNA keeps its number.
  withClassNames(sizes, named) {
    const classes = sizes.classes === DEFAULT_CLASSES ? Math.max(...named.keys()) + 1 : sizes.classes;
    const names = Array.from({ length: classes }, (_, label) => named.get(label) ?? String(label));
    return new Set(names).size < classes ? undefined : { ...sizes, classes, names };
  },
  best: { metric: 'accuracy', order: 'largest' },
  columns: {
    sequence: 'sequence',
    target: 'class_id',
    group: 'name',
    meaning: 'a number from 0 or a name',
    parse(text, { classes, names }) {
      const named = names?.indexOf(text) ?? -1;
      if (named >= 0) return named;
      const label = Number(text);
      if (!/^\d+$/.test(text) || label >= classes)
        throw new RangeError(
          `expected a class from 0 to ${classes - 1}${names ? `, or one of ${names.join(', ')}` : ' (names of classes go into head.names)'}, got "${text}"`,
        );
      return label;
    },
  },
};
