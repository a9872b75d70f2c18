/**
 * What a file is, by the names of its tensors alone: without the wrappers of its
 * training, under which naming scheme, with which head, and what of it nobody
 * needs. What the names mean is names.ts's.
 */
import * as z from 'zod';
import type { HeadConfig } from '../config.ts';
import { scalarNames, taskHead, type Head, type TaskHead } from '../heads/head.ts';
import { CheckpointError } from '../errors.ts';
import {
  headMappings,
  storedHeadName,
  writtenHeadNaming,
  type HeadNaming,
  type Layout,
  type ModelKind,
  type Scheme,
} from './names.ts';
import type { TensorFile } from './tensorFile.ts';

// What wraps a module for training on several devices, or compiles it, becomes a part of every name below it.
const WRAPPERS: ReadonlySet<string> = new Set([
  'module', // DataParallel, DistributedDataParallel, DeepSpeed
  '_orig_mod', // torch.compile
  '_forward_module', // Lightning Fabric
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
  'sentence_encoder', // fairseq's models of RoBERTa's kind, beside their LM head
]);

/** Names that the ports' LM head had in their first releases. */
const FORMER_LM_HEAD = /^pretrain\.predictions\./;

const withoutWrappers = (name: string): string =>
  name
    .split('.')
    .filter((part) => !WRAPPERS.has(part))
    .join('.')
    .replace(FORMER_LM_HEAD, 'lm_head.');

/**
 * A file under the names that its model has without the wrappers of its training, such as `module.` and `_orig_mod.`;
 * if no encoder is seen then and all names begin with the same attribute of a training script, without that either.
 * @throws CheckpointError if two tensors have one name then.
 */
export function unwrapped(file: TensorFile): TensorFile {
  const plain = renamed(file, withoutWrappers);
  if (layoutsOf(plain).length > 0) return plain;
  const [first = ''] = plain.tensors.keys();
  const attribute = first.slice(0, first.indexOf('.') + 1);
  if (attribute === '' || ![...plain.tensors.keys()].every((name) => name.startsWith(attribute))) return plain;
  const inner = renamed(plain, (name) => (name.startsWith(attribute) ? name.slice(attribute.length) : name));
  return layoutsOf(inner).length > 0 ? inner : plain;
}

function renamed(file: TensorFile, rename: (name: string) => string): TensorFile {
  const of = <T>(named: ReadonlyMap<string, T>): Map<string, T> => {
    const result = new Map<string, T>();
    for (const [name, value] of named) {
      const short = rename(name);
      if (result.has(short)) {
        throw new CheckpointError(
          file.name,
          `"${name}" and another tensor are both "${short}" without their wrappers' names`,
        );
      }
      result.set(short, value);
    }
    return result;
  };
  return { ...file, tensors: of(file.tensors), scalars: of(file.scalars) };
}

// The embedding's name is enough to tell the schemes and their prefixes apart, but for the two ports: there the
// learned positions do.
const SIGNATURES: readonly {
  model: ModelKind;
  scheme: Scheme;
  prefixes: readonly string[];
  embedding: string;
  positions?: string;
}[] = [
  { model: 'rinalmo', scheme: 'official', prefixes: ['', 'lm.', 'rinalmo.'], embedding: 'embedding.weight' },
  {
    model: 'rinalmo',
    scheme: 'port',
    prefixes: ['model.', 'rinalmo.', ''],
    embedding: 'embeddings.word_embeddings.weight',
  },
  {
    model: 'rna-fm',
    scheme: 'port',
    prefixes: ['model.', 'rnafm.', ''],
    embedding: 'embeddings.word_embeddings.weight',
    positions: 'embeddings.position_embeddings.weight',
  },
  { model: 'ssr-lm', scheme: 'llama', prefixes: ['model.'], embedding: 'embed_tokens.weight' },
  {
    model: 'rna-fm',
    scheme: 'official',
    prefixes: ['', 'encoder.encoder.', 'encoder.', 'backbone.'],
    embedding: 'embed_tokens.weight',
    positions: 'embed_positions.weight',
  },
];

