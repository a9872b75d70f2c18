/**
 * Writes a state dict as PyTorch's `.pt`: a ZIP archive of stored records,
 * `data.pkl` with a protocol 2 pickle and one record per tensor. What is
 * pickled is fixed (an ordered dict of contiguous CPU tensors and floats), so
 * the few opcodes are written by hand; `torch.load` reads the result, also with
 * `weights_only=True`.
 */
import { Zip, ZipPassThrough } from 'fflate';
import { elementCount } from '../config.ts';
import { CheckpointError } from '../errors.ts';
import { pour, type TensorEntry } from './safetensors.ts';
import type { ByteSink } from './source.ts';
import { DTYPE_BYTES } from './tensorFile.ts';

/** Offsets of a ZIP without its 64-bit extension, which the library does not write. */
const MAX_ARCHIVE_BYTES = 2 ** 32 - 2 ** 24;

/**
 * Tensors in the order given, one in memory at a time, then the numbers.
 * @throws CheckpointError if a tensor is not F32 or all of them exceed 4 GB (write safetensors then).
 */
export async function writePyTorch(
  sink: ByteSink,
  entries: readonly TensorEntry[],
  scalars: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  const total = entries.reduce((bytes, { shape, dtype }) => bytes + elementCount(shape) * DTYPE_BYTES[dtype], 0);
  if (total > MAX_ARCHIVE_BYTES) {
    throw new CheckpointError(
      'output',
      `${total} bytes are more than a .pt archive takes here; write safetensors instead`,
    );
  }
  const notFloat = entries.find(({ dtype }) => dtype !== 'F32');
  if (notFloat)
    throw new CheckpointError('output', `tensor "${notFloat.name}" is ${notFloat.dtype}; only F32 is written to .pt`);

  let pending: Uint8Array[] = [];
  let failure: Error | null = null;
  const zip = new Zip((error, bytes) => {
    failure ??= error;
    pending.push(bytes);
  });
  const flush = async (): Promise<void> => {
    if (failure !== null) throw failure;
    const parts = pending;
    pending = [];
    for (const part of parts) await sink.write(part);
  };
  const record = async (
    name: string,
    write: (push: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<void> => {
    const file = new ZipPassThrough(`archive/${name}`);
    // A fixed time makes equal models equal files.
    file.mtime = new Date(1980, 0, 1);
    zip.add(file);
    await write(async (bytes) => {
      file.push(bytes);
      await flush();
    });
    file.push(new Uint8Array(0), true);
    await flush();
  };

  await record('data.pkl', (push) => push(pickleStateDict(entries, scalars)));
  for (const [index, entry] of entries.entries()) await record(`data/${index}`, (push) => pour(entry, push));
  await record('version', (push) => push(new TextEncoder().encode('3\n')));
  zip.end();
  await flush();
}

// Opcodes of the pickle protocol, by their names in Python's pickletools.
const PROTO_2 = [0x80, 0x02];
const MARK = 0x28;
const STOP = 0x2e;
const REDUCE = 0x52;
const EMPTY_TUPLE = 0x29;
const TUPLE = 0x74;
const SETITEMS = 0x75;
const BINPERSID = 0x51;
const NEWFALSE = 0x89;
const BINFLOAT = 0x47;
const BINUNICODE = 0x58;
const LONG1 = 0x8a;
const GLOBAL = 0x63;

function pickleStateDict(entries: readonly TensorEntry[], scalars: ReadonlyMap<string, number>): Uint8Array {
  const items = [
    ...entries.map(({ name, shape }, index) => [...text(name), ...tensor(index, shape)]),
    ...[...scalars].map(([name, value]) => [...text(name), ...float(value)]),
  ];
  return Uint8Array.from([...PROTO_2, ...orderedDict, MARK, ...items.flat(), SETITEMS, STOP]);
}

/** `_rebuild_tensor_v2(storage, 0, shape, strides, requires_grad=False, hooks={})`. */
function tensor(index: number, shape: readonly number[]): number[] {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const storage = [
    MARK,
    ...text('storage'),
    ...global('torch', 'FloatStorage'),
    ...text(String(index)),
    ...text('cpu'),
    ...integer(elementCount(shape)),
    TUPLE,
    BINPERSID,
  ];
  return [
    ...global('torch._utils', '_rebuild_tensor_v2'),
    MARK,
    ...storage,
    ...integer(0),
    ...tuple(shape),
    ...tuple(strides),
    NEWFALSE,
    ...orderedDict,
    TUPLE,
    REDUCE,
  ];
}

const tuple = (values: readonly number[]): number[] => [MARK, ...values.flatMap(integer), TUPLE];
const global = (module: string, name: string): number[] => [
  GLOBAL,
  ...new TextEncoder().encode(`${module}\n${name}\n`),
];
const orderedDict = [...global('collections', 'OrderedDict'), EMPTY_TUPLE, REDUCE];
const integer = (value: number): number[] => [
  LONG1,
  8,
  ...scalarBytes((view) => view.setBigInt64(0, BigInt(value), true)),
];
const float = (value: number): number[] => [BINFLOAT, ...scalarBytes((view) => view.setFloat64(0, value, false))];

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [BINUNICODE, ...scalarBytes((view) => view.setUint32(0, bytes.byteLength, true)).slice(0, 4), ...bytes];
}

function scalarBytes(set: (view: DataView) => void): number[] {
  const bytes = new Uint8Array(8);
  set(new DataView(bytes.buffer));
  return [...bytes];
}
