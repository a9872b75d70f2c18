/**
 * Numbers of whole RNAs from a table of one's own, such as a half-life, one or several at a time: the layers of
 * ribosome load, and the squared error of what is known of the targets.
 */
import { numberTableScores } from '@rna/structure';
import * as z from 'zod';
import type { Head } from './head.ts';
import { countKnown, fitStandard, knownSquaredError, inOwnUnits, parseKnown } from './missing.ts';
import { hasUniqueTitles, learntColumns, learntFrom, ownSizes, UNIQUE_TITLES, type OwnSizes } from './ownSizes.ts';
import { resNet1d, resNet1dParameters } from './resnet1d.ts';

const TARGET = 'target';

const titlesOf = ({ targets }: OwnSizes): readonly string[] => targets ?? [TARGET];

/** Labels and predictions are the numbers in the order of the titles; NaN is one that is not known. */
export const regression: Head<OwnSizes, Float64Array, Float32Array> = {
  name: 'regression',
  title: 'numbers of your own',
  kind: 'numbers',
  sizes: z.strictObject(ownSizes).refine(hasUniqueTitles, UNIQUE_TITLES),
  parameters: (dim, sizes) => resNet1dParameters(dim, sizes, titlesOf(sizes).length),
  forward: (input, { blocks }) => resNet1d(input, { channels: 0, blocks, padding: 'none' }),
  loss: (output, targets, scalars) => knownSquaredError(output, targets, scalars),
  terms: (_, values) => countKnown(values),
  fit: (targets, sizes) => fitStandard(targets, titlesOf(sizes)),
  predict(output, sizes, scalars) {
    const columns = titlesOf(sizes).length;
    const values = inOwnUnits(output, columns, scalars);
    return Array.from({ length: values.length / columns }, (_, s) => values.slice(s * columns, (s + 1) * columns));
  },
  metrics: (predictions, examples, _, sizes) =>
    numberTableScores(
      predictions,
      examples.map(({ target }) => target),
      titlesOf(sizes),
    ),
  classNames: titlesOf,
  best: { metric: 'r2', order: 'largest' },
  columns: {
    sequence: 'sequence',
    target: TARGET,
    several: true,
    meaning: 'a number, empty or nan where it is not known',
    parse(_text, _sizes, { cells }) {
      const values = Float64Array.from(cells, parseKnown);
      return countKnown(values) === 0 ? undefined : values;
    },
    learn: learntColumns,
    learnt: learntFrom,
  },
};
