/** The kernels that a GPU's time goes to, as calls, and what is expected of their compiled form. */
import {
  attention,
  attentionBackwardKey,
  attentionBackwardQuery,
  batchedMatmul,
  conv2d,
  halfStorage,
  layerNorm,
  MATRIX_DEPTH,
  MATRIX_TILE,
  matmul,
  pairAttention,
  pairAttentionBackwardBias,
  pairAttentionBackwardKey,
  pairAttentionBackwardQuery,
  pairAttentionStats,
  pointAttentionBiasBackward,
  pointAttentionFramesBackward,
  pointAttentionHeadsBackward,
  pointAttentionKeysBackward,
  pointAttentionLogits,
  pointAttentionPairs,
  pointAttentionPairsBackward,
  pointAttentionPointsBackward,
  pointAttentionQueriesBackward,
  pointAttentionValues,
  pointAttentionValuesBackward,
  pointAttentionWeightsBackward,
  softmax,
  TILE_DEPTH,
  TILE_TOKENS,
  type AnyKernel,
  type Kernel,
  type Variant,
} from '@rna/kernels';
import type { Compiled } from './compiled.ts';
import type { Pass } from './hotLoop.ts';
import { FAMILIES, type Family } from './machine.ts';

export interface GpuCase {
  readonly name: string;
  readonly kernel: AnyKernel;
  readonly options: Variant;
  readonly uniforms: Readonly<Record<string, number>>;
  /** What a pass of the hot loop needs; absent where the share of multiply-adds says little. */
  readonly pass?: (variant: Variant) => Pass;
  /** Bounds by family, in which the compiler's release makes small differences. */
  readonly targets?: Readonly<Partial<Record<Family, GpuTarget>>>;
}

/** What a compiled case must reach at least: shares of the peak, and subgroups at once. It spills nothing. */
interface GpuTarget {
  readonly share?: number;
  readonly bound?: number;
  readonly simulated?: number;
  readonly waves: number;
}

const forms = { NT: { transposeB: true }, NN: {}, TN: { transposeA: true } };

const threads = (kernel: AnyKernel, variant: Variant): number =>
  (kernel as Kernel).workgroup(variant).reduce((product, size) => product * size, 1);

/** Sums of a tile, for each inner index of it. */
const tilePass = ({ rows, vectors }: Variant): Pass => ({
  multiplyAdds: TILE_DEPTH * Number(rows) * 4 * Number(vectors),
});

/** The same on matrix units, where the card has some. */
const matrixPass = (variant: Variant): Pass =>
  variant['algorithm'] === 'matrix'
    ? { multiplyAdds: (MATRIX_TILE.rows * MATRIX_TILE.cols * MATRIX_DEPTH) / threads(matmul, variant) }
    : tilePass(variant);

const products = (
  name: string,
  [rows, inner, cols]: readonly [number, number, number],
  targets: GpuCase['targets'],
): GpuCase[] =>
  Object.entries(forms).map(([form, options]) => ({
    name: `matmul ${form} ${name}`,
    kernel: matmul,
    options,
    uniforms: { rows, inner, cols, depth: inner },
    pass: tilePass,
    ...(targets !== undefined && { targets }),
  }));

const row = (kernel: AnyKernel): GpuCase => ({
  name: kernel.name,
  kernel,
  options: {},
  uniforms: { rows: 8192, cols: 640, eps: 1e-5 },
});

/** Products of rows with what is walked over in each of attention's kernels. */
const ATTENTION = [
  { kernel: attention, count: 2, target: { share: 0.75, bound: 0.6, simulated: 0.45, waves: 3 } },
  { kernel: attentionBackwardQuery, count: 3, target: { bound: 0.5, simulated: 0.4, waves: 4 } },
  { kernel: attentionBackwardKey, count: 4, target: { bound: 0.5, simulated: 0.4, waves: 4 } },
];

const POINT_ATTENTION = [
  pointAttentionLogits,
  pointAttentionValues,
  pointAttentionPairs,
  pointAttentionPointsBackward,
  pointAttentionFramesBackward,
  pointAttentionWeightsBackward,
  pointAttentionQueriesBackward,
  pointAttentionKeysBackward,
  pointAttentionValuesBackward,
  pointAttentionHeadsBackward,
  pointAttentionBiasBackward,
  pointAttentionPairsBackward,
];

