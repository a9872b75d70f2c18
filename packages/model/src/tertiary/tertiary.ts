/**
 * The whole module (TERTIARY section 1): cycles of embedding, trunk, structure
 * module and full atoms, each of which begins with what the one before found.
 * Gradients go through the last cycle alone.
 */
import { C1_SLOT } from '@rna/structure';
import { gatherRows, reshape, type Device, type Tensor } from '@rna/tensor';
import { confidence } from './confidence.ts';
import type { TertiarySizes } from './config.ts';
import { embed } from './embedding.ts';
import { fullAtoms, type FullAtoms } from './fullAtoms.ts';
import type { Weights } from './parameters.ts';
import { recycle, type Recycled } from './recycling.ts';
import { refineNet } from './refineNet.ts';
import { structureModule, type StructureIteration } from './structureModule.ts';
import { trunk, type TrunkOutput } from './trunk.ts';

export interface TertiaryOptions {
  /** Cycles after the first. Default: those of the sizes. */
  readonly recycles?: number;
  /** [L, L], pair probabilities of the secondary structure, where the sizes have a pair prior. */
  readonly probabilities?: Tensor;
  /** The place of the first nucleotide, from 0, where the tokens are a part of a longer sequence. Default 0. */
  readonly first?: number;
  /** Keep no more of a block than its inputs and run it again on the walk back: the same bits in less memory. */
  readonly recompute?: boolean;
}

/** What the last cycle gives of a sequence of L nucleotides. */
export interface TertiaryCycle extends TrunkOutput {
  /** Those of the structure module; the last is the prediction. */
  readonly iterations: readonly StructureIteration[];
  readonly atoms: FullAtoms;
  /** Logits of the bins of each nucleotide's lDDT, [L, 50]. */
  readonly confidence: Tensor;
  /** The atoms after RefineNet, [L, 23, 3] in Å, where the sizes have it: what RhoFold predicts. */
  readonly refined?: Tensor;
}

/**
 * Runs all cycles of one sequence and gives the last.
 * @param p the module's parameters
 * @param tokens [L], of RhoFold's alphabet
 * @param lm [L, lmDim], the language model's rows of the nucleotides alone
 * @throws SequenceLengthError as `embed`.
 */
export function runTertiary(
  p: Weights,
  sizes: TertiarySizes,
  tokens: Uint32Array,
  lm: Tensor,
  { recycles = sizes.recycles, probabilities, first = 0, recompute = false }: TertiaryOptions = {},
): TertiaryCycle {
  const { device } = lm;
  const cycle = (before: Recycled | undefined): TertiaryCycle =>
    device.scope(() => {
      const fresh = embed(p, sizes, tokens, lm, probabilities, first);
      const start = before === undefined ? fresh : recycle(p, fresh, before);
      const trunked = trunk(p, sizes, start, { recompute });
      const iterations = structureModule(p, sizes, trunked.single, trunked.pair);
      const { frames, torsions, state } = iterations.at(-1)!;
      return {
        ...trunked,
        iterations,
        atoms: fullAtoms(sizes, tokens, frames, torsions),
        confidence: confidence(p, state),
      };
    });
  return device.scope(() => {
    let before: Recycled | undefined;
    for (let done = 0; done < recycles; done++) {
      const earlier = before;
      before = withoutTape(device, () =>
        device.scope(() => {
          const { row, pair, atoms } = cycle(earlier);
          return { row, pair, points: c1Points(atoms.coordinates) };
        }),
      );
      for (const tensor of earlier === undefined ? [] : [earlier.row, earlier.pair, earlier.points]) tensor.release();
    }
    const last = cycle(before);
    if (sizes.refineNet === undefined) return last;
    return { ...last, refined: refineNet(p, sizes.refineNet, tokens, last.atoms.coordinates) };
  });
}

/** C1' of full atoms [L, 23, 3]: [L, 3]. */
export function c1Points(coordinates: Tensor): Tensor {
  const [length = 0, slots = 0] = coordinates.shape;
  return coordinates.device.scope(() =>
    gatherRows(
      reshape(coordinates, [length * slots, 3]),
      Int32Array.from({ length }, (_, i) => i * slots + C1_SLOT),
    ),
  );
}

/** Runs a body of which nothing is recorded. */
function withoutTape<T>(device: Device, body: () => T): T {
  const { tape } = device;
  device.tape = undefined;
  try {
    return body();
  } finally {
    device.tape = tape;
  }
}
