/** How old a software driver is, by what an adapter says of itself. */

/**
 * Since this release of Mesa its software driver runs the kernels 2 to 3.5 times faster than before, and compiles them
 * 6 times faster.
 */
const FAST_MESA = [26, 1] as const;

/** Whether a text like `llvmpipe: Mesa 26.1.6-1 (LLVM 19.1.7)` names a Mesa that is fast. */
export function isFastMesa(description: string): boolean {
  const [, major, minor] = /\bMesa (\d+)\.(\d+)/.exec(description) ?? [];
  if (major === undefined || minor === undefined) return false;
  const [fastMajor, fastMinor] = FAST_MESA;
  return Number(major) > fastMajor || (Number(major) === fastMajor && Number(minor) >= fastMinor);
}
