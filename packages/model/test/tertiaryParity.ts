/**
 * The tertiary module's trunk and heads over pairs against the official modules (a double-precision run): every layer
 * of a block in both forms, outputs, and the gradient of every parameter.
 */
import { add, backward, concatenate, type Tensor } from '@rna/tensor';
import { describe, expect, it } from 'vitest';
import {
  blockParameters,
  distograms,
  pairLogitsOf,
  plddtOf,
  runTertiary,
  TERTIARY_PRESETS,
  trunkBlock,
  type TertiarySizes,
  type Weights,
} from '../src/index.ts';
import type { Platform } from './parity.ts';
import { cotangentLoss, openNumbers, type Numbers } from './tertiaryNumbers.ts';

/** Σ of all elements' products: [1]. */
const inner = (x: Tensor, weights: Tensor): Tensor => cotangentLoss([[x, weights]]);

/**
 * Every gradient under a prefix of the file against what the parameters got; those that nothing depends on have none,
 * and are zeros there.
 */
async function expectAllGradients(
  numbers: Numbers,
  gradients: string,
  weights: Weights,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const parameter = weights(name);
    const actual = (await parameter.gradient?.read()) ?? new Float32Array(parameter.size);
    numbers.expectClose(`${gradients}${name}`, actual);
  }
}

/** Sizes that the oracle's blocks have. */
const SIZES: TertiarySizes = {
  ...TERTIARY_PRESETS.tiny,
  rowDim: 20,
  pairDim: 16,
  rowHeads: 2,
  rowHeadDim: 6,
  outerDim: 5,
  triangleDim: 12,
  triangleHeads: 2,
  triangleHeadDim: 8,
  transitionFactor: 4,
};

/** The layers' names in the oracle. */
const UPDATES: Readonly<Record<string, string>> = { outer_product_mean: 'opm', tri_att_end: 'tri_att_end_transposed' };

export function tertiaryTrunkTests(platform: Platform): void {
  describe('a block of the trunk', () => {
    it.each(['pub', 'af2'] as const)('%s: every layer and every gradient', async (form) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'b_block');
      const p = numbers.weights('param.');
      const [row, pair] = [numbers.tensor('in.m', [6, 20]).train(), numbers.tensor('in.z', [6, 6, 16]).train()];
      const [dRow, dPair] = [numbers.tensor('in.cot_m').keep(), numbers.tensor('in.cot_z').keep()];
      const updates = new Map<string, [before: Tensor, after: Tensor]>();
      const outputs: Tensor[] = [];
      backward(device, () => {
        const after = trunkBlock(p, { ...SIZES, form }, { row, pair }, (name, x, y) => {
          updates.set(name, [x.alias().keep(), y.alias().keep()]);
        });
        outputs.push(after.row.alias().keep(), after.pair.alias().keep());
        return add(inner(after.row, dRow), inner(after.pair, dPair));
      });
      numbers.expectClose(`${form}.out.m`, await outputs[0]!.read());
      numbers.expectClose(`${form}.out.z`, await outputs[1]!.read());
      expect(updates.size).toBe(9);
      for (const [layer, [before, after]] of updates) {
        const [x, y] = [await before.read(), await after.read()];
        const update = y.map((value, i) => value - x[i]!);
        numbers.expectClose(
          `${form}.update.${UPDATES[layer] ?? layer}`,
          layer === 'tri_att_end' ? turned(update, 6, 16) : update,
        );
      }
      numbers.expectClose(`${form}.grad.in.m`, await row.gradient!.read());
      numbers.expectClose(`${form}.grad.in.z`, await pair.gradient!.read());
      await expectAllGradients(numbers, `${form}.grad.param.`, p, blockParameters(SIZES));
      numbers.dispose();
      [row, pair, dRow, dPair, ...outputs, ...[...updates.values()].flat()].forEach((tensor) => {
        tensor.dispose();
      });
    });
  });

  describe('the heads over pairs', () => {
    it('distograms, secondary structure and every gradient', async () => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'c_heads');
      // The oracle has each head apart.
      const p: Weights = (name) => numbers.weights('')(name.replace(/^(dist|ss)_head\./, '$1.param.'));
      const pair = numbers.tensor('in.pair', [5, 5, 12]).train();
      const outputs = new Map<string, Tensor>();
      backward(device, () => {
        const [P, c4, n] = distograms(p, pair);
        for (const [name, logits] of Object.entries({ p: P!, c4_: c4!, n: n!, ss: pairLogitsOf(p, pair) }))
          outputs.set(name, logits);
        return cotangentLoss(
          [...outputs].map(([name, logits]) => {
            outputs.set(name, logits.alias().keep());
            return [logits, device.tensor(binsLast(numbers.values(`cot.${name}`), 25))];
          }),
        );
      });
      for (const [name, logits] of outputs) numbers.expectClose(`out.${name}`, binsFirst(await logits.read(), 25));
      numbers.expectClose('grad.in.pair', await pair.gradient!.read());
      const names = numbers.names.filter((name) => /^(dist|ss)\.param\./.test(name));
      expect(names.length).toBe(24);
      await expectAllGradients(numbers, 'grad.', numbers.weights(''), names);
      numbers.dispose();
      [pair, ...outputs.values()].forEach((tensor) => {
        tensor.dispose();
      });
    });
  });
}

