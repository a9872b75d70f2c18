/**
 * The reader and writer of `config.json`: that of RiNALMo and RNA-FM has the
 * fields of their Hugging Face ports, SSR-LM's those of LLaMA. Training settings
 * such as dropout are not read from it.
 */
import * as z from 'zod';
import { LIMITS } from './checkpoint/limits.ts';
import { standIn } from './checkpoint/standIn.ts';
import {
  checkConfig,
  FIRST_POSITION,
  OFFICIAL_VOCABULARY_SIZE,
  PRESETS,
  RNA_FM_VOCABULARY_SIZE,
  truncatedTwoThirds,
  type EncoderConfig,
  type HeadConfig,
  type ModelConfig,
} from './config.ts';
import { CheckpointError } from './errors.ts';

const size = z.int().positive().max(LIMITS.width);
const layers = z.int().positive().max(LIMITS.layers);

// What transformers' own class of configs writes into every config.json, in one version or another, and what is
// written beside it for generating text. None of it changes an encoder's numbers. What would (quantization_config,
// pruned_heads, rope_scaling) is left out, and so refused.
const HUB_BOOKKEEPING = [
  'architectures',
  'attn_implementation',
  'auto_map',
  'bad_words_ids',
  'begin_suppress_tokens',
  'chunk_size_feed_forward',
  'cross_attention_hidden_size',
  'decoder_start_token_id',
  'diversity_penalty',
  'do_sample',
  'dtype',
  'early_stopping',
  'encoder_no_repeat_ngram_size',
  'exponential_decay_length_penalty',
  'finetuning_task',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'id2label',
  'initializer_range',
  'is_encoder_decoder',
  'label2id',
  'length_penalty',
  'max_length',
  'max_position_embeddings',
  'min_length',
  'no_repeat_ngram_size',
  'num_beam_groups',
  'num_beams',
  'num_labels',
  'num_return_sequences',
  'output_attentions',
  'output_hidden_states',
  'output_scores',
  'prefix',
  'problem_type',
  'remove_invalid_values',
  'repetition_penalty',
  'return_dict',
  'return_dict_in_generate',
  'sep_token_id',
  'suppress_tokens',
  'task_specific_params',
  'temperature',
  'tf_legacy_loss',
  'tie_encoder_decoder',
  'tokenizer_class',
  'top_k',
  'top_p',
  'torch_dtype',
  'torchscript',
  'transformers_version',
  'typical_p',
  'use_bfloat16',
  'use_cache',
  'use_return_dict',
] as const;

/** Fields of the same origin that are as good as absent with one value, and would change the model with another. */
const ABSENT = {
  add_cross_attention: z.literal(false).optional(),
  is_decoder: z.literal(false).optional(),
  pruned_heads: z.strictObject({}).nullish(),
  quantization_config: z.null().optional(),
};

// Fields of the ports that describe training, heads or code paths that these
// encoders do not have.
const PORT_UNUSED = [
  ...HUB_BOOKKEEPING,
  'attention_dropout',
  'attention_probs_dropout_prob',
  'gradient_checkpointing',
  'head',
  'hidden_dropout',
  'hidden_dropout_prob',
  'lm_head',
] as const;

/** Ids of the special tokens in a port's vocabulary. */
const portTokenIds = {
  pad_token_id: z.literal(0).optional(),
  bos_token_id: z.literal(1).optional(),
  eos_token_id: z.literal(2).optional(),
  unk_token_id: z.literal(3).optional(),
  mask_token_id: z.literal(4).optional(),
  null_token_id: z.literal(5).optional(),
};

// 1e-12 stands in the oldest hub files by mistake; the weights were trained with 1e-5.
const portNormEps = z.literal([1e-5, 1e-12]).optional();

/** The field that this project adds to either kind of config.json; the port's `head` is something else. */
const taskHeadField = {
  task_head: z.strictObject({ task: z.string().min(1), sizes: z.record(z.string(), z.unknown()) }).optional(),
};

const unused = (names: readonly string[]): Record<string, z.ZodType> =>
  Object.fromEntries(names.map((name) => [name, z.unknown().optional()]));

// `hidden_act` and `emb_layer_norm_before` are unused in RiNALMo's port itself; `tie_word_embeddings` is wrong in its
// older files.
const portConfig = z.strictObject({
  ...unused([...PORT_UNUSED, 'emb_layer_norm_before', 'hidden_act', 'tie_word_embeddings']),
  ...ABSENT,
  ...taskHeadField,
  model_type: z.literal('rinalmo'),
  vocab_size: z.literal([22, 26, 28]),
  hidden_size: size,
  num_hidden_layers: layers,
  num_attention_heads: size,
  intermediate_size: size,
  layer_norm_eps: portNormEps,
  position_embedding_type: z.literal('rotary').optional(),
  token_dropout: z.literal(true).optional(),
  learnable_beta: z.literal(true).optional(),
  ...portTokenIds,
});

