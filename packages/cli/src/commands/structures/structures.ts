/**
 * The work of `rna structures`: every record of a FASTA file folded by the
 * CONTRAfold model on all cores. Records go into a journal as they are done, so
 * that a run that was interrupted or killed continues where it stopped; the
 * files asked for are written from it, whole or not at all.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { InputError, parseFoldingConstraint, standardLetters } from '@rna/structure';
import { UsageError, CommandError } from '../../commandLine/errors.ts';
import { withFasta, type FastaInput, noteOtherLetters } from '../../input/fastaInput.ts';
import { writeAtomically } from '../../files/files.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { interruptible, note, progressBar, writeResult } from '../../commandLine/terminal.ts';
import {
  JSON_TEXT,
  PROBABILITY_TABLE,
  SCORE_TABLE,
  structureText,
  type RecordText,
  type StructureFormat,
} from './formats.ts';
import { readConstraints, type Constraints } from './constraints.ts';
import { journalPath, openJournal, readJournal, type FoldedRecord } from './journal.ts';
import { foldingThreads } from '../../folding/memory.ts';
import { partOf, type ShardedCommand, type ShardPart } from '../../shards/runShard.ts';
import { runRecords } from '../../shards/runRecords.ts';
import type { ShardOption } from '../../shards/shard.ts';
import { foldInOrder, type FoldingSettings, type FoldingTask } from '../../folding/pool.ts';
import { isParameterSet } from '../../folding/parameterSets.ts';
import { readSettings, type SettingsOptions } from '../../folding/settings.ts';

export interface StructuresOptions extends ShardOption, ShardPart, SettingsOptions {
  readonly input: string;
  readonly out?: string;
  readonly format: readonly StructureFormat[];
  readonly scores?: boolean;
  readonly json?: boolean;
  readonly constraints?: string;
  readonly jobs?: number;
}

/** Throws an InputError, UsageError or CommandError before any output is begun. */
export async function structures(options: StructuresOptions): Promise<void> {
  outputs(options);
  const { params, constraints, shard } = options;
  if (constraints !== undefined && shard !== undefined)
    throw new UsageError(
      '--constraints are held against all records of the input, of which --shard has a part; leave out one of them',
    );
  const command: ShardedCommand = {
    name: 'structures',
    inputs: [options.input],
    overRanks: constraints === undefined,
    files: { params: isParameterSet(params) ? undefined : params },
    kindOf: (suffix) => (suffix.endsWith('.tsv') ? 'table' : 'lines'),
  };
  await runRecords(command, options, structuresOfRecords);
}

async function structuresOfRecords(options: StructuresOptions): Promise<void> {
  const { input, out } = options;
  const files = outputs(options);
  if (out !== undefined) await checkOutputFile(out);
  const settings = await readSettings(options);
  await interruptible((signal) =>
    withFasta(input, { ...partOf(options), signal }, async (fasta) => {
      noteOtherLetters(fasta);
      const constraints =
        options.constraints === undefined ? undefined : await readConstraints(options.constraints, fasta);
      const threads = foldingThreads(
        fasta.plan.map((record) => ({ ...record, file: fasta.name })),
        settings.arithmetic,
        Math.min(options.jobs ?? availableParallelism(), fasta.plan.length),
      );
      if (out === undefined) {
        const [{ text }] = files;
        // Records on a terminal show themselves how far the work is.
        const bar = process.stdout.isTTY ? undefined : progressBar('fold', fasta.plan.length, 'records');
        let done = 0;
        try {
          for await (const record of folded(fasta, 0, { settings, constraints, threads, signal })) {
            await writeResult(text.of(record));
            bar?.update(++done);
          }
        } finally {
          bar?.stop();
        }
        return;
      }
      const path = journalPath(out, digest(settings, constraints));
      await fill(path, fasta, { settings, constraints, threads, signal });
      // The file that was asked for comes last: where it is, all are.
      for (const { suffix, text } of files.toReversed()) await writeLines(`${out}${suffix}`, path, text);
      await rm(path);
    }),
  );
}

interface Output {
  /** Behind the name given by --out. */
  readonly suffix: string;
  readonly text: RecordText;
}

