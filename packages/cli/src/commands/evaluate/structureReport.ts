/** The report of an evaluation of secondary structures: what is in its tables, figures and examples. */
import {
  basePairs,
  familyOf,
  type CalibrationBin,
  type PairPredictor,
  type StructureProtocol,
  type StructureScore,
} from '@rna/structure';
import type { Encoder, OpenedModel, PairTask } from '@rna/model';
import {
  embeddingFigures,
  formatCount,
  formatScore,
  structureFigures,
  type PairCurves,
  type StructureExample,
} from '@rna/figures';
import type { StructureRecord } from '../../input/trainingInput.ts';
import { clsEmbeddings } from './embeddings.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';
import { writeReport } from './reportFolder.ts';
import {
  calibrationTable,
  formatInterval,
  groupTable,
  pairTypeTable,
  summaryTable,
  type StructureSummary,
} from './summary.ts';

/** How pairs are decoded, and which F1 the threshold is tuned by and a report draws. */
export type Rules = Pick<StructureProtocol, 'allowNcPairs' | 'allowSharpLoops' | 'flexible'>;

/** Scores by who predicted, the model itself first. */
export type Summaries = ReadonlyMap<string, StructureSummary>;

/** What a report is made of. */
export interface Reported {
  readonly options: EvaluateOptions;
  readonly model: OpenedModel;
  readonly task: PairTask;
  readonly encoder: Encoder;
  readonly rules: Rules;
  readonly threshold: number;
  readonly source: string;
  readonly records: readonly StructureRecord[];
  readonly predicted: ReadonlyMap<string, readonly StructureScore[]>;
  readonly curves: readonly PairCurves[];
  readonly calibration: readonly CalibrationBin[];
  readonly summaries: Summaries;
  readonly identities: readonly number[] | undefined;
  readonly predict: PairPredictor;
  readonly signal: AbortSignal;
}

// Longer ones fill the page and are hard to read.
const LONGEST_DRAWN = 200;

/** Writes the report of an evaluation into a folder: tables, curves, and three RNAs with their structures. */
export async function writeStructureReport(folder: string, reported: Reported): Promise<void> {
  const {
    options,
    model,
    task,
    encoder,
    rules,
    threshold,
    source,
    records,
    predicted,
    curves,
    calibration,
    summaries,
    identities,
    predict,
    signal,
  } = reported;
  const score = rules.flexible ? 'flexible' : 'strict';
  const own = summaries.get(options.model)!;
  const identityOf = new Map(records.map(({ id }, i) => [id, identities?.[i] ?? 0]));
  const families = records.map(({ id }) => familyOf(id));
  const embedded = families.some((family) => family !== undefined)
    ? await embeddingFigures(
        records.map(({ id, sequence }, i) => ({ id, sequence, label: families[i] ?? 'other' })),
        (drawn) => clsEmbeddings(encoder, drawn, signal),
        'family',
      )
    : [];
  await writeReport(folder, options, model, encoder, {
    title: 'Secondary structures',
    task: task.head.title,
    summary: `Base pairs of ${formatCount(records.length)} RNAs of ${options.files.join(', ')}, ${rulesText(rules)}.`,
    keys: [
      {
        label: score === 'flexible' ? 'F1, within ±1' : 'F1, exact pairs',
        value: formatScore(own[score].f1),
        interval: formatInterval(own.intervals[score].f1),
      },
      {
        label: 'AUPRC',
        value: formatScore(own.averagePrecision),
        interval: formatInterval(own.intervals.averagePrecision),
      },
    ],
    tables: [
      summaryTable(summaries),
      pairTypeTable(summaries),
      ...own.groups.map(({ by }) => groupTable(by, summaries)),
      calibrationTable(calibration),
    ],
    notes: ['Intervals are 95 % of a bootstrap over RNAs with 1,000 draws.'],
    figures: [
      ...structureFigures(
        [...predicted].map(([name, rnas], k) => ({ name, rnas, ...(k === 0 && { curves }) })),
        { score, groupOf: familyOf, ...(identities && { identityOf: (id) => identityOf.get(id) ?? 0 }) },
      ),
      ...embedded,
    ],
    examples: await examplesOf(predicted.get(options.model)!, predict),
    facts: [
      {
        title: 'Decoding',
        entries: [
          { label: 'threshold', value: `${threshold} (${source})` },
          { label: 'rules', value: rulesText(rules) },
          ...(options.protocol === undefined ? [] : [{ label: 'protocol', value: options.protocol }]),
        ],
      },
    ],
  });
}

const rulesText = ({ allowNcPairs, allowSharpLoops, flexible }: Rules): string =>
  `${allowNcPairs ? 'all' : 'canonical'} pairs, ${allowSharpLoops ? 'sharp loops allowed' : 'no sharp loops'}, ${flexible ? 'a pair one position off counts' : 'exact pairs count'}`;

/** The best, the middle and the worst of the RNAs that can be drawn, by F1. */
async function examplesOf(scores: readonly StructureScore[], predict: PairPredictor): Promise<StructureExample[]> {
  const drawable = scores
    .filter(({ sequence, target }) => sequence.length <= LONGEST_DRAWN && target.some((partner) => partner >= 0))
    .sort((a, b) => b.strict.f1 - a.strict.f1);
  const chosen = [...new Set([drawable[0], drawable[Math.floor(drawable.length / 2)], drawable.at(-1)])].filter(
    (score) => score !== undefined,
  );
  const examples: StructureExample[] = [];
  for (const { id, sequence, target, predicted, strict } of chosen) {
    examples.push({
      id,
      sequence,
      family: familyOf(id) ?? '',
      truth: basePairs(target),
      prediction: basePairs(predicted),
      scores: strict,
      probabilities: pairsOf(await predict(sequence), sequence.length),
    });
  }
  return examples;
}

const LEAST_DRAWN = 0.01;

function pairsOf(triangle: Float32Array, length: number): [number, number, number][] {
  const pairs: [number, number, number][] = [];
  let index = 0;
  for (let i = 0; i < length; i++) {
    for (let j = i + 1; j < length; j++) {
      const p = triangle[index++]!;
      if (p >= LEAST_DRAWN) pairs.push([i, j, p]);
    }
  }
  return pairs;
}
