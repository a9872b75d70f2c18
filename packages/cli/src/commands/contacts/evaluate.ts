/**
 * The work of `rna contacts evaluate`: how many of the most probable pairs are
 * base pairs, beside the same regression on an encoder that was not trained and
 * the probabilities of CONTRAfold and EternaFold. RNAs that the regression was
 * fitted to are not scored.
 */
import { bootstrap, type Interval, csvLine } from '@rna/structure';
import {
  contactPrecision,
  Encoder,
  predictContacts,
  type ContactPrecision,
  type ContactRegression,
  type EncoderConfig,
  type Precision,
} from '@rna/model';
import { CommandError } from '../../commandLine/errors.ts';
import { foldEach, FOLDING_BASELINES, type FoldingBaseline } from '../../folding/baselines.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { withDevice, withEncoder, withModel } from '../../models/loadModel.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { writeText } from '../../tables/pairTable.ts';
import { counted, formatScore } from '@rna/figures';
import { textTable, type Table } from '../../report/table.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import type { StructureRecord } from '../../input/trainingInput.ts';
import { readContacts, requireDigest, requireSizes, withDigest, type FittedContacts } from './file.ts';
import { fitTo, keptMaps } from './fit.ts';
import { eachRna, readRnas, truePairs, type RnaOptions } from './rnas.ts';

