/**
 * Which variant a kernel runs in on which adapter: a small table by adapter
 * class, as data. `Device` lays it over a kernel's default variant; a caller
 * may pin another. `rna info` prints the outcome.
 */
import type { Variant } from './kernel.ts';

/** What the choice depends on, read off an adapter. */
export interface AdapterTraits {
  /** `cpu`: a software driver, where every lane's load is fetched apart. */
  readonly class: 'cpu' | 'gpu';
  readonly description: string;
  readonly subgroups: boolean;
  /** Lanes of a subgroup where the adapter has one size only. */
  readonly subgroupSize: number | undefined;
  readonly f16: boolean;
  /** Bytes of workgroup memory. */
  readonly workgroupStorage: number;
}

type Table = Readonly<Record<string, Variant>>;

const gemmGpu: Variant = { algorithm: 'tiled' };
const gpu: Table = {
  matmul: gemmGpu,
  conv2d: gemmGpu,
  conv2dBackwardWeight: gemmGpu,
  layerNorm: { lanes: 64 },
  layerNormBackward: { lanes: 64 },
  rmsNorm: { lanes: 64 },
  rmsNormBackward: { lanes: 64 },
  attention: { loads: 'workgroup', unroll: true, queries: 1 },
  attentionBackwardQuery: { loads: 'workgroup', unroll: true, queries: 1 },
  attentionBackwardKey: { loads: 'workgroup', unroll: true },
};

// Measured on lavapipe, 13 packed sequences of 79 nucleotides: keys shared by one subgroup's worth of threads with
// four queries each beat 32 threads with two 1.6 times; the keys' gradient is twice as fast when each thread walks
// only its own sequences. Unrolling over the head dimension compiles ten times longer.
const cpu: Table = {
  attention: { loads: 'workgroup', queries: 4, threads: 8 },
  attentionBackwardQuery: { loads: 'workgroup', queries: 4, threads: 8 },
  attentionBackwardKey: { threads: 8 },
};

/** On a software driver with one subgroup size, lanes hand each other the left operand instead of loading it again. */
function cpuSubgroups(lanes: number): Table {
  const gemm: Variant = { algorithm: 'subgroup', lanes };
  // Twice the rows cost a convolution four times the compile time for little.
  return { matmul: { ...gemm, rows: 16 }, conv2d: gemm, conv2dBackwardWeight: gemm };
}

/** The tuning of `kernel` for an adapter, to be laid over the kernel's default variant. */
export function tunedVariant(kernel: string, traits: AdapterTraits): Variant {
  if (traits.class === 'gpu') return gpu[kernel] ?? {};
  const { subgroups, subgroupSize } = traits;
  return (subgroups && subgroupSize !== undefined ? cpuSubgroups(subgroupSize)[kernel] : undefined) ?? cpu[kernel] ?? {};
}

/** Names of the kernels whose variant depends on the adapter. */
export const tunedKernels: readonly string[] = Object.keys(gpu);