const rnaFmConfig = z.strictObject({
  ...unused(PORT_UNUSED),
  ...ABSENT,
  ...taskHeadField,
  model_type: z.literal('rnafm'),
  // 73 and 131 rows, and `codon`, are those of mRNA-FM, which reads codons.
  vocab_size: z.literal([RNA_FM_VOCABULARY_SIZE, 26, 28]),
  codon: z.literal(false).optional(),
  hidden_size: size,
  num_hidden_layers: layers,
  num_attention_heads: size,
  intermediate_size: size,
  max_position_embeddings: z
    .int()
    .min(FIRST_POSITION + 1)
    .max(LIMITS.width),
  layer_norm_eps: portNormEps,
  hidden_act: z.literal('gelu').optional(),
  position_embedding_type: z.literal('absolute').optional(),
  embed_norm: z.boolean().optional(),
  emb_layer_norm_before: z.boolean().optional(),
  token_dropout: z.boolean().optional(),
  tie_word_embeddings: z.literal(true).optional(),
  ...portTokenIds,
});

// The slope of the rotation is base^(-2i/d): a base below 1 turns faster instead of slower, and one near 0 overflows.
const ropeTheta = z.number().min(1).max(1e12);

const llamaConfig = z.strictObject({
  ...unused(HUB_BOOKKEEPING),
  ...ABSENT,
  ...taskHeadField,
  model_type: z.literal('ssr-lm'),
  vocab_size: z.literal(OFFICIAL_VOCABULARY_SIZE),
  hidden_size: size,
  num_hidden_layers: layers,
  num_attention_heads: size,
  num_key_value_heads: size,
  intermediate_size: size,
  rms_norm_eps: z.number().positive().max(1),
  rope_theta: ropeTheta,
  // Where transformers 5 keeps the base.
  rope_parameters: z.strictObject({ rope_type: z.literal('default').optional(), rope_theta: ropeTheta }).nullish(),
  rope_scaling: z.null().optional(),
  head_dim: z.int().positive().nullish(),
  hidden_act: z.literal('silu').optional(),
  attention_bias: z.literal(false).optional(),
  mlp_bias: z.literal(false).optional(),
  pretraining_tp: z.literal(1).optional(),
  tie_word_embeddings: z.literal(false).optional(),
  attention_dropout: z.number().optional(),
  ...unused(['pad_token_id', 'bos_token_id', 'eos_token_id']),
});

/**
 * Reads a `config.json`. `file` is the name that errors begin with.
 * @throws CheckpointError listing every unknown, missing or impossible field.
 */
