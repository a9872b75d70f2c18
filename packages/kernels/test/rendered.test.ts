/**
 * Finished WGSL of one variant of each family of kernels that is put together from pieces, kept beside the file that it
 * comes from: what to read first, and what an edit changes. `npx vitest -u` writes them anew.
 */
import { expect, it } from 'vitest';
import { attention, halfStorage, kernelWgsl, matmul, type AnyKernel, type Kernel, type Variant } from '../src/index.ts';

const RENDERED: readonly (readonly [string, AnyKernel, Variant])[] = [
  ['gemmThreads', matmul, { algorithm: 'subgroup', lanes: 8, rows: 4, vectors: 1, aligned: true }],
  ['gemmTiles', matmul, { algorithm: 'tiled', side: 8, rows: 4, vectors: 1, aligned: true, alignedA: true }],
  [
    'subgroupMatrix',
    matmul,
    {
      ...{ algorithm: 'matrix', unit: '16x16x16', lanes: 32, transposeB: true, aligned: true, alignedA: true },
      ...halfStorage(['a', 'b']),
    },
  ],
  ['attentionLanes', attention, { exchange: 'subgroup', lanes: 8, rows: 4, headDim: 16 }],
  ['attentionTiles', attention, { exchange: 'tiles', rows: 32, headDim: 32, shuffles: true }],
];

it.each(RENDERED)('%s is as its snapshot', async (name, kernel, variant) => {
  const text = kernelWgsl(kernel, { ...(kernel as Kernel).variant, ...variant });
  await expect(text).toMatchFileSnapshot(`../src/${name}.wgsl`);
});
