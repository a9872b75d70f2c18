/**
 * Which variant a kernel runs in on which adapter, before anything is timed: a
 * small table by class of adapters, as data. The class is what the adapter is
 * and, for lavapipe, of which release. `Device` lays the table over a kernel's
 * default variant, what the autotuner found over the table, and what a caller
 * pinned over both. `rna info` prints the outcome. Nothing is measured here.
 */
import { halfNames, isNewerLavapipe, pinnedSize, type AdapterTraits, type Variant } from './kernel.ts';

/** Tuning of a kernel on a class of adapters. */
export interface TableEntry {
  readonly variant: Variant;
  /** Uniforms that may be no larger than this for the entry to count; without, it counts for every call. */
  readonly upTo?: Readonly<Record<string, number>>;
  /** Buffers that must be stored in half precision for the entry to count. */
  readonly halves?: readonly string[];
}

/** A kernel's entries are laid over each other in order, those with a bound after those without. */
type Table = Readonly<Record<string, readonly TableEntry[]>>;

// Tiles of half the width, of which less is wasted on few columns.
const narrow: TableEntry = { variant: { vectors: 1 }, upTo: { cols: 32 } };

const always = (variant: Variant): readonly TableEntry[] => [{ variant }];

// Large tiles where they leave enough workgroups to fill a card: an operand that is in workgroup memory then serves
// more products. Chosen by what AMD's compiler makes of them (docs/performance.md), not on a card.
const gemmGpu: readonly TableEntry[] = [
  { variant: { algorithm: 'tiled', side: 16, rows: 8, vectors: 2 } },
  { variant: { vectors: 1 }, upTo: { rows: 1024 } },
  { variant: { vectors: 1 }, upTo: { cols: 512 } },
  { variant: { rows: 4, vectors: 1 }, upTo: { rows: 512, cols: 512 } },
  { variant: { side: 8, rows: 8, vectors: 1 }, upTo: { cols: 32 } },
  { variant: { side: 8, rows: 4, vectors: 1 }, upTo: { rows: 128 } },
];
// Each matrix has workgroups of its own, so that tiles are small only where matrices are few, or as small.
const batchedGpu: readonly TableEntry[] = [
  { variant: { algorithm: 'tiled', side: 16, rows: 8, vectors: 2 } },
  { variant: { vectors: 1 }, upTo: { rows: 128 } },
  { variant: { vectors: 1 }, upTo: { cols: 128 } },
  { variant: { rows: 4, vectors: 1 }, upTo: { rows: 64, cols: 64 } },
  { variant: { rows: 4, vectors: 1 }, upTo: { batches: 8, rows: 512, cols: 512 } },
  { variant: { side: 8, rows: 8, vectors: 1 }, upTo: { cols: 32 } },
  { variant: { side: 8, rows: 4, vectors: 1 }, upTo: { rows: 32 } },
];
const gpu: Table = {
  matmul: gemmGpu,
  batchedMatmul: batchedGpu,
  conv2d: [
    { variant: { algorithm: 'tiled', side: 16, rows: 8, vectors: 1 } },
    { variant: { side: 8 }, upTo: { cols: 32 } },
  ],
  // Few rows and columns, and chunks of many pixels.
  conv2dBackwardWeight: always({ algorithm: 'tiled', side: 16, rows: 4, vectors: 1 }),
  pairAttention: always({ lanes: 64 }),
  pairAttentionBackwardQuery: always({ lanes: 64 }),
  pairAttentionBackwardKey: always({ lanes: 64 }),
  layerNorm: always({ lanes: 64 }),
  layerNormBackward: always({ lanes: 64 }),
  rmsNorm: always({ lanes: 64 }),
  rmsNormBackward: always({ lanes: 64 }),
  softmax: always({ lanes: 64 }),
  softmaxBackward: always({ lanes: 64 }),
};

/** Attention in register tiles, with `rows` tokens a workgroup. Its shuffles are over 16 lanes. */
export function attentionTiles(
  traits: AdapterTraits,
  rows: number,
): { readonly exchange: 'tiles'; readonly rows: number; readonly shuffles: boolean; readonly pinned?: number } {
  const { subgroups, subgroupSize = 0, leastSubgroup = subgroupSize } = traits;
  if (!subgroups || Math.max(subgroupSize, leastSubgroup) < 16) return { exchange: 'tiles', rows, shuffles: false };
  return { exchange: 'tiles', rows, shuffles: true, ...(leastSubgroup < 16 ? pinnedSize(traits) : {}) };
}

/** What the table of GPUs says of attention, which depends on the adapter's subgroups. */
function attentionGpu(traits: AdapterTraits): Table {
  const tiles = always(attentionTiles(traits, 64));
  return {
    attention: tiles,
    attentionBackwardQuery: tiles,
    // It has two sums a component of the head, for which there are no registers in longer heads.
    attentionBackwardKey: [{ variant: attentionTiles(traits, 32) }, { variant: { rows: 64 }, upTo: { headDim: 64 } }],
  };
}

const cpu: Table = {
  matmul: [narrow],
  batchedMatmul: [narrow],
  // SwiftShader compiles six rows of a convolution for 20 s and eight for over a minute, four for less than one.
  conv2d: [{ variant: { rows: 4 } }, narrow],
  conv2dBackwardWeight: [{ variant: { rows: 4 } }, narrow],
  // Two queries a lane: half the reads of keys and values.
  pairAttention: always({ lanes: 8, items: 2 }),
  attention: always({ lanes: 8 }),
  attentionBackwardQuery: always({ lanes: 8 }),
  attentionBackwardKey: always({ lanes: 8 }),
};

