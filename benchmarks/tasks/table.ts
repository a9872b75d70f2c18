/**
 * The table of the tasks: a score a row, pre-trained, not pre-trained and baselines beside each other, with 95 %
 * intervals.
 */
import { HEADS } from '@rna/model';
import type { PredictionKind } from '@rna/structure';
import { z } from 'zod';
import type { PreparedTask } from './data.ts';

const interval = z.object({ mean: z.number(), low: z.number(), high: z.number() });
type Interval = z.infer<typeof interval>;

export interface Row {
  readonly test: string;
  readonly rnas: number;
  readonly score: string;
  readonly pretrained: Interval;
  readonly untrained: Interval;
  readonly baselines: Readonly<Record<string, Interval>>;
}

const means = z.object({
  rnas: z.number(),
  intervals: z.object({
    strict: z.object({ f1: interval }),
    flexible: z.object({ f1: interval }),
    averagePrecision: interval,
  }),
});
const summary = means.extend({
  groups: z.array(z.object({ by: z.string(), parts: z.array(means.extend({ label: z.string() })) })),
});
const structures = summary.extend({ baselines: z.record(z.string(), summary).optional() });
type Test = PreparedTask['tests'][number];

/** F1 by the part's protocol and AUPRC of a test, and F1 of each of its families. */
export function structureRows(
  { protocol }: PreparedTask,
  { name: test }: Test,
  pretrained: unknown,
  untrained: unknown,
): Row[] {
  const [own, other] = [structures.parse(pretrained), structures.parse(untrained)];
  const f1 = ({ intervals }: z.infer<typeof means>): Interval =>
    protocol === 'rinalmo' ? intervals.flexible.f1 : intervals.strict.f1;
  const score = protocol === 'rinalmo' ? 'F1 within ±1' : 'F1, exact pairs';
  const baselines = Object.entries(own.baselines ?? {});
  const families = own.groups.find(({ by }) => by === 'family')?.parts ?? [];
  const part = (of: z.infer<typeof summary>, label: string): z.infer<typeof means> =>
    of.groups.find(({ by }) => by === 'family')!.parts.find((each) => each.label === label)!;
  const area = ({ intervals }: z.infer<typeof means>): Interval => intervals.averagePrecision;
  return [
    {
      test,
      rnas: own.rnas,
      score,
      pretrained: f1(own),
      untrained: f1(other),
      baselines: Object.fromEntries(baselines.map(([name, each]) => [name, f1(each)])),
    },
    ...(protocol === 'rinalmo'
      ? []
      : [
          {
            test,
            rnas: own.rnas,
            score: 'AUPRC',
            pretrained: area(own),
            untrained: area(other),
            baselines: Object.fromEntries(baselines.map(([name, each]) => [name, area(each)])),
          },
        ]),
    ...families.map((family) => ({
      test: `${test}, ${family.label}`,
      rnas: family.rnas,
      score,
      pretrained: f1(family),
      untrained: f1(part(other, family.label)),
      baselines: Object.fromEntries(baselines.map(([name, each]) => [name, f1(part(each, family.label))])),
    })),
  ];
}

const labels = z.object({ rnas: z.number(), intervals: z.record(z.string(), interval) });
const scored = labels.extend({ baselines: z.record(z.string(), labels.omit({ rnas: true })).optional() });

/** Which scores are shown of what a task predicts. */
const SHOWN: Partial<Readonly<Record<PredictionKind, Readonly<Record<string, string>>>>> = {
  probability: { accuracy: 'accuracy', f1: 'F1' },
  number: { r2: 'R²', spearman: 'Spearman' },
  classes: { accuracy: 'accuracy', weightedF1: 'weighted F1' },
};

/** Throws a RangeError for a task of which no scores are shown. */
function shownScores(task: string): Readonly<Record<string, string>> {
  const kind = HEADS.find(({ name }) => name === task)?.kind;
  const scores = kind && SHOWN[kind];
  if (scores === undefined) throw new RangeError(`the table has no scores for '${task}'`);
  return scores;
}

export function labelRows(
  { task }: PreparedTask,
  { name: test }: Test,
  pretrained: unknown,
  untrained: unknown,
): Row[] {
  const [own, other] = [scored.parse(pretrained), labels.parse(untrained)];
  return Object.entries(shownScores(task)).map(([metric, score]) => ({
    test,
    rnas: own.rnas,
    score,
    pretrained: own.intervals[metric]!,
    untrained: other.intervals[metric]!,
    baselines: Object.fromEntries(
      Object.entries(own.baselines ?? {}).map(([name, { intervals }]) => [name, intervals[metric]!]),
    ),
  }));
}

const precision = z.object({ precision: z.object({ l: interval, half: interval, fifth: interval, true: interval }) });
const contactScores = z.object({
  rnas: z.number(),
  trained: precision,
  random: precision,
  baselines: z.record(z.string(), precision),
});

export function contactRows(test: string, result: unknown): Row[] {
  const { rnas, trained, random, baselines } = contactScores.parse(result);
  const scores = [
    ['l', 'precision of L pairs'],
    ['half', 'of L/2'],
    ['fifth', 'of L/5'],
    ['true', 'of as many as are true'],
  ] as const;
  return scores.map(([key, score]) => ({
    test: `contacts, ${test}`,
    rnas,
    score,
    pretrained: trained.precision[key],
    untrained: random.precision[key],
    baselines: Object.fromEntries(Object.entries(baselines).map(([name, each]) => [name, each.precision[key]])),
  }));
}

const cell = ({ mean, low, high }: Interval): string => `${mean.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;

/** Markdown. */
export function taskTable(rows: readonly Row[]): string {
  return [
    '| test | RNAs | score | pre-trained | not pre-trained | baseline |',
    '|---|---|---|---|---|---|',
    ...rows.map(
      ({ test, rnas, score, pretrained, untrained, baselines }) =>
        `| ${test} | ${rnas} | ${score} | ${cell(pretrained)} | ${cell(untrained)} | ${
          Object.entries(baselines)
            .map(([name, value]) => `${name} ${cell(value)}`)
            .join('; ') || '–'
        } |`,
    ),
    '',
  ].join('\n');
}
