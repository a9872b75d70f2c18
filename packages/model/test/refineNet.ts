/** RefineNet against the numbers of RhoFold's own code, of which the gradients are those in doubles. */
import { backward, type Tensor } from '@rna/tensor';
import { describe, expect, it } from 'vitest';
import { refineNet, type Weights } from '../src/index.ts';
import type { Platform } from './parity.ts';
import { cotangentLoss, openNumbers } from './tertiaryNumbers.ts';

/** Files, their sizes and the cases of each. */
const FILES = [{ name: 'c_refinenet', layers: 2, dim: 8, cases: ['gggg', 'guac'] }] as const;

export function refineNetTests(platform: Platform): void {
  describe.each(FILES)('$name', ({ name, layers, dim, cases }) => {
    it.each(cases)('%s', async (tag) => {
      const device = platform.device();
      const numbers = await openNumbers(platform, name);
      const p: Weights = (own) => numbers.weights('param.')(own.slice('structure_module.refinenet.'.length));
      const tokens = Uint32Array.from(numbers.values(`${tag}.in.tokens`));
      const coordinates = numbers.tensor(`${tag}.in.cords`, [tokens.length, 23, 3]).train();
      const seen = new Map<string, Tensor>();
      const trained = numbers.names.includes(`${tag}.cot`);
      const cotangent = trained ? numbers.tensor(`${tag}.cot`) : undefined;
      const run = (): Tensor =>
        refineNet(p, { layers, dim }, tokens, coordinates, (stage, layer, features, positions) => {
          for (const [part, tensor] of [
            ['fea', features],
            ['cords', positions],
          ] as const) {
            const known = `${tag}.mid.stage${stage}.layer${layer}.${part}`;
            if (numbers.names.includes(known)) seen.set(known, tensor.alias().keep());
          }
        });
      if (cotangent === undefined) {
        seen.set(`${tag}.out`, device.scope(run).keep());
      } else {
        backward(device, () => {
          const y = run();
          seen.set(`${tag}.out`, y.alias().keep());
          return cotangentLoss([[y, cotangent]]);
        }).dispose();
        numbers.expectClose(`${tag}.grad.in.cords`, await coordinates.gradient!.read());
        await numbers.expectGradients(`${tag}.grad.param.`, 'param.');
      }
      for (const [known, tensor] of seen) {
        numbers.expectClose(known, await tensor.read());
        tensor.dispose();
      }
      coordinates.dispose();
      cotangent?.dispose();
      numbers.dispose();
      expect(device.memory.use().tensors).toBe(0);
    });
  });
}
