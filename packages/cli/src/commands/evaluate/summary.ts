/**
 * Scores of base pairs summed up for a table, a script and a report: means over
 * RNAs with bootstrap intervals, means weighted by length, types of pairs, and
 * the same for parts of the test set. One form for a model and for a baseline.
 */
import {
  bootstrapAll,
  calibrationError,
  familyOf,
  grouped,
  lengthBins,
  PAIR_TYPES,
  scoreByPairType,
  similarityBins,
  totalByPairType,
  type CalibrationBin,
  type Interval,
  type PairScore,
  type PairType,
  type PairTypeScores,
  type StructureScore,
} from '@rna/structure';
import { formatCount, formatScore } from '@rna/figures';
import type { Column, Table } from '../../report/table.ts';

type ScoreIntervals = Readonly<Record<keyof PairScore, Interval>>;

/** Means over some RNAs. */
export interface ScoreMeans {
  readonly rnas: number;
  readonly strict: PairScore;
  readonly flexible: PairScore;
  readonly averagePrecision: number;
  /** 95 % of a bootstrap over the RNAs. */
  readonly intervals: {
    readonly strict: ScoreIntervals;
    readonly flexible: ScoreIntervals;
    readonly averagePrecision: Interval;
  };
}

export interface StructureSummary extends ScoreMeans {
  readonly lengthWeighted: Omit<ScoreMeans, 'rnas'>;
  readonly pairTypes: PairTypeScores;
  readonly pairTypeIntervals: Readonly<Record<PairType, ScoreIntervals>>;
  readonly groups: readonly GroupSummary[];
}

/** A way to part the test set, and the means of each part. */
export interface GroupSummary {
  readonly by: Grouping;
  readonly parts: readonly (ScoreMeans & { readonly label: string })[];
}

