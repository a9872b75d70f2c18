/**
 * Labels of nucleotides from a table of one's own: numbers, such as reactivities, and classes, such as whether an
 * adenosine is methylated. The layers of ribosome load without the mean over the tokens; the losses count the
 * nucleotides whose label is known.
 */
import { classTableScores, numberTableScores, softmaxRows } from '@rna/structure';
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
import { countKnown, fitStandard, knownSquaredError, inOwnUnits, isMissing, parseKnown } from './missing.ts';
import { hasUniqueTitles, learntColumns, learntFrom, ownSizes, UNIQUE_TITLES, type OwnSizes } from './ownSizes.ts';
import { resNet1dNucleotides, resNet1dParameters } from './resnet1d.ts';

/** The values of a cell: a list with semicolons, commas or blanks, in brackets or not. */
function listed(cell: string): string[] {
  const text = cell.startsWith('[') && cell.endsWith(']') ? cell.slice(1, -1) : cell;
  const separator = [';', ','].find((each) => text.includes(each));
  const values = separator === undefined ? text.trim().split(/\s+/) : text.split(separator);
  return values.map((value) => value.trim());
}

function requireLength(values: readonly string[], sequence: string): void {
  if (values.length !== sequence.length)
    throw new RangeError(
      `expected ${sequence.length} values, one for each nucleotide, got ${values.length}; nan stands for one that is not known`,
    );
}

/** Parts of a table of all sequences, by their lengths. */
function byLengths(table: Float32Array, columns: number, lengths: readonly number[]): Float32Array[] {
  let row = 0;
  return lengths.map((length) => {
    const part = table.slice(row * columns, (row + length) * columns);
    row += length;
    return part;
  });
}

const VALUES = 'reactivity';

const titlesOf = ({ targets }: OwnSizes): readonly string[] => targets ?? [VALUES];

/** Labels and predictions are tables with a row for each nucleotide and a number for each title, NaN if not known. */
export const nucleotideRegression: Head<OwnSizes, Float64Array, Float32Array> = {
  name: 'nucleotide-regression',
  title: 'numbers of nucleotides, such as reactivities',
  kind: 'nucleotide-numbers',
  sizes: z.strictObject(ownSizes).refine(hasUniqueTitles, UNIQUE_TITLES),
  parameters: (dim, sizes) => resNet1dParameters(dim, sizes, titlesOf(sizes).length),
  forward: (input, sizes) => resNet1dNucleotides(input, sizes),
  loss: (output, targets, scalars) => knownSquaredError(output, targets, scalars),
  terms: (_, values) => countKnown(values),
  fit: (targets, sizes) => fitStandard(targets, titlesOf(sizes)),
  predict(output, sizes, scalars, lengths) {
    const columns = titlesOf(sizes).length;
    return byLengths(inOwnUnits(output, columns, scalars), columns, lengths);
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
    target: VALUES,
    several: true,
    meaning: 'a number for each nucleotide with semicolons, nan where it is not known; or RDAT files',
    parse(_text, _sizes, { cells, sequence }) {
      const values = new Float64Array(sequence.length * cells.length).fill(NaN);
      cells.forEach((cell, c) => {
        if (isMissing(cell)) return;
        const list = listed(cell);
        requireLength(list, sequence);
        list.forEach((value, i) => {
          values[i * cells.length + c] = parseKnown(value);
        });
      });
      return countKnown(values) === 0 ? undefined : values;
    },
    learn: learntColumns,
    learnt: learntFrom,
  },
};

interface NucleotideClassSizes extends OwnSizes, NamedSizes {
  readonly classWeights: 'none' | 'balanced';
}

const LEAST_CLASSES = 2;

const namesOf = ({ names }: NamedSizes): readonly string[] =>
  names ?? Array.from({ length: LEAST_CLASSES }, (_, number) => String(number));

/** The label of each nucleotide: a list, or a character for each. */
function labelsOf(cell: string, sequence: string): string[] {
  const isList = /[\s;,]/.test(cell) || sequence.length === 1;
  const labels = isList ? listed(cell) : [...cell];
  return labels.map((label) => (label === '?' || isMissing(label) ? '' : label));
}

/** Labels are the numbers of the nucleotides' classes, NaN if not known, predictions tables of their probabilities. */
export const nucleotideClassification: Head<NucleotideClassSizes, Float64Array, Float32Array> = {
  name: 'nucleotide-classification',
  title: 'classes of nucleotides, such as modifications',
  kind: 'nucleotide-classes',
  sizes: z
    .strictObject({ ...ownSizes, ...namedSizes, classWeights })
    .refine(hasUniqueTitles, UNIQUE_TITLES)
    .refine(hasUniqueNames, UNIQUE_NAMES),
  parameters: (dim, sizes) => resNet1dParameters(dim, sizes, namesOf(sizes).length),
  forward: (input, sizes) => resNet1dNucleotides(input, sizes),
  loss(logits, targets, scalars) {
    const labels = targets.flatMap((each) => Array.from(each, (label) => (Number.isNaN(label) ? -1 : label)));
    return crossEntropy(logits, Int32Array.from(labels), weightsIn(scalars, logits.shape[1]!));
  },
  terms: (_, labels) => countKnown(labels),
  fit(targets, sizes) {
    if (sizes.classWeights === 'none') return new Map();
    const labels = targets.flatMap((each) => Array.from(each).filter((label) => !Number.isNaN(label)));
    return weightScalars(balancedWeights(labels, namesOf(sizes).length));
  },
  predict(logits, sizes, _, lengths) {
    const classes = namesOf(sizes).length;
    const probabilities = new Float32Array(logits.length);
    softmaxRows(logits, classes).forEach((row, r) => {
      probabilities.set(row, r * classes);
    });
    return byLengths(probabilities, classes, lengths);
  },
  metrics: (probabilities, examples, _, sizes) =>
    classTableScores(
      probabilities,
      examples.map(({ target }) => target),
      namesOf(sizes).length,
      namesOf(sizes),
    ),
  classNames: namesOf,
  trainingSizes: ['classWeights', 'dropRare'],
  best: { metric: 'macroF1', order: 'largest' },
  columns: {
    sequence: 'sequence',
    target: 'labels',
    meaning: 'a name for each nucleotide with semicolons, or a character for each; nan or ? where it is not known',
    parse(text, sizes, { sequence }) {
      if (isMissing(text)) return undefined;
      const list = labelsOf(text, sequence);
      requireLength(list, sequence);
      const labels = Float64Array.from(list, (label) => (label === '' ? NaN : (classNumber(label, sizes) ?? NaN)));
      return countKnown(labels) === 0 ? undefined : labels;
    },
    learn: (sizes, table) =>
      learntNames(
        learntColumns(sizes, table),
        table.rows.flatMap(({ cells: [text = ''], sequence }) =>
          isMissing(text) ? [] : labelsOf(text, sequence).filter((label) => label !== ''),
        ),
        LEAST_CLASSES,
      ),
    learnt: learntFrom,
  },
};
