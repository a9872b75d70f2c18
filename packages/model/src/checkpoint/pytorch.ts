/**
 * PyTorch's `.pt` files (`torch.save` of a state dict): a ZIP archive with one
 * pickle and one record per storage. The archive's directory and the pickle are
 * read by libraries; tensor bytes are read by range. Nothing is executed: the
 * pickle may name only the few globals listed below, each of which is a plain
 * function here, and every other global is refused by name.
 *
 * A training checkpoint is such a file with the state dict under `state_dict`
 * (Lightning's `.ckpt`) or `model` (fairseq's, RhoFold's). Whatever else it holds
 * (callbacks, optimiser, sizes) may name any global: a placeholder without
 * behaviour stands for each.
 *
 * Files from before PyTorch 1.6 have no ZIP (pytorchLegacy.ts). Whole pickled
 * modules are not read.
 */
import { Reader, ZipReader, type Entry } from '@zip.js/zip.js/lib/zip-core-custom.js';
import { inflateSync } from 'fflate';
import pickle from 'pickleparser';
import { elementCount, type Shape } from '../config.ts';
import { CheckpointError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import { scanPickle } from './pickleScan.ts';
import type { ByteSource } from './source.ts';
import { DTYPE_BYTES, type DType, type StoredTensor, type TensorFile } from './tensorFile.ts';

const STORAGE_DTYPES: Readonly<Record<string, DType>> = {
  FloatStorage: 'F32',
  DoubleStorage: 'F64',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** A record of the archive that holds numbers, as the pickle's persistent ids name it. */
export class Storage {
  constructor(
    readonly dtype: DType,
    readonly key: string,
    readonly elements: number,
  ) {}
}

/** A view of a storage, in elements. */
class TensorView {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: Shape,
    readonly strides: readonly number[],
  ) {}
}

/**
 * Opens a `.pt` file; numbers of the state dict become `scalars`.
 * @throws CheckpointError naming the global, entry or record that is at fault.
 */
export async function openPyTorch(source: ByteSource): Promise<TensorFile> {
  const archive = await openArchive(source);
  if (archive.size('data.pkl') > LIMITS.pickleBytes) {
    throw new CheckpointError(
      source.name,
      `its pickle claims ${archive.size('data.pkl')} bytes; ${LIMITS.pickleBytes} at most are read`,
    );
  }
  const stateDict = unpickle(await archive.read('data.pkl'), source.name);
  const byteOrder = archive.has('byteorder')
    ? new TextDecoder().decode(await archive.read('byteorder', 0, Math.min(16, archive.size('byteorder'))))
    : 'little';
  if (byteOrder !== 'little') {
    throw new CheckpointError(
      source.name,
      `saved with ${byteOrder}-endian bytes; save it again on a little-endian machine`,
    );
  }
  return filed(stateDict, archive);
}

/** The tensors and numbers of a state dict, their bytes read from the archive. Throws a CheckpointError for all else. */
export function filed(stateDict: ReadonlyMap<unknown, unknown>, archive: Archive): TensorFile {
  const { file } = archive;
  const tensors = new Map<string, StoredTensor>();
  const scalars = new Map<string, number>();
  for (const [name, value] of stateDict) {
    if (typeof name !== 'string') {
      throw new CheckpointError(file, `the state dict has the key ${keyText(name)}; expected names of tensors`);
    }
    if (name.length > LIMITS.nameLength) {
      throw new CheckpointError(
        file,
        `a tensor has a name of ${name.length} letters (${keyText(name)}); ${LIMITS.nameLength} at most are read`,
      );
    }
    if (typeof value === 'number') scalars.set(name, value);
    else if (value instanceof TensorView) tensors.set(name, storedTensor(name, value, archive));
    else
      throw new CheckpointError(
        file,
        `"${name}" is ${describe(value)}; expected a tensor or a number${value instanceof Map ? innerHint(name) : STATE_DICT_HINT}`,
      );
  }
  return { name: file, tensors, metadata: new Map(), scalars };
}

const STATE_DICT_HINT = '. Save the state dict itself: torch.save(model.state_dict(), "file.pt")';

const innerHint = (key: string): string =>
  `. If these are the weights, save them alone: torch.save(torch.load("file.pt", map_location="cpu")["${key}"], "weights.pt")`;

function storedTensor(name: string, view: TensorView, archive: Archive): StoredTensor {
  const { storage, offset, shape, strides } = view;
  const fail = (problem: string): never => {
    throw new CheckpointError(archive.file, `tensor "${name}": ${problem}`);
  };
  const width = DTYPE_BYTES[storage.dtype];
  const record = `data/${storage.key}`;
  const count = elementCount(shape);
  if (shape.length > LIMITS.extents) fail(`${shape.length} extents; ${LIMITS.extents} at most are read`);
  if (!Number.isSafeInteger(count)) fail(`its shape [${shape.join(', ')}] has more elements than any file`);
  if (!archive.has(record)) fail(`its storage "${record}" is not in the archive`);
  if (archive.size(record) < storage.elements * width) {
    fail(`its storage "${record}" has ${archive.size(record)} bytes instead of ${storage.elements * width}`);
  }
  if (shape.length !== strides.length) fail(`${shape.length} extents but ${strides.length} strides`);
  if (!isContiguous(shape, strides)) {
    fail(
      `stored with strides [${strides.join(', ')}] for shape [${shape.join(', ')}]; save tensor.contiguous() instead`,
    );
  }
  if (offset + count > storage.elements) {
    fail(`elements ${offset} to ${offset + count} are outside its storage of ${storage.elements}`);
  }
  return {
    file: archive.file,
    name,
    dtype: storage.dtype,
    shape,
    byteLength: count * width,
    read: (byteOffset, byteLength) => {
      if (byteOffset < 0 || byteLength < 0 || byteOffset + byteLength > count * width) {
        throw new RangeError(`${archive.file}: bytes ${byteOffset}+${byteLength} are outside tensor "${name}"`);
      }
      return archive.read(record, offset * width + byteOffset, byteLength);
    },
  };
}

/** Row-major without gaps; the stride of an axis of extent 1 means nothing. */
function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected && elementCount(shape) > 0) return false;
    expected *= shape[axis]!;
  }
  return true;
}

