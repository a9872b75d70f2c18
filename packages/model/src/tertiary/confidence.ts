/** The head that predicts lDDT from the last state of the structure module (TERTIARY section 6). */
import { layerNorm, linear, relu, reshape, softmax, type Tensor } from '@rna/tensor';
import { LDDT_BINS } from './config.ts';
import { within, type Weights } from './parameters.ts';

/** Logits of the 50 bins of each nucleotide's lDDT, [L, 50], from its state [L, singleDim]. */
export function confidence(p: Weights, state: Tensor): Tensor {
  const own = within(p, 'plddt_head.net_lddt');
  const project = (x: Tensor, name: string): Tensor => linear(x, own(`${name}.weight`), own(`${name}.bias`));
  return state.device.scope(() => {
    const x = layerNorm(state, own('0.weight'), own('0.bias'));
    return project(relu(project(relu(project(x, '1')), '3')), '5');
  });
}

/** The expected lDDT of each nucleotide, [L], between 0 and 1: the middles of the bins by their probabilities. */
export function plddtOf(logits: Tensor): Tensor {
  const { device } = logits;
  return device.scope(() => {
    const middles = Float32Array.from({ length: LDDT_BINS }, (_, bin) => (bin + 0.5) / LDDT_BINS);
    return reshape(linear(softmax(logits), device.tensor(middles, [1, LDDT_BINS])), [logits.shape[0]!]);
  });
}
