/**
 * The structure module (Jumper et al. 2021, supplement algorithm 20, as RhoFold has it; TERTIARY section 4): iterations
 * that share their weights, each of which updates the single representation by invariant point attention, the frames by
 * it, and gives torsions.
 */
import {
  add,
  layerNorm,
  linear,
  relu,
  reshape,
  scaleTranslations,
  stopRotations,
  unitAngles,
  updateFrames,
  type Device,
  type Tensor,
} from '@rna/tensor';
import { TORSIONS, type TertiarySizes } from './config.ts';
import { invariantPointAttention, pairBias } from './invariantPointAttention.ts';
import { within, type Weights } from './parameters.ts';

/** Å of one unit of the translations inside. */
export const TRANSLATION_UNIT = 10;

/** What an iteration gives of a sequence of L nucleotides. */
export interface StructureIteration {
  /** [L, 7]: quaternions of length 1, and translations in Å. */
  readonly frames: Tensor;
  /** [L, 6, 2], as the net gives them. */
  readonly rawTorsions: Tensor;
  /** [L, 6, 2], cosines and sines of length 1. */
  readonly torsions: Tensor;
  /** The single representation, [L, singleDim]. */
  readonly state: Tensor;
}

type Sizes = Pick<
  TertiarySizes,
  'ipaHeads' | 'ipaDim' | 'queryPoints' | 'valuePoints' | 'iterations' | 'torsionBlocks' | 'geometry'
>;

export interface StructureOptions {
  /** [L], 0 for a nucleotide that none attends to. */
  readonly mask?: Tensor;
  /**
   * Whether gradients go back through the rotations of earlier iterations. They don't in training (Jumper et al. 2021);
   * default false.
   */
  readonly throughRotations?: boolean;
}

/** Every frame at the origin, unturned: [length, 7]. */
function identityFrames(device: Device, length: number): Tensor {
  const values = new Float32Array(7 * length);
  for (let l = 0; l < length; l++) values[7 * l] = 1;
  return device.tensor(values, [length, 7]);
}

/**
 * The iterations, the last of which is the prediction.
 * @param p the module's parameters
 * @param single [L, singleDim]
 * @param pair [L, L, pairDim]
 */
export function structureModule(
  p: Weights,
  sizes: Sizes,
  single: Tensor,
  pair: Tensor,
  { mask, throughRotations = false }: StructureOptions = {},
): StructureIteration[] {
  const own = within(p, 'structure_module');
  const { device } = single;
  const norm = (x: Tensor, name: string): Tensor => layerNorm(x, own(`${name}.weight`), own(`${name}.bias`));
  const project = (x: Tensor, name: string, residual?: Tensor): Tensor =>
    linear(x, own(`${name}.weight`), own(`${name}.bias`), residual);
  return device.scope(() => {
    const initial = norm(single, 'layer_norm_s');
    const pairs = norm(pair, 'layer_norm_z');
    const attention = within(own, 'ipa');
    const bias = pairBias(attention, pairs);
    let state = project(initial, 'linear_in');
    let frames = identityFrames(device, single.shape[0]!);
    const initialTorsions = project(relu(initial), 'angle_resnet.linear_initial');
    return Array.from({ length: sizes.iterations }, (_, iteration): StructureIteration => {
      if (iteration > 0 && !throughRotations) frames = stopRotations(frames);
      const given = { single: state, pair: pairs, bias, frames, ...(mask !== undefined && { mask }) };
      state = device.scope(() => {
        const attended = norm(add(state, invariantPointAttention(attention, sizes, given)), 'layer_norm_ipa');
        const layer = 'transition.layers.0';
        const inner = relu(project(relu(project(attended, `${layer}.linear_1`)), `${layer}.linear_2`));
        return norm(project(inner, `${layer}.linear_3`, attended), 'transition.layer_norm');
      });
      frames = updateFrames(frames, project(state, 'bb_update.linear'));
      const rawTorsions = device.scope(() => torsionNet(own, sizes, state, initialTorsions));
      return {
        frames: scaleTranslations(frames, TRANSLATION_UNIT),
        rawTorsions,
        torsions: unitAngles(rawTorsions),
        state,
      };
    });
  });
}

/** Torsions from the single representation and what the first one adds: [L, 6, 2], of any length. */
function torsionNet(
  own: Weights,
  { torsionBlocks }: Pick<Sizes, 'torsionBlocks'>,
  state: Tensor,
  initialTorsions: Tensor,
): Tensor {
  const project = (x: Tensor, name: string, residual?: Tensor): Tensor =>
    linear(relu(x), own(`angle_resnet.${name}.weight`), own(`angle_resnet.${name}.bias`), residual);
  let x = project(state, 'linear_in', initialTorsions);
  for (let block = 0; block < torsionBlocks; block++)
    x = project(project(x, `layers.${block}.linear_1`), `layers.${block}.linear_2`, x);
  return reshape(project(x, 'linear_out'), [state.shape[0]!, TORSIONS, 2]);
}