/**
 * On a software driver with one subgroup size, lanes hand each other the left operand instead of loading it again.
 * Measured on lavapipe, 512³: 16 rows and one vector 34 ms after 0.7 to 1.3 s of compiling, two vectors 29 ms after
 * 1.2 to 3.1 s, 32 rows and two vectors 21 ms after 3 to 4 s. A training step has five products to compile, so the
 * table takes the first; a machine that keeps its answers may take more.
 */
function cpuSubgroups(lanes: number): Table {
  const gemm = always({ algorithm: 'subgroup', lanes, rows: 16, vectors: 1 });
  // A convolution's left operand is computed where it is loaded: rows cost it four times the compile time for little.
  const conv = always({ algorithm: 'subgroup', lanes, rows: 8, vectors: 2 });
  const attention = always({ exchange: 'subgroup', lanes });
  return {
    matmul: gemm,
    batchedMatmul: gemm,
    conv2d: [...conv, narrow],
    conv2dBackwardWeight: [...conv, narrow],
    attention,
    attentionBackwardQuery: attention,
    attentionBackwardKey: attention,
  };
}

/**
 * The same on lavapipe of Mesa 26 and newer, which compiles these in 0.3 to 1.5 s. What is left there are loads of the
 * right operand, and a tile of more rows has fewer of them. Measured on 26.1.6 in processor time, against the tiles
 * above: 512³ 4.7 ms instead of 6.4, a 3 × 3 convolution of 64 channels 26 instead of 40 and of 24 channels 15 instead
 * of 24, attention 15 instead of 20. 3 × 3 filters of few channels go by patches of pixels (conv2dPatches.ts).
 */
function newerLavapipe(lanes: number): Table {
  // Rows and vectors are for filters of other sizes than 3 × 3.
  const conv: readonly TableEntry[] = [
    { variant: { algorithm: 'patches', lanes, rows: 24, vectors: 2 } },
    { variant: { rows: 32, vectors: 1 }, upTo: { cols: 32 } },
  ];
  // A lane has a channel.
  const fewChannels: TableEntry = { variant: { algorithm: 'subgroup' }, upTo: { channels: Math.floor(lanes / 4) } };
  const attention = always({ exchange: 'subgroup', lanes, rows: 32 });
  const gemm: readonly TableEntry[] = [{ variant: { algorithm: 'subgroup', lanes, rows: 32, vectors: 2 } }, narrow];
  return {
    matmul: gemm,
    batchedMatmul: gemm,
    conv2d: conv,
    instanceNorm: always({ pixels: 16 }),
    instanceNormBackward: always({ pixels: 16 }),
    conv2dBackwardWeight: [{ variant: { outputs: 24 % lanes === 0 ? 24 : lanes } }, ...conv, fewChannels],
    attention,
    attentionBackwardQuery: attention,
    attentionBackwardKey: attention,
  };
}

/** Matrix units before all else. Of products of halves matmul.ts says which may use them; the others are in tiles. */
const gpuMatrices = (traits: AdapterTraits, unit: string, lanes: number): Table => ({
  matmul: [...gemmGpu, { variant: { algorithm: 'matrix', unit, lanes, ...pinnedSize(traits) }, halves: ['a'] }],
});

/** What the table of the adapter's class says of a kernel. */
export function tableEntries(kernel: string, traits: AdapterTraits): readonly TableEntry[] {
  if (traits.class === 'gpu') {
    const { subgroupMatrix: unit, subgroupSize: lanes } = traits;
    const matrices = unit !== undefined && lanes !== undefined ? gpuMatrices(traits, unit, lanes)[kernel] : undefined;
    return matrices ?? attentionGpu(traits)[kernel] ?? gpu[kernel] ?? [];
  }
  const { subgroups, subgroupSize } = traits;
  if (!subgroups || subgroupSize === undefined) return cpu[kernel] ?? [];
  return (isNewerLavapipe(traits) ? newerLavapipe : cpuSubgroups)(subgroupSize)[kernel] ?? cpu[kernel] ?? [];
}

/** Whether an entry counts for some calls alone. */
export const isBounded = ({ upTo, halves }: TableEntry): boolean => upTo !== undefined || halves !== undefined;

/**
 * Whether an entry counts for a call of these sizes and options. An entry with a bound does not where the size is not
 * given.
 */
export function entryCounts(
  { upTo = {}, halves = [] }: TableEntry,
  uniforms: Readonly<Record<string, number>>,
  options: Variant = {},
): boolean {
  const stored = halfNames(options);
  return (
    Object.entries(upTo).every(([name, most]) => (uniforms[name] ?? Infinity) <= most) &&
    halves.every((name) => stored.includes(name))
  );
}

/** The table's tuning of a call, to be laid over the kernel's default variant. */
export function tableVariant(
  kernel: string,
  traits: AdapterTraits,
  uniforms: Readonly<Record<string, number>> = {},
  options: Variant = {},
): Variant {
  return Object.assign(
    {},
    ...tableEntries(kernel, traits)
      .filter((entry) => entryCounts(entry, uniforms, options))
      .map(({ variant }) => variant),
  ) as Variant;
}
