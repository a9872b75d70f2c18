/**
 * The structure module against the numbers of RhoFold's own code: invariant point attention, frames, torsions, atoms,
 * losses and every gradient. Node and the browser run the same tests.
 */
import { backward, type Tensor } from '@rna/tensor';
import { afterEach, describe, expect, it } from 'vitest';
import { invariantPointAttention, pairBias } from '../src/index.ts';
import { cotangentLoss, openNumbers } from './tertiaryNumbers.ts';
import type { Platform } from './parity.ts';

/** The gradient of quaternions [rows, 4] from that of their matrices [rows, 9], each entry a form of the quaternion. */
function quaternionGradients(quaternions: Float32Array, matrices: Float32Array): Float32Array {
  return Float32Array.from(quaternions, (_, at) => {
    const [l, k] = [Math.floor(at / 4), at % 4];
    const [w, x, y, z] = [0, 1, 2, 3].map((c) => 2 * quaternions[4 * l + c]!) as [number, number, number, number];
    const slopes = [
      [w, -z, y, z, w, -x, -y, x, w],
      [x, y, z, y, -x, -w, z, w, -x],
      [-y, x, w, x, y, z, -w, z, -y],
      [-z, -w, x, w, -z, y, x, y, z],
    ];
    return slopes[k]!.reduce((sum, slope, entry) => sum + slope * matrices[9 * l + entry]!, 0);
  });
}

/** [rows, 7] of quaternions [rows, 4] and translations [rows, 3]. */
const joinFrames = (quaternions: Float32Array, translations: Float32Array): Float32Array =>
  Float32Array.from({ length: (7 * quaternions.length) / 4 }, (_, at) => {
    const [l, k] = [Math.floor(at / 7), at % 7];
    return k < 4 ? quaternions[4 * l + k]! : translations[3 * l + k - 4]!;
  });

export function structureModuleTests(platform: Platform): void {
  afterEach(() => {
    expect(platform.device().memory.use().tensors, 'tensors alive after a test').toBe(0);
  });

  describe('invariant point attention', () => {
    it.each(['full', 'masked'])('%s', async (tag) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, 'a_ipa');
      const p = numbers.weights('param.');
      const [length, heads] = [7, 3];
      const sizes = { ipaHeads: heads, ipaDim: 8, queryPoints: 2, valuePoints: 5 };
      const single = numbers.tensor('in.s', [length, 24]).train();
      const pair = numbers.tensor('in.z', [length, length, 16]).train();
      const frames = device
        .tensor(joinFrames(numbers.values('in.quat'), numbers.values('in.trans')), [length, 7])
        .train();
      const mask = numbers.values(`${tag}.in.mask`);
      const masked = tag === 'masked' ? { mask: device.tensor(mask) } : {};
      const valid = (width: number) => (at: number) => mask[Math.floor(at / width)]! > 0;
      const cotangent = numbers.tensor(`${tag}.in.cot`);
      const maps: Tensor[] = [];
      let y: Tensor | undefined;
      backward(device, () => {
        const bias = pairBias(p, pair);
        y = invariantPointAttention(p, sizes, { single, pair, bias, frames, ...masked }, (seen) => {
          maps.push(seen.logits, seen.probabilities);
        });
        const loss = cotangentLoss([[y, cotangent]]);
        y = y.alias().keep();
        return loss;
      }).dispose();
      numbers.expectClose(`${tag}.out`, await y!.read(), valid(24));
      // Ours are [query, head, key].
      const byHead = (values: Float32Array): Float32Array =>
        values.map((_, at) => {
          const [h, i, j] = [Math.floor(at / length ** 2), Math.floor(at / length) % length, at % length];
          return values[(i * heads + h) * length + j]!;
        });
      const [logits, probabilities] = maps;
      const queries = (at: number): boolean => mask[Math.floor(at / length) % length]! > 0;
      numbers.expectClose(`${tag}.mid.logits`, byHead(await logits!.read()), queries);
      numbers.expectClose(`${tag}.mid.attn`, byHead(await probabilities!.read()), queries);
      numbers.expectClose(`${tag}.grad.in.s`, await single.gradient!.read());
      numbers.expectClose(`${tag}.grad.in.z`, await pair.gradient!.read());
      const dframes = await frames.gradient!.read();
      numbers.expectClose(
        `${tag}.grad.in.trans`,
        numbers.values('in.trans').map((_, at) => dframes[7 * Math.floor(at / 3) + 4 + (at % 3)]!),
      );
      quaternionGradients(numbers.values('in.quat'), numbers.values(`${tag}.grad.in.rot`)).forEach((value, at) => {
        expect(Math.abs(dframes[7 * Math.floor(at / 4) + (at % 4)]! - value)).toBeLessThan(1e-3);
      });
      await numbers.expectGradients(`${tag}.grad.param.`, 'param.');
      [single, pair, frames, cotangent, y!, ...maps, ...Object.values(masked)].forEach((tensor) => {
        tensor.dispose();
      });
      numbers.dispose();
    });
  });
}
