import { encoderParameters, elementCount, parameterCount, PRESETS, type PresetName } from '@rna/model';
import { describe, expect, test } from 'vitest';
import { allModelCases, caseName, encoderCases, headCases, packs, partsOf, workOf } from '../src/modelCases.ts';
import { batchSize, modelBytes, modelFlops } from '../src/modelWork.ts';

const presets = Object.keys(PRESETS) as PresetName[];

test('a preset gives the shapes that its paper implies', () => {
  // RiNALMo-mega: dim 640, 20 heads, SwiGLU of 2/3 · 4 · 640 = 1706 with both halves in one product.
  const names = encoderCases(PRESETS['rinalmo-mega'], 1024).map(caseName);
  expect(names).toEqual(
    expect.arrayContaining([
      'linear 1024x640x1920',
      'linear 1024x640x640',
      'linear 1024x640x3412',
      'linear 1024x1706x640',
      'linear 1024x640x22',
      'attention 20x(16x64)x32',
      'attention 20x(1x1024)x32',
      'attention 20x(mixed1024)x32',
      'layerNorm 1024x640',
      'swiglu 1024x1706',
      'crossEntropy 1024x22',
    ]),
  );
  expect(encoderCases(PRESETS['ssr-lm-s'], 512).map(caseName)).toEqual(
    expect.arrayContaining(['linear 512x288x2304', 'rmsNorm 512x288', 'swiglu 512x1152']),
  );
  expect(headCases([128]).map(caseName)).toEqual(['conv2d 3x3 128x128x64', 'instanceNorm 128x128x64']);
});

describe.each(presets)('%s', (preset) => {
  const config = PRESETS[preset];
  const cases = encoderCases(config, 256);

  test('its linear layers are those of a block and of the head, once each', () => {
    const expected = new Set(
      [...encoderParameters(config)]
        .filter(([name, shape]) => shape.length === 2 && !name.startsWith('embedding.'))
        .map(([, [cols, inner]]) => `linear 256x${inner!}x${cols!}`),
    );
    expect(new Set(cases.filter(({ op }) => op === 'linear').map(caseName))).toEqual(expected);
  });

  test('its optimiser has all parameters', () => {
    const adamW = cases.find((each) => each.op === 'adamW');
    expect(adamW?.shapes.reduce((sum, shape) => sum + elementCount(shape), 0)).toBe(
      parameterCount(encoderParameters(config)),
    );
  });

  test('a step costs six operations a weight and token, and three times the forward pass', () => {
    // Tables are looked up; a decoder that is the embedding is a product.
    const { vocabularySize, dim, model, learned } = config;
    const tables = learned === undefined ? vocabularySize * dim : (learned.rows + 2) * dim;
    const weights = parameterCount(encoderParameters(config)) - tables;
    expect(model === 'rna-fm').toBe(learned !== undefined);
    expect(modelFlops('step', config, 1024, 256)).toBe(
      6 * weights * 1024 + 12 * config.layers * config.dim * 1024 * 256,
    );
    expect(modelFlops('inference', config, 1024, 256)).toBeCloseTo(modelFlops('step', config, 1024, 256) / 3);
    expect(modelBytes('step', config, 1024)).toBeGreaterThan(16 * weights);
    expect(modelBytes('inference', config, 1024)).toBeLessThan(modelBytes('step', config, 1024));
  });
});

test('every case has a name of its own and work to do', () => {
  const all = allModelCases([1024, 8192], [128, 256]);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  for (const preset of presets) expect(all.some(({ name }) => name.startsWith(`${preset} `))).toBe(true);
  for (const { name, model } of all) {
    for (const part of partsOf(model)) {
      const { flops, bytes } = workOf(model, part);
      expect(flops, `${name} ${part}`).toBeGreaterThan(0);
      expect(bytes, `${name} ${part}`).toBeGreaterThan(0);
    }
  }
});

test('packs hold as many tokens as they say', () => {
  for (const tokens of [64, 512, 1024, 8192]) {
    for (const [name, lengths] of packs(tokens)) {
      expect(
        lengths.reduce((sum, length) => sum + length, 0),
        name,
      ).toBe(tokens);
      expect(Math.min(...lengths), name).toBeGreaterThan(0);
    }
  }
  expect([...packs(512).keys()]).toEqual(['8x64', '2x256', 'mixed512']);
});

test('a linear layer and an attention have the work of their products', () => {
  expect(workOf({ op: 'linear', rows: 2, inner: 3, cols: 5, bias: false }, 'dx')).toEqual({
    flops: 60,
    bytes: 4 * (6 + 15 + 10),
  });
  // Two sequences of 2 and 3 tokens: 4 + 9 pairs, two products of 2·headDim a pair and head.
  expect(
    workOf({ op: 'attention', lengths: [2, 3], heads: 2, kvHeads: 1, headDim: 4, ropeTheta: 1e4 }, 'forward'),
  ).toEqual({ flops: 4 * 13 * 2 * 4, bytes: 4 * (5 * 16 + 5 * 8) });
});

test('rows are full of whole sequences', () => {
  for (const kind of ['cpu', 'gpu'] as const) {
    const { rowTokens, length } = batchSize(kind);
    expect(rowTokens % length).toBe(0);
  }
});