// ---- pickle ----------------------------------------------------------------

const globals = new Map<string, (...args: unknown[]) => unknown>([
  ['collections.OrderedDict', () => new Map()],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', (data) => data],
  ['torch.Size', (extents) => extents],
]);

/** Stands for an object of a class that is not known here. It takes whatever a pickle does to it and keeps nothing. */
class Placeholder {
  __setstate__(): void {
    // Attributes of an unknown object are not kept.
  }
  push(): void {
    // Nor are its items,
  }
  set(): void {
    // nor its entries.
  }
}

/** A class or function that makes placeholders; a pickle may call it or construct with it. */
const placeholderClass = (): (() => Placeholder) =>
  function () {
    return new Placeholder();
  };

function rebuildTensor(storage: unknown, offset: unknown, shape: unknown, strides: unknown): TensorView {
  if (!(storage instanceof Storage) || !isIndex(offset) || !isIndices(shape) || !isIndices(strides)) {
    throw new Error('a tensor is not made of a storage, an offset, a shape and strides');
  }
  return new TensorView(storage, offset, shape, strides);
}

const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isIndices = (value: unknown): value is number[] => Array.isArray(value) && value.every(isIndex);

/** Storage classes are only ever named, so their name stands for them. */
class StorageType {
  constructor(readonly dtype: DType) {}
}

const LIGHTNING_VERSION = 'pytorch-lightning_version';
/** Where training checkpoints keep the state dict: Lightning's, that of PyTorch's own guide, fairseq's and many scripts'. */
const STATE_DICTS = ['state_dict', 'model_state_dict', 'model'] as const;

/**
 * The state dict of a pickle, itself or inside a training checkpoint. `onStorage` sees every storage that the pickle
 * names, also of tensors that are not the model's.
 */
