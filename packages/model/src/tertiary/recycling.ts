/** What a cycle learns from the one before it (TERTIARY section 2): both representations, and distances of C1'. */
import { add, distanceBins, layerNorm, linear, type Tensor } from '@rna/tensor';
import { RECYCLED_BINS } from './config.ts';
import type { Representations } from './embedding.ts';
import { within, type Weights } from './parameters.ts';

/** What one cycle hands to the next. No gradient goes through it. */
export interface Recycled extends Representations {
  /** C1' of the full atoms, [L, 3] in Å, before any refinement. */
  readonly points: Tensor;
}

const [NEAREST, FARTHEST] = [2, 40];
/** The square of what no distance exceeds is RhoFold's 1e8. */
const BEYOND = 1e4;
const EDGES = Float32Array.from({ length: RECYCLED_BINS + 1 }, (_, k) =>
  k === RECYCLED_BINS ? BEYOND : NEAREST + (k * (FARTHEST - NEAREST)) / (RECYCLED_BINS - 1),
);

/** m + LN(m′) and z + LN(z′) + Linear(bin of |x′_i − x′_j|), where primes are of the cycle before. */
export function recycle(p: Weights, { row, pair }: Representations, before: Recycled): Representations {
  const own = within(p, 'recycle_embnet');
  const { device } = row;
  const norm = (x: Tensor, name: string): Tensor => layerNorm(x, own(`${name}.weight`), own(`${name}.bias`));
  return device.scope(() => {
    const sum = device.scope(() => add(pair, norm(before.pair, 'layer_norm_z')));
    return {
      row: add(row, norm(before.row, 'layer_norm_m')),
      pair: linear(distanceBins(before.points, EDGES), own('linear.weight'), own('linear.bias'), sum),
    };
  });
}
