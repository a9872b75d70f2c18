/**
 * The names that parameters have in files: RiNALMo's and RNA-FM's official ones,
 * those of their Hugging Face ports, LLaMA's (SSR-LM). A parameter of this
 * project is made of the rows of one or more stored tensors; the same table
 * serves reading and writing. Which scheme a file follows is layout.ts's; data
 * are not touched here (load.ts, save.ts).
 */
import { TOKEN } from '@rna/structure';
import { encoderParameters, type EncoderConfig, type ParameterShapes, type Shape } from '../config.ts';
import { headPrefix, type Head, type TaskHead } from '../heads/head.ts';
import { hasTokenRows } from '../parameterGroups.ts';

export type Scheme = 'official' | 'port' | 'llama';

export type ModelKind = EncoderConfig['model'];

/** A scheme with everything in which files that follow it differ. */
export interface Layout {
  readonly model: ModelKind;
  readonly scheme: Scheme;
  /** Before the encoder's names, such as `lm.` in fine-tuned official files. */
  readonly prefix: string;
  /** Rows of the stored embedding: 22 or 25 (RNA-FM) in the official order of tokens, 26 or 28 in the ports'. */
  readonly vocabularySize: number;
  /** Official code without FlashAttention keeps queries, keys and values apart. */
  readonly splitQkv: boolean;
}

export interface SourceTensor {
  readonly name: string;
  /** Other names under which the same tensor may stand, alone or as well. */
  readonly aliases: readonly string[];
  readonly shape: Shape;
  /** First row and number of rows of the parameter that this tensor fills. */
  readonly rows: readonly [start: number, count: number];
}

export interface ParameterMapping {
  readonly parameter: string;
  readonly shape: Shape;
  /** In the order of their rows; together they fill the parameter. */
  readonly sources: readonly SourceTensor[];
  /** Row r of the parameter is row `rowMap[r]` of the one source (vocabularies). */
  readonly rowMap?: readonly number[];
}

/** Official token id to row in the port's tables of 28 and of 26 tokens. T is the port's U. */
const PORT_ROWS: ReadonlyMap<number, readonly number[]> = new Map([
  [28, [1, 0, 2, 3, 4, 6, 7, 8, 9, 21, 11, 12, 15, 16, 13, 14, 17, 18, 19, 20, 10, 26]],
  [26, [1, 0, 2, 3, 4, 6, 7, 8, 9, 25, 11, 12, 15, 16, 13, 14, 17, 18, 19, 20, 10, 24]],
]);

/** The ports' extra token X, in both of their tables: the mean of A, C, G and U. */
export const PORT_X = { row: 22, meanOf: [6, 7, 8, 9] } as const;

/** Whether a table of so many rows is a port's. */
export const isPortTable = (rows: number): boolean => PORT_ROWS.has(rows);

/** Token id of ours to row in RNA-FM's own table: its order is another, and unused tokens are in the spare rows. */
const RNA_FM_ROWS = [0, 1, 2, 3, 24, 4, 5, 6, 7, 20, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23] as const;

/** RNA-FM's port has the port's rows, one for all four unused tokens. */
const RNA_FM_PORT_UNUSED = 5;

/** For each token id of ours the row of a file's tables; undefined where the rows are ours. */
function tokenRows({ model, vocabularySize }: Layout): readonly number[] | undefined {
  const port = PORT_ROWS.get(vocabularySize);
  if (model !== 'rna-fm') return port;
  if (port === undefined) return RNA_FM_ROWS;
  return [
    ...port.map((row, token) => (token === TOKEN.I ? RNA_FM_PORT_UNUSED : row)),
    ...Array<number>(3).fill(RNA_FM_PORT_UNUSED),
  ];
}

/**
 * Layouts that are written, by model: official names without a prefix, the ports' current names, LLaMA's. The first
 * keeps every bit: the port of RNA-FM has one row for its four unused tokens.
 */
export const WRITTEN_LAYOUTS = {
  rinalmo: {
    port: { model: 'rinalmo', scheme: 'port', prefix: 'model.', vocabularySize: 28, splitQkv: false },
    official: { model: 'rinalmo', scheme: 'official', prefix: '', vocabularySize: 22, splitQkv: false },
  },
  'ssr-lm': { llama: { model: 'ssr-lm', scheme: 'llama', prefix: 'model.', vocabularySize: 22, splitQkv: false } },
  'rna-fm': {
    official: { model: 'rna-fm', scheme: 'official', prefix: '', vocabularySize: 25, splitQkv: false },
    port: { model: 'rna-fm', scheme: 'port', prefix: 'model.', vocabularySize: 28, splitQkv: false },
  },
} as const satisfies Readonly<Record<ModelKind, Partial<Record<Scheme, Layout>>>>;

