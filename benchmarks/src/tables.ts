/** Tables for the terminal: ours against the peers, and one run's rows against another's. */
import { comparePeers } from './peers.ts';
import { milliseconds, type Results, type Row } from './rows.ts';

/** Rows of equal length as lines, first column left, others right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`;

/** A case a line: our time, and how many times longer the best peer of each kind takes. */
export function peerTable(rows: readonly Row[]): string {
  const lines = comparePeers(rows).map(({ case: name, rna, bestWebGpu, bestJavaScript, best }) => {
    const against = (peer: Row | undefined): string[] => {
      if (peer === undefined) return ['–', ''];
      return [
        `${peer.implementation} ${milliseconds(peer.medianMs)}`,
        rna === undefined ? '' : times(peer.medianMs / rna.medianMs),
      ];
    };
    return [
      name,
      rna === undefined ? '–' : milliseconds(rna.medianMs),
      ...against(bestWebGpu),
      ...against(bestJavaScript),
      ...against(best),
    ];
  });
  return alignColumns([
    ['case (median ms)', 'rna', 'best WebGPU peer', 'ratio', 'best JavaScript peer', 'ratio', 'best peer', 'ratio'],
    ...lines,
  ]);
}

/**
 * Rows that both runs have, by suite, case and implementation, with the second's time as a share of the first's; then
 * what only one has.
 */
export function compareTable(a: Results, b: Results): string {
  const key = (row: Row): string => `${row.suite}: ${row.case}, ${row.implementation}`;
  const second = new Map(b.rows.map((row) => [key(row), row]));
  const first = new Set(a.rows.map(key));
  const both = a.rows.flatMap((row) => {
    const other = second.get(key(row));
    return other === undefined
      ? []
      : [
          [
            key(row),
            milliseconds(row.medianMs),
            milliseconds(other.medianMs),
            times(row.medianMs / other.medianMs),
            verdict(row, other),
          ],
        ];
  });
  const missing = [
    ...a.rows.filter((row) => !second.has(key(row))).map((row) => `only in the first: ${key(row)}\n`),
    ...b.rows.filter((row) => !first.has(key(row))).map((row) => `only in the second: ${key(row)}\n`),
  ];
  const about = (name: string, { adapter, commit, date, load }: Results): string =>
    `${name}: ${adapter}, commit ${commit}, ${date}, load ${load[0].toFixed(2)}\n`;
  const warning = a.adapter === b.adapter ? '' : 'These runs were on different adapters.\n';
  return `${about('first', a)}${about('second', b)}${warning}${alignColumns([['case (median ms)', 'first', 'second', 'speed-up', ''], ...both])}${missing.join('')}`;
}

/** A change counts where the ranges of the samples do not touch. */
function verdict(a: Row, b: Row): string {
  if (b.maxMs < a.minMs) return 'faster';
  return b.minMs > a.maxMs ? 'slower' : 'within the spread';
}