/** A map [length, length, channels] with its first two axes exchanged. */
const turned = (map: Float32Array, length: number, channels: number): Float32Array =>
  map.map((_, i) => {
    const [a, b, c] = [Math.floor(i / channels / length), Math.floor(i / channels) % length, i % channels];
    return map[(b * length + a) * channels + c]!;
  });

/** Values [bins, pixels] as [pixels, bins]; the oracle has bins first. */
function binsLast(values: Float32Array, pixels: number): Float32Array {
  const bins = values.length / pixels;
  return values.map((_, i) => values[(i % bins) * pixels + Math.floor(i / bins)]!);
}

/** Values [pixels, bins] as [bins, pixels]. */
function binsFirst(values: Float32Array, pixels: number): Float32Array {
  const bins = values.length / pixels;
  return values.map((_, i) => values[(i % pixels) * bins + Math.floor(i / pixels)]!);
}

/** Sizes of the oracle from end to end; its table of positions holds the rows that are read. */
const END_TO_END: TertiarySizes = {
  ...TERTIARY_PRESETS.tiny,
  lmDim: 20,
  rowDim: 16,
  pairDim: 16,
  singleDim: 24,
  positions: 14,
  blocks: 2,
  rowHeads: 2,
  rowHeadDim: 4,
  outerDim: 6,
  triangleDim: 12,
  triangleHeads: 2,
  triangleHeadDim: 4,
  transitionFactor: 2,
  ipaHeads: 3,
  ipaDim: 6,
  queryPoints: 2,
  valuePoints: 4,
  iterations: 3,
  torsionDim: 16,
  torsionBlocks: 2,
  geometry: 'published',
};

export function tertiaryEndToEndTests(platform: Platform): void {
  describe('the module from end to end', () => {
    it.each(['pub', 'af2'] as const)('%s: three cycles', async (form) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'h_e2e');
      const p = numbers.weights('param.');
      const sizes = { ...END_TO_END, form };
      const tokens = Uint32Array.from(numbers.values('in.tokens'));
      const lm = numbers.tensor('in.lm', [12, 20]).keep();
      for (let recycles = 0; recycles < 3; recycles++) {
        const outputs = device.scope(() => {
          const last = runTertiary(p, sizes, tokens, lm, { recycles });
          const [P, c4, n] = distograms(p, last.pair);
          return {
            ss: pairLogitsOf(p, last.pair),
            p: P!,
            c4_: c4!,
            n: n!,
            cords: last.atoms.coordinates,
            plddt: plddtOf(last.confidence),
            'mid.e2eformer.m': last.row,
            'mid.e2eformer.z': last.pair,
            'mid.e2eformer.single': last.single,
            frames: concatenate(
              last.iterations.map(({ frames }) => frames),
              [3, 12, 7],
            ),
            angles: concatenate(
              last.iterations.map(({ torsions }) => torsions),
              [3, 12, 6, 2],
            ),
          };
        });
        let compared = 0;
        for (const [name, tensor] of Object.entries(outputs)) {
          const full = `${form}.cycle${recycles}.${name}`;
          if (numbers.names.includes(full)) {
            const values = await tensor.read();
            numbers.expectClose(full, ['p', 'c4_', 'n'].includes(name) ? binsFirst(values, 144) : values);
            compared++;
          }
          tensor.dispose();
        }
        expect(compared).toBeGreaterThan(1);
      }
      numbers.dispose();
      lm.dispose();
    });
  });
}
