/**
 * The trunk (RhoFold's E2Eformer): blocks one after the other, and the single representation that they end in. On a
 * tape a block may be run again on the walk back instead of being kept, all but its two inputs.
 */
import { linear, recomputeAll, type Tensor } from '@rna/tensor';
import { trunkBlock, type BlockObserver } from './block.ts';
import type { TertiarySizes } from './config.ts';
import type { Representations } from './embedding.ts';
import { blockParameters, within, type Weights } from './parameters.ts';

export interface TrunkOptions {
  /** Keep no more of a block than its inputs and run it again on the walk back: the same bits in less memory. */
  readonly recompute?: boolean;
  /** Sees each layer of each block; not where a block is run again. */
  readonly onLayer?: (block: number, ...layer: Parameters<BlockObserver>) => void;
}

export interface TrunkOutput extends Representations {
  /** [L, singleDim] */
  readonly single: Tensor;
}

/** Runs all blocks. What goes in stays; what one block hands to the next is freed where no tape keeps it. */
export function trunk(
  p: Weights,
  sizes: TertiarySizes,
  start: Representations,
  { recompute = false, onLayer }: TrunkOptions = {},
): TrunkOutput {
  const { device } = start.row;
  const names = recompute ? blockParameters(sizes) : [];
  return device.scope(() => {
    let now = start;
    for (let block = 0; block < sizes.blocks; block++) {
      const own = within(p, `e2eformer.blocks.${block}`);
      const before = now;
      now = recompute ? recomputed(own, sizes, before, names) : trunkBlock(own, sizes, before, observer(block));
      if (before !== start) {
        before.row.release();
        before.pair.release();
      }
    }
    const single = linear(now.row, p('e2eformer.linear.weight'), p('e2eformer.linear.bias'));
    return { row: now.row, pair: now.pair, single };
  });

  function observer(block: number): BlockObserver | undefined {
    return (
      onLayer &&
      ((...layer) => {
        onLayer(block, ...layer);
      })
    );
  }
}

function recomputed(
  p: Weights,
  sizes: TertiarySizes,
  { row, pair }: Representations,
  names: readonly string[],
): Representations {
  const [m, z] = recomputeAll(
    [row, pair],
    ([leafRow, leafPair]) => {
      const after = trunkBlock(p, sizes, { row: leafRow!, pair: leafPair! });
      return [after.row, after.pair];
    },
    names.map(p),
  );
  return { row: m!, pair: z! };
}
