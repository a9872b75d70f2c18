/**
 * What the suite and a library's process say to each other, one request and one
 * reply at a time, over Node's IPC channel: stdout would be the plainer line,
 * but Dawn prints there.
 */
import type { Arrays } from './cases.ts';

export const IMPLEMENTATIONS = [
  'rna',
  'tfjs-webgpu',
  'tfjs-wasm',
  'jax-js-webgpu',
  'jax-js-wasm',
  'onnxruntime-webgpu',
  'onnxruntime-cpu',
] as const;
export type ImplementationName = (typeof IMPLEMENTATIONS)[number];

export type Request =
  /** Load the library; answered by its versions. */
  | { readonly do: 'load'; readonly implementation: ImplementationName }
  /** Make a case of PEER_CASES ready and give its results. */
  | { readonly do: 'prepare'; readonly name: string }
  /** Time so many runs; answered by milliseconds a run. */
  | { readonly do: 'sample'; readonly runs: number }
  | { readonly do: 'release' };

export type Reply =
  | { readonly is: 'versions'; readonly versions: Readonly<Record<string, string>> }
  | { readonly is: 'results'; readonly results: Arrays }
  | { readonly is: 'time'; readonly ms: number }
  | { readonly is: 'done' }
  | { readonly is: 'unsupported'; readonly reason: string }
  | { readonly is: 'failed'; readonly reason: string };
