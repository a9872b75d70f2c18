/** Pieces of WGSL text that kernels with named, not indexed, registers are put together from. */

/** 0 … count − 1. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A vec4f from the text of each component. */
export const four = (component: (e: number) => string): string => `vec4f(${range(4).map(component).join(', ')})`;

export const lines = (items: readonly string[]): string => items.join('\n');
