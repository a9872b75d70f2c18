export * from './kernel.ts';
export * from './random.ts';
export * from './variants.ts';
export * from './elementwise.ts';
export * from './matmul.ts';
export * from './reduction.ts';
