/**
 * Where a run's findings go while it runs: rows to stdout as they are done, what is under way and what was left out to
 * stderr.
 */
import { formatRow, type Row } from './rows.ts';

export interface Report {
  row(row: Row): void;
  /** A case that has no row, and why. */
  skip(name: string, implementation: string, reason: string): void;
  /** What is happening now. */
  progress(text: string): void;
}

export interface Collected {
  readonly report: Report;
  readonly rows: readonly Row[];
  readonly skipped: readonly string[];
}

export function terminalReport(): Collected {
  const rows: Row[] = [];
  const skipped: string[] = [];
  return {
    rows,
    skipped,
    report: {
      row(row) {
        rows.push(row);
        process.stdout.write(`${formatRow(row)}\n`);
      },
      skip(name, implementation, reason) {
        const line = `no figure for ${name}, ${implementation}: ${reason}`;
        skipped.push(line);
        process.stderr.write(`${line}\n`);
      },
      progress: (text) => {
        process.stderr.write(`${text}\n`);
      },
    },
  };
}
