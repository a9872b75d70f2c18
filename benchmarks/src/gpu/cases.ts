/** The kernels that a GPU's time goes to, as calls, and what is expected of their compiled form. */
import {
  attention,
  attentionBackwardKey,
  attentionBackwardQuery,
  conv2d,
  halfStorage,
  layerNorm,
  matmul,
  softmax,
  type AnyKernel,
  type Variant,
} from '@rna/kernels';
import type { Compiled } from './compiled.ts';

export interface GpuCase {
  readonly name: string;
  readonly kernel: AnyKernel;
  readonly options: Variant;
  readonly uniforms: Readonly<Record<string, number>>;
  /** Bounds on navi31, in which the compiler's release makes small differences. */
  readonly target?: GpuTarget;
}

interface GpuTarget {
  readonly share: number;
  /** Subgroups of 64 lanes at least, and spills none. */
  readonly waves: number;
}

const forms = { NT: { transposeB: true }, NN: {}, TN: { transposeA: true } };

const products = (name: string, [rows, inner, cols]: readonly [number, number, number], target: GpuTarget): GpuCase[] =>
  Object.entries(forms).map(([form, options]) => ({
    name: `matmul ${form} ${name}`,
    kernel: matmul,
    options,
    uniforms: { rows, inner, cols, depth: inner },
    target,
  }));

const row = (kernel: AnyKernel): GpuCase => ({
  name: kernel.name,
  kernel,
  options: {},
  uniforms: { rows: 8192, cols: 640, eps: 1e-5 },
});

/** Calls in the variants that the table chooses for a card. */
export const GPU_CASES: readonly GpuCase[] = [
  ...products('4096', [4096, 4096, 4096], { share: 0.83, waves: 6 }),
  ...products('1024x480x480', [1024, 480, 480], { share: 0.75, waves: 8 }),
  ...products('64x640x640', [64, 640, 640], { share: 0.6, waves: 6 }),
  {
    name: 'matmul NT 4096 halves',
    kernel: matmul,
    options: { transposeB: true, ...halfStorage(['a', 'b']) },
    uniforms: { rows: 4096, inner: 4096, cols: 4096, depth: 4096 },
  },
  ...[attention, attentionBackwardQuery, attentionBackwardKey].flatMap((kernel) =>
    [32, 48, 64, 88].map((headDim) => ({
      name: `${kernel.name} D${headDim}`,
      kernel,
      options: { headDim, dropout: false },
      uniforms: { tokens: 8192, heads: 20, kvHeads: 20, headDim, threshold: 0, key0: 0, key1: 0 },
      // In short heads the exponentials, not products, are the longest part.
      ...(headDim > 32 && { target: { share: 0.75, waves: 4 } }),
    })),
  ),
  {
    name: 'conv2d 3x3 of 48 channels',
    kernel: conv2d,
    options: { bias: true },
    uniforms: { height: 256, width: 256, rows: 256, above: 0, channels: 48, size: 3, dilation: 1, cols: 48 },
    target: { share: 0.7, waves: 8 },
  },
  row(layerNorm),
  row(softmax),
];

/** What a compiled case misses of its target, in words. Targets are those of navi31, where subgroups have 64 lanes. */
export function missed({ target }: GpuCase, { share = 0, subgroups, spills }: Compiled): string[] {
  if (target === undefined) return [];
  return [
    ...(share < target.share
      ? [`multiply-adds are ${percent(share)} of the hot loop, not ${percent(target.share)}`]
      : []),
    ...(subgroups / 2 < target.waves ? [`${subgroups / 2} waves at once, not ${target.waves}`] : []),
    ...(spills > 0 ? [`${spills} registers are spilled`] : []),
  ];
}

export const percent = (part: number): string => `${Math.round(100 * part)} %`;
