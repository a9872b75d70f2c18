/**
 * Writes a model under any of the naming schemes, as safetensors or `.pt`. Values are
 * asked for one parameter at a time, in order, so a model larger than memory
 * can be written or converted. `config.json` beside it is `configJson`.
 */
import { elementCount, type EncoderConfig } from '../config.ts';
import { CheckpointError } from '../errors.ts';
import { headConfig, type TaskHead } from '../heads/head.ts';
import {
  encoderMappings,
  headMappings,
  isPortTable,
  PORT_X,
  schemesOf,
  writtenHeadNaming,
  writtenLayout,
  type ParameterMapping,
  type Scheme,
} from './names.ts';
import { HEAD_METADATA } from './layout.ts';
import { writePyTorch } from './pytorchWriter.ts';
import { writeSafetensors, type TensorEntry } from './safetensors.ts';
import type { ByteSink } from './source.ts';
import { isLmHead } from '../parameterGroups.ts';

export interface ModelToWrite {
  readonly config: EncoderConfig;
  readonly scheme: Scheme;
  /** Default true; false writes a bare encoder. */
  readonly lmHead?: boolean;
  readonly task?: TaskHead | undefined;
  /**
   * Numbers such as `threshold`: plain in a `.pt` (but for the scaler's), metadata in safetensors, which has tensors
   * only.
   */
  readonly scalars?: ReadonlyMap<string, number>;
  /** The values of one parameter, under this project's name. */
  readonly read: (name: string) => Promise<Float32Array>;
}

/**
 * @throws CheckpointError if the scheme is not the model's (SSR-LM: llama; the others: official, port), a parameter has
 *   the wrong number of values, or a `.pt` could not say which head it holds.
 */
export async function writeModel(
  sink: ByteSink,
  model: ModelToWrite,
  format: 'safetensors' | 'pt' = 'safetensors',
): Promise<void> {
  const entries = modelEntries(model);
  if (format === 'pt') {
    checkSaysItself(model);
    return writePyTorch(
      sink,
      [...entries, ...bufferEntries(model)],
      new Map([...(model.scalars ?? [])].filter(([name]) => !isBuffer(name))),
    );
  }
  const metadata = new Map([['format', 'pt']]);
  const { task } = model;
  if (task !== undefined) metadata.set(HEAD_METADATA, JSON.stringify(headConfig(task)));
  for (const [name, value] of model.scalars ?? []) metadata.set(name, String(value));
  await writeSafetensors(sink, entries, metadata);
}

/** A `.pt` holds tensors and numbers alone: a head must be one that they show, or it would be taken for another. */
function checkSaysItself({ task, config: { dim } }: ModelToWrite): void {
  if (task === undefined) return;
  const { head, sizes } = task;
  const shapes = head.parameters(dim, sizes);
  const shown = head.sizesOf?.((name) => shapes.get(name), dim) as Readonly<Record<string, unknown>> | undefined;
  if (shown === undefined || Object.entries(sizes).some(([name, value]) => shown[name] !== value)) {
    throw new CheckpointError(
      'output',
      `a .pt cannot say that its head is a ${head.name} head with sizes ${JSON.stringify(sizes)}; write safetensors, or a folder`,
    );
  }
}

/** Scalars that the reference's modules keep as buffers of one element, and load as nothing else. */
const isBuffer = (name: string): boolean => name.startsWith('scaler.');

const bufferEntries = ({ scalars }: ModelToWrite): TensorEntry[] =>
  [...(scalars ?? [])]
    .filter(([name]) => isBuffer(name))
    .map(([name, value]) => ({ name, dtype: 'F32', shape: [1], data: () => Promise.resolve(Float32Array.of(value)) }));

/** The stored tensors of a model, float32, in the order of its parameters. */
function modelEntries(model: ModelToWrite): TensorEntry[] {
  const { config, scheme, lmHead = true, task, read } = model;
  const layout = writtenLayout(config.model, scheme);
  if (layout === undefined) {
    throw new CheckpointError(
      'output',
      `${config.model} has no ${scheme} names; use ${schemesOf(config.model).sort().join(' or ')}`,
    );
  }
  // RNA-FM's own code expects the decoder beside the embedding that it is; the hub's files leave it out.
  const ties = config.model !== 'rna-fm' || (lmHead && scheme === 'official');
  const mappings = [
    ...encoderMappings(config, layout, ties).filter(({ parameter }) => lmHead || !isLmHead(parameter)),
    ...(task ? headMappings(task, config.dim, writtenHeadNaming(task.head, scheme)) : []),
  ];
  return mappings.flatMap((mapping) => parameterEntries(mapping, read));
}

function parameterEntries(mapping: ParameterMapping, read: ModelToWrite['read']): TensorEntry[] {
  const { parameter, shape, sources, rowMap } = mapping;
  const rowSize = elementCount(shape.slice(1));
  // The stored parts of one parameter are written one after the other: it is
  // fetched for the first and let go after the last.
  let values: Promise<Float32Array> | undefined;
  const fetchValues = async (): Promise<Float32Array> => {
    const fetched = await (values ??= read(parameter));
    if (fetched.length !== elementCount(shape)) {
      throw new CheckpointError(
        'output',
        `parameter "${parameter}" is [${shape.join(', ')}], ${fetched.length} values were given`,
      );
    }
    return fetched;
  };
  const names = sources.flatMap((source) => [source.name, ...source.aliases].map((name) => ({ name, source })));
  return names.map(({ name, source }, index) => ({
    name,
    dtype: 'F32',
    shape: source.shape,
    async data() {
      const whole = await fetchValues();
      if (index === names.length - 1) values = undefined;
      if (rowMap !== undefined) return scatterRows(whole, rowMap, source.shape[0]!, rowSize);
      const [start, count] = source.rows;
      return whole.subarray(start * rowSize, (start + count) * rowSize);
    },
  }));
}

/**
 * A file's table from ours. In a port's, X is the mean of A, C, G and U, and tokens that only the port has are 0; what
 * are several unused tokens here and one there has the last one's row, as its converter made it.
 */
function scatterRows(ours: Float32Array, rowMap: readonly number[], storedRows: number, rowSize: number): Float32Array {
  const table = new Float32Array(storedRows * rowSize);
  for (const [row, stored] of rowMap.entries()) {
    table.set(ours.subarray(row * rowSize, (row + 1) * rowSize), stored * rowSize);
  }
  for (let column = 0; isPortTable(storedRows) && column < rowSize; column++) {
    const sum = PORT_X.meanOf.reduce((total, row) => total + table[row * rowSize + column]!, 0);
    table[PORT_X.row * rowSize + column] = sum / PORT_X.meanOf.length;
  }
  return table;
}