/** Calls in the variants that the table chooses for a card. */
export const GPU_CASES: readonly GpuCase[] = [
  ...products('4096', [4096, 4096, 4096], {
    navi31: { share: 0.83, bound: 0.82, simulated: 0.75, waves: 6 },
    navi21: { share: 0.83, bound: 0.9, simulated: 0.85, waves: 4 },
  }),
  ...products('1024x480x480', [1024, 480, 480], { navi31: { share: 0.75, bound: 0.6, simulated: 0.5, waves: 8 } }),
  ...products('64x640x640', [64, 640, 640], { navi31: { share: 0.6, waves: 6 } }),
  ...Object.entries(forms).map(([form, options]): GpuCase => ({
    name: `matmul ${form} 4096 halves`,
    kernel: matmul,
    options: { ...options, ...halfStorage(['a', 'b']) },
    uniforms: { rows: 4096, inner: 4096, cols: 4096, depth: 4096 },
    pass: matrixPass,
    targets: { navi31: { bound: 0.5, waves: 4 } },
  })),
  {
    name: 'matmul NT 4096 halves, int8',
    kernel: matmul,
    options: { transposeB: true, quantized: true, ...halfStorage(['a']) },
    uniforms: { rows: 4096, inner: 4096, cols: 4096, depth: 4096 },
    pass: matrixPass,
    targets: { navi31: { bound: 0.5, waves: 4 } },
  },
  ...ATTENTION.flatMap(({ kernel, count, target }) =>
    [32, 48, 64, 88].map((headDim): GpuCase => ({
      name: `${kernel.name} D${headDim}`,
      kernel,
      options: { headDim, dropout: false },
      uniforms: { tokens: 8192, heads: 20, kvHeads: 20, headDim, threshold: 0, key0: 0, key1: 0 },
      pass: (variant) => ({
        multiplyAdds: (count * Number(variant['rows']) * TILE_TOKENS * headDim) / threads(kernel, variant),
        // Blocks of four tokens that are walked over, where a sequence fills them.
        turns: TILE_TOKENS / 4,
      }),
      // In short heads the exponentials, not products, are the longest part.
      ...(headDim > 32 && { targets: { navi31: target } }),
    })),
  ),
  {
    name: 'conv2d 3x3 of 48 channels',
    kernel: conv2d,
    options: { bias: true },
    uniforms: { height: 256, width: 256, rows: 256, above: 0, channels: 48, size: 3, dilation: 1, cols: 48 },
    // A patch's cursor goes on by channels, and by a tap of the filter once at most where channels are more than a tile.
    pass: (variant) => ({ ...tilePass(variant), turns: 1 }),
    targets: { navi31: { share: 0.7, bound: 0.6, simulated: 0.5, waves: 8 } },
  },
  row(layerNorm),
  row(softmax),
  ...[{ transposeB: true }, { transposeA: true }].map((options): GpuCase => ({
    name: `batchedMatmul ${'transposeB' in options ? 'NT' : 'TN'} 128 of 256`,
    kernel: batchedMatmul,
    options,
    uniforms: { batches: 128, rows: 256, inner: 256, cols: 256, strideA: 65536, strideB: 65536 },
    pass: tilePass,
  })),
  ...[
    pairAttention,
    pairAttentionStats,
    pairAttentionBackwardQuery,
    pairAttentionBackwardKey,
    pairAttentionBackwardBias,
  ].map((kernel): GpuCase => ({
    name: `${kernel.name} D32`,
    kernel,
    options: { headDim: 32 },
    uniforms: { rows: 256, length: 256, heads: 4, partRows: 64 },
  })),
  ...POINT_ATTENTION.map((kernel): GpuCase => ({
    name: kernel.name,
    kernel,
    options: 'heads' in kernel.variant ? { heads: 12 } : {},
    uniforms: { length: 256, heads: 12, channels: 16, queryPoints: 4, valuePoints: 8, pairChannels: 128 },
  })),
];

/** Families that have targets. */
export const TARGET_FAMILIES = FAMILIES.filter((family) =>
  GPU_CASES.some(({ targets }) => targets?.[family] !== undefined),
);

/** What a compiled case misses of its target, in words. */
export function missed(
  { targets }: GpuCase,
  { family, share = 0, bounds, simulated = 0, waves, spills, scratch }: Compiled,
): string[] {
  const target = targets?.[family as Family];
  if (target === undefined) return [];
  const bound = bounds?.bound ?? 0;
  return [
    ...(share < (target.share ?? 0)
      ? [`multiply-adds are ${percent(share)} of the hot loop, not ${percent(target.share!)}`]
      : []),
    ...(bound < (target.bound ?? 0)
      ? [`the bound is ${percent(bound)} of the peak, not ${percent(target.bound!)}`]
      : []),
    ...(simulated < (target.simulated ?? 0)
      ? [`${percent(simulated)} of the peak is simulated, not ${percent(target.simulated!)}`]
      : []),
    ...(waves < target.waves ? [`${waves} waves at once, not ${target.waves}`] : []),
    ...(spills > 0 ? [`${spills} registers are spilled`] : []),
    ...(scratch > 0 ? [`${scratch} bytes of variables are in memory`] : []),
  ];
}

export const percent = (part: number): string => `${Math.round(100 * part)} %`;
