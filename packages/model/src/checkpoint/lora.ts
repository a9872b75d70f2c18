/**
 * Adapters: what a run trained without its encoder's weights, as files beside
 * the name of the base. Low-rank terms are in PEFT's format (`adapter_config.json`
 * and `adapter_model.safetensors`, with the module names of the Hugging Face port
 * or of LLaMA), the head in `head.safetensors`; one of the two may be missing.
 *
 * PEFT adapts stored modules and this project the matrices that they are rows
 * of: A of the queries, keys and values is written once for each, B in its rows.
 * An adapter that PEFT made, where each module has an A of its own, is read too.
 * An opened adapter is the merged model; nothing that reads models knows of it.
 */
import * as z from 'zod';
import { encoderParameters, type EncoderConfig, type Shape } from '../config.ts';
import { headConfig, type Head, type TaskHead } from '../heads/head.ts';
import { HEADS } from '../heads/index.ts';
import { addLowRank, loraLayers, loraNames, type HostLowRank, type LoraSizes } from '../lora.ts';
import { CheckpointError } from '../errors.ts';
import type { OpenedModel, ParameterChunk } from './load.ts';
import { encoderMappings, headMappings, WRITTEN_LAYOUTS, type Layout, type SourceTensor } from './names.ts';
import { findHead, HEAD_METADATA, metadataScalars } from './layout.ts';
import { writeSafetensors, type TensorEntry } from './safetensors.ts';
import type { ByteSink } from './source.ts';
import { standIn } from './standIn.ts';
import { CHUNK_BYTES, readFloat32, readFloat32Chunks, type StoredTensor, type TensorFile } from './tensorFile.ts';
import { blockOf, isEncoder, isTaskHead } from '../parameterGroups.ts';

export const LORA_CONFIG_FILE = 'adapter_config.json';
export const LORA_WEIGHTS_FILE = 'adapter_model.safetensors';
export const LORA_HEAD_FILE = 'head.safetensors';

/** Where PEFT's config and the files' metadata name the base. */
export const LORA_BASE_FIELD = 'base_model_name_or_path';
const BASE = LORA_BASE_FIELD;
const BASE_DIGEST = 'base_digest';
const PEFT_PREFIX = 'base_model.model.';

/** The model that an adapter is for. */
export interface LoraBase {
  /** A path or a hub name. */
  readonly name: string;
  /** `baseDigest` of its weights; unknown in files that PEFT wrote. */
  readonly digest?: string;
}

const moduleOf = ({ name }: SourceTensor): string => name.replace(/\.weight$/, '');

// ---- identity of a base ----------------------------------------------------

/** Tells weights apart by 32 bits (FNV-1a over words): a guard against mistakes. */
function weightDigest(): { add(values: Float32Array): void; hex(): string } {
  let hash = 0x811c9dc5;
  return {
    add(values) {
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x01000193);
    },
    hex: () => (hash >>> 0).toString(16).padStart(8, '0'),
  };
}

/** What an adapter knows its base by: a digest of the encoder's weights, the LM head left out. */
export async function baseDigest(
  config: EncoderConfig,
  read: (name: string) => Promise<Float32Array>,
): Promise<string> {
  const digest = weightDigest();
  for (const name of encoderParameters(config).keys()) if (isEncoder(name)) digest.add(await read(name));
  return digest.hex();
}

// ---- writing ---------------------------------------------------------------

export interface LoraToWrite {
  readonly config: EncoderConfig;
  readonly lora: LoraSizes;
  readonly base: LoraBase;
  /** The values of A or B under this project's name. */
  readonly read: (name: string) => Promise<Float32Array>;
}

/** The layout of the modules that PEFT finds: transformers' classes have the ports' names, or LLaMA's. */
const peftLayout = ({ model }: EncoderConfig): Layout =>
  model === 'ssr-lm' ? WRITTEN_LAYOUTS[model].llama : WRITTEN_LAYOUTS[model].port;

/** The stored modules of each adapted layer, with the rows of its matrix that each is. */
function adaptedModules(config: EncoderConfig, lora: LoraSizes): { layer: string; source: SourceTensor }[] {
  const layers = new Set(loraLayers(config, lora));
  return encoderMappings(config, peftLayout(config)).flatMap(({ parameter, sources }) => {
    const layer = parameter.replace(/\.weight$/, '');
    return layers.has(layer) && layer !== parameter ? sources.map((source) => ({ layer, source })) : [];
  });
}

/**
 * The text of `adapter_config.json`: PEFT's LoraConfig, with the modules as an expression that names them in every
 * block.
 */
