/**
 * Laws over random shapes: linear layers, norms and attention over random packings agree with formulas in doubles,
 * output and every gradient, and a sequence's attention does not depend on its neighbours. Seeds are fixed. The head
 * dimension is part of attention's pipeline, so it comes from a small set, smaller on lavapipe, which compiles slowly.
 */
import { RandomStream } from '@rna/kernels';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  attention,
  backward,
  layerNorm,
  linear,
  record,
  rmsNorm,
  uploadPack,
  type Shape,
  type Tensor,
} from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';
import { attentionReference, linearReference, normReference, type Doubles, type Packing } from './references.ts';
import { wantedAdapter } from './softwareDrivers.ts';

const wanted = wantedAdapter();
const device = await openDevice({ poison: true });
afterAll(() => {
  device.destroy();
});

const lavapipe = /llvmpipe/i.test(device.traits.description);
const headDims = wanted.repeated && lavapipe ? [16] : lavapipe ? [2, 16, 24] : [2, 6, 16, 22, 64];
const parameters = { seed: 20240917, numRuns: 25 };

const normals = (random: RandomStream, count: number): Doubles =>
  Float64Array.from({ length: count }, () => Math.fround(random.normal()));

/** Runs an op on parameters of the given values; `dy` is the gradient of its output. Returns output and gradients. */
async function run(
  op: (...inputs: Tensor[]) => Tensor,
  values: readonly (readonly [Doubles, Shape])[],
  dy: Doubles,
): Promise<{ y: Float32Array; gradients: Float32Array[] }> {
  const inputs = values.map(([value, shape]) => device.tensor(Float32Array.from(value), shape).train());
  const weight = device.tensor(Float32Array.from(dy)).keep();
  let y: Tensor | undefined;
  const loss = backward(device, () => {
    const output = op(...inputs);
    y = output.alias().keep();
    // A loss whose gradient is dy.
    return record(device.full([1], 0), [output], () => [weight.alias(output.shape)]);
  });
  const result = { y: await y!.read(), gradients: await Promise.all(inputs.map((input) => input.gradient!.read())) };
  [...inputs, weight, loss, y!].forEach((tensor) => {
    tensor.dispose();
  });
  return result;
}

function expectClose(actual: Float32Array, expected: Doubles, tolerance: number, what: string): void {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  const error = expected.reduce((worst, value, i) => Math.max(worst, Math.abs(actual[i]! - value)), 0) / largest;
  expect(actual.length, what).toBe(expected.length);
  expect(error, what).toBeLessThanOrEqual(tolerance);
}

const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const seed = fc.integer({ min: 0, max: 0xffff });

