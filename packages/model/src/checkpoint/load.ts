/**
 * From a file of tensors to a model's parameters: finds the naming scheme,
 * checks that every parameter is there in the right shape and that nothing is
 * left over, then streams the values in bounded chunks under this project's
 * names. Creating GPU tensors from them is the encoder's part.
 */
import {
  elementCount,
  PRESETS,
  type EncoderConfig,
  type ModelConfig,
  type ParameterShapes,
  type Shape,
} from '../config.ts';
import { scalarNames, type Head, type TaskHead } from '../heads/head.ts';
import { HEADS } from '../heads/index.ts';
import { CheckpointError } from '../errors.ts';
import { encoderMappings, headMappings, type Layout, type ParameterMapping, type SourceTensor } from './names.ts';
import {
  detectLayout,
  findHead,
  foreignHead,
  isContactHead,
  isIgnored,
  metadataScalars,
  rhoFoldLanguageModel,
  unwrapped,
} from './layout.ts';
import { CHUNK_BYTES, readFloat32, readFloat32Chunks, type StoredTensor, type TensorFile } from './tensorFile.ts';
import { isLmHead } from '../parameterGroups.ts';
import { LIMITS } from './limits.ts';

export interface ParameterChunk {
  readonly name: string;
  /** Shape of the whole parameter. */
  readonly shape: Shape;
  /** Index of the chunk's first element in the row-major parameter. */
  readonly offset: number;
  readonly data: Float32Array;
}

export interface OpenedModel {
  readonly config: EncoderConfig;
  readonly layout: Layout;
  /** False for a bare encoder: such a file gives representations but no logits. */
  readonly lmHead: boolean;
  /** The head that the file holds, of whatever task. */
  readonly task?: TaskHead;
  /** Names and shapes of what `parameters()` yields, in its order. */
  readonly shapes: ParameterShapes;
  readonly scalars: ReadonlyMap<string, number>;
  /** What a person should know, such as tensors of a task head that is not read. */
  readonly warnings: readonly string[];
  /** Every parameter in chunks of at most `maxBytes` (default 16 MiB); a parameter's chunks follow each other. */
  readonly parameters: (maxBytes?: number) => AsyncGenerator<ParameterChunk, void, undefined>;
  /** One whole parameter. */
  readonly read: (name: string) => Promise<Float32Array>;
}

/**
 * Fits a file to a model. Without a config the sizes must be those of a preset. A head is one of `heads`: the one that
 * the config or the file's metadata names, else the one that the tensors' names and shapes show.
 * @throws CheckpointError listing every missing, unexpected and misshapen tensor at once;
 *   from `parameters` and `read` also for a weight that is not a finite number.
 */