export interface ContactsEvaluateOptions extends RnaOptions, Precision {
  readonly model: string;
  readonly contacts: string;
  readonly compareRandom?: boolean;
  readonly baselines?: boolean;
  readonly csv?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** The number of pairs that are taken: of the length, its half, its fifth, or as many as are true. */
const MEASURES = { l: 'L', half: 'L/2', fifth: 'L/5', true: 'true pairs' } as const satisfies Record<
  keyof ContactPrecision,
  string
>;
const MEASURE_KEYS = Object.keys(MEASURES) as (keyof typeof MEASURES)[];

/** The scores of a regression or a baseline, an entry for each RNA. */
interface Scored {
  readonly name: string;
  /** Which of the attention maps count in a regression. */
  readonly maps?: string;
  readonly rnas: readonly ContactPrecision[];
}

/** Throws an InputError, CheckpointError or CommandError before any work. */
export async function contactsEvaluate(options: ContactsEvaluateOptions): Promise<void> {
  const { csv, json, contacts, model: name } = options;
  if (csv !== undefined) await checkOutputFile(csv);
  const fitted = await readContacts(contacts);
  const rnas = unseen(await readRnas(options, fitted.separation), fitted, options);
  await interruptible((signal) =>
    withModel(name, options, async (opened) => {
      checkLengths(opened.config, rnas);
      requireSizes(fitted, contacts, opened, name);
      const { model, digest } = withDigest(opened);
      const trained = await withEncoder(
        model,
        (encoder) => {
          requireDigest(fitted, contacts, digest(), name);
          return score('trained', 'evaluate', encoder, fitted.regression, { rnas, fitted, signal });
        },
        options,
      );
      const random = options.compareRandom
        ? await scoreRandom(opened.config, options, { rnas, fitted, signal })
        : undefined;
      const baselines: Scored[] = [];
      if (options.baselines)
        for (const program of FOLDING_BASELINES) baselines.push(await scoreFolding(program, { rnas, fitted, signal }));
      if (csv !== undefined) await writeCsv(csv, rnas, fitted, trained, random, baselines);
      await writeResult(
        json
          ? asJson(options, rnas, fitted, trained, random, baselines)
          : textTable(asTable(rnas, fitted, trained, random, baselines)),
      );
    }),
  );
}

/** The RNAs that the regression was not fitted to. */
function unseen(
  rnas: readonly StructureRecord[],
  { rnas: seen }: FittedContacts,
  { contacts }: ContactsEvaluateOptions,
): StructureRecord[] {
  const sequences = new Set(seen.map(({ sequence }) => sequence));
  const others = rnas.filter(({ sequence }) => !sequences.has(sequence));
  if (others.length < rnas.length)
    note(`left out: ${counted(rnas.length - others.length, 'RNA')} with a sequence that ${contacts} was fitted to`);
  if (others.length === 0)
    throw new CommandError(`${contacts} was fitted to every one of these RNAs; give others to score it on`);
  return others;
}

interface Scoring {
  readonly rnas: readonly StructureRecord[];
  readonly fitted: FittedContacts;
  readonly signal: AbortSignal;
}

async function score(
  name: string,
  label: string,
  encoder: Encoder,
  regression: ContactRegression,
  { rnas, fitted: { separation }, signal }: Scoring,
): Promise<Scored> {
  return {
    name,
    maps: keptMaps(regression),
    rnas: await eachRna(
      label,
      rnas,
      ({ file }) => file,
      signal,
      async (rna) => {
        const probabilities = await predictContacts(encoder, rna.sequence, regression);
        if (!isFiniteArray(probabilities)) throw await overflow(encoder, rna.file, rna);
        return contactPrecision(probabilities, rna.partners, separation);
      },
    ),
  };
}

/** Fits the regression anew, to the same RNAs, on an encoder of the same sizes with fresh weights. */
function scoreRandom(config: EncoderConfig, { contacts }: ContactsEvaluateOptions, scoring: Scoring): Promise<Scored> {
  const {
    fitted: { rnas, separation, penalty, seed },
    signal,
  } = scoring;
  return withDevice(async (device) => {
    const encoder = Encoder.initialize(device, config, seed);
    const regression = await fitTo(encoder, rnas, () => contacts, { separation, penalty, signal });
    return score('not trained', 'evaluate without training', encoder, regression, scoring);
  });
}

const scoreFolding = async (
  name: FoldingBaseline,
  { rnas, fitted: { separation }, signal }: Scoring,
): Promise<Scored> => ({
  name,
  rnas: await foldEach(name, rnas, signal, ({ partners }, probabilities) =>
    contactPrecision(probabilities, partners, separation),
  ),
});

const values = ({ rnas }: Scored, key: keyof ContactPrecision): number[] => rnas.map((each) => each[key]);

const intervals = (of: (key: keyof ContactPrecision) => readonly number[]): Record<keyof ContactPrecision, Interval> =>
  Object.fromEntries(MEASURE_KEYS.map((key) => [key, bootstrap(of(key))])) as Record<keyof ContactPrecision, Interval>;

/** Intervals of the differences RNA by RNA, which vary less than the precisions. */
const differences = (trained: Scored, random: Scored): Record<keyof ContactPrecision, Interval> =>
  intervals((key) => {
    const without = values(random, key);
    return values(trained, key).map((value, i) => value - without[i]!);
  });

function asTable(
  rnas: readonly StructureRecord[],
  { separation }: FittedContacts,
  trained: Scored,
  random: Scored | undefined,
  baselines: readonly Scored[],
): Table {
  const row = (scored: Scored): string[] => [
    scored.name,
    scored.maps ?? '',
    ...cells(intervals((key) => values(scored, key))),
  ];
  const cells = (row: Record<keyof ContactPrecision, Interval>): string[] =>
    MEASURE_KEYS.map(
      (key) => `${formatScore(row[key].mean)} (${formatScore(row[key].low)} to ${formatScore(row[key].high)})`,
    );
  return {
    caption: `Contacts of ${counted(rnas.length, 'RNA')}: precision of the most probable pairs at least ${separation} apart, means with 95 % intervals`,
    columns: [
      { header: 'predicted by', group: '', align: 'left' },
      { header: 'maps kept', group: '', align: 'right' },
      ...Object.values(MEASURES).map((header) => ({ header, group: 'as many pairs as', align: 'right' as const })),
    ],
    rowHeaders: 1,
    rows: [
      row(trained),
      ...(random === undefined ? [] : [row(random), ['difference', '', ...cells(differences(trained, random))]]),
      ...baselines.map(row),
    ],
  };
}

function asJson(
  { model, contacts }: ContactsEvaluateOptions,
  rnas: readonly StructureRecord[],
  { separation, rnas: fittedTo }: FittedContacts,
  trained: Scored,
  random: Scored | undefined,
  baselines: readonly Scored[],
): string {
  const row = (scored: Scored): object => ({
    ...(scored.maps !== undefined && { maps: scored.maps }),
    precision: intervals((key) => values(scored, key)),
  });
  return `${JSON.stringify(
    {
      model,
      contacts,
      fittedTo: fittedTo.length,
      rnas: rnas.length,
      separation,
      trained: row(trained),
      ...(random && { random: row(random), difference: differences(trained, random) }),
      ...(baselines.length > 0 && { baselines: Object.fromEntries(baselines.map((each) => [each.name, row(each)])) }),
    },
    null,
    2,
  )}\n`;
}

const CSV_NAMES = {
  l: 'precisionL',
  half: 'precisionHalfL',
  fifth: 'precisionFifthL',
  true: 'precisionTruePairs',
} as const satisfies Record<keyof ContactPrecision, string>;

function writeCsv(
  path: string,
  rnas: readonly StructureRecord[],
  { separation }: FittedContacts,
  trained: Scored,
  random: Scored | undefined,
  baselines: readonly Scored[],
): Promise<void> {
  const names = MEASURE_KEYS.map((key) => CSV_NAMES[key]);
  const header = [
    'file',
    'id',
    'length',
    'truePairs',
    ...names,
    ...(random ? names.map((name) => `${name}Random`) : []),
    ...baselines.flatMap((each) => names.map((name) => `${name}-${each.name}`)),
  ];
  const rows = rnas.map(({ file, id, sequence, partners }, i) => [
    file,
    id,
    sequence.length,
    truePairs(partners, separation),
    ...[trained, ...(random ? [random] : []), ...baselines].flatMap((scored) =>
      MEASURE_KEYS.map((key) => scored.rnas[i]![key]),
    ),
  ]);
  return writeText(path, [header, ...rows].map(csvLine));
}