export function parseConfig(json: string, file: string): ModelConfig {
  let fields: unknown;
  const other = standIn(json);
  if (other !== undefined) throw new CheckpointError(file, other);
  if (json.length > LIMITS.jsonBytes) {
    throw new CheckpointError(
      file,
      `${json.length} letters are too many for a config; ${LIMITS.jsonBytes} at most are read`,
    );
  }
  try {
    fields = JSON.parse(json);
  } catch (cause) {
    throw new CheckpointError(file, `not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const modelType = (fields as { model_type?: unknown } | null)?.model_type;
  if (modelType === 'rinalmo') return checkConfig(fromPort(validate(portConfig, fields, file)), file);
  if (modelType === 'ssr-lm')
    return checkConfig(fromLlama(validate(llamaConfig, withRopeTheta(fields), file), file), file);
  if (modelType === 'rnafm') return checkConfig(fromRnaFmPort(validate(rnaFmConfig, fields, file)), file);
  throw new CheckpointError(
    file,
    `"model_type" is ${JSON.stringify(modelType)?.slice(0, 60) ?? 'missing'}; expected "rinalmo", "ssr-lm" or "rnafm"`,
  );
}

function validate<T>(schema: z.ZodType<T>, fields: unknown, file: string): T {
  const result = schema.safeParse(withoutPrivate(fields));
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return `unknown field ${issue.keys.map((key) => `"${key}"`).join(', ')}: remove it, or correct its spelling`;
    }
    return `"${issue.path.join('.')}": ${issue.message}`;
  });
  throw new CheckpointError(file, problems.join('; '));
}

/** Names that begin with an underscore are private to transformers: where a file came from, which code runs it. */
const withoutPrivate = (fields: unknown): unknown =>
  Object.fromEntries(Object.entries(fields as object).filter(([name]) => !name.startsWith('_')));

/** Lifts the base of the rotary embedding out of `rope_parameters`, where transformers 5 keeps it. */
function withRopeTheta(fields: unknown): unknown {
  const { rope_theta, rope_parameters } = fields as {
    rope_theta?: unknown;
    rope_parameters?: { rope_theta?: unknown } | null;
  };
  return { ...(fields as object), rope_theta: rope_theta ?? rope_parameters?.rope_theta };
}

interface PortSizes {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
}

const sizesOf = (fields: PortSizes): Pick<EncoderConfig, 'dim' | 'layers' | 'heads' | 'kvHeads'> => ({
  dim: fields.hidden_size,
  layers: fields.num_hidden_layers,
  heads: fields.num_attention_heads,
  kvHeads: fields.num_attention_heads,
});

function fromPort(fields: z.infer<typeof portConfig>): ModelConfig {
  return {
    ...(fields.task_head && { head: fields.task_head }),
    ...PRESETS['rinalmo-nano'],
    ...sizesOf(fields),
    ffnDim: truncatedTwoThirds(fields.intermediate_size),
  };
}

function fromRnaFmPort(fields: z.infer<typeof rnaFmConfig>): ModelConfig {
  return {
    ...(fields.task_head && { head: fields.task_head }),
    ...PRESETS['rna-fm'],
    ...sizesOf(fields),
    ffnDim: fields.intermediate_size,
    learned: {
      rows: fields.max_position_embeddings,
      norm: fields.embed_norm ?? fields.emb_layer_norm_before ?? true,
      tokenDropout: fields.token_dropout ?? false,
    },
  };
}

function fromLlama(fields: z.infer<typeof llamaConfig>, file: string): ModelConfig {
  const { rope_theta: base, rope_parameters: rope } = fields;
  if ((rope?.rope_theta ?? base) !== base) {
    throw new CheckpointError(
      file,
      `"rope_theta" is ${base}, but ${rope!.rope_theta} in "rope_parameters"; give it once`,
    );
  }
  const headDim = fields.hidden_size / fields.num_attention_heads;
  if ((fields.head_dim ?? headDim) !== headDim) {
    throw new CheckpointError(
      file,
      `"head_dim" is ${fields.head_dim}; ${fields.num_attention_heads} heads over a hidden size of ${fields.hidden_size} have ${headDim}`,
    );
  }
  return {
    ...(fields.task_head && { head: fields.task_head }),
    ...PRESETS['ssr-lm-s'],
    ...sizesOf(fields),
    ffnDim: fields.intermediate_size,
    kvHeads: fields.num_key_value_heads,
    normEps: fields.rms_norm_eps,
    ropeTheta: base,
  };
}

/**
 * The text of a `config.json` that `parseConfig` reads back to the same config:
 * the ports' fields for RiNALMo and RNA-FM, LLaMA's for SSR-LM. `vocabularySize`
 * is the number of rows that the file beside it stores (28 under the ports'
 * names); `head` is written with them.
 */
export function configJson(config: EncoderConfig, vocabularySize = config.vocabularySize, head?: HeadConfig): string {
  const shared = {
    model_type: MODEL_TYPES[config.model],
    vocab_size: vocabularySize,
    hidden_size: config.dim,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
  };
  const fields = { ...shared, ...modelFields(config) };
  return `${JSON.stringify({ ...fields, ...(head && { task_head: head }) }, null, 2)}\n`;
}

const MODEL_TYPES = { rinalmo: 'rinalmo', 'ssr-lm': 'ssr-lm', 'rna-fm': 'rnafm' } as const;

const WRITTEN_TOKEN_IDS = {
  pad_token_id: 0,
  bos_token_id: 1,
  eos_token_id: 2,
  unk_token_id: 3,
  mask_token_id: 4,
  null_token_id: 5,
};

/** The fields in which the models' configs differ. */
function modelFields(config: EncoderConfig): object {
  const { kvHeads, ffnDim, normEps, ropeTheta, learned } = config;
  if (config.model === 'ssr-lm') {
    return { num_key_value_heads: kvHeads, intermediate_size: ffnDim, rms_norm_eps: normEps, rope_theta: ropeTheta };
  }
  const shared = { hidden_act: 'gelu', initializer_range: 0.02, layer_norm_eps: normEps, ...WRITTEN_TOKEN_IDS };
  if (learned !== undefined) {
    return {
      codon: false,
      intermediate_size: ffnDim,
      hidden_dropout: 0,
      attention_dropout: 0,
      max_position_embeddings: learned.rows,
      position_embedding_type: 'absolute',
      embed_norm: learned.norm,
      token_dropout: learned.tokenDropout,
      tie_word_embeddings: true,
      ...shared,
    };
  }
  return {
    intermediate_size: portIntermediateSize(config),
    hidden_dropout: 0.1,
    attention_dropout: 0.1,
    max_position_embeddings: 1024,
    position_embedding_type: 'rotary',
    learnable_beta: true,
    token_dropout: true,
    tie_word_embeddings: false,
    ...shared,
  };
}

/** An `intermediate_size` whose two thirds truncate to ffnDim; 4·dim where it does, as published. */
function portIntermediateSize({ dim, ffnDim }: EncoderConfig): number {
  return truncatedTwoThirds(4 * dim) === ffnDim ? 4 * dim : Math.ceil(1.5 * ffnDim);
}
