/**
 * Tables of labels are read in time in proportion to their text: one that is sixteen times longer may take no more
 * than 64 times longer, where a quadratic reader takes 256 times.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTable } from '../src/input/tables.ts';
import { temporaryFolder } from './harness.ts';

const SHORT = 20_000;
const FACTOR = 16;

/** Milliseconds of the processor to read a table to its end, or to the error that it is refused with. */
async function time(path: string): Promise<number> {
  const start = process.cpuUsage();
  try {
    for await (const row of readTable(path, { required: ['sequence', 'label'] })) row.cell('label');
  } catch {
    // A refusal is an answer too.
  }
  return process.cpuUsage(start).user / 1000;
}

test.each<[string, (n: number) => string]>([
  ['cells without an end of line', (n) => 'a,'.repeat(n / 2)],
  ['one cell without an end of line', (n) => 'a'.repeat(n)],
  ['a quote that is not closed', (n) => `"${'a'.repeat(n)}`],
  ['quotes in a quote that is not closed', (n) => `"${'""'.repeat(n / 2)}`],
  ['returns behind the header', (n) => `sequence,label${'\r'.repeat(n)}`],
  ['blank lines before the header', (n) => `${'\n'.repeat(n)}sequence,label\nA,1\n`],
  ['rows', (n) => `sequence,label\n${'ACGU,1\n'.repeat(n / 7)}`],
  ['blanks behind the header', (n) => `sequence,label\n${' '.repeat(n)}`],
  ['a long sequence', (n) => `sequence,label\n${'A'.repeat(n)},1\n`],
])(
  '%s',
  async (_, text) => {
    const folder = temporaryFolder();
    const [short, long] = [SHORT, FACTOR * SHORT].map((n) => {
      const path = join(folder, `${String(n)}.csv`);
      writeFileSync(path, text(n));
      return path;
    }) as [string, string];
    // Shorter times are lost in the noise of the clock.
    const limit = 4 * FACTOR * Math.max(await time(short), 40);
    expect(await time(long)).toBeLessThan(limit);
  },
  60_000,
);
