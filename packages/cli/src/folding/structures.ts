/**
 * The work of `rna structures`: every record of a FASTA file folded by the
 * CONTRAfold model on all cores. Records go into a journal as they are done, so
 * that a run that was interrupted or killed continues where it stopped; the
 * files asked for are written from it, whole or not at all.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import {
  FOLDING_RULES,
  InputError,
  parseFoldingConstraint,
  parseFoldingParameters,
  type FastaRecord,
  type FoldingArithmetic,
} from '@rna/structure';
import { UsageError } from '../errors.ts';
import { withFasta, type FastaInput } from '../fastaInput.ts';
import { writeAtomically } from '../files.ts';
import { checkOutputFile } from '../outputs.ts';
import { interruptible, note, progressBar, writeResult } from '../terminal.ts';
import { readConstraints, type Constraints } from './constraints.ts';
import { journalPath, openJournal, readJournal, type FoldedRecord } from './journal.ts';
import { isParameterSet, readParameterSet } from './parameterSets.ts';
import { foldInOrder, type FoldingSettings, type FoldingTask } from './pool.ts';

export interface StructuresOptions {
  readonly input: string;
  readonly out?: string;
  /** `contrafold`, `eternafold` or a file. */
  readonly params: string;
  readonly gamma: number;
  /** Default: of the set's own program, for a file CONTRAfold's. */
  readonly rules?: keyof typeof FOLDING_RULES;
  readonly arithmetic: FoldingArithmetic;
  readonly probs?: boolean;
  readonly json?: boolean;
  readonly constraints?: string;
  readonly jobs?: number;
}

/** Throws an InputError, UsageError or CommandError before any output is begun. */
export async function structures(options: StructuresOptions): Promise<void> {
  const { input, out, probs = false, json = false } = options;
  if (probs && !json && out === undefined)
    throw new UsageError(
      '--probs needs --out FILE or --json; the three lines of a record have no room for probabilities',
    );
  if (out !== undefined) await checkOutputFile(out);
  const settings = await readSettings(options);
  await interruptible((signal) =>
    withFasta(input, { signal }, async (fasta) => {
      const constraints =
        options.constraints === undefined ? undefined : await readConstraints(options.constraints, fasta);
      const threads = Math.min(options.jobs ?? availableParallelism(), fasta.plan.length);
      if (out === undefined) {
        for await (const record of folded(fasta, 0, { settings, constraints, threads, signal }))
          await writeResult(json ? `${JSON.stringify(record)}\n` : threeLines(record));
        return;
      }
      const path = journalPath(out, digest(settings, constraints));
      await fill(path, fasta, { settings, constraints, threads, signal });
      if (probs && !json) await writeLines(`${out}.probs.tsv`, path, probabilityTable, 'id\ti\tj\tp\n');
      await writeLines(out, path, json ? (record) => `${JSON.stringify(record)}\n` : threeLines);
      await rm(path);
    }),
  );
}

/** Settings of the threads. Throws as parseFoldingParameters does, for the file that `params` names. */
export async function readSettings({
  params,
  gamma,
  rules,
  arithmetic,
  probs,
}: Pick<StructuresOptions, 'params' | 'gamma' | 'rules' | 'arithmetic' | 'probs'>): Promise<FoldingSettings> {
  const text = isParameterSet(params) ? await readParameterSet(params) : await readFile(params, 'utf8');
  const parameters = { text, file: params };
  parseFoldingParameters(parameters.text, parameters.file);
  return {
    parameters,
    gamma,
    rules: FOLDING_RULES[rules ?? (isParameterSet(params) ? params : 'contrafold')],
    arithmetic,
    probabilities: probs ?? false,
  };
}

function digest(settings: FoldingSettings, constraints: Constraints | undefined): string {
  return createHash('sha256')
    .update(
      JSON.stringify([
        settings.parameters.text,
        settings.gamma,
        settings.rules,
        settings.arithmetic,
        settings.probabilities,
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
    if (next.done || next.value.id !== record.id || standard(next.value.sequence) !== record.sequence) break;
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
    const { structure, logPartition, pairs } = result;
    yield {
      id: task.id,
      sequence: task.sequence,
      structure,
      logZ: Number(logPartition.toPrecision(9)),
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
    const sequence = standard(letters);
    const constraint = constraints?.of.get(id);
    if (constraint !== undefined)
      parseFoldingConstraint(constraint.text, sequence, { file: constraints!.file, line: constraint.line });
    yield { id, sequence, ...(constraint !== undefined && { constraint: constraint.text }) };
  }
}

/** As structures are written everywhere here. Letters are ASCII, or the reader would have refused them. */
const standard = (sequence: FastaRecord['sequence']): string => sequence.toUpperCase().replaceAll('T', 'U');

const threeLines = ({ id, sequence, structure }: FoldedRecord): string => `>${id}\n${sequence}\n${structure}\n`;

const probabilityTable = ({ id, pairs }: FoldedRecord): string =>
  pairs!.map((pair) => `${id}\t${pair.join('\t')}\n`).join('');

async function writeLines(
  out: string,
  journal: string,
  line: (record: FoldedRecord) => string,
  header = '',
): Promise<void> {
  const encoder = new TextEncoder();
  await writeAtomically(out, async (sink) => {
    await sink.write(encoder.encode(header));
    for await (const { record } of readJournal(journal)) await sink.write(encoder.encode(line(record)));
  });
}