/** The schemes of a model, that in which its runs are saved first. */
export const schemesOf = (model: ModelKind): Scheme[] => Object.keys(WRITTEN_LAYOUTS[model]) as Scheme[];

/** The layout that is written of a model under a scheme; undefined where the model has no names of that scheme. */
export const writtenLayout = (model: ModelKind, scheme: Scheme): Layout | undefined =>
  (WRITTEN_LAYOUTS[model] as Partial<Record<Scheme, Layout>>)[scheme];

/** The layout in which a model's runs are saved. */
export const savedLayout = (model: ModelKind): Layout => writtenLayout(model, schemesOf(model)[0]!)!;

// Our module (or whole parameter) to the stored modules whose rows follow each
// other in it. `{p}` is the layout's prefix, `{i}` the block; `|` parts aliases.
type NameTable = Readonly<Record<string, readonly string[]>>;

const OFFICIAL: NameTable = {
  embedding: ['{p}embedding'],
  'blocks.{i}.attention.norm': ['{p}transformer.blocks.{i}.attn_layer_norm'],
  'blocks.{i}.attention.qkv': ['{p}transformer.blocks.{i}.mh_attn.Wqkv'],
  'blocks.{i}.attention.out': ['{p}transformer.blocks.{i}.mh_attn.out_proj'],
  'blocks.{i}.feedForward.norm': ['{p}transformer.blocks.{i}.out_layer_norm'],
  'blocks.{i}.feedForward.gateUp': [
    '{p}transformer.blocks.{i}.transition.0.linear',
    '{p}transformer.blocks.{i}.transition.0.linear_gate',
  ],
  'blocks.{i}.feedForward.beta': ['{p}transformer.blocks.{i}.transition.0.beta'],
  'blocks.{i}.feedForward.down': ['{p}transformer.blocks.{i}.transition.2'],
  finalNorm: ['{p}transformer.final_layer_norm'],
  'lmHead.dense': ['{p}lm_mask_head.linear1'],
  'lmHead.norm': ['{p}lm_mask_head.layer_norm'],
  'lmHead.decoder': ['{p}lm_mask_head.linear2'],
};

const OFFICIAL_SPLIT_QKV: NameTable = {
  ...OFFICIAL,
  'blocks.{i}.attention.qkv': [
    '{p}transformer.blocks.{i}.mh_attn.mh_attn.to_q',
    '{p}transformer.blocks.{i}.mh_attn.mh_attn.to_k',
    '{p}transformer.blocks.{i}.mh_attn.mh_attn.to_v',
  ],
  'blocks.{i}.attention.out': ['{p}transformer.blocks.{i}.mh_attn.mh_attn.out_proj'],
};

const PORT: NameTable = {
  embedding: ['{p}embeddings.word_embeddings'],
  'blocks.{i}.attention.norm': ['{p}encoder.layer.{i}.attention.layer_norm'],
  'blocks.{i}.attention.qkv': [
    '{p}encoder.layer.{i}.attention.self.query',
    '{p}encoder.layer.{i}.attention.self.key',
    '{p}encoder.layer.{i}.attention.self.value',
  ],
  'blocks.{i}.attention.out': ['{p}encoder.layer.{i}.attention.output.dense'],
  'blocks.{i}.feedForward.norm': ['{p}encoder.layer.{i}.layer_norm'],
  'blocks.{i}.feedForward.gateUp': [
    '{p}encoder.layer.{i}.intermediate.linear',
    '{p}encoder.layer.{i}.intermediate.linear_gate',
  ],
  // The port's converter renamed every "beta" to "bias", and this one with them.
  'blocks.{i}.feedForward.beta': ['{p}encoder.layer.{i}.intermediate.bias'],
  'blocks.{i}.feedForward.down': ['{p}encoder.layer.{i}.output.dense'],
  finalNorm: ['{p}encoder.layer_norm'],
  'lmHead.dense': ['lm_head.transform.dense'],
  'lmHead.norm': ['lm_head.transform.layer_norm'],
  'lmHead.decoder.weight': ['lm_head.decoder.weight'],
  'lmHead.decoder.bias': ['lm_head.bias|lm_head.decoder.bias'],
};