export async function openModel(
  file: TensorFile,
  config?: ModelConfig,
  heads: readonly Head[] = HEADS,
): Promise<OpenedModel> {
  const plain = unwrapped(file);
  const ofRhoFold = rhoFoldLanguageModel(plain);
  const tensors = ofRhoFold ?? plain;
  const layout = detectLayout(tensors);
  const { head: named, ...sizes }: ModelConfig = config ?? inferConfig(tensors, layout, heads);
  const fitted: EncoderConfig = sizes;
  if (fitted.model !== layout.model) {
    throw new CheckpointError(tensors.name, `holds a ${layout.model} encoder, but the config is for ${fitted.model}`);
  }
  const encoder = encoderMappings(fitted, layout);
  const isPresent = ({ sources }: ParameterMapping): boolean =>
    sources.some((source) => find(source, tensors) !== undefined);
  const lmHead = encoder.some((mapping) => isLmHead(mapping.parameter) && isPresent(mapping));
  const found = findHead(tensors, fitted.dim, heads, layout.scheme, named);
  const ofHead = found ? headMappings(found.task, fitted.dim, found.naming) : [];
  const mappings = [...(lmHead ? encoder : encoder.filter(({ parameter }) => !isLmHead(parameter))), ...ofHead];

  const headPrefix = ofHead[0]?.sources[0]?.name.replace(/\..*/, '.');
  const { problems, foreign } = compare(tensors, mappings, layout, heads, headPrefix);
  problems.push(...(await contradictions(tensors, mappings)));
  if (problems.length > 0) {
    throw new CheckpointError(
      tensors.name,
      `does not fit ${describeConfig(fitted)} under the ${layout.scheme} names:\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
  }
  const warnings = foreign.map(
    (prefix) => `${tensors.name}: the task head "${prefix}*" is not read; only the encoder is used`,
  );
  if (ofRhoFold !== undefined) warnings.push(`${tensors.name}: only the language model of this RhoFold file is used`);
  if (fitted.model === 'rinalmo') warnings.push(...(await checkTables(tensors, fitted.dim, mappings)));

  const byName = new Map(mappings.map((mapping) => [mapping.parameter, mapping]));
  return {
    config: fitted,
    layout,
    lmHead,
    warnings,
    ...(found && { task: found.task }),
    shapes: new Map(mappings.map(({ parameter, shape }) => [parameter, shape])),
    scalars: await readScalars(tensors, heads),
    async *parameters(maxBytes = CHUNK_BYTES) {
      for (const mapping of mappings) yield* readParameter(tensors, mapping, maxBytes);
    },
    async read(name) {
      const mapping = byName.get(name);
      if (mapping === undefined) throw new CheckpointError(tensors.name, `has no parameter "${name}"`);
      return readWhole(tensors, mapping);
    },
  };
}

const describeConfig = ({ model, dim, layers, heads, ffnDim }: EncoderConfig): string =>
  `${model} (dim ${dim}, ${layers} layers, ${heads} heads, feed-forward ${ffnDim})`;

/**
 * The preset whose every encoder tensor has the file's shape: sizes alone do not tell the number of heads. RNA-FM's
 * files have a head of contacts that does.
 */
function inferConfig(tensors: TensorFile, layout: Layout, heads: readonly Head[]): EncoderConfig {
  const { model } = layout;
  const shown = model === 'rna-fm' ? shownConfig(tensors, layout) : undefined;
  if (shown !== undefined) return shown;
  for (const preset of Object.values(PRESETS)) {
    if (preset.model !== model) continue;
    const mappings = encoderMappings(preset, layout).filter(({ parameter }) => !isLmHead(parameter));
    const fits = mappings.every(({ sources }) =>
      sources.every((source) => {
        const stored = find(source, tensors);
        return stored !== undefined && sameShape(stored.shape, source.shape);
      }),
    );
    // More layers than the preset has would be left over, and are counted here.
    const { unexpected } = leftOver(tensors, encoderMappings(preset, layout), layout, heads);
    if (fits && unexpected.length === 0) return preset;
  }
  throw new CheckpointError(
    tensors.name,
    `its tensors have the sizes of no published ${model} model, and the number of heads cannot be read off them: ` +
      'put the config.json beside the file',
    { lacks: 'config' },
  );
}

/** RNA-FM's sizes as its tensors show them; undefined where the head of contacts is not there, or fits no encoder. */
function shownConfig({ tensors }: TensorFile, layout: Layout): EncoderConfig | undefined {
  const preset: EncoderConfig = PRESETS['rna-fm'];
  const [block] = encoderMappings({ ...preset, layers: 1 }, layout).flatMap(({ parameter, sources }) =>
    parameter === 'blocks.0.feedForward.up.weight' ? sources : [],
  );
  const shapeOf = (parameter: string): Shape =>
    encoderMappings(preset, layout).flatMap((mapping) =>
      mapping.parameter === parameter ? (find(mapping.sources[0]!, { tensors }) ?? { shape: [] }).shape : [],
    );
  const blockName = (index: number): string => block!.name.replace(/\.0\./, `.${index}.`);
  let layers = 0;
  while (layers < LIMITS.layers && tensors.has(blockName(layers))) layers++;
  const [contacts] = [...tensors].flatMap(([name, { shape }]) =>
    isContactHead(name, layout) && shape.length === 2 ? [shape[1]!] : [],
  );
  const [ffnDim = 0, dim = 0] = shapeOf('blocks.0.feedForward.up.weight');
  const [rows = 0] = shapeOf('embedding.positions.weight');
  const heads = (contacts ?? NaN) / layers;
  if (!Number.isInteger(heads) || heads < 1 || dim % (2 * heads) !== 0 || rows < 3 || ffnDim < 1) return undefined;
  const norm = shapeOf('embedding.norm.weight').length > 0;
  return { ...preset, dim, layers, heads, kvHeads: heads, ffnDim, learned: { ...preset.learned!, rows, norm } };
}

const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((extent, axis) => extent === b[axis]);

function find(source: SourceTensor, { tensors }: Pick<TensorFile, 'tensors'>): StoredTensor | undefined {
  for (const name of [source.name, ...source.aliases]) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) return tensor;
  }
  return undefined;
}

function compare(
  file: TensorFile,
  mappings: readonly ParameterMapping[],
  layout: Layout,
  heads: readonly Head[],
  headPrefix: string | undefined,
): { problems: string[]; foreign: string[] } {
  const problems: string[] = [];
  for (const { sources } of mappings) {
    for (const source of sources) {
      const names = [source.name, ...source.aliases].filter((name) => file.tensors.has(name));
      if (names.length === 0) problems.push(`missing "${source.name}" [${source.shape.join(', ')}]`);
      for (const name of names) {
        const { shape } = file.tensors.get(name)!;
        if (!sameShape(shape, source.shape)) {
          problems.push(`misshapen "${name}": [${shape.join(', ')}], expected [${source.shape.join(', ')}]`);
        }
      }
    }
  }
  const { unexpected, foreign } = leftOver(file, mappings, layout, heads, headPrefix);
  problems.push(
    ...unexpected.map((name) => `unexpected "${name}" [${file.tensors.get(name)?.shape.join(', ') ?? 'a number'}]`),
  );
  return { problems, foreign };
}

/**
 * Names that no parameter uses: those that nothing explains, and the prefixes of task heads without a counterpart here.
 */
function leftOver(
  file: TensorFile,
  mappings: readonly ParameterMapping[],
  layout: Layout,
  heads: readonly Head[],
  headPrefix?: string,
): { unexpected: string[]; foreign: string[] } {
  const used = scalarNames(heads);
  for (const { sources } of mappings) {
    for (const { name, aliases } of sources) for (const each of [name, ...aliases]) used.add(each);
  }
  const unexpected: string[] = [];
  const foreign = new Set<string>();
  for (const name of [...file.tensors.keys(), ...file.scalars.keys()]) {
    if (used.has(name) || isIgnored(name, layout)) continue;
    const prefix = foreignHead(name);
    if (prefix === undefined || prefix === headPrefix) unexpected.push(name);
    else foreign.add(prefix);
  }
  return { unexpected, foreign: [...foreign] };
}

/** A tensor stored under two names must be the same under both. */
async function contradictions(file: TensorFile, mappings: readonly ParameterMapping[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, aliases } of mappings.flatMap(({ sources }) => sources)) {
    const [first, ...others] = [name, ...aliases].flatMap((each) => file.tensors.get(each) ?? []);
    if (first === undefined || others.length === 0) continue;
    const expected = await readFloat32(first);
    for (const other of others) {
      const values = await readFloat32(other);
      if (values.length === expected.length && values.every((value, i) => Object.is(value, expected[i]))) continue;
      problems.push(`"${first.name}" and "${other.name}" differ, though they are one tensor`);
    }
  }
  return problems;
}

async function readScalars(file: TensorFile, heads: readonly Head[]): Promise<Map<string, number>> {
  const scalars = new Map([...file.scalars, ...metadataScalars(file, heads)]);
  for (const name of scalarNames(heads)) {
    const tensor = file.tensors.get(name);
    if (tensor !== undefined) {
      if (elementCount(tensor.shape) !== 1) {
        throw new CheckpointError(file.name, `tensor "${name}" is [${tensor.shape.join(', ')}]; expected one number`);
      }
      const bytes = await tensor.read(0, tensor.byteLength);
      // A threshold saved as a double must not be rounded to float32.
      const isDouble = tensor.dtype === 'F64';
      scalars.set(
        name,
        isDouble ? new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true) : (await readFloat32(tensor))[0]!,
      );
    }
  }
  for (const [name, value] of scalars) {
    if (!Number.isFinite(value))
      throw new CheckpointError(file.name, `"${name}" is ${value}; expected a finite number`);
  }
  return scalars;
}

async function* readParameter(
  file: TensorFile,
  mapping: ParameterMapping,
  maxBytes: number,
): AsyncGenerator<ParameterChunk, void, undefined> {
  const { parameter: name, shape, sources, rowMap } = mapping;
  const rowSize = elementCount(shape.slice(1));
  for (const source of sources) {
    const tensor = find(source, file)!;
    if (rowMap === undefined) {
      for await (const { offset, data } of readFloat32Chunks(tensor, maxBytes)) {
        checkFinite(tensor, data, offset);
        yield { name, shape, offset: source.rows[0] * rowSize + offset, data };
      }
    } else {
      // Row by row, so that a chunk never exceeds maxBytes and unused rows (which may be noise) are not looked at.
      const rowsPerChunk = Math.max(1, Math.floor(maxBytes / 4 / rowSize));
      for (let start = 0; start < rowMap.length; start += rowsPerChunk) {
        const rows = rowMap.slice(start, start + rowsPerChunk);
        const data = new Float32Array(rows.length * rowSize);
        for (const [i, row] of rows.entries()) {
          const values = await readFloat32(tensor, row * rowSize, rowSize);
          checkFinite(tensor, values, row * rowSize);
          data.set(values, i * rowSize);
        }
        yield { name, shape, offset: start * rowSize, data };
      }
    }
  }
}

async function readWhole(file: TensorFile, mapping: ParameterMapping): Promise<Float32Array> {
  const whole = new Float32Array(elementCount(mapping.shape));
  for await (const { offset, data } of readParameter(file, mapping, CHUNK_BYTES)) whole.set(data, offset);
  return whole;
}

/** Throws a CheckpointError that names the tensor and the first element that is no finite number. */
export function checkFinite(tensor: StoredTensor, values: Float32Array, offset: number): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new CheckpointError(
        tensor.file,
        `tensor "${tensor.name}" has ${values[i]} at element ${offset + i}: the file is damaged or its training diverged`,
      );
    }
  }
}

const PAD = 1;

/**
 * The port's older conversions tied the LM head's decoder to the embedding. A
 * pad row that is not zero and equals the decoder's shows that the embedding
 * itself was overwritten; either sign alone is only worth a warning.
 */
async function checkTables(file: TensorFile, dim: number, mappings: readonly ParameterMapping[]): Promise<string[]> {
  const table = async (parameter: string): Promise<Float32Array | undefined> => {
    const mapping = mappings.find((each) => each.parameter === parameter);
    return mapping && readWhole(file, mapping);
  };
  const embedding = (await table('embedding.weight'))!;
  const decoder = await table('lmHead.decoder.weight');
  const padIsZero = embedding.subarray(PAD * dim, (PAD + 1) * dim).every((value) => value === 0);
  const tied = decoder !== undefined && decoder.every((value, i) => value === embedding[i]);
  if (tied && !padIsZero) {
    throw new CheckpointError(
      file.name,
      "its embedding equals the LM head's decoder and has a <pad> row that is not zero: a faulty conversion that overwrote " +
        'the embedding. Fetch the model again, or convert the official .pt file',
    );
  }
  const warnings: string[] = [];
  if (!padIsZero)
    warnings.push(
      `${file.name}: the embedding of <pad> is not zero, as it is in every file that RiNALMo's code trained`,
    );
  if (tied) {
    warnings.push(
      `${file.name}: the LM head's decoder equals the embedding (a known fault of old conversions): representations are right, logits are not`,
    );
  }
  return warnings;
}
