/**
 * Reading a run's log, for everything that does: a resumed run, the plots, the
 * page. Writing it is each platform's own.
 */
import { InputError } from '@rna/structure';
import { z } from 'zod';
import type { LogEntry } from './meter.ts';

const step = z.int().nonnegative();
const epoch = z.int().nonnegative();
const entrySchema = z.union([
  z.object({ step, epoch, loss: z.number(), learningRate: z.number(), gradientNorm: z.number(), tokens: z.number() }),
  z.object({ step, epoch, refused: z.string(), values: z.object({}) }),
  z.object({ step, epoch, skippedAtLossScale: z.number() }),
  z.object({ step, evaluation: z.record(z.string(), z.number().nullable()) }),
]);

/**
 * The entries of a log's text, in order. A last line without its end, which a killed process leaves, does not count.
 * Throws an InputError with `file` and the line for anything that is not a line of a log.
 */
export function parseLog(text: string, file: string): LogEntry[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, i) => parseLogLine(line, file, i + 1));
}

/** The entry of one line, its number counted from 1. Throws an InputError as `parseLog` does. */
export function parseLogLine(text: string, file: string, line: number): LogEntry {
  let entry: unknown;
  try {
    entry = JSON.parse(text);
  } catch {
    throw new InputError(file, line, 'not a line of JSON', REMEDY);
  }
  if (!entrySchema.safeParse(entry).success)
    throw new InputError(file, line, 'neither a step nor an evaluation of a training run', REMEDY);
  return entry as LogEntry;
}

const REMEDY = 'remove the line, or move the log away';
