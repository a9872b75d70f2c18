/**
 * Labels of which some are not known, as users' own tables have them: what stands for a missing value, numbers
 * standardised by what is known, and losses over that alone.
 */
import { parseNumber } from '@rna/structure';
import { gatherRows, reshape, squaredError, type Tensor } from '@rna/tensor';
import { scalar, type Scalars } from './head.ts';

const MISSING: ReadonlySet<string> = new Set(['', 'nan', 'na', 'n/a', 'null']);

/** Whether a cell, or a value of a list in one, says that a value is not known: empty, nan, NA, N/A or null. */
export const isMissing = (text: string): boolean => MISSING.has(text.toLowerCase());

/** The number of a cell, NaN for a missing one. Throws a RangeError for another text. */
export const parseKnown = (text: string): number => (isMissing(text) ? NaN : parseNumber(text));

/** How many of some values are known. */
export const countKnown = (values: Float64Array): number =>
  values.reduce((count, value) => count + Number(!Number.isNaN(value)), 0);

/** The values of tables that are known, and those of the output that stand for them, [known, 1]. */
export function knownOf(
  output: Tensor,
  targets: readonly Float64Array[],
): { readonly output: Tensor; readonly values: Float64Array } {
  const all = new Float64Array(targets.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const each of targets) {
    all.set(each, offset);
    offset += each.length;
  }
  if (all.length !== output.size)
    throw new RangeError(`the labels are ${all.length}, the output of the head has ${output.size} values`);
  const column = reshape(output, [output.size, 1]);
  const rows = Int32Array.from([...all.keys()].filter((i) => !Number.isNaN(all[i])));
  return rows.length === all.length
    ? { output: column, values: all }
    : { output: gatherRows(column, rows), values: all.filter((value) => !Number.isNaN(value)) };
}

const MEAN = (column: number): string => `target.${column}.mean`;
const DEVIATION = (column: number): string => `target.${column}.deviation`;

/** Mean and deviation of each column of tables. Throws a RangeError for one whose known values do not differ. */
export function fitStandard(targets: readonly Float64Array[], titles: readonly string[]): Map<string, number> {
  return new Map(
    titles.flatMap((title, c) => {
      let [count, sum] = [0, 0];
      const each = (use: (value: number) => void): void => {
        for (const table of targets)
          for (let i = c; i < table.length; i += titles.length) if (!Number.isNaN(table[i])) use(table[i]!);
      };
      each((value) => {
        count++;
        sum += value;
      });
      const mean = sum / count;
      let squares = 0;
      each((value) => {
        squares += (value - mean) ** 2;
      });
      const deviation = Math.sqrt(squares / count);
      if (!(deviation > 0))
        throw new RangeError(`${count} training values of ${title} that do not differ cannot be standardised`);
      return [
        [MEAN(c), mean],
        [DEVIATION(c), deviation],
      ] as const;
    }),
  );
}

/** Tables less the mean of each column, over its deviation. */
function standardised(targets: readonly Float64Array[], columns: number, scalars: Scalars): Float64Array[] {
  const scales = scalesOf(columns, scalars);
  return targets.map((table) =>
    table.map((value, i) => (value - scales[i % columns]!.mean) / scales[i % columns]!.deviation),
  );
}

/** What a standardised output is in the columns' own units. */
export function inOwnUnits(output: Float32Array, columns: number, scalars: Scalars): Float32Array {
  const scales = scalesOf(columns, scalars);
  return output.map((value, i) => value * scales[i % columns]!.deviation + scales[i % columns]!.mean);
}

const scalesOf = (columns: number, scalars: Scalars) =>
  Array.from({ length: columns }, (_, c) => ({
    mean: scalar(scalars, MEAN(c)),
    deviation: scalar(scalars, DEVIATION(c)),
  }));

/** The mean squared error of the known values, in units of the training set's deviations. */
export function knownSquaredError(output: Tensor, targets: readonly Float64Array[], scalars: Scalars): Tensor {
  const known = knownOf(output, standardised(targets, output.shape[1]!, scalars));
  return squaredError(known.output, Float32Array.from(known.values));
}
