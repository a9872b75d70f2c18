/**
 * Where a sequence's axis has its numbers: round 1-based positions, few enough to be read.
 */

/** 1-based positions of ticks: 1, then multiples of 10, 20, 50, 100, …; about ten at most. */
export function positionTicks(length: number): number[] {
  const step = [10, 20, 50, 100, 200, 500].find((s) => length / s <= 10) ?? 10 ** Math.ceil(Math.log10(length / 10));
  const ticks = Array.from({ length: Math.floor(length / step) }, (_, k) => (k + 1) * step);
  return [1, ...ticks];
}