const candidates = SIGNATURES.flatMap(({ model, scheme, prefixes, embedding, positions }) =>
  prefixes.map((prefix) => ({
    model,
    scheme,
    prefix,
    embedding: prefix + embedding,
    positions: positions === undefined ? undefined : prefix + positions,
  })),
);

/** The models whose embedding is there; of two that have it under one name, the one whose positions are there too. */
function layoutsOf({ tensors }: TensorFile): typeof candidates {
  const found = candidates.filter(({ embedding }) => tensors.has(embedding));
  const isLearned = (embedding: string): boolean =>
    found.some((each) => each.embedding === embedding && each.positions !== undefined && tensors.has(each.positions));
  return found.filter(({ embedding, positions }) =>
    positions === undefined
      ? !isLearned(embedding)
      : tensors.has(positions) || !found.some((each) => each.embedding === embedding && each.positions === undefined),
  );
}

const VOCABULARIES: Readonly<Record<ModelKind, Partial<Record<Scheme, readonly number[]>>>> = {
  rinalmo: { official: [22], port: [28, 26] },
  'ssr-lm': { llama: [22] },
  'rna-fm': { official: [25], port: [28, 26] },
};

/** Rows of mRNA-FM's table under either names: its tokens are codons. */
const CODON_ROWS: readonly (number | undefined)[] = [73, 131];

/**
 * The naming scheme that a file follows.
 * @throws CheckpointError if no embedding is found, there are several, or it has an unknown number of rows.
 */
export function detectLayout(file: TensorFile): Layout {
  const found = layoutsOf(file);
  const [first] = found;
  if (first === undefined) {
    const some = [...file.tensors.keys()]
      .slice(0, 5)
      .map((name) => `"${name}"`)
      .join(', ');
    throw new CheckpointError(
      file.name,
      `no token embedding found; expected one of ${[...new Set(candidates.map(({ embedding }) => `"${embedding}"`))].join(', ')}, ` +
        `the file has ${file.tensors.size === 0 ? 'no tensors' : `${some} …`}`,
    );
  }
  if (found.length > 1) {
    throw new CheckpointError(
      file.name,
      `several models in one file (${found.map(({ embedding }) => `"${embedding}"`).join(', ')}): save one of them alone`,
    );
  }
  const { model, scheme, prefix, embedding } = first;
  const rows = file.tensors.get(embedding)!.shape[0];
  if (model === 'rna-fm' && CODON_ROWS.includes(rows)) {
    throw new CheckpointError(
      file.name,
      `tensor "${embedding}" has ${rows} rows: this is mRNA-FM, which reads codons; models of single nucleotides are read`,
    );
  }
  const allowed = VOCABULARIES[model][scheme]!;
  if (rows === undefined || !allowed.includes(rows)) {
    throw new CheckpointError(
      file.name,
      `tensor "${embedding}" has ${rows ?? 'no'} rows; a vocabulary of ${allowed.join(' or ')} tokens is expected`,
    );
  }
  const splitQkv = file.tensors.has(`${prefix}transformer.blocks.0.mh_attn.mh_attn.to_q.weight`);
  return { model, scheme, prefix, vocabularySize: rows, splitQkv };
}

/** Where RhoFold keeps its language model, which is RNA-FM. */
export const RHOFOLD_LM_PREFIX = 'msa_embedder.rna_fm.';

/** The language model of a RhoFold file alone, under the names that it has by itself; undefined for any other file. */
export function rhoFoldLanguageModel(file: TensorFile): TensorFile | undefined {
  const own = [...file.tensors].filter(([name]) => name.startsWith(RHOFOLD_LM_PREFIX));
  if (own.length === 0) return undefined;
  const tensors = new Map(own.map(([name, tensor]) => [name.slice(RHOFOLD_LM_PREFIX.length), tensor]));
  return { ...file, tensors, scalars: new Map() };
}

export interface FoundHead {
  readonly task: TaskHead;
  readonly naming: HeadNaming;
}