export function unpickle(
  bytes: Uint8Array,
  file: string,
  onStorage?: (storage: Storage) => void,
): Map<unknown, unknown> {
  const { problem } = scanPickle(bytes);
  if (problem !== undefined) throw new CheckpointError(file, `its pickle cannot be read: ${problem}`);
  let unknown: string | undefined;
  const parser = new pickle.Parser({
    unpicklingTypeOfDictionary: 'Map',
    nameResolver: {
      resolve(module, name) {
        const dtype = module === 'torch' && Object.hasOwn(STORAGE_DTYPES, name) ? STORAGE_DTYPES[name] : undefined;
        // The parser passes on what it gets here; its type only foresees what can be called.
        if (dtype !== undefined) return new StorageType(dtype) as never;
        const known = globals.get(`${module}.${name}`);
        // A pickle may set attributes of what it names, so each gets a function of its own.
        if (known !== undefined) return (...args: unknown[]) => known(...args);
        unknown ??= `${module}.${name}`;
        return placeholderClass();
      },
    },
    persistentResolver: {
      // Binary persistent ids are tuples, whatever the parser's type says.
      resolve: (id: unknown) => {
        const storage = resolveStorage(id, file);
        onStorage?.(storage);
        return storage;
      },
    },
  });
  let result: unknown;
  try {
    result = parser.parse(bytes);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(file, `its pickle cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (result instanceof Map && isCheckpoint(result)) {
    const inner = STATE_DICTS.map((key) => (result as ReadonlyMap<unknown, unknown>).get(key)).find(
      (value) => value instanceof Map,
    );
    if (inner instanceof Map) return inner;
  }
  if (unknown !== undefined) {
    throw new CheckpointError(
      file,
      `the pickle asks for ${unknown}, which a state dict does not need; refused${STATE_DICT_HINT}`,
    );
  }
  if (!(result instanceof Map)) {
    throw new CheckpointError(file, `holds ${describe(result)}; expected a state dict${STATE_DICT_HINT}`);
  }
  return result;
}

/** Lightning's checkpoints say so; other scripts put an epoch or an optimiser beside the state dict. */
const isCheckpoint = (dict: ReadonlyMap<unknown, unknown>): boolean =>
  dict.has(LIGHTNING_VERSION) || ![...dict.values()].some((value) => value instanceof TensorView);

function resolveStorage(id: unknown, file: string): Storage {
  // Files from before PyTorch 1.6 have a sixth part: what other storage this one is a view of, if any.
  const [kind, type, key, , elements, view] = Array.isArray(id) ? (id as unknown[]) : [];
  if (view !== undefined && view !== null) {
    throw new CheckpointError(
      file,
      `the storage ${keyText(key)} is a part of another one; save the weights in Python with a newer PyTorch`,
    );
  }
  if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isIndex(elements)) {
    throw new CheckpointError(
      file,
      `the pickle refers to ${describe(id)} that is no storage of numbers; expected one of ${Object.keys(STORAGE_DTYPES).join(', ')}`,
    );
  }
  return new Storage(type.dtype, key, elements);
}

/** A key of a dict, short enough for a message. */
function keyText(key: unknown): string {
  const text = typeof key === 'string' || typeof key === 'number' ? String(key) : describe(key);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function describe(value: unknown): string {
  if (value === null) return 'None';
  if (value instanceof Map) {
    return value.size === 0
      ? 'an empty dict'
      : `a dict with the keys ${[...value.keys()].slice(0, 5).map(keyText).join(', ')}`;
  }
  if (value instanceof TensorView) return 'a single tensor';
  if (value instanceof Placeholder) return 'an object of an unknown class';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

// ---- archive ---------------------------------------------------------------

export interface Archive {
  readonly file: string;
  has(record: string): boolean;
  size(record: string): number;
  /** Bytes of a record (default: all of it), inflated where the archive is compressed. */
  read(record: string, offset?: number, length?: number): Promise<Uint8Array>;
}

class SourceReader extends Reader<ByteSource> {
  constructor(private readonly source: ByteSource) {
    super(source);
    this.size = source.size;
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array> {
    if (length > LIMITS.archiveDirectoryBytes) throw new Error(`a directory of ${length} bytes`);
    return this.source.read(index, Math.max(0, Math.min(length, this.source.size - index)));
  }
}

const STORED = 0;
const DEFLATED = 8;
const LOCAL_HEADER_BYTES = 30;

async function openArchive(source: ByteSource): Promise<Archive> {
  const records = await listRecords(source);
  const starts = new Map<Entry, number>();
  // Chunks of one tensor come one after the other, so the last inflated record is worth keeping.
  let inflated: { entry: Entry; bytes: Uint8Array } | undefined;

  const find = (record: string): Entry => {
    const entry = records.get(record);
    if (entry === undefined) throw new CheckpointError(source.name, `the archive has no record "${record}"`);
    return entry;
  };
  const startOf = async (entry: Entry): Promise<number> => {
    const known = starts.get(entry);
    if (known !== undefined) return known;
    // The directory does not tell how long the local header is: its two
    // variable fields are sized in the header itself (APPNOTE 4.3.7).
    const header = await source.read(entry.offset, LOCAL_HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset);
    if (view.getUint32(0, true) !== 0x04034b50) {
      throw new CheckpointError(source.name, `the record "${entry.filename}" has no header where the directory says`);
    }
    const start = entry.offset + LOCAL_HEADER_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
    starts.set(entry, start);
    return start;
  };
  const inflate = async (entry: Entry): Promise<Uint8Array> => {
    if (inflated?.entry === entry) return inflated.bytes;
    const { uncompressedSize, compressedSize } = entry;
    if (uncompressedSize > Math.min(LIMITS.inflatedBytes, compressedSize * LIMITS.inflation)) {
      throw new CheckpointError(
        source.name,
        `the record "${entry.filename}" claims ${uncompressedSize} bytes out of ${compressedSize} deflated ones, ` +
          `which is more than ${uncompressedSize > LIMITS.inflatedBytes ? `the ${LIMITS.inflatedBytes} that are read` : 'they can hold'}`,
      );
    }
    const compressed = await source.read(await startOf(entry), entry.compressedSize);
    let bytes: Uint8Array;
    try {
      bytes = inflateSync(compressed, { out: new Uint8Array(entry.uncompressedSize) });
    } catch (cause) {
      throw new CheckpointError(source.name, `the record "${entry.filename}" does not inflate; the file is damaged`, {
        cause,
      });
    }
    inflated = { entry, bytes };
    return bytes;
  };
  return {
    file: source.name,
    has: (record) => records.has(record),
    size: (record) => find(record).uncompressedSize,
    async read(record, offset = 0, length = find(record).uncompressedSize - offset) {
      const entry = find(record);
      if (entry.compressionMethod === STORED) return source.read((await startOf(entry)) + offset, length);
      return (await inflate(entry)).slice(offset, offset + length);
    },
  };
}

/** The archive's records by their name below its one top-level folder. */
async function listRecords(source: ByteSource): Promise<Map<string, Entry>> {
  const entries: Entry[] = [];
  const reader = new ZipReader(new SourceReader(source));
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      if (entries.push(entry) > LIMITS.archiveRecords) throw new Error(`more than ${LIMITS.archiveRecords} records`);
    }
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(
      source.name,
      `its ZIP directory cannot be read (${(cause as Error).message}): the file is cut off or damaged; fetch it again`,
      { cause },
    );
  }
  const pickleEntry = entries.find((entry) => /^(?:[^/]+\/)?data\.pkl$/.test(entry.filename));
  if (pickleEntry === undefined) {
    throw new CheckpointError(
      source.name,
      `a ZIP archive without data.pkl; expected a file that torch.save wrote${STATE_DICT_HINT}`,
    );
  }
  const folder = pickleEntry.filename.slice(0, -'data.pkl'.length);
  const records = new Map<string, Entry>();
  for (const entry of entries) {
    if (entry.directory || !entry.filename.startsWith(folder)) continue;
    const readable = entry.compressionMethod === STORED || entry.compressionMethod === DEFLATED;
    if (entry.encrypted || !readable) {
      throw new CheckpointError(
        source.name,
        `the record "${entry.filename}" is encrypted or compressed by an unknown method`,
      );
    }
    if (entry.compressionMethod === STORED && entry.compressedSize !== entry.uncompressedSize) {
      throw new CheckpointError(source.name, `the record "${entry.filename}" has two different sizes`);
    }
    records.set(entry.filename.slice(folder.length), entry);
  }
  return records;
}