const LLAMA: NameTable = {
  embedding: ['{p}embed_tokens'],
  'blocks.{i}.attention.norm': ['{p}layers.{i}.input_layernorm'],
  'blocks.{i}.attention.qkv': [
    '{p}layers.{i}.self_attn.q_proj',
    '{p}layers.{i}.self_attn.k_proj',
    '{p}layers.{i}.self_attn.v_proj',
  ],
  'blocks.{i}.attention.out': ['{p}layers.{i}.self_attn.o_proj'],
  'blocks.{i}.feedForward.norm': ['{p}layers.{i}.post_attention_layernorm'],
  'blocks.{i}.feedForward.gateUp': ['{p}layers.{i}.mlp.gate_proj', '{p}layers.{i}.mlp.up_proj'],
  'blocks.{i}.feedForward.down': ['{p}layers.{i}.mlp.down_proj'],
  finalNorm: ['{p}norm'],
  'lmHead.decoder': ['lm_head'],
};

const RNA_FM: NameTable = {
  embedding: ['{p}embed_tokens'],
  'embedding.positions': ['{p}embed_positions'],
  'embedding.norm': ['{p}emb_layer_norm_before'],
  'blocks.{i}.attention.norm': ['{p}layers.{i}.self_attn_layer_norm'],
  'blocks.{i}.attention.qkv': [
    '{p}layers.{i}.self_attn.q_proj',
    '{p}layers.{i}.self_attn.k_proj',
    '{p}layers.{i}.self_attn.v_proj',
  ],
  'blocks.{i}.attention.out': ['{p}layers.{i}.self_attn.out_proj'],
  'blocks.{i}.feedForward.norm': ['{p}layers.{i}.final_layer_norm'],
  'blocks.{i}.feedForward.up': ['{p}layers.{i}.fc1'],
  'blocks.{i}.feedForward.down': ['{p}layers.{i}.fc2'],
  finalNorm: ['{p}emb_layer_norm_after'],
  'lmHead.dense': ['{p}lm_head.dense'],
  'lmHead.norm': ['{p}lm_head.layer_norm'],
  'lmHead.decoder.bias': ['{p}lm_head.bias'],
};

const RNA_FM_PORT: NameTable = {
  embedding: ['{p}embeddings.word_embeddings'],
  'embedding.positions': ['{p}embeddings.position_embeddings'],
  'embedding.norm': ['{p}embeddings.layer_norm'],
  'blocks.{i}.attention.norm': PORT['blocks.{i}.attention.norm']!,
  'blocks.{i}.attention.qkv': PORT['blocks.{i}.attention.qkv']!,
  'blocks.{i}.attention.out': PORT['blocks.{i}.attention.out']!,
  'blocks.{i}.feedForward.norm': PORT['blocks.{i}.feedForward.norm']!,
  'blocks.{i}.feedForward.up': ['{p}encoder.layer.{i}.intermediate.dense'],
  'blocks.{i}.feedForward.down': PORT['blocks.{i}.feedForward.down']!,
  finalNorm: PORT['finalNorm']!,
  'lmHead.dense': PORT['lmHead.dense']!,
  'lmHead.norm': PORT['lmHead.norm']!,
  'lmHead.decoder.bias': ['lm_head.bias'],
};

/** Second names under which the ties of RNA-FM may stand: the decoder is the embedding, the port's has its bias twice. */
const TIES: Readonly<Partial<Record<Scheme, NameTable>>> = {
  official: { ...RNA_FM, embedding: ['{p}embed_tokens|{p}lm_head'] },
  port: {
    ...RNA_FM_PORT,
    embedding: ['{p}embeddings.word_embeddings|lm_head.decoder'],
    'lmHead.decoder.bias': ['lm_head.bias|lm_head.decoder.bias'],
  },
};

function encoderTable({ model, scheme, splitQkv }: Layout, ties: boolean): NameTable {
  if (model === 'rna-fm') return (ties ? TIES[scheme] : undefined) ?? (scheme === 'official' ? RNA_FM : RNA_FM_PORT);
  if (scheme === 'official') return splitQkv ? OFFICIAL_SPLIT_QKV : OFFICIAL;
  return scheme === 'port' ? PORT : LLAMA;
}