describe.runIf(wanted.isMet(device.traits))(wanted.name, () => {
  it('linear layers of any shape', async () => {
    await fc.assert(
      fc.asyncProperty(size(150), size(150), size(150), seed, async (rows, inner, cols, key) => {
        const random = new RandomStream(key);
        const [x, weight, bias, dy] = [
          normals(random, rows * inner),
          normals(random, cols * inner),
          normals(random, cols),
          normals(random, rows * cols),
        ];
        const { y, gradients } = await run(
          (...inputs) => linear(inputs[0]!, inputs[1]!, inputs[2]),
          [
            [x, [rows, inner]],
            [weight, [cols, inner]],
            [bias, [cols]],
          ],
          dy,
        );
        const expected = linearReference(x, weight, bias, dy, inner);
        [expected.y, expected.dx, expected.dweight, expected.dbias].forEach((values, i) => {
          expectClose([y, ...gradients][i]!, values, 1e-5, ['y', 'dx', 'dweight', 'dbias'][i]!);
        });
      }),
      parameters,
    );
  });

  it.each(['layerNorm', 'rmsNorm'] as const)('%s of any shape', async (name) => {
    await fc.assert(
      fc.asyncProperty(size(150), fc.integer({ min: 2, max: 150 }), seed, async (rows, cols, key) => {
        const random = new RandomStream(key);
        const [x, weight, bias, dy] = [
          normals(random, rows * cols),
          normals(random, cols),
          normals(random, cols),
          normals(random, rows * cols),
        ];
        const centred = name === 'layerNorm';
        const { y, gradients } = await run(
          (...inputs) => (centred ? layerNorm(inputs[0]!, inputs[1]!, inputs[2]!) : rmsNorm(inputs[0]!, inputs[1]!)),
          [[x, [rows, cols]], [weight, [cols]], ...(centred ? [[bias, [cols]] as const] : [])],
          dy,
        );
        const expected = normReference(x, weight, centred ? bias : undefined, dy, 1e-5);
        [expected.y, expected.dx, expected.dweight, ...(centred ? [expected.dbias] : [])].forEach((values, i) => {
          expectClose([y, ...gradients][i]!, values, 2e-5, ['y', 'dx', 'dweight', 'dbias'][i]!);
        });
      }),
      parameters,
    );
  });

  const packing: fc.Arbitrary<Packing> = fc
    .record({
      lengths: fc.array(size(70), { minLength: 1, maxLength: 5 }),
      kvHeads: size(3),
      group: size(3),
      headDim: fc.constantFrom(...headDims),
    })
    .map(({ lengths, kvHeads, group, headDim }) => ({ lengths, kvHeads, heads: kvHeads * group, headDim }));
  const tokensOf = ({ lengths }: Packing): number => lengths.reduce((sum, length) => sum + length, 0);
  const widthOf = ({ heads, kvHeads, headDim }: Packing): number => (heads + 2 * kvHeads) * headDim;

  /** Output and gradient of attention over a pack. */
  async function attend(packing: Packing, qkv: Doubles, dy: Doubles): Promise<{ y: Float32Array; dqkv: Float32Array }> {
    const { lengths, headDim } = packing;
    const pack = uploadPack(
      device,
      Uint32Array.from([0, ...lengths.map((_, i) => tokensOf({ ...packing, lengths: lengths.slice(0, i + 1) }))]),
      headDim,
      10000,
    );
    const { y, gradients } = await run(
      (x) => attention(x, pack, packing),
      [[qkv, [tokensOf(packing), widthOf(packing)]]],
      dy,
    );
    pack.segments.dispose();
    pack.rope?.dispose();
    return { y, dqkv: gradients[0]! };
  }

  it('attention over any packing', async () => {
    await fc.assert(
      fc.asyncProperty(packing, seed, async (pack, key) => {
        const random = new RandomStream(key);
        const [qkv, dy] = [
          normals(random, tokensOf(pack) * widthOf(pack)),
          normals(random, tokensOf(pack) * pack.heads * pack.headDim),
        ];
        const { y, dqkv } = await attend(pack, qkv, dy);
        const expected = attentionReference(qkv, dy, pack);
        expectClose(y, expected.y, 2e-5, 'y');
        expectClose(dqkv, expected.dqkv, 3e-5, 'dqkv');
      }),
      parameters,
    );
  });

  it('a sequence has the same bits whatever stands beside it in the pack, and nearly the same alone', async () => {
    await fc.assert(
      fc.asyncProperty(packing, seed, fc.nat(), async (pack, key, which) => {
        const random = new RandomStream(key);
        const [inWidth, outWidth, tokens] = [widthOf(pack), pack.heads * pack.headDim, tokensOf(pack)];
        const index = which % pack.lengths.length;
        const first = tokensOf({ ...pack, lengths: pack.lengths.slice(0, index) });
        const end = first + pack.lengths[index]!;
        const rows = <T extends Doubles | Float32Array>(values: T, width: number): T =>
          values.slice(first * width, end * width) as T;
        const [qkv, dy] = [normals(random, tokens * inWidth), normals(random, tokens * outWidth)];
        const others = (values: Doubles, width: number): Doubles =>
          values.map((value, i) => (i >= first * width && i < end * width ? value : Math.fround(10 * random.normal())));
        const [here, there] = [
          await attend(pack, qkv, dy),
          await attend(pack, others(qkv, inWidth), others(dy, outWidth)),
        ];
        expect(rows(there.y, outWidth)).toEqual(rows(here.y, outWidth));
        expect(rows(there.dqkv, inWidth)).toEqual(rows(here.dqkv, inWidth));
        const alone = await attend({ ...pack, lengths: [end - first] }, rows(qkv, inWidth), rows(dy, outWidth));
        expectClose(rows(here.y, outWidth), Float64Array.from(alone.y), 1e-5, 'y alone');
        expectClose(rows(here.dqkv, inWidth), Float64Array.from(alone.dqkv), 1e-5, 'dqkv alone');
      }),
      parameters,
    );
  });
});
