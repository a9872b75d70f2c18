/**
 * RNA-FM against the numbers of its official code (a double-precision run): embedding, blocks, representation, logits,
 * attention, the loss and the gradient of every parameter. Tokens of the oracle are in the official order; a padded
 * batch is packed. `codons` is the form of mRNA-FM, without the norm of the embedding and with 73 tokens.
 */
import { backward, crossEntropy, type Tensor } from '@rna/tensor';
import { describe, expect, it } from 'vitest';
import {
  Encoder,
  encoderMappings,
  loadParameters,
  openModel,
  packTokens,
  readFloat32,
  WRITTEN_LAYOUTS,
  type EncoderConfig,
  type PackedTokens,
  type TensorFile,
} from '../src/index.ts';
import { openFixture, packPadded, readNumbers, type Platform } from './parity.ts';

/** Our id of each official one. */
const OURS = [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 9, 22, 23, 24, 4];

type Tolerances = Readonly<Record<string, readonly [maxAbs: number, deviation: number]>>;

/** The oracle's README: 20 × the deviation of float32, or 1e-4 of the largest value, whichever is more. */
function allowed(tolerances: Tolerances, name: string): number {
  const [maxAbs, deviation] = tolerances[name]!;
  return Math.max(20 * deviation, 1e-4 * maxAbs);
}

async function fixtures(platform: Platform): Promise<{ file: TensorFile; tolerances: Tolerances }> {
  const text = new TextDecoder().decode(await platform.bytes('oracle/rnafm/tolerances.json'));
  return { file: await openFixture(platform, 'rnafm/numbers.safetensors'), tolerances: JSON.parse(text) as Tolerances };
}

async function rnaFm(platform: Platform, change: Partial<EncoderConfig['learned']> = {}): Promise<Encoder> {
  const opened = await openModel(await openFixture(platform, 'rnafm/tiny.pth'));
  const { config } = opened;
  return new Encoder(
    platform.device(),
    { ...config, learned: { ...config.learned!, ...change } },
    await loadParameters(platform.device(), opened),
  );
}

/** The case's tokens as a pack, and the row of the padded batch that each of its rows is. */
async function packOf(file: TensorFile, name: string): Promise<{ batch: PackedTokens; rows: number[] }> {
  const { shape, values } = await readNumbers(file, `${name}.in.tokens`);
  return packPadded(
    Float32Array.from(values, (token) => OURS[token]!),
    shape[1]!,
  );
}

function free(encoder: Encoder): void {
  encoder.parameters.forEach((tensor) => {
    tensor.dispose();
  });
}

/** What a pass shows, under the oracle's names; attention maps one by one. */
async function observe(encoder: Encoder, batch: PackedTokens): Promise<Map<string, Float32Array>> {
  const seen = new Map<string, Tensor>();
  const last = encoder.config.layers - 1;
  const representation = encoder.forward(batch, {
    onBlock: (block, x) => {
      seen.set(block < 0 ? 'out.embed' : `mid.layers.${block}.out`, x.alias().keep());
    },
    onAttention: (block, map) => {
      for (let s = 0; s + 1 < batch.cuSeqlens.length; s++) seen.set(`attention ${block} ${s}`, map(s).keep());
    },
  });
  seen.set('out.representation', representation);
  seen.set('out.logits', encoder.logits(representation));
  expect(seen.has(`mid.layers.${last}.out`)).toBe(true);
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of seen) {
    values.set(name, await tensor.read());
    tensor.dispose();
  }
  return values;
}

/** Largest difference of rows; `columns[c]` is the oracle's column of our column c. */
function difference(
  actual: Float32Array,
  expected: Float32Array,
  rows: readonly number[],
  width: number,
  columns = Array.from({ length: width }, (_, c) => c),
): number {
  expect(actual.length).toBe(rows.length * width);
  let worst = 0;
  rows.forEach((row, i) => {
    for (let c = 0; c < width; c++)
      worst = Math.max(worst, Math.abs(actual[i * width + c]! - expected[row * width + columns[c]!]!));
  });
  return worst;
}

const officialColumns = OURS.map((_, ours) => OURS.indexOf(ours));

async function checkCase(
  name: string,
  observed: ReadonlyMap<string, Float32Array>,
  { file, tolerances }: { file: TensorFile; tolerances: Tolerances },
  rows: readonly number[],
  columns?: readonly number[],
): Promise<void> {
  let compared = 0;
  for (const [part, actual] of observed) {
    if (!file.tensors.has(`${name}.${part}`)) continue;
    const { shape, values } = await readNumbers(file, `${name}.${part}`);
    const permuted = part === 'out.logits' && columns !== undefined ? [...columns] : undefined;
    const worst = difference(actual, values, rows, shape.at(-1)!, permuted);
    expect(worst, `${name}.${part}`).toBeLessThan(allowed(tolerances, `${name}.${part}`));
    compared++;
  }
  expect(compared).toBeGreaterThan(2);
}

