/**
 * Files that `torch.save` wrote before PyTorch 1.6, and newer ones without its ZIP: five pickles one after the other
 * (a magic number, the protocol, what machine it was, the object, the storages' keys in order), then each storage as
 * its number of elements and its bytes. The object is read as pytorch.ts reads it: nothing is executed.
 */
import pickle from 'pickleparser';
import { CheckpointError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import { scanPickle } from './pickleScan.ts';
import { filed, unpickle, type Archive, type Storage } from './pytorch.ts';
import type { ByteSource } from './source.ts';
import { DTYPE_BYTES, type TensorFile } from './tensorFile.ts';

const PICKLES = 5;
/** What is read at first to find the pickles' ends in; twice as much each time they are longer. */
const FIRST_BYTES = 2 ** 16;
/** The number of a storage's elements before its bytes. */
const COUNT_BYTES = 8;

/** Opens such a file. Throws a CheckpointError naming the global, key or storage that is at fault. */
export async function openLegacyPyTorch(source: ByteSource): Promise<TensorFile> {
  const { name: file } = source;
  const { pickles, end } = await readPickles(source);
  if (parsePlain(pickles[2]!, file, 'little_endian') !== true) {
    throw new CheckpointError(file, 'saved with big-endian bytes; save it again on a little-endian machine');
  }
  const storages = new Map<string, Storage>();
  const stateDict = unpickle(pickles[3]!, file, (storage) => {
    storages.set(storage.key, storage);
  });
  const keys = parsePlain(pickles[4]!, file);
  if (!Array.isArray(keys)) throw new CheckpointError(file, 'its list of storages is no list; the file is damaged');
  const records = new Map<string, { readonly start: number; readonly size: number }>();
  let at = end;
  for (const key of keys as readonly unknown[]) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (storage === undefined) throw new CheckpointError(file, `lists a storage ${String(key)} that no tensor has`);
    const size = storage.elements * DTYPE_BYTES[storage.dtype];
    const start = at + COUNT_BYTES;
    if (start + size > source.size) {
      throw new CheckpointError(
        file,
        `has ${source.size} bytes, but storage ${storage.key} would end at ${start + size}: the file is cut off; fetch it again`,
      );
    }
    const count = await source.read(at, COUNT_BYTES);
    const stated = new DataView(count.buffer, count.byteOffset).getBigInt64(0, true);
    if (stated !== BigInt(storage.elements)) {
      throw new CheckpointError(
        file,
        `storage ${storage.key} has ${stated} elements where its tensors say ${storage.elements}; the file is damaged`,
      );
    }
    records.set(`data/${storage.key}`, { start, size });
    at = start + size;
  }
  return filed(stateDict, archiveOf(source, records));
}

async function readPickles(source: ByteSource): Promise<{ pickles: Uint8Array[]; end: number }> {
  for (let length = FIRST_BYTES; ; length *= 2) {
    const whole = Math.min(source.size, LIMITS.pickleBytes);
    const bytes = await source.read(0, Math.min(length, whole));
    const pickles: Uint8Array[] = [];
    let end = 0;
    let problem: string | undefined;
    while (pickles.length < PICKLES && problem === undefined) {
      const scan = scanPickle(bytes, end);
      if (scan.problem === undefined) {
        pickles.push(bytes.subarray(end, scan.end));
        end = scan.end;
      } else problem = scan.problem;
    }
    if (problem === undefined) return { pickles, end };
    if (length >= whole) throw new CheckpointError(source.name, `its pickles cannot be read: ${problem}`);
  }
}

/** A pickle of plain values alone, or one entry of the dict that it is. */
function parsePlain(bytes: Uint8Array, file: string, key?: string): unknown {
  let value: unknown;
  try {
    value = new pickle.Parser({ unpicklingTypeOfDictionary: 'Map' }).parse(bytes);
  } catch (cause) {
    throw new CheckpointError(file, `its pickle cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (key === undefined) return value;
  return value instanceof Map ? (value as ReadonlyMap<unknown, unknown>).get(key) : undefined;
}

function archiveOf(
  source: ByteSource,
  records: ReadonlyMap<string, { readonly start: number; readonly size: number }>,
): Archive {
  const find = (record: string): { readonly start: number; readonly size: number } => {
    const found = records.get(record);
    if (found === undefined) throw new CheckpointError(source.name, `has no storage "${record}"`);
    return found;
  };
  return {
    file: source.name,
    has: (record) => records.has(record),
    size: (record) => find(record).size,
    read: (record, offset = 0, length = find(record).size - offset) => source.read(find(record).start + offset, length),
  };
}