/** Key of a file's metadata that names its head, as `task_head` of config.json does. */
export const HEAD_METADATA = 'task_head';

/**
 * The head of a file: the one that its config or its metadata names, or one that its tensors show, with sizes read
 * off them; undefined if it has none. Throws a CheckpointError where the named one is unknown or cannot be.
 */
export function findHead(
  file: TensorFile,
  dim: number,
  heads: readonly Head[],
  scheme: Scheme,
  config?: HeadConfig,
): FoundHead | undefined {
  const named = config ?? metadataHead(file);
  const namings = ({ names }: Head): HeadNaming[] => [
    ...(names ? ['official' as const] : []),
    ...(names?.port ? ['port' as const] : []),
    'own',
  ];
  if (named !== undefined) {
    const task = taskHead(named, heads, file.name);
    const isUsed = (naming: HeadNaming): boolean =>
      headMappings(task, dim, naming).some(({ sources }) => sources.some(({ name }) => file.tensors.has(name)));
    return { task, naming: namings(task.head).find(isUsed) ?? writtenHeadNaming(task.head, scheme) };
  }
  for (const head of heads) {
    for (const naming of namings(head)) {
      const sizes = head.sizesOf?.((name) => file.tensors.get(storedHeadName(head, naming, name))?.shape, dim);
      if (sizes !== undefined) return { task: { head, sizes }, naming };
    }
  }
  return undefined;
}

const headMetadata = z.strictObject({ task: z.string(), sizes: z.record(z.string(), z.unknown()) });

function metadataHead({ name, metadata }: TensorFile): HeadConfig | undefined {
  const text = metadata.get(HEAD_METADATA);
  if (text === undefined) return undefined;
  try {
    return headMetadata.parse(JSON.parse(text));
  } catch (cause) {
    throw new CheckpointError(name, `its metadata "${HEAD_METADATA}" is not a task and its sizes: ${text}`, { cause });
  }
}

/** The head of contacts that RNA-FM's files have, which nobody trained, under its official and its ports' names. */
const CONTACT_HEAD = /^(?:ss_head\.decoder|(?:pretrain\.)?contact_head\.(?:regression|decoder))\.(?:weight|bias)$/;

/** Whether a tensor is of RNA-FM's head of contacts: a weight for each head of each block [1, layers · heads], a bias. */
export function isContactHead(name: string, { model, scheme, prefix }: Layout): boolean {
  const own = scheme === 'official' && name.startsWith(prefix) ? name.slice(prefix.length) : name;
  return model === 'rna-fm' && CONTACT_HEAD.test(own);
}

/** Tensors that carry nothing an encoder needs: RoPE's tables, the ports' untrained pooler, RNA-FM's untrained head. */
export function isIgnored(name: string, layout: Layout): boolean {
  const { scheme, prefix } = layout;
  if (/(?:^|\.)inv_freq$/.test(name) || isContactHead(name, layout)) return true;
  return scheme === 'port' && (name === `${prefix}pooler.dense.weight` || name === `${prefix}pooler.dense.bias`);
}

/**
 * The numbers in a file's metadata, under whatever name a head keeps them. Throws a CheckpointError for a known one
 * that is none.
 */
export function metadataScalars(
  { name: file, metadata }: Pick<TensorFile, 'name' | 'metadata'>,
  heads: readonly Head[],
): Map<string, number> {
  const known = scalarNames(heads);
  const numbers = [...metadata]
    .map(([name, text]) => [name, text.trim() === '' ? NaN : Number(text)] as const)
    .filter(([name, value]) => {
      if (known.has(name) && !Number.isFinite(value))
        throw new CheckpointError(file, `"${name}" is ${metadata.get(name)}; expected a finite number`);
      return Number.isFinite(value);
    });
  return new Map(numbers);
}

/** Prefix of a task head's tensors that is known but has no counterpart here. */
export function foreignHead(name: string): string | undefined {
  return /^(?:pred_head|ss_head|sequence_head|token_head|contact_head)\./.exec(name)?.[0];
}
