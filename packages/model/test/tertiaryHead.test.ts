/** The head of structures in space as the trainer sees it: parts of chains, gradients, and what it makes of odd letters. */
import { readFileSync } from 'node:fs';
import { RandomStream } from '@rna/kernels';
import { helixModel } from '@rna/structure';
import { backward, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  embed,
  headLoss,
  headParameters,
  initialHead,
  runHead,
  taskHead,
  tertiaryStructure,
  tertiaryTokens,
  type ParameterMap,
  type TaskHead,
  type TertiaryHeadSizes,
  type TertiaryPrediction,
  type TertiaryTarget,
} from '../src/index.ts';

const DIM = 8;
const SIZES = {
  ...(JSON.parse(readFileSync(new URL('fixtures/tinyTertiary.json', import.meta.url), 'utf8')) as Readonly<
    Record<string, number>
  >),
  recycles: 2,
};
const SEQUENCE = 'GGCGAAAGCCAU';
const target: TertiaryTarget = helixModel(SEQUENCE, Int32Array.of(9, 8, 7, -1, -1, -1, -1, 2, 1, 0, -1, -1));

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterAll(() => {
  device.destroy();
});

type Task = TaskHead<TertiaryHeadSizes, TertiaryTarget, TertiaryPrediction>;
const taskOf = (sizes: object): Task =>
  taskHead({ task: 'tertiary-structure', sizes: { ...SIZES, ...sizes } }, [tertiaryStructure], 'x') as unknown as Task;
const parametersOf = (task: Task): ParameterMap => initialHead(device, task, { dim: DIM, model: 'ssr-lm' }, 1);
const rows = (length: number): Float32Array => {
  const random = new RandomStream(3);
  return Float32Array.from({ length: (length + 2) * DIM }, () => random.normal());
};
const dispose = (parameters: ParameterMap): void => {
  for (const tensor of parameters.values()) tensor.dispose();
};

test('a part of a sequence is embedded as it is within the whole', async () => {
  const task = taskOf({});
  const parameters = parametersOf(task);
  const p = (name: string) => parameters.get(`tertiaryStructure.${name}`)!;
  const sizes = { ...task.sizes, lmDim: DIM, pairPrior: false };
  const lm = rows(10);
  const embedded = (first: number, count: number) =>
    device.scope(() => {
      const part = device.tensor(lm.subarray(first * DIM, (first + count) * DIM), [count, DIM]);
      const { row, pair } = embed(
        p,
        sizes,
        tertiaryTokens(SEQUENCE.slice(first, first + count)),
        part,
        undefined,
        first,
      );
      return [row, pair];
    });
  const [whole, part] = [embedded(0, 10), embedded(4, 3)];
  const [row, pair, partRow, partPair] = await Promise.all([...whole, ...part].map((tensor) => tensor.read()));
  const { rowDim, pairDim } = sizes;
  expect(Array.from(partRow!)).toEqual(Array.from(row!).slice(4 * rowDim, 7 * rowDim));
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) {
      const at = ((4 + i) * 10 + 4 + j) * pairDim;
      expect(
        Array.from(partPair!)
          .slice((3 * i + j) * pairDim)
          .slice(0, pairDim),
      ).toEqual(Array.from(pair!).slice(at, at + pairDim));
    }
  for (const tensor of [...whole, ...part]) tensor.dispose();
  dispose(parameters);
});

test.each([
  ['as it is', {}],
  ['without cycles, as RhoFold is published', { recycles: 0, form: 'pub', geometry: 'published' }],
  ['without the losses of three heads', { weights: { confidence: 0, pairs: 0, distogram: 0 } }],
])('parameters without a gradient are those that are said to be idle: %s', async (_, sizes) => {
  const task = taskOf(sizes);
  const parameters = parametersOf(task);
  for (const tensor of parameters.values()) tensor.train();
  // The numbers of cycles that these draw differ.
  const draws = [0, 1, 2].map((seed) => new RandomStream(seed));
  const losses: number[] = [];
  for (const stream of draws) {
    const loss = backward(device, () =>
      headLoss(
        task,
        parameters,
        {
          representation: device.tensor(rows(SEQUENCE.length), [SEQUENCE.length + 2, DIM]),
          cuSeqlens: Uint32Array.of(0, SEQUENCE.length + 2),
          sequences: [SEQUENCE],
          draws: stream,
        },
        [target],
        new Map(),
      ),
    );
    losses.push(await loss.item());
    loss.dispose();
    const without = [...headParameters(task, DIM).keys()]
      .filter((name) => parameters.get(name)!.gradient === undefined)
      .map((name) => name.slice('tertiaryStructure.'.length));
    expect(without).toEqual(
      [...tertiaryStructure.parameters(DIM, task.sizes).keys()].filter((name) =>
        tertiaryStructure.idle!(name, task.sizes),
      ),
    );
    for (const tensor of parameters.values()) tensor.train(false).train();
  }
  expect(losses.every((loss) => Number.isFinite(loss) && loss > 0)).toBe(true);
  dispose(parameters);
  expect(device.memory.use().tensors).toBe(0);
});

test('a nucleotide of unknown base has no atoms, and the letters must be given', async () => {
  const task = taskOf({ recycles: 0 });
  const parameters = parametersOf(task);
  const input = { representation: device.tensor(rows(5), [7, DIM]).keep(), cuSeqlens: Uint32Array.of(0, 7) };
  const output = device.scope(() => runHead(task, parameters, { ...input, sequences: ['GGNCC'] }));
  const [prediction] = task.head.predict(await output.read(), task.sizes, new Map(), [5]);
  output.dispose();
  const { mask, plddt, coordinates, pairProbabilities } = prediction!;
  expect(
    Array.from({ length: 5 }, (_, i) => mask.slice(23 * i, 23 * i + 23).reduce((sum, each) => sum + each, 0)),
  ).toEqual([23, 23, 0, 20, 20]);
  expect([plddt, coordinates, pairProbabilities].map(({ length }) => length)).toEqual([5, 5 * 69, 25]);
  expect(plddt.every((value) => value > 0 && value < 1)).toBe(true);
  expect(() => runHead(task, parameters, input)).toThrow(/reads the letters of a sequence/);
  input.representation.dispose();
  dispose(parameters);
});