export const GROUPINGS = ['family', 'file', 'length', 'similarity'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** An RNA's scores with what it may be grouped by. */
export interface GroupedScore extends StructureScore {
  readonly file: string;
  /** The identity with the most similar RNA of the training set, 0 … 1; absent where that was not asked for. */
  readonly identity?: number;
}

/** The summary of a set's scores. Throws a RangeError for no RNA. */
export function summarise(rnas: readonly GroupedScore[]): StructureSummary {
  const byType = rnas.map(({ sequence, target, predicted }) => scoreByPairType(sequence, target, predicted));
  return {
    rnas: rnas.length,
    ...means(rnas),
    lengthWeighted: means(rnas, ({ sequence }) => sequence.length),
    pairTypes: totalByPairType(byType),
    pairTypeIntervals: pairTypeIntervals(byType),
    groups: GROUPINGS.flatMap((by) => {
      const parts = partsBy(by, rnas);
      return parts.length < 2
        ? []
        : [{ by, parts: parts.map(({ label, items }) => ({ label, rnas: items.length, ...means(items) })) }];
    }),
  };
}

function means(
  rnas: readonly StructureScore[],
  weight: (rna: StructureScore) => number = () => 1,
): Omit<ScoreMeans, 'rnas'> {
  const mean = (drawn: readonly StructureScore[], value: (rna: StructureScore) => number): number => {
    let [sum, total] = [0, 0];
    for (const rna of drawn) {
      sum += weight(rna) * value(rna);
      total += weight(rna);
    }
    return sum / total;
  };
  const all = bootstrapAll(rnas, (drawn) => ({
    precision: mean(drawn, ({ strict }) => strict.precision),
    recall: mean(drawn, ({ strict }) => strict.recall),
    f1: mean(drawn, ({ strict }) => strict.f1),
    flexiblePrecision: mean(drawn, ({ flexible }) => flexible.precision),
    flexibleRecall: mean(drawn, ({ flexible }) => flexible.recall),
    flexibleF1: mean(drawn, ({ flexible }) => flexible.f1),
    averagePrecision: mean(drawn, ({ averagePrecision }) => averagePrecision),
  }));
  const { precision, recall, f1, averagePrecision } = all;
  const [strict, flexible] = [
    { precision, recall, f1 },
    { precision: all.flexiblePrecision, recall: all.flexibleRecall, f1: all.flexibleF1 },
  ];
  return {
    strict: centre(strict),
    flexible: centre(flexible),
    averagePrecision: averagePrecision.mean,
    intervals: { strict, flexible, averagePrecision },
  };
}

const centre = ({ precision, recall, f1 }: ScoreIntervals): PairScore => ({
  precision: precision.mean,
  recall: recall.mean,
  f1: f1.mean,
});

function pairTypeIntervals(byType: readonly PairTypeScores[]): Record<PairType, ScoreIntervals> {
  const names = PAIR_TYPES.flatMap((type) =>
    MEASURE_KEYS.map((measure) => [type, measure, `${type} ${measure}`] as const),
  );
  const all = bootstrapAll(byType, (drawn) => {
    const total = totalByPairType(drawn);
    return Object.fromEntries(names.map(([type, measure, name]) => [name, total[type][measure]]));
  });
  const of = (type: PairType): ScoreIntervals => ({
    precision: all[`${type} precision`]!,
    recall: all[`${type} recall`]!,
    f1: all[`${type} f1`]!,
  });
  return { watsonCrick: of('watsonCrick'), wobble: of('wobble'), nonCanonical: of('nonCanonical') };
}

const MEASURE_KEYS = ['precision', 'recall', 'f1'] as const;

/** The parts of a set, in their order; none where an RNA cannot be told, such as one whose name says no family. */
function partsBy(
  by: Grouping,
  rnas: readonly GroupedScore[],
): readonly { readonly label: string; readonly items: readonly GroupedScore[] }[] {
  const named = (name: (rna: GroupedScore) => string): { label: string; items: GroupedScore[] }[] =>
    [...grouped(rnas, name)].map(([label, items]) => ({ label, items }));
  switch (by) {
    case 'family':
      return rnas.every(({ id }) => familyOf(id) !== undefined) ? named(({ id }) => familyOf(id)!) : [];
    case 'file': {
      const files = named(({ file }) => file);
      // A folder with a file an RNA is no grouping.
      return files.length < rnas.length ? files : [];
    }
    case 'length':
      return lengthBins(rnas, ({ sequence }) => sequence.length);
    case 'similarity':
      return rnas.every(({ identity }) => identity !== undefined)
        ? similarityBins(rnas, ({ identity }) => identity!)
        : [];
  }
}

const text = (header: string): Column => ({ header, group: '', align: 'left' });
const number = (header: string, group = ''): Column => ({ header, group, align: 'right' });
const MEASURES = ['precision', 'recall', 'F1'];
const cells = ({ precision, recall, f1 }: PairScore): string[] => [precision, recall, f1].map(formatScore);

/** `0.41–0.47`. */
export const formatInterval = ({ low, high }: Interval): string => `${formatScore(low)}–${formatScore(high)}`;

/** A model beside its baselines: two means each, with the intervals of both F1. */
export function summaryTable(summaries: ReadonlyMap<string, StructureSummary>): Table {
  const several = summaries.size > 1;
  const rnas = [...summaries.values()][0]?.rnas ?? 0;
  return {
    caption: `Base pairs of ${formatCount(rnas)} RNAs`,
    columns: [
      ...(several ? [text('predicted by')] : []),
      text('mean'),
      ...MEASURES.map((measure) => number(measure, 'exact pairs')),
      number('95 % of F1', 'exact pairs'),
      ...MEASURES.map((measure) => number(measure, 'within ±1')),
      number('95 % of F1', 'within ±1'),
      number('AUPRC'),
    ],
    rowHeaders: several ? 2 : 1,
    rows: [...summaries].flatMap(
      ([name, { strict, flexible, averagePrecision, intervals, lengthWeighted: weighted }]) => [
        [
          ...(several ? [name] : []),
          'over RNAs',
          ...cells(strict),
          formatInterval(intervals.strict.f1),
          ...cells(flexible),
          formatInterval(intervals.flexible.f1),
          formatScore(averagePrecision),
        ],
        [
          ...(several ? [name] : []),
          'weighted by length',
          ...cells(weighted.strict),
          formatInterval(weighted.intervals.strict.f1),
          ...cells(weighted.flexible),
          formatInterval(weighted.intervals.flexible.f1),
          formatScore(weighted.averagePrecision),
        ],
      ],
    ),
  };
}

const HEADINGS: Readonly<Record<Grouping, string>> = {
  family: 'family',
  file: 'file',
  length: 'nucleotides',
  similarity: 'identity with the training set',
};

/** The parts of one grouping, for each predictor. */
export function groupTable(by: Grouping, summaries: ReadonlyMap<string, StructureSummary>): Table {
  const several = summaries.size > 1;
  return {
    caption: `By ${HEADINGS[by]}, means over RNAs`,
    columns: [
      text(HEADINGS[by]),
      ...(several ? [text('predicted by')] : []),
      number('RNAs'),
      number('F1', 'exact pairs'),
      number('95 %', 'exact pairs'),
      number('F1', 'within ±1'),
      number('95 %', 'within ±1'),
      number('AUPRC'),
    ],
    rowHeaders: several ? 2 : 1,
    rows: labelsOf(by, summaries).flatMap((label) =>
      [...summaries].flatMap(([name, { groups }]) => {
        const part = groups.find((group) => group.by === by)?.parts.find((each) => each.label === label);
        return part === undefined
          ? []
          : [
              [
                label,
                ...(several ? [name] : []),
                formatCount(part.rnas),
                formatScore(part.strict.f1),
                formatInterval(part.intervals.strict.f1),
                formatScore(part.flexible.f1),
                formatInterval(part.intervals.flexible.f1),
                formatScore(part.averagePrecision),
              ],
            ];
      }),
    ),
  };
}

const labelsOf = (by: Grouping, summaries: ReadonlyMap<string, StructureSummary>): string[] => [
  ...new Set(
    [...summaries.values()].flatMap(({ groups }) =>
      groups.filter((group) => group.by === by).flatMap(({ parts }) => parts.map(({ label }) => label)),
    ),
  ),
];

const PAIR_TYPE_NAMES = {
  watsonCrick: 'Watson-Crick (AU, GC)',
  wobble: 'wobble (GU)',
  nonCanonical: 'non-canonical',
} as const;

/** Exact pairs of all RNAs as one set, apart by type (SSR-LM Table S1). */
export function pairTypeTable(summaries: ReadonlyMap<string, StructureSummary>): Table {
  const several = summaries.size > 1;
  return {
    caption: 'By type of pair, all exact pairs as one set',
    columns: [
      text('pairs'),
      ...(several ? [text('predicted by')] : []),
      number('true'),
      number('predicted'),
      ...MEASURES.map((measure) => number(measure)),
      number('95 % of F1'),
    ],
    rowHeaders: several ? 2 : 1,
    rows: PAIR_TYPES.flatMap((type) =>
      [...summaries].map(([name, { pairTypes, pairTypeIntervals: intervals }]) => {
        const score = pairTypes[type];
        return [
          PAIR_TYPE_NAMES[type],
          ...(several ? [name] : []),
          formatCount(score.pairs),
          formatCount(score.predicted),
          ...cells(score),
          formatInterval(intervals[type].f1),
        ];
      }),
    ),
  };
}

/** How often the pairs of a probability are true, over all pairs of nucleotides of all RNAs. */
export function calibrationTable(bins: readonly CalibrationBin[]): Table {
  return {
    caption: `By probability, all pairs of nucleotides as one set; expected calibration error ${formatScore(calibrationError(bins))}`,
    columns: [text('probability'), number('pairs'), number('mean probability'), number('true')],
    rowHeaders: 1,
    rows: bins.map(({ low, high, count, predicted, observed }) => [
      `${low.toFixed(1)} – ${high.toFixed(1)}`,
      formatCount(count),
      ...[predicted, observed].map((value) => (count === 0 ? '–' : formatScore(value))),
    ]),
  };
}
