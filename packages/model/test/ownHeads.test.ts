/**
 * The heads of a user's own tasks: losses over what is known against plain loops in doubles, scales, names that are
 * learnt from a table, cells that are read.
 */
import { backward, crossEntropy, type Device } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  classification,
  multiLabel,
  nucleotideClassification,
  nucleotideRegression,
  regression,
} from '../src/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => {
  device.destroy();
});

/** The value of a loss, and its gradient by the output. */
async function valueAndGradient(
  output: number[][],
  loss: (x: ReturnType<Device['tensor']>) => ReturnType<Device['tensor']>,
) {
  const x = device.tensor(Float32Array.from(output.flat()), [output.length, output[0]!.length]).keep();
  x.train(true);
  const value = backward(device, () => loss(x));
  const result = { value: await value.item(), gradient: [...(await x.gradient!.read())] };
  value.dispose();
  x.train(false);
  x.dispose();
  return result;
}

describe('regression', () => {
  const sizes = regression.sizes.parse({ targets: ['a', 'b'] });
  const targets = [Float64Array.of(1, 20), Float64Array.of(3, NaN), Float64Array.of(NaN, 40), Float64Array.of(8, 30)];

  test('scales each column by mean and deviation of what is known, and predictions back', () => {
    const scalars = regression.fit!(targets, sizes);
    const deviation = Math.sqrt((9 + 1 + 16) / 3);
    expect(scalars.get('target.0.mean')).toBe(4);
    expect(scalars.get('target.0.deviation')).toBeCloseTo(deviation, 12);
    expect(scalars.get('target.1.mean')).toBe(30);
    const [first] = regression.predict(Float32Array.of(0.5, -1), sizes, scalars, [9]);
    expect([...first!]).toEqual(
      [4 + 0.5 * deviation, 30 - Math.sqrt(200 / 3)].map((value) => expect.closeTo(value, 4) as number),
    );
    expect(() => regression.fit!([Float64Array.of(1, 2), Float64Array.of(3, 2)], sizes)).toThrow(
      '2 training values of b that do not differ cannot be standardised',
    );
  });

  test('the loss is the mean squared error of the known values, and no gradient comes from the others', async () => {
    const scalars = regression.fit!(targets, sizes);
    const output = [
      [0.1, -0.2],
      [0.3, 5],
      [7, 0.6],
      [-1, 1],
    ];
    const { value, gradient } = await valueAndGradient(output, (x) => regression.loss(x, targets, scalars));
    let [sum, known] = [0, 0];
    const expected = output.flatMap((row, r) =>
      row.map((y, c) => {
        const target = (targets[r]![c]! - scalars.get(`target.${c}.mean`)!) / scalars.get(`target.${c}.deviation`)!;
        if (Number.isNaN(target)) return 0;
        sum += (y - target) ** 2;
        known++;
        return 2 * (y - target);
      }),
    );
    expect(known).toBe(6);
    expect(value).toBeCloseTo(sum / known, 5);
    gradient.forEach((each, i) => {
      expect(each).toBeCloseTo(expected[i]! / known, 5);
    });
    expect(targets.map((target) => regression.terms!('ACGU', target))).toEqual([2, 1, 1, 2]);
  });
});

describe('classification', () => {
  test('weights of classes are inverse to their numbers and 1 in the mean; the loss is their weighted cross-entropy', async () => {
    const sizes = classification.sizes.parse({ names: ['a', 'b', 'c'], classWeights: 'balanced' });
    const labels = [0, 0, 0, 1, 2, 2];
    const scalars = classification.fit!(labels, sizes);
    const weights = [2 / 3, 2, 1];
    weights.forEach((weight, c) => {
      expect(scalars.get(`class.${c}.weight`)).toBeCloseTo(weight, 6);
    });
    const output = labels.map((_, i) => [0.1 * i, 0.5, -0.3 * i]);
    const { value, gradient } = await valueAndGradient(output, (x) => classification.loss(x, labels, scalars));
    let sum = 0;
    const expected = output.flatMap((row, r) => {
      const exponentials = row.map(Math.exp);
      const total = exponentials.reduce((a, b) => a + b, 0);
      sum -= weights[labels[r]!]! * Math.log(exponentials[labels[r]!]! / total);
      return exponentials.map((e, c) => weights[labels[r]!]! * (e / total - Number(c === labels[r])));
    });
    expect(value).toBeCloseTo(sum / 6, 5);
    gradient.forEach((each, i) => {
      expect(each).toBeCloseTo(expected[i]! / 6, 5);
    });
    expect(classification.fit!(labels, { ...sizes, classWeights: 'none' }).size).toBe(0);
  });

  test('weights must be as many as classes', () => {
    device.scope(() => {
      expect(() => crossEntropy(device.zeros([2, 3]), Int32Array.of(0, 1), Float32Array.of(1, 2))).toThrow(
        'crossEntropy',
      );
    });
  });
});

