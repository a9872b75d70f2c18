/** The work of `rna compare`: RNAs folded by each engine and model in turn, and what the structures have in common. */
import { extname } from 'node:path';
import { basePairs, dotBracket, meanScore, scoreBasePairs, type FoldingEngine, inertCell } from '@rna/structure';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { interruptible, note, writeResult } from '../../commandLine/terminal.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { foldAll, foldedByName, type FoldedBy } from '../../folding/foldAll.ts';
import { matchedStructures, readStructureRecords, type StructureRecord } from '../../input/structureRecords.ts';
import { agreement, EXACT, mean, scoresOf, type ComparedStructures, type Comparison } from './comparison.ts';
import { agreementTable, renderComparison, truthTable } from '../../report/comparisonPage.ts';
import { textTable } from '../../report/table.ts';
import { writeText } from '../../tables/pairTable.ts';

export interface CompareOptions {
  readonly inputs: readonly string[];
  readonly engines?: readonly FoldingEngine[];
  readonly models?: readonly string[];
  readonly truth?: string;
  /** Files by their endings: .html, .tsv, .json. */
  readonly out?: readonly string[];
  readonly json?: boolean;
}

/** Throws an InputError, CheckpointError, UsageError or CommandError before any output is begun. */
export async function compare(options: CompareOptions): Promise<void> {
  const { engines = [], models = [], out = [] } = options;
  const folding: FoldedBy[] = [...engines.map((engine) => ({ engine })), ...models.map((model) => ({ model }))];
  if (folding.length === 0) throw new UsageError('nothing folds; name --engines, --models or both');
  if (new Set(folding.map(foldedByName)).size < folding.length)
    throw new UsageError('--engines and --models name one twice');
  for (const file of out) {
    if (!(extname(file).toLowerCase() in WRITERS))
      throw new UsageError(`--out ${file}: the name must end in ${Object.keys(WRITERS).join(', ')}`);
    await checkOutputFile(file);
  }
  await interruptible(async (signal) => {
    const records = await readStructureRecords(options.inputs);
    if (records.length === 0) throw new CommandError('the input has no record');
    const truth = await truthOf(records, options);
    const structures: ComparedStructures[] = [];
    for (const by of folding) structures.push({ name: foldedByName(by), rnas: await foldAll(records, by, signal) });
    const comparison: Comparison = { records, structures, ...(truth && { truth }) };
    for (const file of out) {
      await writeText(file, [WRITERS[extname(file).toLowerCase() as keyof typeof WRITERS](comparison)]);
      note(`${file} is written`);
    }
    if (options.json) return writeResult(jsonText(comparison));
    const tables = [agreementTable(comparison), ...(truth === undefined ? [] : [truthTable(comparison)])];
    await writeResult(tables.map(textTable).join('\n'));
  });
}

/** The known structures: those of --truth, else the input's own where all records have one. */
async function truthOf(
  records: readonly StructureRecord[],
  { truth }: CompareOptions,
): Promise<Int32Array[] | undefined> {
  if (truth !== undefined) {
    const known = matchedStructures(records, await readStructureRecords([truth]));
    return records.map(({ id }) => known.get(id)!);
  }
  const own = records.flatMap(({ partners }) => (partners === undefined ? [] : [partners]));
  if (own.length === records.length) return own;
  if (own.length > 0)
    note(`${own.length} of ${records.length} records have a structure; none is taken as known without --truth`);
  return undefined;
}

const WRITERS = { '.html': renderComparison, '.tsv': tsvText, '.json': jsonText } satisfies Record<
  string,
  (comparison: Comparison) => string
>;

const rounded = (value: number): number => Number(value.toFixed(4));

/** What is known of one RNA: pairs, scores, and agreement with each other structure. */
function rowOf({ structures, truth }: Comparison, which: number, k: number) {
  const { name, rnas } = structures[which]!;
  const { partners, accuracy } = rnas[k]!;
  const score = truth && scoreBasePairs(truth[k]!, partners, EXACT);
  return {
    by: name,
    pairs: basePairs(partners).length,
    expectedAccuracy: rounded(accuracy),
    ...(score && { precision: rounded(score.precision), recall: rounded(score.recall), f1: rounded(score.f1) }),
    agreement: Object.fromEntries(
      structures
        .filter((_, other) => other !== which)
        .map((other) => [other.name, rounded(agreement(rnas[k]!, other.rnas[k]!))]),
    ),
    structure: dotBracket(partners),
  };
}

/** A line for each RNA and each that folded it. */
function tsvText(comparison: Comparison): string {
  const { records, structures, truth } = comparison;
  const scores = truth === undefined ? [] : (['precision', 'recall', 'f1'] as const);
  const others = structures.map(({ name }) => name);
  const header = [
    'id',
    'length',
    'folded by',
    'pairs',
    'expected accuracy',
    ...scores,
    ...others.map((name) => `agreement with ${name}`),
    'structure',
  ];
  const lines = records.flatMap(({ id, sequence }, k) =>
    structures.map((_, which) => {
      const row = rowOf(comparison, which, k);
      return [
        id,
        sequence.length,
        row.by,
        row.pairs,
        row.expectedAccuracy,
        ...scores.map((score) => row[score] ?? ''),
        ...others.map((name) => row.agreement[name] ?? ''),
        row.structure,
      ];
    }),
  );
  return [header, ...lines]
    .map((cells) => `${cells.map((cell) => inertCell(String(cell)).replace(/[\t\r\n]/g, ' ')).join('\t')}\n`)
    .join('');
}

function jsonText(comparison: Comparison): string {
  const { records, structures, truth } = comparison;
  const means = structures.map(({ name, rnas }, which) => {
    const score = truth && meanScore(scoresOf(truth, rnas));
    return {
      by: name,
      ...(score && { precision: rounded(score.precision), recall: rounded(score.recall), f1: rounded(score.f1) }),
      agreement: Object.fromEntries(
        structures
          .filter((_, other) => other !== which)
          .map((other) => [other.name, rounded(mean(rnas.map((rna, k) => agreement(rna, other.rnas[k]!))))]),
      ),
    };
  });
  const rnas = records.map(({ id, sequence }, k) => ({
    id,
    sequence,
    ...(truth && { truth: dotBracket(truth[k]!) }),
    structures: structures.map((_, which) => rowOf(comparison, which, k)),
  }));
  return `${JSON.stringify({ means, rnas }, null, 1)}\n`;
}
