import { RandomStream } from '@rna/kernels';
import { describe, expect, test } from 'vitest';
import {
  blockWeights,
  inputsOf,
  outputShapes,
  PEER_CASES,
  shapesOf,
  transposed,
  workOfPeerCase,
  type PeerCase,
} from '../src/peers/cases.ts';
import { blockForward, blockGradients, erf, largestError, reference } from '../src/peers/reference.ts';

const count = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);
const sizes = { tokens: 5, dim: 8, heads: 2, layers: 2 };
const block: PeerCase = { name: 'small', op: 'block', gradients: true, ...sizes };

test('erf agrees with its tables', () => {
  // Abramowitz and Stegun, table 7.1; DLMF 7.23.
  for (const [x, value] of [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
  ] as const) {
    expect(erf(x)).toBeCloseTo(value, 12);
    expect(erf(-x)).toBeCloseTo(-value, 12);
  }
});

test('the gradients of the block agree with finite differences', () => {
  const inputs = Object.fromEntries(
    Object.entries(inputsOf(block)).map(([name, values]) => [name, Float64Array.from(values)]),
  );
  const loss = (weights: typeof inputs): number => {
    const { y } = blockForward(sizes, weights);
    return y.reduce((sum, value) => sum + value * value, 0) / y.length;
  };
  const gradients = blockGradients(sizes, inputs);
  expect(Object.keys(gradients).sort()).toEqual(
    Object.keys(blockWeights(sizes))
      .map((name) => `d${name}`)
      .sort(),
  );
  const random = new RandomStream(3);
  for (const name of Object.keys(blockWeights(sizes))) {
    for (let probe = 0; probe < 6; probe++) {
      const at = random.below(inputs[name]!.length);
      const moved = (by: number): number => {
        const changed = inputs[name]!.slice();
        changed[at]! += by;
        return loss({ ...inputs, [name]: changed });
      };
      expect(gradients[`d${name}`]![at], `${name}[${at}]`).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 7);
    }
  }
});

test('small cases have the results that one works out by hand', () => {
  const matmul: PeerCase = { name: 'm', op: 'matmul', rows: 1, inner: 2, cols: 2 };
  expect([...reference(matmul, { a: Float32Array.of(1, 2), b: Float32Array.of(3, 4, 5, 6) })['y']!]).toEqual([13, 16]);
  const linear: PeerCase = { name: 'l', op: 'linear', rows: 1, inner: 2, cols: 2 };
  expect([
    ...reference(linear, {
      x: Float32Array.of(1, 2),
      weight: Float32Array.of(3, 4, 5, 6),
      bias: Float32Array.of(10, 20),
    })['y']!,
  ]).toEqual([21, 37]);
  const softmax: PeerCase = { name: 's', op: 'softmax', rows: 1, cols: 2 };
  expect(reference(softmax, { x: Float32Array.of(1000, 1000) })['y']![0]).toBe(0.5);
  // One token attends to itself alone.
  const attention: PeerCase = { name: 'a', op: 'attention', heads: 2, tokens: 1, headDim: 2 };
  expect([
    ...reference(attention, {
      q: Float32Array.of(1, 2, 3, 4),
      k: Float32Array.of(1, 1, 1, 1),
      v: Float32Array.of(5, 6, 7, 8),
    })['y']!,
  ]).toEqual([5, 6, 7, 8]);
  const norm: PeerCase = { name: 'n', op: 'layerNorm', rows: 1, cols: 2 };
  const [first, second] = reference(norm, {
    x: Float32Array.of(1, 3),
    weight: Float32Array.of(1, 2),
    bias: Float32Array.of(0, 1),
  })['y']!;
  expect(first).toBeCloseTo(-1, 4);
  expect(second).toBeCloseTo(3, 4);
});

describe('a result is wrong', () => {
  const expected = { y: Float64Array.of(1, -4), dw: Float64Array.of(2) };
  test.each([
    [
      'by its largest relative difference',
      { y: Float32Array.of(1, -3), dw: Float32Array.of(2) },
      { name: 'y', error: 0.25 },
    ],
    ['when it is missing', { y: Float32Array.of(1, -4) }, { name: 'dw', error: Infinity }],
    ['when its size differs', { y: Float32Array.of(1), dw: Float32Array.of(2) }, { name: 'y', error: Infinity }],
    ['when it is no number', { y: Float32Array.of(1, NaN), dw: Float32Array.of(2) }, { name: 'y', error: Infinity }],
  ])('%s', (_, results, worst) => {
    expect(largestError(results, expected)).toEqual(worst);
  });

  test('and right when equal', () => {
    expect(largestError({ y: Float32Array.of(1, -4), dw: Float32Array.of(2) }, expected).error).toBe(0);
  });
});

test('cases name what the benchmark is asked to compare, with inputs that fit their shapes', () => {
  expect(PEER_CASES.map(({ name }) => name)).toEqual([
    'matmul 512',
    'matmul 1024',
    'linear 256x640x1706',
    'linear 256x640x1707',
    'softmax 1024x1024',
    'layerNorm 1024x1024',
    'attention 8x512x64',
    'block forward',
    'block forward+backward',
  ]);
  for (const peerCase of [...PEER_CASES.filter(({ op }) => op === 'linear' || op === 'attention'), block]) {
    const inputs = inputsOf(peerCase);
    expect(Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, values.length]))).toEqual(
      Object.fromEntries(Object.entries(shapesOf(peerCase)).map(([name, shape]) => [name, count(shape)])),
    );
    expect(workOfPeerCase(peerCase).flops).toBeGreaterThan(0);
  }
  const results = reference(block, inputsOf(block));
  expect(Object.fromEntries(Object.entries(results).map(([name, values]) => [name, values.length]))).toEqual(
    Object.fromEntries(Object.entries(outputShapes(block)).map(([name, shape]) => [name, count(shape)])),
  );
});

test('a transposed matrix is its own after two', () => {
  const matrix = Float32Array.of(1, 2, 3, 4, 5, 6);
  expect([...transposed(matrix, 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
  expect(transposed(transposed(matrix, 2, 3), 3, 2)).toEqual(matrix);
});