test('multi-label: binary cross-entropy of what is known', async () => {
  const targets = [Float64Array.of(1, NaN), Float64Array.of(0, 1)];
  const { value, gradient } = await valueAndGradient(
    [
      [0.5, 9],
      [-2, 1],
    ],
    (x) => multiLabel.loss(x, targets, new Map()),
  );
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  expect(value).toBeCloseTo(-(Math.log(sigmoid(0.5)) + Math.log(1 - sigmoid(-2)) + Math.log(sigmoid(1))) / 3, 5);
  [sigmoid(0.5) - 1, 0, sigmoid(-2), sigmoid(1) - 1].forEach((each, i) => {
    expect(gradient[i]).toBeCloseTo(each / 3, 5);
  });
});

describe('nucleotides', () => {
  test('numbers: a mask for what is not known, predictions cut by lengths', async () => {
    const sizes = nucleotideRegression.sizes.parse({});
    const targets = [Float64Array.of(1, NaN, 3), Float64Array.of(NaN, 5)];
    const scalars = nucleotideRegression.fit!(targets, sizes);
    const output = [[0], [1], [2], [3], [4]];
    const { value } = await valueAndGradient(output, (x) => nucleotideRegression.loss(x, targets, scalars));
    const deviation = Math.sqrt(8 / 3);
    const scaled = [1, 3, 5].map((target) => (target - 3) / deviation);
    expect(value).toBeCloseTo(((0 - scaled[0]!) ** 2 + (2 - scaled[1]!) ** 2 + (4 - scaled[2]!) ** 2) / 3, 4);
    const predicted = nucleotideRegression.predict(Float32Array.from(output.flat()), sizes, scalars, [3, 2]);
    expect(predicted.map(({ length }) => length)).toEqual([3, 2]);
    expect(predicted[1]![0]).toBeCloseTo(3 * deviation + 3, 4);
  });

  test('classes: those not known count for nothing', async () => {
    const sizes = nucleotideClassification.sizes.parse({ names: ['0', '1'] });
    const targets = [Float64Array.of(1, NaN), Float64Array.of(0)];
    const output = [
      [0.2, 1],
      [9, -9],
      [0.5, 0.5],
    ];
    const { value } = await valueAndGradient(output, (x) => nucleotideClassification.loss(x, targets, new Map()));
    expect(value).toBeCloseTo((Math.log(1 + Math.exp(0.2 - 1)) + Math.log(2)) / 2, 5);
    const [first, second] = nucleotideClassification.predict(
      Float32Array.from(output.flat()),
      sizes,
      new Map(),
      [2, 1],
    );
    expect(first).toHaveLength(4);
    expect([...second!]).toEqual([0.5, 0.5]);
    expect(nucleotideClassification.terms!('AC', targets[0]!)).toBe(1);
  });
});

