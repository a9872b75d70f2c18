/**
 * How numbers are written, once for the terminal and the page: digits that mean something, an en
 * dash for what is undefined. Text only; units belong to the column or the axis.
 */

import type { Measured } from './data.ts';

const missing = '–';

export function isMeasured(value: Measured): value is number {
  return value !== null && Number.isFinite(value);
}

function written(value: Measured, write: (value: number) => string): string {
  return isMeasured(value) ? write(value) : missing;
}

/** A score in [0, 1]: three decimals, as the papers' tables have. */
export function formatScore(value: Measured): string {
  return written(value, (x) => x.toFixed(3));
}

/** A loss: four significant digits, never an exponent above 1e-4. */
export function formatLoss(value: Measured): string {
  return written(value, (x) => {
    const size = Math.abs(x);
    if (size !== 0 && (size < 1e-4 || size >= 1e6)) return x.toExponential(2);
    const digits = size === 0 ? 3 : Math.max(0, 3 - Math.floor(Math.log10(size)));
    return x.toFixed(Math.min(digits, 6));
  });
}

/** A count with thousands separated, the same in every locale. */
export function formatCount(value: Measured): string {
  return written(value, (x) => x.toLocaleString('en-US', { maximumFractionDigits: 0 }));
}

/** A count with its noun: "1 step", "2,000 steps". */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A learning rate: two significant digits. */
export function formatRate(value: Measured): string {
  return written(value, (x) => (x === 0 ? '0' : x.toExponential(1).replace('.0e', 'e')));
}
