/**
 * Labels of whole RNAs from a table of one's own, of which each RNA has any number: a column of names with semicolons,
 * or a column of 0 and 1 for each. The layers of ribosome load, binary cross-entropy of what is known.
 */
import { labelTableScores, sigmoid } from '@rna/structure';
import { binaryCrossEntropy } from '@rna/tensor';
import * as z from 'zod';
import { classNumber, hasUniqueNames, learntNames, namedSizes, UNIQUE_NAMES, type NamedSizes } from './classNames.ts';
import type { Head, LabelTable } from './head.ts';
import { countKnown, isMissing, knownOf } from './missing.ts';
import { hasUniqueTitles, learntColumns, learntFrom, ownSizes, UNIQUE_TITLES, type OwnSizes } from './ownSizes.ts';
import { resNet1d, resNet1dParameters } from './resnet1d.ts';

type MultiLabelSizes = OwnSizes & NamedSizes;

const LEAST_LABELS = 1;

const namesOf = ({ names }: NamedSizes): readonly string[] => names ?? ['label'];

const listed = (text: string): string[] =>
  text
    .split(/[;|]/)
    .map((name) => name.trim())
    .filter((name) => name !== '');

/** Labels are 1 where an RNA has one, 0 where not, NaN where that is not known; predictions their probabilities. */
export const multiLabel: Head<MultiLabelSizes, Float64Array, Float32Array> = {
  name: 'multi-label',
  title: 'labels of your own',
  kind: 'labels',
  sizes: z
    .strictObject({ ...ownSizes, ...namedSizes })
    .refine(hasUniqueTitles, UNIQUE_TITLES)
    .refine(hasUniqueNames, UNIQUE_NAMES),
  parameters: (dim, sizes) => resNet1dParameters(dim, sizes, namesOf(sizes).length),
  forward: (input, { blocks }) => resNet1d(input, { channels: 0, blocks, padding: 'none' }),
  loss(logits, targets) {
    const known = knownOf(logits, targets);
    return binaryCrossEntropy(known.output, Float32Array.from(known.values));
  },
  terms: (_, labels) => countKnown(labels),
  predict(logits, sizes) {
    const labels = namesOf(sizes).length;
    return Array.from({ length: logits.length / labels }, (_, s) =>
      logits.slice(s * labels, (s + 1) * labels).map(sigmoid),
    );
  },
  metrics: (probabilities, examples, _, sizes) =>
    labelTableScores(
      probabilities,
      examples.map(({ target }) => target),
      namesOf(sizes),
    ),
  classNames: namesOf,
  trainingSizes: ['dropRare'],
  best: { metric: 'auprc', order: 'largest' },
  columns: {
    sequence: 'sequence',
    target: 'labels',
    several: true,
    meaning: 'names with semicolons, or several columns of 0 and 1',
    parse(text, sizes, { cells }) {
      const { targets = [] } = sizes;
      const labels = new Float64Array(namesOf(sizes).length);
      if (cells.length === 1) {
        if (text !== '' && isMissing(text)) return undefined;
        for (const name of listed(text)) {
          const number = classNumber(name, sizes);
          if (number !== undefined) labels[number] = 1;
        }
        return labels;
      }
      cells.forEach((cell, c) => {
        const number = classNumber(targets[c]!, sizes);
        const value = yesOrNo(cell, targets[c]!);
        if (number !== undefined) labels[number] = value;
      });
      return countKnown(labels) === 0 ? undefined : labels;
    },
    learn(sizes, table) {
      const known = learntColumns(sizes, table);
      if (table.targets.length === 1) return learntNames(known, namesIn(table), LEAST_LABELS);
      const found = positives(table);
      const without = table.targets.filter((title) => !found.includes(title));
      if (without.length > 0)
        throw new RangeError(`no row has a 1 in the columns ${without.join(', ')}, so nothing can be learnt of them`);
      return learntNames(known, found, LEAST_LABELS);
    },
    learnt: learntFrom,
  },
};

function yesOrNo(cell: string, title: string): number {
  if (isMissing(cell)) return NaN;
  if (cell !== '0' && cell !== '1') throw new RangeError(`${title}: expected 0 or 1, got "${cell}"`);
  return Number(cell);
}

const namesIn = ({ rows }: LabelTable): string[] =>
  rows.flatMap(({ cells: [text = ''] }) => (isMissing(text) ? [] : listed(text)));

/** The title of a column, as often as it has a 1. */
const positives = ({ targets, rows }: LabelTable): string[] =>
  rows.flatMap(({ cells }) => targets.filter((_, c) => cells[c] === '1'));
