/** Classes of whole RNAs from a table of one's own, by any names: the layers of ribosome load, cross-entropy. */
import { classTableScores, softmaxRows } from '@rna/structure';
import { crossEntropy } from '@rna/tensor';
import * as z from 'zod';
import {
  balancedWeights,
  classNumber,
  classWeights,
  hasUniqueNames,
  learntNames,
  namedSizes,
  UNIQUE_NAMES,
  weightScalars,
  weightsIn,
  type NamedSizes,
} from './classNames.ts';
import type { Head } from './head.ts';
import { isMissing } from './missing.ts';
import { hasUniqueTitles, learntColumns, learntFrom, ownSizes, UNIQUE_TITLES, type OwnSizes } from './ownSizes.ts';
import { resNet1d, resNet1dParameters } from './resnet1d.ts';

export interface ClassificationSizes extends OwnSizes, NamedSizes {
  readonly classWeights: 'none' | 'balanced';
}

// A head whose names are not known yet has so many.
const LEAST_CLASSES = 2;

const namesOf = ({ names }: NamedSizes): readonly string[] =>
  names ?? Array.from({ length: LEAST_CLASSES }, (_, number) => String(number));

/** Labels are numbers of classes, predictions probabilities of all classes. */
export const classification: Head<ClassificationSizes, number, Float32Array> = {
  name: 'classification',
  title: 'classes of your own',
  kind: 'classes',
  sizes: z
    .strictObject({ ...ownSizes, ...namedSizes, classWeights })
    .refine(hasUniqueTitles, UNIQUE_TITLES)
    .refine(hasUniqueNames, UNIQUE_NAMES),
  parameters: (dim, sizes) => resNet1dParameters(dim, sizes, namesOf(sizes).length),
  forward: (input, { blocks }) => resNet1d(input, { channels: 0, blocks, padding: 'none' }),
  loss: (logits, labels, scalars) =>
    crossEntropy(logits, Int32Array.from(labels), weightsIn(scalars, logits.shape[1]!)),
  fit: (labels, sizes) =>
    sizes.classWeights === 'balanced' ? weightScalars(balancedWeights(labels, namesOf(sizes).length)) : new Map(),
  predict: (logits, sizes) => softmaxRows(logits, namesOf(sizes).length),
  metrics: (probabilities, examples, _, sizes) =>
    classTableScores(
      probabilities,
      examples.map(({ target }) => [target]),
      namesOf(sizes).length,
    ),
  classNames: namesOf,
  trainingSizes: ['classWeights', 'dropRare'],
  best: { metric: 'macroF1', order: 'largest' },
  columns: {
    sequence: 'sequence',
    target: 'label',
    meaning: 'any text',
    parse: (text, sizes) => (isMissing(text) ? undefined : classNumber(text, sizes)),
    learn: (sizes, table) =>
      learntNames(
        learntColumns(sizes, table),
        table.rows.map(({ cells }) => cells[0]!).filter((text) => !isMissing(text)),
        LEAST_CLASSES,
      ),
    learnt: learntFrom,
  },
};
