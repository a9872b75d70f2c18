/** What `rna evaluate` is told, for all that it can score. */
import type { Precision } from '@rna/model';
import type { MaskingScheme } from '@rna/train';
import type { ColumnNames } from '../../commandLine/options.ts';
import type { WindowOptions } from '../../models/windows.ts';
import type { Grouping } from './summary.ts';

export interface EvaluateOptions extends Precision, WindowOptions {
  readonly model: string;
  readonly files: readonly string[];
  readonly threshold?: number;
  readonly validation?: readonly string[];
  readonly protocol?: 'rinalmo' | 'ssr-lm';
  readonly tuneBy?: 'within-one' | 'exact';
  readonly allowNcPairs?: boolean;
  readonly allowSharpLoops?: boolean;
  /** The training set, to which baselines are fitted and test RNAs are compared. */
  readonly train?: readonly string[];
  /** An MMseqs2 result, in place of the comparison. */
  readonly mmseqs?: string;
  readonly baselines?: boolean;
  readonly by: readonly (Grouping | 'pair-type' | 'probability' | 'plddt')[];
  readonly csv?: string;
  /** A folder for `report.html` and its figures. */
  readonly report?: string;
  readonly masking?: MaskingScheme;
  readonly maxTokens: number;
  readonly json?: boolean;
  readonly config?: string;
  readonly columns?: ColumnNames;
}
