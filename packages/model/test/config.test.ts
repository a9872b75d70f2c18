import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { encoderParameters, parameterCount, PRESETS, type EncoderConfig, type PresetName } from '../src/config.ts';
import { configJson, parseConfig } from '../src/configJson.ts';
import { fixtureConfig } from './checkpoint.fixtures.ts';

const hubConfig = {
  model_type: 'rinalmo',
  vocab_size: 26,
  hidden_size: 1280,
  num_hidden_layers: 33,
  num_attention_heads: 20,
  intermediate_size: 5120,
  layer_norm_eps: 1e-12,
  position_embedding_type: 'rotary',
  token_dropout: true,
  learnable_beta: true,
  emb_layer_norm_before: true,
  hidden_act: 'gelu',
  hidden_dropout: 0.1,
  attention_dropout: 0.1,
  initializer_range: 0.02,
  max_position_embeddings: 1024,
  architectures: ['RiNALMoForPreTraining'],
  lm_head: null,
  head: null,
  num_labels: 1,
  id2label: { 0: 'LABEL_0' },
  label2id: { LABEL_0: 0 },
  problem_type: null,
  torch_dtype: 'float32',
  transformers_version: '4.50.0',
  use_cache: true,
  is_decoder: false,
  add_cross_attention: false,
  _name_or_path: '',
  _attn_implementation_autoset: true,
  tie_word_embeddings: true,
  pad_token_id: 0,
  bos_token_id: 1,
  eos_token_id: 2,
  unk_token_id: 3,
  mask_token_id: 4,
  null_token_id: 5,
};
const parse = (fields: unknown): EncoderConfig => parseConfig(JSON.stringify(fields), 'config.json');

describe('presets', () => {
  test.each<[PresetName, number, number]>([
    ['rinalmo-nano', 853, 7_508_824],
    ['rinalmo-micro', 1280, 33_491_074],
    ['rinalmo-mega', 1706, 148_056_972],
    ['rinalmo-giga', 3413, 650_901_793],
    ['ssr-lm-s', 1152, 7_979_040],
    ['ssr-lm-m', 2816, 160_652_448],
    ['ssr-lm-l', 3413, 648_906_240],
    // Less the 241 of its head of contacts.
    ['rna-fm', 5120, 99_521_546 - 241],
  ])('%s has a feed-forward width of %d and %d parameters', (name, ffnDim, count) => {
    expect(PRESETS[name].ffnDim).toBe(ffnDim);
    expect(parameterCount(encoderParameters(PRESETS[name]))).toBe(count);
  });
});

describe('config.json', () => {
  test('of the hub, with its unused fields and the wrong eps of the oldest file', () => {
    expect(parse(hubConfig)).toEqual(PRESETS['rinalmo-giga']);
  });

  test.each([22, 26, 28])('the encoder has 22 rows where the file has %d', (rows) => {
    expect(parse({ ...hubConfig, vocab_size: rows }).vocabularySize).toBe(22);
  });

  test('of the oracles', () => {
    expect(fixtureConfig('rinalmo-A')).toMatchObject({ dim: 64, layers: 3, heads: 4, kvHeads: 4, ffnDim: 170 });
    expect(fixtureConfig('rinalmo-B')).toMatchObject({ dim: 80, layers: 2, heads: 5, ffnDim: 213 });
    expect(fixtureConfig('ssrlm-A')).toMatchObject({ model: 'ssr-lm', dim: 48, heads: 6, kvHeads: 2, ffnDim: 128 });
  });

  test.each([
    [{ ...hubConfig, hiden_size: 3 }, /^config\.json: unknown field "hiden_size"/],
    [{ ...hubConfig, hidden_size: undefined }, /"hidden_size"/],
    [{ ...hubConfig, hidden_size: '1280' }, /"hidden_size".*number/],
    [{ ...hubConfig, vocab_size: 30 }, /"vocab_size".*22.*26.*28/],
    [{ ...hubConfig, token_dropout: false }, /"token_dropout"/],
    [{ ...hubConfig, position_embedding_type: 'absolute' }, /"position_embedding_type"/],
    [{ ...hubConfig, num_attention_heads: 24 }, /24 heads over a hidden size of 1280/],
    [{ ...hubConfig, num_attention_heads: 256 }, /even/],
    [{ ...hubConfig, model_type: 'esm' }, /"model_type" is "esm"/],
    [{}, /"model_type" is missing/],
    [[], /"model_type" is missing/],
    [{ model_type: 'ssr-lm', vocab_size: 22 }, /hidden_size.*rope_theta/],
  ])('refuses %#', (fields, message) => {
    expect(() => parse(fields)).toThrow(message);
  });

  test('refuses broken JSON by file name', () => {
    expect(() => parseConfig('{"a": ', 'folder/config.json')).toThrow(/^folder\/config\.json: not valid JSON/);
  });

  test('reads back what it writes', () => {
    const widths = fc.record({
      model: fc.constantFrom('rinalmo' as const, 'ssr-lm' as const, 'rna-fm' as const),
      learned: fc.record({ rows: fc.integer({ min: 3, max: 5000 }), norm: fc.boolean(), tokenDropout: fc.boolean() }),
      heads: fc.integer({ min: 1, max: 12 }),
      groups: fc.integer({ min: 1, max: 4 }),
      halfHeadDim: fc.integer({ min: 1, max: 50 }),
      layers: fc.integer({ min: 1, max: 40 }),
      ffnDim: fc.integer({ min: 1, max: 6000 }),
    });
    fc.assert(
      fc.property(widths, ({ model, heads, groups, halfHeadDim, layers, ffnDim, learned }) => {
        const kvHeads = model === 'ssr-lm' ? heads : heads * groups;
        const config: EncoderConfig = {
          model,
          vocabularySize: model === 'rna-fm' ? 25 : 22,
          dim: heads * groups * 2 * halfHeadDim,
          layers,
          heads: heads * groups,
          kvHeads,
          ffnDim,
          normEps: 1e-5,
          ...(model === 'rna-fm' ? { learned } : { ropeTheta: 10000 }),
        };
        expect(parseConfig(configJson(config), 'written')).toEqual(config);
      }),
    );
  });

  test.each(Object.entries(PRESETS))('writes %s as published', (_, config) => {
    expect(parseConfig(configJson(config, config.model === 'rinalmo' ? 28 : config.vocabularySize), 'written')).toEqual(
      config,
    );
  });
});