export function loraConfigJson({ config, lora, base }: Omit<LoraToWrite, 'read'>): string {
  const modules = adaptedModules(config, lora)
    .filter(({ layer }) => blockOf(layer) === 0)
    .map(({ source }) => moduleOf(source).replace(/^.*?\.0\./, ''));
  return `${JSON.stringify(
    {
      peft_type: 'LORA',
      task_type: null,
      [BASE]: base.name,
      r: lora.rank,
      lora_alpha: lora.alpha,
      lora_dropout: 0,
      target_modules: `.*\\.\\d+\\.(${modules.map((name) => name.replaceAll('.', '\\.')).join('|')})`,
      bias: 'none',
      fan_in_fan_out: false,
      init_lora_weights: true,
      inference_mode: true,
      modules_to_save: null,
      use_rslora: false,
      use_dora: false,
      rank_pattern: {},
      alpha_pattern: {},
    },
    null,
    2,
  )}\n`;
}

/** Writes `adapter_model.safetensors`. */
export async function writeLora(sink: ByteSink, { config, lora, base, read }: LoraToWrite): Promise<void> {
  const entries = adaptedModules(config, lora).flatMap(({ layer, source }): TensorEntry[] => {
    const [{ a, b }, [first, count], inner] = [loraNames(layer), source.rows, source.shape[1]!];
    const name = PEFT_PREFIX + moduleOf(source);
    return [
      { name: `${name}.lora_A.weight`, dtype: 'F32', shape: [lora.rank, inner], data: () => read(a) },
      {
        name: `${name}.lora_B.weight`,
        dtype: 'F32',
        shape: [count, lora.rank],
        data: async () => (await read(b)).subarray(first * lora.rank, (first + count) * lora.rank),
      },
    ];
  });
  await writeSafetensors(sink, entries, new Map([['format', 'pt'], ...baseMetadata(base)]));
}

export interface LoraHead {
  readonly task: TaskHead;
  readonly dim: number;
  readonly scalars: ReadonlyMap<string, number>;
  readonly base: LoraBase;
  readonly read: (name: string) => Promise<Float32Array>;
}

/** Writes `head.safetensors`: the head under this project's names, its sizes and scalars as metadata. */
export async function writeLoraHead(sink: ByteSink, { task, dim, scalars, base, read }: LoraHead): Promise<void> {
  const entries = headMappings(task, dim, 'own').map(({ parameter, shape }): TensorEntry => ({
    name: parameter,
    dtype: 'F32',
    shape,
    data: () => read(parameter),
  }));
  const numbers = [...scalars].map(([name, value]) => [name, String(value)] as const);
  await writeSafetensors(
    sink,
    entries,
    new Map([['format', 'pt'], ...baseMetadata(base), [HEAD_METADATA, JSON.stringify(headConfig(task))], ...numbers]),
  );
}

const baseMetadata = ({ name, digest }: LoraBase): [string, string][] => [
  [BASE, name],
  ...(digest === undefined ? [] : [[BASE_DIGEST, digest] as [string, string]]),
];

// ---- reading ---------------------------------------------------------------

/** An adapter's files as they were opened; at least one of `lora` and `head`. */
export interface LoraParts {
  /** Folder of the adapter, for messages. */
  readonly name: string;
  readonly lora?: { readonly config: PeftConfig; readonly weights: TensorFile };
  readonly head?: TensorFile;
}

const peftConfig = z.looseObject({
  peft_type: z.literal('LORA'),
  [BASE]: z.string().nullish(),
  lora_alpha: z.number().positive(),
  // What would change the sum in a way that is not read here.
  bias: z.literal('none').optional(),
  fan_in_fan_out: z.literal(false).optional(),
  use_rslora: z.literal(false).optional(),
  use_dora: z.literal(false).optional(),
  lora_bias: z.literal(false).optional(),
  alpha_pattern: z.strictObject({}).nullish(),
});
export type PeftConfig = z.infer<typeof peftConfig>;

/**
 * Reads `adapter_config.json`. Throws a CheckpointError for another method than LoRA, or a form of it that is not read.
 */
