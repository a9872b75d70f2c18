/**
 * Subsets for tests that cannot run everything: compiling a large kernel takes
 * lavapipe seconds, so a test there runs a few pipelines that show each value of
 * each option. What is chosen depends on the lists alone.
 */
import { withDerived, type Variant } from '@rna/kernels';
import type { Call, KernelCheck } from '@rna/kernels/checks';

// Numbers are sizes: one of them stands for all.
const values = (variant: Variant): string[] =>
  Object.entries(variant).map(([name, value]) => (typeof value === 'number' ? name : `${name}=${String(value)}`));

/** The first of `variants`, and after it always the one that shows most values not shown yet, until all are. */
export function coveringVariants(variants: readonly Variant[]): readonly Variant[] {
  const missing = new Set(variants.flatMap(values));
  const chosen: Variant[] = [];
  const gain = (variant: Variant): number => values(variant).filter((value) => missing.has(value)).length;
  const [first] = variants;
  for (let next = first; next !== undefined;) {
    chosen.push(next);
    for (const value of values(next)) missing.delete(value);
    next =
      missing.size === 0
        ? undefined
        : variants.reduce((best, variant) => (gain(variant) > gain(best) ? variant : best));
  }
  return chosen;
}

/** The calls whose options are those of `coveringVariants`, taken in the order from ordinary work to extreme. */
export function coveringCalls(check: KernelCheck, calls: readonly Call[]): readonly Call[] {
  const work = (call: Call): number => check.work(call).flops + check.work(call).bytes;
  const options = ({ variant = {}, uniforms }: Call): Variant => withDerived(check.kernel, variant, uniforms);
  const key = (call: Call): string => JSON.stringify(options(call));
  const byWork = [
    ...new Map([...calls].sort((a, b) => work(a) - work(b)).map((call) => [key(call), options(call)])).values(),
  ];
  const middle = (byWork.length - 1) / 2;
  const ranks = new Map(byWork.map((variant, i) => [variant, Math.abs(i - middle)]));
  const chosen = new Set(
    coveringVariants([...byWork].sort((a, b) => ranks.get(a)! - ranks.get(b)!)).map((variant) =>
      JSON.stringify(variant),
    ),
  );
  return calls.filter((call) => chosen.has(key(call)));
}
