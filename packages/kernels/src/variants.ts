/**
 * Which variant a kernel runs in on which adapter, before anything is timed: a
 * small table by adapter class, as data. `Device` lays it over a kernel's
 * default variant, what the autotuner found over the table, and what a caller
 * pinned over both. `rna info` prints the outcome. Nothing is measured here.
 */
import type { AdapterTraits, Variant } from './kernel.ts';

/** Tuning of a kernel on a class of adapters. */
export interface TableEntry {
  readonly variant: Variant;
  /** Uniforms that may be no larger than this for the entry to count; without, it counts for every call. */
  readonly upTo?: Readonly<Record<string, number>>;
}

/** A kernel's entries are laid over each other in order, those with a bound after those without. */
type Table = Readonly<Record<string, readonly TableEntry[]>>;

// Tiles of half the width, of which less is wasted on few columns.
const narrow: TableEntry = { variant: { vectors: 1 }, upTo: { cols: 32 } };

const always = (variant: Variant): readonly TableEntry[] => [{ variant }];

const gemmGpu = always({ algorithm: 'tiled' });
const gpu: Table = {
  matmul: gemmGpu,
  conv2d: gemmGpu,
  conv2dBackwardWeight: gemmGpu,
  layerNorm: always({ lanes: 64 }),
  layerNormBackward: always({ lanes: 64 }),
  rmsNorm: always({ lanes: 64 }),
  rmsNormBackward: always({ lanes: 64 }),
};

const cpu: Table = {
  matmul: [narrow],
  conv2d: [narrow],
  conv2dBackwardWeight: [narrow],
  attention: always({ lanes: 8 }),
  attentionBackwardQuery: always({ lanes: 8 }),
  attentionBackwardKey: always({ lanes: 8 }),
};

/** On a software driver with one subgroup size, lanes hand each other the left operand instead of loading it again. */
function cpuSubgroups(lanes: number): Table {
  const gemm: Variant = { algorithm: 'subgroup', lanes };
  const attention = always({ exchange: 'subgroup', lanes });
  // Twice the rows cost a convolution four times the compile time for little.
  return { matmul: [{ variant: { ...gemm, rows: 16 } }, narrow], conv2d: [{ variant: gemm }, narrow], conv2dBackwardWeight: [{ variant: gemm }, narrow],
    attention, attentionBackwardQuery: attention, attentionBackwardKey: attention };
}

/** What the table of the adapter's class says of a kernel. */
export function tableEntries(kernel: string, traits: AdapterTraits): readonly TableEntry[] {
  if (traits.class === 'gpu') return gpu[kernel] ?? [];
  const { subgroups, subgroupSize } = traits;
  return (subgroups && subgroupSize !== undefined ? cpuSubgroups(subgroupSize)[kernel] : undefined) ?? cpu[kernel] ?? [];
}

/** Whether an entry counts for a call of these sizes. An entry with a bound does not where the size is not given. */
export function entryCounts({ upTo }: TableEntry, uniforms: Readonly<Record<string, number>>): boolean {
  return upTo === undefined || Object.entries(upTo).every(([name, most]) => (uniforms[name] ?? Infinity) <= most);
}

/** The table's tuning of a call, to be laid over the kernel's default variant. */
export function tableVariant(kernel: string, traits: AdapterTraits, uniforms: Readonly<Record<string, number>> = {}): Variant {
  return Object.assign({}, ...tableEntries(kernel, traits).filter((entry) => entryCounts(entry, uniforms)).map(({ variant }) => variant)) as Variant;
}