export function rnaFmForwardTests(platform: Platform): void {
  describe('RNA-FM forward', () => {
    it.each(['batch', 'bare', 'masked', 'masked_tokdrop'])('%s', async (name) => {
      const numbers = await fixtures(platform);
      const encoder = await rnaFm(platform, { tokenDropout: name === 'masked_tokdrop' });
      const { batch, rows } = await packOf(numbers.file, name.replace('_tokdrop', ''));
      const observed = await observe(encoder, batch);
      await checkCase(name, observed, numbers, rows, officialColumns);
      if (name === 'batch') {
        const { shape, values } = await readNumbers(numbers.file, 'batch.out.attentions');
        const [, layers = 0, heads = 0, length = 0] = shape;
        let worst = 0;
        let compared = 0;
        for (let s = 0; s + 1 < batch.cuSeqlens.length; s++) {
          const n = batch.cuSeqlens[s + 1]! - batch.cuSeqlens[s]!;
          for (let layer = 0; layer < layers; layer++) {
            observed.get(`attention ${layer} ${s}`)!.forEach((p, at) => {
              const [h, i, j] = [Math.floor(at / (n * n)), Math.floor(at / n) % n, at % n];
              const expected = values[(((s * layers + layer) * heads + h) * length + i) * length + j]!;
              worst = Math.max(worst, Math.abs(p - expected));
              compared++;
            });
          }
        }
        expect(compared).toBe(layers * heads * (20 ** 2 + 3 ** 2 + 21 ** 2));
        expect(worst).toBeLessThan(allowed(numbers.tolerances, 'batch.out.attentions'));
      }
      free(encoder);
    });

    it('without the norm of the embedding, as mRNA-FM', async () => {
      const file = await openFixture(platform, 'rnafm/codons.safetensors');
      const { tolerances } = await fixtures(platform);
      const config: EncoderConfig = {
        model: 'rna-fm',
        vocabularySize: 73,
        dim: 32,
        layers: 2,
        heads: 4,
        kvHeads: 4,
        ffnDim: 64,
        normEps: 1e-5,
        learned: { rows: 64, norm: false, tokenDropout: false },
      };
      // Codons have an order of their own, which no rows are mapped to here.
      const parameters = new Map<string, Tensor>();
      for (const { parameter, shape, sources } of encoderMappings(config, WRITTEN_LAYOUTS['rna-fm'].official, false)) {
        const parts: number[] = [];
        for (const { name } of sources) parts.push(...(await readFloat32(file.tensors.get(`param.${name}`)!)));
        parameters.set(parameter, platform.device().tensor(Float32Array.from(parts), shape).keep());
      }
      const encoder = new Encoder(platform.device(), config, parameters);
      const tokens = Uint32Array.from((await readNumbers(file, 'mN.in.tokens')).values);
      const observed = await observe(encoder, packTokens([tokens]));
      await checkCase('mN', observed, { file, tolerances }, Array.from(tokens.keys()));
      free(encoder);
    });
  });
}

export function rnaFmGradientTests(platform: Platform): void {
  it('RNA-FM masked language modelling: loss and the gradient of every parameter', async () => {
    const { file, tolerances } = await fixtures(platform);
    const encoder = await rnaFm(platform);
    const { batch, rows } = await packOf(file, 'mlmpad');
    const targets = (await readNumbers(file, 'mlmpad.in.target')).values;
    const labels = Int32Array.from(rows, (row) => (targets[row]! < 0 ? -100 : OURS[targets[row]!]!));
    encoder.parameters.forEach((tensor) => {
      tensor.train();
    });
    const loss = backward(encoder.device, () => crossEntropy(encoder.logits(encoder.forward(batch)), labels));
    const expected = (await readNumbers(file, 'mlmpad.out.loss')).values[0]!;
    expect(Math.abs((await loss.item()) - expected)).toBeLessThan(allowed(tolerances, 'mlmpad.out.loss'));
    loss.dispose();

    const names = new Set<string>();
    for (const { parameter, sources, rowMap } of encoderMappings(
      encoder.config,
      WRITTEN_LAYOUTS['rna-fm'].official,
      false,
    )) {
      const gradient = await encoder.parameters.get(parameter)!.gradient!.read();
      let at = 0;
      for (const { name, shape } of sources) {
        const stored = `mlmpad.grad.${name}`;
        const { values } = await readNumbers(file, stored);
        const width = values.length / shape[0]!;
        const actual = gradient.subarray(at, at + values.length);
        const order = rowMap ?? Array.from({ length: shape[0]! }, (_, row) => row);
        // A bias of the keys moves all logits of a query alike: its gradient is 0 but for rounding.
        const floor = name.endsWith('k_proj.bias') ? 2e-7 : 0;
        expect(difference(actual, values, order, width), name).toBeLessThan(
          Math.max(allowed(tolerances, stored), floor),
        );
        at += values.length;
        names.add(stored);
      }
      expect(at).toBe(gradient.length);
    }
    expect([...names].sort()).toEqual([...file.tensors.keys()].filter((name) => name.includes('.grad.')).sort());
    const positions = await encoder.parameters.get('embedding.positions.weight')!.gradient!.read();
    expect(positions.subarray(0, 2 * encoder.config.dim).every((value) => value === 0)).toBe(true);
    expect(encoder.device.memory.use().tensors, 'parameters and gradients only').toBe(2 * encoder.parameters.size);
    free(encoder);
  });
}
