/** `rna fold --engine`: structures of maximum expected accuracy by a folding engine, on all cores and without a GPU. */
import { availableParallelism } from 'node:os';
import { InputError, parseDotBracket, standardLetters, type FoldingEngine } from '@rna/structure';
import { CommandError, messageOf } from '../../commandLine/errors.ts';
import { note } from '../../commandLine/terminal.ts';
import { foldingThreads, refuseTooLong } from '../../folding/memory.ts';
import { foldInOrder } from '../../folding/pool.ts';
import { readSettings } from '../../folding/settings.ts';
import type { FastaFileRecord, FastaInput } from '../../input/fastaInput.ts';
import type { ShardPart } from '../../shards/runShard.ts';
import type { FoldSink } from './output.ts';

/** CONTRAfold's own. */
export const ENGINE_GAMMA = 6;
const ARITHMETIC = 'exact';

export interface FoldByEngineOptions extends ShardPart {
  readonly engine: FoldingEngine;
  readonly gamma?: number;
  readonly skipBad?: boolean;
}

/**
 * Gives each record to the sink in order. Throws an InputError for a record that the
 * machine has no memory for, before any is folded.
 */
export async function foldByEngine(
  fasta: FastaInput,
  { engine, gamma = ENGINE_GAMMA, skipBad = false, part }: FoldByEngineOptions,
  signal: AbortSignal,
  { begin, take }: FoldSink,
): Promise<void> {
  const tooLong = new Set<string>();
  for (const record of fasta.plan) {
    try {
      refuseTooLong(record, ARITHMETIC);
    } catch (error) {
      if (!skipBad || !(error instanceof InputError)) throw error;
      note(`left out: ${messageOf(error)}`);
      tooLong.add(record.id);
    }
  }
  const plan = fasta.plan.filter(({ id }) => !tooLong.has(id));
  if (plan.length === 0) {
    if (part === undefined) throw new CommandError(`${fasta.name}: no record is left`);
    return;
  }
  const settings = await readSettings({ params: engine, gamma, arithmetic: ARITHMETIC, probs: true });
  const threads = foldingThreads(plan, ARITHMETIC, Math.min(availableParallelism(), plan.length));
  await begin();
  for (let left = tooLong.size; left > 0; left--) await take(undefined);
  const tasks = async function* (): AsyncGenerator<FastaFileRecord, void, undefined> {
    for await (const record of fasta.records())
      if (!tooLong.has(record.id)) yield { ...record, sequence: standardLetters(record.sequence) };
  };
  for await (const [{ id, sequence, file, line }, folded] of foldInOrder(tasks(), settings, threads, signal)) {
    if (typeof folded === 'string') throw new Error(`${engine}: "${id}" is ${folded}, without a constraint`);
    const { structure, accuracy, logPartition, pairs = [] } = folded;
    await take({
      id,
      sequence,
      file,
      line,
      partners: parseDotBracket(structure),
      accuracy,
      pairs: () => pairs.map(([i, j, probability]) => ({ i: i - 1, j: j - 1, probability })),
      by: { engine, gamma, logZ: Number(logPartition.toPrecision(9)) },
    });
  }
}