/** The files to write, first the one that stdout gets where there is no --out. */
function outputs({ out, format, probs, scores, json }: StructuresOptions): readonly [Output, ...Output[]] {
  const needsFile = [
    ...(format.length > 1 ? [`--format ${format.join(',')}`] : []),
    ...(probs && !json ? ['--probs'] : []),
    ...(scores ? ['--scores'] : []),
  ];
  if (json && (format.length > 1 || format[0] !== 'dbn'))
    throw new UsageError('--json takes the place of --format; leave out one of them');
  if (out === undefined && needsFile.length > 0)
    throw new UsageError(
      `${needsFile.join(' and ')} needs --out FILE${probs && !json ? ' or --json' : ''}; stdout holds one text`,
    );
  const structureFiles = format.map((each) => ({
    suffix: format.length === 1 ? '' : `.${each}`,
    text: structureText(each),
  }));
  const [first, ...others] = json ? [{ suffix: '', text: JSON_TEXT }] : structureFiles;
  return [
    first!,
    ...others,
    ...(probs && !json ? [{ suffix: '.probs.tsv', text: PROBABILITY_TABLE }] : []),
    ...(scores ? [{ suffix: '.scores.tsv', text: SCORE_TABLE }] : []),
  ];
}

/** What a record of the journal holds; journals of another kind are not continued. */
const RECORD = 'structure, logZ, accuracy';

function digest(settings: FoldingSettings, constraints: Constraints | undefined): string {
  return createHash('sha256')
    .update(
      JSON.stringify([
        settings.parameters.text,
        settings.gamma,
        settings.rules,
        settings.arithmetic,
        settings.probabilities,
        RECORD,
        constraints?.text,
      ]),
    )
    .digest('hex');
}

interface Folding {
  readonly settings: FoldingSettings;
  readonly constraints: Constraints | undefined;
  readonly threads: number;
  readonly signal: AbortSignal;
}

/** Folds what the journal at `path` does not have yet. */
async function fill(path: string, fasta: FastaInput, folding: Folding): Promise<void> {
  const kept = existsSync(path) ? await matching(path, fasta) : { records: 0, bytes: 0 };
  if (kept.records > 0)
    note(`continuing: ${kept.records} of ${fasta.plan.length} records were folded before (${path})`);
  const bar = progressBar('fold', fasta.plan.length, 'records');
  const journal = await openJournal(path, kept.bytes);
  let done = kept.records;
  try {
    bar.update(done);
    for await (const record of folded(fasta, kept.records, folding)) {
      await journal.append(record);
      bar.update(++done);
    }
  } catch (error) {
    if (folding.signal.aborted)
      note(`${done} of ${fasta.plan.length} records are kept; the same command continues there`);
    throw error;
  } finally {
    bar.stop();
    await journal.close();
    if (done === 0) await rm(path, { force: true });
  }
}

/** How many records of the journal are the first ones of the input, and their bytes. */
async function matching(
  path: string,
  fasta: FastaInput,
): Promise<{ readonly records: number; readonly bytes: number }> {
  let records = 0;
  let bytes = 0;
  const input = fasta.records();
  for await (const { record, end } of readJournal(path)) {
    const next = await input.next();
    if (next.done || next.value.id !== record.id || standardLetters(next.value.sequence) !== record.sequence) break;
    records++;
    bytes = end;
  }
  return { records, bytes };
}

/** The records behind the first `skip`, folded, in order. */
async function* folded(
  fasta: FastaInput,
  skip: number,
  { settings, constraints, threads, signal }: Folding,
): AsyncGenerator<FoldedRecord, void, undefined> {
  for await (const [task, result] of foldInOrder(tasks(fasta, skip, constraints), settings, threads, signal)) {
    if (result === 'unfoldable')
      throw new InputError(
        constraints!.file,
        constraints!.of.get(task.id)!.line,
        `no structure of "${task.id}" meets the constraint`,
        'loosen it',
      );
    if (result === 'overflow')
      throw new CommandError(
        `${settings.parameters.file}: the sum over structures of "${task.id}" leaves the range of numbers; give parameters with smaller weights`,
      );
    const { structure, logPartition, accuracy, pairs } = result;
    yield {
      id: task.id,
      sequence: task.sequence,
      structure,
      logZ: Number(logPartition.toPrecision(9)),
      accuracy: Number(accuracy.toPrecision(6)),
      ...(pairs && { pairs }),
    };
  }
}

async function* tasks(
  fasta: FastaInput,
  skip: number,
  constraints: Constraints | undefined,
): AsyncGenerator<FoldingTask & { readonly id: string }, void, undefined> {
  let index = 0;
  for await (const { id, sequence: letters } of fasta.records()) {
    if (index++ < skip) continue;
    const sequence = standardLetters(letters);
    const constraint = constraints?.of.get(id);
    if (constraint !== undefined)
      parseFoldingConstraint(constraint.text, sequence, { file: constraints!.file, line: constraint.line });
    yield { id, sequence, ...(constraint !== undefined && { constraint: constraint.text }) };
  }
}

async function writeLines(out: string, journal: string, { header, of }: RecordText): Promise<void> {
  const encoder = new TextEncoder();
  await writeAtomically(out, async (sink) => {
    await sink.write(encoder.encode(header));
    for await (const { record } of readJournal(journal)) await sink.write(encoder.encode(of(record)));
  });
}
