/**
 * The tertiary module's trunk and heads over pairs against the official modules (a double-precision run): every layer
 * of a block in both forms, outputs, and the gradient of every parameter.
 */
import { add, backward, concatenate, type Tensor } from '@rna/tensor';
import { describe, expect, it } from 'vitest';
import {
  blockParameters,
  distograms,
  initializeTertiary,
  pairLogitsOf,
  plddtOf,
  runTertiary,
  structureLoss,
  TERTIARY_PRESETS,
  trunkBlock,
  weightsOf,
  tertiaryParameters,
  tertiaryTokens,
  type StructureGoal,
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

export function tertiaryEndToEndTests(platform: Platform, gradients: boolean): void {
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

    it.runIf(gradients).each(['pub', 'af2'] as const)(
      '%s: losses, and every gradient of the last cycle',
      async (form) => {
        const device = platform.device();
        const numbers = await openNumbers(platform, 'h_e2e');
        const p = numbers.weights('param.');
        const sizes = { ...END_TO_END, form };
        const tokens = Uint32Array.from(numbers.values('in.tokens'));
        const lm = numbers.tensor('in.lm', [12, 20]).train();
        const goal = goalOf(numbers);
        const terms = new Map<string, Tensor>();
        const loss = backward(device, () => {
          const { atoms, iterations, pair, confidence } = runTertiary(p, sizes, tokens, lm, {
            recycles: 2,
            recompute: form === 'af2',
          });
          const prediction = {
            iterations,
            atoms,
            confidence,
            distograms: distograms(p, pair),
            pairLogits: pairLogitsOf(p, pair),
          };
          const { total, terms: each } = structureLoss(prediction, goal, { frames: 'main', positiveWeight: 1 });
          for (const [name, term] of Object.entries(each)) terms.set(name, term.alias().keep());
          return total;
        });
        for (const [name, term] of terms) {
          const values = await term.read();
          if (LOSSES[name] !== undefined) numbers.expectClose(`${form}.loss.${LOSSES[name]}`, values);
          term.dispose();
        }
        numbers.expectClose(`${form}.loss.total`, await loss.read());
        const gradientNames = numbers.names.filter((name) => name.startsWith(`${form}.grad.param.`));
        // Gradients of one form are kept with the tests.
        if (gradientNames.length > 0) {
          numbers.expectClose(`${form}.grad.in.lm`, await lm.gradient!.read());
          const names = [...tertiaryParameters(sizes).keys()];
          expect(gradientNames.length).toBe(names.length);
          await expectAllGradients(numbers, `${form}.grad.param.`, p, names);
        }
        numbers.dispose();
        lm.dispose();
        loss.dispose();
      },
    );

    it.runIf(gradients)('the same bits in every run, and where blocks are run again on the walk back', async () => {
      const device = platform.device();
      const sizes: TertiarySizes = { ...END_TO_END, form: 'af2' };
      const tokens = tertiaryTokens('GGACUUCGGUCC');
      const lm = device.full([12, 20], 0.5).keep();
      const run = async (recompute: boolean): Promise<Float32Array[]> => {
        const parameters = initializeTertiary(device, sizes, 3);
        parameters.forEach((tensor) => tensor.train());
        const p = weightsOf(parameters);
        const loss = backward(device, () => {
          const { row, pair, confidence } = runTertiary(p, sizes, tokens, lm, { recycles: 1, recompute });
          return cotangentLoss([row, pair, confidence].map((x) => [x, x.alias()]));
        });
        const tensors = [loss, ...[...parameters.values()].flatMap(({ gradient }) => gradient ?? [])];
        const values = await Promise.all(tensors.map((tensor) => tensor.read()));
        [loss, ...parameters.values()].forEach((tensor) => {
          tensor.dispose();
        });
        return values;
      };
      const first = await run(false);
      expect(first.length).toBeGreaterThan(150);
      expect(await run(false)).toEqual(first);
      expect(await run(true)).toEqual(first);
      lm.dispose();
    });
  });
}

/** Names of the losses in the oracle; ours has the two of torsions in one. */
const LOSSES: Readonly<Record<string, string>> = {
  backbone: 'fape_backbone',
  allAtom: 'fape_allatom',
  distogram: 'distogram',
  pairs: 'ss_bce',
  confidence: 'plddt_ce',
};

/** The oracle's target. It has main frames alone, four torsions, and the distances of C1' for all three distograms. */
function goalOf(numbers: Numbers): StructureGoal {
  const length = 12;
  const groups = 5;
  const frames = new Float32Array(length * groups * 12);
  const torsions = new Float32Array(length * 12);
  for (let l = 0; l < length; l++) {
    frames.set(numbers.values('target.frames_rot').subarray(9 * l, 9 * l + 9), 12 * groups * l);
    frames.set(numbers.values('target.frames_trans').subarray(3 * l, 3 * l + 3), 12 * groups * l + 9);
    torsions.set(numbers.values('target.torsions').subarray(8 * l, 8 * l + 8), 12 * l + 4);
  }
  const distances = Int32Array.from(numbers.values('target.dist_bins_c1'));
  return {
    frames,
    frameMask: new Float32Array(length * groups).fill(1),
    coordinates: numbers.values('target.cords'),
    atomMask: numbers.values('target.mask'),
    torsions,
    torsionMask: Float32Array.from({ length: length * 6 }, (_, at) => (at % 6 < 2 ? 0 : 1)),
    torsionSlots: [2, 3, 4, 5],
    distances: [distances, distances, distances],
    pairs: numbers.values('target.ss'),
  };
}
