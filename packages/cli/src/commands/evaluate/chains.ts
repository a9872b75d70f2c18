/**
 * `rna evaluate` for structures in space: a model's chains against those of
 * coordinate files, by every score with intervals, by length and by the model's
 * own confidence, beside an A-form helix of its base pairs and a random walk.
 */
import {
  csvLine,
  binned,
  bootstrapAll,
  CHAIN_SCORE_LABELS,
  CHAIN_SCORES,
  confidences,
  helixModel,
  lengthBins,
  pearson,
  randomWalkModel,
  scoreChain,
  type ChainScores,
  type Confidence,
  type Interval,
} from '@rna/structure';
import { predictedPartners, type ChainTask, type OpenedModel, type TertiaryPrediction } from '@rna/model';
import { predictions } from '@rna/train';
import { counted, formatCount, formatLoss, formatScore, scatter, type Figure } from '@rna/figures';
import { UsageError } from '../../commandLine/errors.ts';
import { note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import { writeAtomically } from '../../files/files.ts';
import { withPriors } from '../../folding/priors.ts';
import { readChains, type FileChain } from '../../input/chainFiles.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { naming, withEncoder } from '../../models/loadModel.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { sizeEntries } from '../../models/sizes.ts';
import { textTable, type Column, type Table } from '../../report/table.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';
import { writeReport } from './reportFolder.ts';
import { formatInterval } from './summary.ts';

/** A chain with the scores of what was made of it. */
interface ScoredChain {
  readonly id: string;
  readonly file: string;
  readonly length: number;
  readonly scores: ChainScores;
  /** Absent of baselines, which are sure of nothing. */
  readonly plddt?: number;
  readonly confidences?: readonly Confidence[];
}

type Name = keyof ChainScores;
type Intervals = Readonly<Record<Name, Interval>>;

interface Part {
  readonly label: string;
  readonly chains: number;
  readonly scores: Intervals;
}

interface Summary {
  readonly chains: number;
  /** Means over chains with 95 % of a bootstrap over them. */
  readonly scores: Intervals;
  /** Pearson's correlation of the predicted and the true lDDT (C1', <) of nucleotides, the draws being of chains. */
  readonly plddtCorrelation?: Interval;
  readonly groups: Readonly<Record<'length' | 'plddt', readonly Part[]>>;
}

/** Seed of the random walk: the same for everyone, so that a baseline is one number. */
const WALK_SEED = 1;
const HELIX = 'A-form helix of the predicted pairs';
const WALK = 'random walk';

export async function scoreChains(
  model: OpenedModel,
  task: ChainTask,
  options: EvaluateOptions,
  signal: AbortSignal,
): Promise<void> {
  checkOptions(task, options);
  const references = await readChains(options.files);
  const rnas = references.map((reference) => ({ ...reference, line: 1, sequence: reference.chain.sequence }));
  checkLengths(model.config, rnas);
  await withPriors(task, {}, (priors) =>
    withEncoder(
      model,
      async (encoder) => {
        const predicted: TertiaryPrediction[] = [];
        const bar = progressBar('evaluate', rnas.length, 'chains');
        try {
          for await (const each of predictions(
            { encoder, task, parameters: encoder.parameters, ...(priors && { priors }) },
            rnas,
            model.scalars,
          )) {
            signal.throwIfAborted();
            const rna = rnas[predicted.length]!;
            if (!isFiniteArray(each.coordinates)) throw await overflow(encoder, rna.file, rna);
            bar.update(predicted.push(each));
          }
        } catch (error) {
          throw naming(error, rnas[predicted.length]!.file, rnas[predicted.length]!);
        } finally {
          bar.stop();
        }
        const results = new Map([[options.model, references.map((each, i) => scored(each, predicted[i]!))]]);
        if (options.baselines) {
          results.set(
            HELIX,
            references.map((each, i) =>
              scoredModel(each, helixModel(each.chain.sequence, predictedPartners(each.chain.sequence, predicted[i]!))),
            ),
          );
          results.set(
            WALK,
            references.map((each) => scoredModel(each, randomWalkModel(each.chain.sequence, WALK_SEED))),
          );
        }
        const summaries = new Map([...results].map(([name, chains]) => [name, summarise(chains)]));
        if (options.csv !== undefined) await writeCsv(options.csv, results);
        const tables = [scoreTable(summaries), ...options.by.map((by) => groupTable(by as GroupName, summaries))];
        if (options.report !== undefined) {
          const own = summaries.get(options.model)!;
          await writeReport(options.report, options, model, encoder, {
            title: 'Structures in space',
            task: task.head.title,
            summary: `Structures of ${counted(rnas.length, 'chain')} of ${options.files.join(', ')}.`,
            keys: (['c1Inclusive', 'allAtom'] as const).map((name) => ({
              label: CHAIN_SCORE_LABELS[name],
              value: formatScore(own.scores[name].mean),
              interval: formatInterval(own.scores[name]),
            })),
            tables: [scoreTable(summaries), groupTable('length', summaries), groupTable('plddt', summaries)],
            notes: ['Intervals are 95 % of a bootstrap over chains with 1,000 draws.'],
            figures: confidenceFigures(results.get(options.model)!, own),
            examples: [],
            facts: [{ title: 'Head', entries: sizeEntries(task.sizes).map(([label, value]) => ({ label, value })) }],
          });
        }
        await writeResult(
          options.json ? jsonOf(options, task, summaries) : tables.map((table) => textTable(table)).join('\n'),
        );
      },
      options,
    ),
  );
}

function checkOptions({ head }: ChainTask, options: EvaluateOptions): void {
  const { threshold, validation, protocol, tuneBy, allowNcPairs, allowSharpLoops, mmseqs, train, by } = options;
  const others = [threshold, validation, protocol, tuneBy, allowNcPairs, allowSharpLoops, mmseqs, train];
  if (others.some((option) => option !== undefined) || by.some((each) => each !== 'length' && each !== 'plddt'))
    throw new UsageError(
      `${options.model} was fine-tuned for ${head.name}, which goes with --baselines, --csv, --report, --json and --by length,plddt alone`,
    );
}

const scored = (reference: FileChain, prediction: TertiaryPrediction): ScoredChain => {
  const { sequence } = reference.chain;
  const { plddt } = prediction;
  return {
    ...scoredModel(reference, { sequence, ...prediction }),
    plddt: plddt.reduce((sum, value) => sum + value, 0) / plddt.length,
    confidences: confidences(reference.chain, { sequence, ...prediction }, plddt),
  };
};

const scoredModel = ({ id, file, chain }: FileChain, model: Parameters<typeof scoreChain>[1]): ScoredChain => ({
  id,
  file,
  length: chain.sequence.length,
  scores: scoreChain(chain, model),
});

function summarise(chains: readonly ScoredChain[]): Summary {
  const sure = chains.filter(({ plddt }) => plddt !== undefined);
  return {
    chains: chains.length,
    scores: intervals(chains),
    ...(sure.length > 0 && { plddtCorrelation: bootstrapAll(sure, (drawn) => ({ r: correlation(drawn) })).r }),
    groups: {
      length: lengthBins(chains, ({ length }) => length).map(partOf),
      plddt: binned(sure, ({ plddt }) => plddt!, PLDDT_EDGES).map(partOf),
    },
  };
}

// The last bin holds 1 itself.
const PLDDT_EDGES = [0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, Infinity];

const partOf = ({ label, items }: { readonly label: string; readonly items: readonly ScoredChain[] }): Part => ({
  label,
  chains: items.length,
  scores: intervals(items),
});

/** Means of each score over the chains that have it. */
const intervals = (chains: readonly ScoredChain[]): Intervals =>
  bootstrapAll(
    chains,
    (drawn) =>
      Object.fromEntries(
        CHAIN_SCORES.map((name) => {
          const values = drawn.map(({ scores }) => scores[name]).filter((value) => !Number.isNaN(value));
          return [name, values.reduce((sum, value) => sum + value, 0) / values.length];
        }),
      ) as Record<Name, number>,
  );

function correlation(chains: readonly ScoredChain[]): number {
  const all = chains.flatMap((chain) => chain.confidences ?? []);
  return pearson(
    all.map(({ predicted }) => predicted),
    all.map(({ actual }) => actual),
  );
}

type Summaries = ReadonlyMap<string, Summary>;
type GroupName = 'length' | 'plddt';

const left = (header: string): Column => ({ header, group: '', align: 'left' });
const right = (header: string, group = ''): Column => ({ header, group, align: 'right' });
const ANGSTROMS: ReadonlySet<Name> = new Set(['rmsd', 'rmsdC1', 'clashes']);
const written = (name: Name, value: number): string =>
  Number.isNaN(value) ? '–' : ANGSTROMS.has(name) ? value.toFixed(2) : formatScore(value);
const range = (name: Name, { low, high }: Interval): string => `${written(name, low)}–${written(name, high)}`;

/** Every score of a model and of its baselines, a row a score. */
function scoreTable(summaries: Summaries): Table {
  const [first] = summaries.values();
  const correlations = [...summaries.values()].map(({ plddtCorrelation: r }) => r);
  return {
    caption: `Scores of ${counted(first?.chains ?? 0, 'chain')}, means with 95 % intervals`,
    columns: [left('score'), ...[...summaries.keys()].flatMap((name) => [right('mean', name), right('95 %', name)])],
    rowHeaders: 1,
    rows: [
      ...CHAIN_SCORES.map((name) => [
        CHAIN_SCORE_LABELS[name],
        ...[...summaries.values()].flatMap(({ scores }) => [
          written(name, scores[name].mean),
          range(name, scores[name]),
        ]),
      ]),
      [
        'r of plDDT and lDDT',
        ...correlations.flatMap((r) => (r === undefined ? ['–', '–'] : [formatScore(r.mean), formatInterval(r)])),
      ],
    ],
  };
}

const GROUP_HEADINGS: Readonly<Record<GroupName, string>> = { length: 'nucleotides', plddt: 'mean plDDT' };
const GROUP_SCORES = ['c1Inclusive', 'allAtom', 'rmsd', 'tmScore', 'fidelity'] as const;

function groupTable(by: GroupName, summaries: Summaries): Table {
  const labels = [...new Set([...summaries.values()].flatMap(({ groups }) => groups[by].map(({ label }) => label)))];
  return {
    caption: `By ${GROUP_HEADINGS[by]}, means over chains`,
    columns: [
      left(GROUP_HEADINGS[by]),
      left('by'),
      right('chains'),
      ...GROUP_SCORES.map((name) => right(CHAIN_SCORE_LABELS[name])),
    ],
    rowHeaders: 2,
    rows: labels.flatMap((label) =>
      [...summaries].flatMap(([name, { groups }]) => {
        const part = groups[by].find((each) => each.label === label);
        return part === undefined
          ? []
          : [
              [
                label,
                name,
                formatCount(part.chains),
                ...GROUP_SCORES.map((score) => written(score, part.scores[score].mean)),
              ],
            ];
      }),
    ),
  };
}

function jsonOf({ model }: EvaluateOptions, { head }: ChainTask, summaries: Summaries): string {
  const [[, own] = [], ...others] = summaries;
  return `${JSON.stringify(
    { model, task: head.name, ...own, ...(others.length > 0 && { baselines: Object.fromEntries(others) }) },
    // A score that no chain has.
    (_, value: unknown) => (typeof value === 'number' && Number.isNaN(value) ? null : value),
    2,
  )}\n`;
}

function writeCsv(path: string, results: ReadonlyMap<string, readonly ScoredChain[]>): Promise<void> {
  const lines = [...results].flatMap(([name, chains]) =>
    chains.map(({ file, id, length, plddt, scores }) =>
      csvLine([name, file, id, length, plddt ?? '', ...CHAIN_SCORES.map((score) => scores[score])]),
    ),
  );
  const header = csvLine(['by', 'file', 'id', 'length', 'plddt', ...CHAIN_SCORES]);
  return writeAtomically(path, (sink) => sink.write(new TextEncoder().encode([header, ...lines].join(''))));
}

function confidenceFigures(chains: readonly ScoredChain[], { plddtCorrelation: r }: Summary): Figure[] {
  const ofNucleotides = chains.flatMap((chain) =>
    (chain.confidences ?? []).map(({ predicted, actual }) => ({ measured: actual, predicted })),
  );
  const ofChains = chains.flatMap(({ plddt, scores }) =>
    plddt === undefined ? [] : [{ measured: scores.c1Strict, predicted: plddt }],
  );
  if (ofNucleotides.length === 0) note('no nucleotide has neighbours within 15 Å; there is no figure of the plDDT');
  return [
    {
      name: 'plddt-nucleotides',
      caption: "plDDT of each nucleotide beside its true lDDT (C1', <).",
      svg: scatter(
        'plDDT of nucleotides',
        'lDDT',
        ofNucleotides,
        r === undefined ? [] : [`r ${formatLoss(r.mean)}`],
        'nucleotide',
      ),
    },
    {
      name: 'plddt-chains',
      caption: "Mean plDDT of each chain beside its true lDDT (C1', <).",
      svg: scatter('plDDT of chains', 'lDDT', ofChains, [], 'chain'),
    },
  ];
}
