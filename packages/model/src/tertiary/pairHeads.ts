/** What is read off the pair representation (TERTIARY section 6): three distograms and the secondary structure. */
import { add, feedForward, layerNorm, linear, reshape, scale, swapAxes, type Tensor } from '@rna/tensor';
import { DISTANCE_BINS } from './config.ts';
import { within, type Weights } from './parameters.ts';

/** Distances that distograms are of, in RhoFold's order: between P, between C4', between N9 or N1. */
export const DISTOGRAM_ATOMS = ['P', "C4'", 'N'] as const;

/** Logits of the bins of each distogram, [L, L, 40] each, which are not made symmetric. */
export function distograms(p: Weights, pair: Tensor): readonly Tensor[] {
  const own = within(p, 'dist_head');
  const { device } = pair;
  const [length = 0] = pair.shape;
  return device.scope(() => {
    const x = projected(own, pair);
    return DISTOGRAM_ATOMS.map((_, i) =>
      reshape(widened(within(own, `resnet_dist_${i}`), x), [length, length, DISTANCE_BINS]),
    );
  });
}

/** Logits of the pairs of the secondary structure, [L, L], symmetric. */
export function pairLogitsOf(p: Weights, pair: Tensor): Tensor {
  const own = within(p, 'ss_head');
  const { device } = pair;
  const [length = 0] = pair.shape;
  return device.scope(() => {
    const x = projected(own, pair);
    const symmetric = device.scope(() => scale(add(x, swapAxes(x)), 0.5));
    return reshape(widened(within(own, 'ffn'), symmetric), [length, length]);
  });
}

const projected = (own: Weights, pair: Tensor): Tensor =>
  pair.device.scope(() =>
    linear(layerNorm(pair, own('norm.a_2'), own('norm.b_2')), own('proj.weight'), own('proj.bias')),
  );

const widened = (own: Weights, x: Tensor): Tensor =>
  feedForward(
    x,
    { weight: own('linear1.weight'), bias: own('linear1.bias') },
    { weight: own('linear2.weight'), bias: own('linear2.bias') },
  );
