/** The inputs of a call that are there, and what the variant says of them. */
import type { Variant } from '@rna/kernels';
import type { Tensor } from './tensor.ts';

/** A call's buffers without the optional ones that are not there, and its options with which of them are. */
export function presentOf(
  { optional = [] }: { readonly optional?: readonly string[] },
  inputs: Readonly<Record<string, Tensor | undefined>>,
  options: Variant,
): { readonly buffers: Readonly<Record<string, Tensor>>; readonly chosen: Variant } {
  if (optional.length === 0) return { buffers: inputs as Readonly<Record<string, Tensor>>, chosen: options };
  const there = (name: string): boolean => inputs[name] !== undefined;
  const buffers = Object.fromEntries(Object.entries(inputs).filter(([name]) => there(name))) as Record<string, Tensor>;
  return { buffers, chosen: { ...options, ...Object.fromEntries(optional.map((name) => [name, there(name)])) } };
}