/**
 * The stored tensors of every parameter of an encoder and its LM head, in `encoderParameters`' order. Without `ties`
 * what is one tensor has one name alone.
 */
export function encoderMappings(config: EncoderConfig, layout: Layout, ties = true): ParameterMapping[] {
  const { heads, kvHeads, dim, ffnDim, vocabularySize } = config;
  const headDim = dim / heads;
  const parts: Readonly<Record<string, readonly number[]>> = {
    qkv: [heads * headDim, kvHeads * headDim, kvHeads * headDim],
    gateUp: [ffnDim, ffnDim],
  };
  const rowMap = tokenRows(layout);
  return mapParameters(encoderParameters(config), encoderTable(layout, ties), layout.prefix, (parameter, shape) => {
    const isVocabulary = hasTokenRows(parameter);
    if (isVocabulary && shape[0] === vocabularySize && rowMap !== undefined) {
      return { storedRows: [layout.vocabularySize], rowMap };
    }
    const part = Object.keys(parts).find((name) => parameter.includes(`.${name}.`));
    return { storedRows: part === undefined ? [shape[0]!] : parts[part]! };
  });
}

/** How a file names a head's tensors: as RiNALMo's code does, as the port does, or as this project does. */
export type HeadNaming = 'official' | 'port' | 'own';

/** The naming of a head in files of a scheme: published names where there are any. */
export const writtenHeadNaming = ({ names }: Head, scheme: Scheme): HeadNaming =>
  names === undefined ? 'own' : scheme !== 'official' && names.port !== undefined ? 'port' : 'official';

/** The stored name of a head's parameter, which is given without the task's prefix. */
export function storedHeadName(head: Head, naming: HeadNaming, name: string): string {
  const names = naming === 'own' ? undefined : head.names?.[naming];
  if (names === undefined) return headPrefix(head) + name;
  return storedNames(
    name,
    Object.fromEntries(Object.entries(names).map(([module, stored]) => [module, [stored]])),
    '',
  )[0]![0]!;
}

/** The stored tensors of every parameter of a head. */
export function headMappings({ head, sizes }: TaskHead, dim: number, naming: HeadNaming): ParameterMapping[] {
  return [...head.parameters(dim, sizes)].map(([name, shape]) => ({
    parameter: headPrefix(head) + name,
    shape,
    sources: [{ name: storedHeadName(head, naming, name), aliases: [], shape, rows: [0, shape[0]!] }],
  }));
}

type RowRule = (parameter: string, shape: Shape) => { storedRows: readonly number[]; rowMap?: readonly number[] };

function mapParameters(shapes: ParameterShapes, table: NameTable, prefix: string, rule: RowRule): ParameterMapping[] {
  return [...shapes].map(([parameter, shape]) => {
    const { storedRows, rowMap } = rule(parameter, shape);
    const templates = storedNames(parameter, table, prefix);
    const apart = templates.length > 1;
    let start = 0;
    const sources = templates.map(([name, ...aliases], index): SourceTensor => {
      const stored = apart ? storedRows[index]! : storedRows.reduce((a, b) => a + b);
      // A gathered table has rows of its own; otherwise stored rows are the parameter's.
      const count = rowMap === undefined ? stored : shape[0]!;
      const source = { name: name!, aliases, shape: [stored, ...shape.slice(1)], rows: [start, count] as const };
      start += count;
      return source;
    });
    return { parameter, shape, sources, ...(rowMap && { rowMap }) };
  });
}

/** For each stored tensor of a parameter its name and aliases. */
function storedNames(parameter: string, table: NameTable, prefix: string): string[][] {
  const index = /\.blocks\.(\d+)\.|^blocks\.(\d+)\./.exec(parameter);
  const block = index?.[1] ?? index?.[2] ?? '';
  const generic = parameter.replace(`blocks.${block}.`, 'blocks.{i}.');
  const dot = generic.lastIndexOf('.');
  const whole = table[generic];
  const templates = whole ?? table[generic.slice(0, dot)];
  if (templates === undefined) throw new Error(`no stored name is known for parameter ${parameter}`);
  const leaf = whole === undefined ? generic.slice(dot) : '';
  return templates.map((template) =>
    template.split('|').map((name) => name.replace('{p}', prefix).replace('{i}', block) + leaf),
  );
}