describe('what a table says', () => {
  const rows = (cells: readonly (readonly string[])[], sequence = 'ACG') =>
    cells.map((each) => ({ cells: each, sequence }));
  const table = (targets: readonly string[], cells: readonly (readonly string[])[]) => ({
    id: 'name',
    sequence: 'seq',
    targets,
    rows: rows(cells),
  });
  const learn = <S extends object>(
    head: { columns?: { learn?(sizes: S, of: ReturnType<typeof table>): S }; sizes: { parse(x: unknown): S } },
    of: ReturnType<typeof table>,
    stated: object = {},
  ): S => head.columns!.learn!(head.sizes.parse(stated), of);

  test('classes are named in the order of their letters, or of whole numbers; rare ones are left out', () => {
    const named = learn(classification, table(['kind'], [['b'], ['a b'], ['b'], ['10'], ['nan'], ['']]));
    expect(named).toMatchObject({ names: ['10', 'a b', 'b'], targets: ['kind'], sequenceColumn: 'seq' });
    expect(learn(classification, table(['k'], [['10'], ['9'], ['9'], ['-1']])).names).toEqual(['-1', '9', '10']);
    const rare = learn(classification, table(['k'], [['a'], ['b'], ['a'], ['c'], ['b']]), { dropRare: 2 });
    expect(rare).toMatchObject({ names: ['a', 'b'], dropped: ['c'] });
    const parse = (text: string) => classification.columns!.parse(text, rare, rows([[text]])[0]!);
    expect([parse('b'), parse('c'), parse('NA')]).toEqual([1, undefined, undefined]);
    expect(() => parse('d')).toThrow('expected one of the classes a, b, got "d"');
  });

  test('stated names stay, and columns must be as many as titles', () => {
    expect(learn(classification, table(['k'], [['a'], ['b']]), { names: ['b', 'x'] }).names).toEqual(['b', 'x']);
    expect(() => learn(regression, table(['k', 'l'], []), { targets: ['t'] })).toThrow(
      'the titles are t, the columns of labels k, l',
    );
    expect(() => regression.sizes.parse({ targets: ['t', 't'] })).toThrow('targets must be named once each');
    expect(() => classification.sizes.parse({ names: ['a', 'b'], dropped: ['a'] })).toThrow(
      'names must be given once each',
    );
  });

  test('labels stand in one column or in several', () => {
    const one = learn(multiLabel, table(['l'], [['x; y'], ['y|z'], [''], ['nan']]));
    expect(one.names).toEqual(['x', 'y', 'z']);
    const parse = (sizes: typeof one, ...cells: string[]) =>
      multiLabel.columns!.parse(cells[0]!, sizes, rows([cells])[0]!);
    expect(parse(one, 'z;x')).toEqual(Float64Array.of(1, 0, 1));
    expect(parse(one, '')).toEqual(Float64Array.of(0, 0, 0));
    expect(parse(one, 'nan')).toBeUndefined();
    const several = learn(
      multiLabel,
      table(
        ['m', 'k'],
        [
          ['1', ''],
          ['0', '1'],
        ],
      ),
    );
    expect(several.names).toEqual(['k', 'm']);
    expect(parse(several, '1', '')).toEqual(Float64Array.of(NaN, 1));
    expect(parse(several, '', 'NA')).toBeUndefined();
    expect(() => parse(several, '1', 'yes')).toThrow('k: expected 0 or 1, got "yes"');
    expect(() => learn(multiLabel, table(['m', 'k'], [['1', '0']]))).toThrow('no row has a 1 in the columns k');
  });

  test('a nucleotide has a value in a list, or a character', () => {
    const numbers = (...cells: string[]) =>
      nucleotideRegression.columns!.parse(cells[0]!, nucleotideRegression.sizes.parse({}), rows([cells])[0]!);
    for (const text of ['0.1;nan;2', '0.1, NA, 2', '[0.1 null 2]'])
      expect(numbers(text)).toEqual(Float64Array.of(0.1, NaN, 2));
    expect(numbers('1;2;3', '')).toEqual(Float64Array.of(1, NaN, 2, NaN, 3, NaN));
    expect(numbers('nan;nan;nan')).toBeUndefined();
    expect(() => numbers('1;2')).toThrow('expected 3 values, one for each nucleotide, got 2');

    const sizes = learn(nucleotideClassification, table(['s'], [['.m?'], ['m6A;nan;.'], ['']]));
    expect(sizes.names).toEqual(['.', 'm', 'm6A']);
    const classes = (text: string) => nucleotideClassification.columns!.parse(text, sizes, rows([[text]])[0]!);
    expect(classes('m.?')).toEqual(Float64Array.of(1, 0, NaN));
    expect(classes('m6A;.;m')).toEqual(Float64Array.of(2, 0, 1));
    expect(classes('???')).toBeUndefined();
    expect(() => classes('..')).toThrow('expected 3 values');
  });
});