export function parsePeftConfig(json: string, file: string): PeftConfig {
  let fields: unknown;
  const other = standIn(json);
  if (other !== undefined) throw new CheckpointError(file, other);
  try {
    fields = JSON.parse(json);
  } catch (cause) {
    throw new CheckpointError(file, `not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const result = peftConfig.safeParse(fields);
  if (!result.success) {
    const given = fields as Record<string, unknown>;
    const shown = (key: string): string => {
      if (!Object.hasOwn(given, key)) return 'missing';
      const value = given[key];
      return typeof value === 'object' && value !== null ? 'a list or a group' : JSON.stringify(value).slice(0, 60);
    };
    const problems = result.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `"${String(path[0])}" is ${shown(String(path[0]))}`,
    );
    throw new CheckpointError(
      file,
      `not a plain LoRA adapter: ${problems.join(', ')}. Merge it into its base in Python: model.merge_and_unload().save_pretrained("merged")`,
    );
  }
  return result.data;
}

/** The base that an adapter names. Throws a CheckpointError where it names none. */
export function loraBase({ name, lora, head }: LoraParts): LoraBase {
  const metadata = (key: string): string | undefined => lora?.weights.metadata.get(key) ?? head?.metadata.get(key);
  const base = lora?.config[BASE] ?? metadata(BASE);
  if (base === undefined)
    throw new CheckpointError(name, `an adapter that names no base model; put "${BASE}" into ${LORA_CONFIG_FILE}`);
  const digest = metadata(BASE_DIGEST);
  return { name: base, ...(digest !== undefined && { digest }) };
}

/**
 * The merged model of an adapter and its base. A head of the adapter takes the place of the base's.
 * @throws CheckpointError listing every tensor that does not fit the base; from `parameters` also at the end if the
 *   base has other weights than the adapter was trained on.
 */
export async function openLora(
  base: OpenedModel,
  parts: LoraParts,
  heads: readonly Head[] = HEADS,
): Promise<OpenedModel> {
  const { name: asked, digest: expected } = loraBase(parts);
  const terms =
    parts.lora === undefined
      ? new Map<string, HostLowRank[]>()
      : await readLowRank(base.config, parts.lora.weights, parts.lora.config.lora_alpha);
  const head = parts.head && openHead(base, parts.head, heads);
  const isReplaced = (name: string): boolean => head !== undefined && isTaskHead(name);
  const shapes = new Map([
    ...[...base.shapes].filter(([name]) => !isReplaced(name)),
    ...[...(head?.tensors ?? [])].map(([name, { shape }]) => [name, shape] as const),
  ]);
  const { task: baseTask, ...rest } = base;
  const task = head?.task ?? baseTask;

  async function* parameters(maxBytes = CHUNK_BYTES): AsyncGenerator<ParameterChunk, void, undefined> {
    const digest = weightDigest();
    for await (const chunk of base.parameters(maxBytes)) {
      if (isEncoder(chunk.name)) digest.add(chunk.data);
      if (!isReplaced(chunk.name)) yield merged(chunk, terms.get(chunk.name));
    }
    if (expected !== undefined && digest.hex() !== expected) {
      throw new CheckpointError(
        parts.name,
        `was trained on other weights than those of its base "${asked}" (digest ${digest.hex()}, expected ${expected}); give it the base that it was trained on`,
      );
    }
    for (const [name, { shape, tensor }] of head?.tensors ?? []) {
      for await (const { offset, data } of readFloat32Chunks(tensor, maxBytes))
        yield { name, shape, offset, data: finite(tensor, data) };
    }
  }
  return {
    ...rest,
    ...(task && { task }),
    shapes,
    parameters,
    scalars: head?.scalars ?? base.scalars,
    async read(name) {
      const own = head?.tensors.get(name);
      if (own !== undefined) return finite(own.tensor, await readFloat32(own.tensor));
      return merged(
        { name, shape: base.shapes.get(name) ?? [], offset: 0, data: await base.read(name) },
        terms.get(name),
      ).data;
    },
  };
}

/** A chunk with its matrix's low-rank terms in it. */
function merged(chunk: ParameterChunk, terms: readonly HostLowRank[] | undefined): ParameterChunk {
  if (terms === undefined) return chunk;
  const data = chunk.data.slice();
  addLowRank(data, chunk.offset, chunk.shape[1]!, terms);
  return { ...chunk, data };
}

/**
 * Every naming under which PEFT may have found the encoder: the port's and LLaMA's with their prefixes, the official
 * one.
 */
const LAYOUTS: Readonly<Record<EncoderConfig['model'], readonly Layout[]>> = {
  rinalmo: [
    ...['model.', 'rinalmo.', ''].map((prefix) => ({ ...WRITTEN_LAYOUTS.rinalmo.port, prefix })),
    ...['', 'lm.', 'rinalmo.'].flatMap((prefix) =>
      [false, true].map((splitQkv) => ({ ...WRITTEN_LAYOUTS.rinalmo.official, prefix, splitQkv })),
    ),
  ],
  'ssr-lm': ['model.', ''].map((prefix) => ({ ...WRITTEN_LAYOUTS['ssr-lm'].llama, prefix })),
  'rna-fm': [
    ...['model.', 'rnafm.', ''].map((prefix) => ({ ...WRITTEN_LAYOUTS['rna-fm'].port, prefix })),
    ...['', 'encoder.', 'encoder.encoder.'].map((prefix) => ({ ...WRITTEN_LAYOUTS['rna-fm'].official, prefix })),
  ],
};

/** The low-rank terms in a file by the parameter that they are added to, each in the rows of its stored module. */
async function readLowRank(
  config: EncoderConfig,
  file: TensorFile,
  alpha: number,
): Promise<Map<string, HostLowRank[]>> {
  const attempts = LAYOUTS[config.model].map((layout) => matchModules(config, file, layout));
  const best = attempts.reduce((a, b) => (b.unexpected.length < a.unexpected.length ? b : a));
  const problems = [...best.unexpected.map((name) => `unexpected "${name}"`)];
  for (const { name, a, b, shape } of best.modules) {
    const rank = a?.shape[0] ?? 0;
    const fits =
      a !== undefined &&
      b !== undefined &&
      rank > 0 &&
      sameShape(a.shape, [rank, shape[1]!]) &&
      sameShape(b.shape, [shape[0]!, rank]);
    if (!fits)
      problems.push(`"${name}": A ${describe(a)} and B ${describe(b)} do not fit a matrix [${shape.join(', ')}]`);
  }
  if (problems.length > 0)
    throw new CheckpointError(
      file.name,
      `is no adapter of a ${config.model} encoder of these sizes:\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
  const terms = new Map<string, HostLowRank[]>();
  for (const { parameter, firstRow, a, b } of best.modules) {
    const [lowA, lowB, rank] = [finite(a!, await readFloat32(a!)), finite(b!, await readFloat32(b!)), a!.shape[0]!];
    terms.set(parameter, [...(terms.get(parameter) ?? []), { firstRow, a: lowA, b: lowB, rank, factor: alpha / rank }]);
  }
  return terms;
}

/** The modules of which a file has A or B under a layout, and the names that are of none. */
function matchModules(config: EncoderConfig, { tensors }: TensorFile, layout: Layout) {
  const used = new Set<string>();
  const stored = encoderMappings(config, layout).filter(
    ({ parameter, shape }) => blockOf(parameter) !== undefined && shape.length === 2,
  );
  const modules = stored.flatMap(({ parameter, sources }) =>
    sources.flatMap((source) => {
      const name = PEFT_PREFIX + moduleOf(source);
      const [keyA, keyB] = [`${name}.lora_A.weight`, `${name}.lora_B.weight`];
      const [a, b] = [tensors.get(keyA), tensors.get(keyB)];
      if (a === undefined && b === undefined) return [];
      used.add(keyA).add(keyB);
      return [{ parameter, name, firstRow: source.rows[0], shape: source.shape, a, b }];
    }),
  );
  return { modules, unexpected: [...tensors.keys()].filter((name) => !used.has(name)) };
}

interface OpenedHead {
  readonly task: TaskHead;
  readonly tensors: ReadonlyMap<string, { readonly shape: Shape; readonly tensor: StoredTensor }>;
  readonly scalars: ReadonlyMap<string, number>;
}

function openHead({ config: { dim }, layout }: OpenedModel, file: TensorFile, heads: readonly Head[]): OpenedHead {
  const found = findHead(file, dim, heads, layout.scheme);
  if (found === undefined)
    throw new CheckpointError(file.name, `holds no head: its metadata has no "${HEAD_METADATA}"`);
  const mappings = headMappings(found.task, dim, found.naming).map(({ parameter, shape, sources }) => ({
    parameter,
    shape,
    name: sources[0]!.name,
  }));
  const problems = mappings.flatMap(({ name, shape }) => {
    const tensor = file.tensors.get(name);
    return tensor !== undefined && sameShape(tensor.shape, shape)
      ? []
      : [`"${name}" [${shape.join(', ')}] is ${tensor === undefined ? 'missing' : describe(tensor)}`];
  });
  const known = new Set(mappings.map(({ name }) => name));
  problems.push(...[...file.tensors.keys()].filter((name) => !known.has(name)).map((name) => `unexpected "${name}"`));
  if (problems.length > 0)
    throw new CheckpointError(
      file.name,
      `is no ${found.task.head.name} head for an encoder of width ${dim}:\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
  return {
    task: found.task,
    tensors: new Map(
      mappings.map(({ parameter, shape, name }) => [parameter, { shape, tensor: file.tensors.get(name)! }]),
    ),
    scalars: metadataScalars(file, heads),
  };
}

const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((extent, axis) => extent === b[axis]);

const describe = (tensor: StoredTensor | undefined): string =>
  tensor === undefined ? 'missing' : `[${tensor.shape.join(', ')}]`;

function finite(tensor: StoredTensor, values: Float32Array): Float32Array {
  if (!values.every(Number.isFinite))
    throw new CheckpointError(
      tensor.file,
      `tensor "${tensor.name}" has values that are not finite: the file is damaged or its training diverged`,
    );
  return values;
}
