/** The table of the objectives: mean and spread over seeds. */
import type { Objective } from './objectives.ts';

export interface Result {
  readonly objective: Objective;
  readonly seed: number;
  /** Scores of exact pairs, means over RNAs. */
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  readonly auprc: number;
}

const NAMES: Readonly<Record<Objective, string>> = { none: 'no pre-training', mlm: 'MLM', sm: 'SM', ssm: 'SSM' };
const COLUMNS = ['f1', 'precision', 'recall', 'auprc'] as const;

/** Markdown: a row an objective, `mean ± standard deviation` where there are several seeds. */
export function resultTable(results: readonly Result[]): string {
  const objectives = [...new Set(results.map(({ objective }) => objective))];
  const rows = objectives.map((objective) => {
    const own = results.filter((result) => result.objective === objective);
    return `| ${NAMES[objective]} | ${own.length} | ${COLUMNS.map((column) => summary(own.map((result) => result[column]))).join(' | ')} |`;
  });
  return ['| pre-training | seeds | F1 | precision | recall | AUPRC |', '|---|---|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

function summary(values: readonly number[]): string {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return mean.toFixed(3);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  return `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
}
