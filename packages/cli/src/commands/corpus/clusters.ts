/**
 * A cluster file as MMseqs2 writes it, `representative<TAB>member`, held so
 * that tens of millions of members fit: 12 bytes a slot in a table that is at
 * most 70 % full (17 to 35 bytes a member), and 16 a cluster. Ids are kept as
 * 64 bits of their hash.
 */
import { firstWord, InputError, readable } from '@rna/structure';
import { clusterHash, hash128 } from '@rna/train';
import { readLines } from '../../input/inputText.ts';

export interface Clusters {
  readonly file: string;
  readonly members: number;
  /** The first member of the file. */
  readonly first: string;
  /** The hash of the cluster of a record, by its id; undefined if the file does not name it. */
  find(id: string): Uint8Array | undefined;
}

const MOST_FILLED = 0.7;
const HASH_BYTES = 16;

/**
 * Reads a cluster file (`.gz` too). @throws InputError for a line that is no pair of ids, and a member that is named
 * twice.
 */
export async function readClusters(file: string): Promise<Clusters> {
  let hashes = new Uint8Array(HASH_BYTES * 1024);
  let clusters = 0;
  let last: string | undefined;
  let first: string | undefined;
  const table = createTable();
  let number = 0;
  for await (const line of readLines(file)) {
    number++;
    if (line.trim() === '') continue;
    // Records are known by the first words of their titles, also where whole titles were clustered.
    const [representative, member, ...more] = line.trim().split('\t').map(firstWord);
    if (!representative || !member || more.length > 0)
      throw new InputError(
        file,
        number,
        'not "representative<TAB>member"',
        'give the cluster file of mmseqs easy-cluster (…_cluster.tsv)',
      );
    // Lines of a cluster stand together; where they do not, its hash is kept once more.
    if (representative !== last) {
      if (clusters * HASH_BYTES === hashes.length) {
        const larger = new Uint8Array(2 * hashes.length);
        larger.set(hashes);
        hashes = larger;
      }
      hashes.set(clusterHash(representative), clusters++ * HASH_BYTES);
      last = representative;
    }
    first ??= member;
    if (!table.add(member, clusters - 1))
      throw new InputError(
        file,
        number,
        `"${readable(member)}" is in the file for the second time`,
        'name each member once',
      );
  }
  if (first === undefined)
    throw new InputError(
      file,
      1,
      'no cluster in the file',
      'give the cluster file of mmseqs easy-cluster (…_cluster.tsv)',
    );
  return {
    file,
    members: table.size(),
    first,
    find(id) {
      const cluster = table.find(id);
      return cluster === undefined ? undefined : hashes.slice(cluster * HASH_BYTES, (cluster + 1) * HASH_BYTES);
    },
  };
}

/** Numbers by text, with open addressing in arrays that are no objects. */
function createTable() {
  let slots = 1024;
  let low = new Uint32Array(slots);
  let high = new Uint32Array(slots);
  // 0 is an empty slot, value v is v + 1.
  let values = new Uint32Array(slots);
  let size = 0;

  const place = (a: number, b: number): number => {
    let slot = a % slots;
    while (values[slot] !== 0 && (low[slot] !== a || high[slot] !== b)) slot = (slot + 1) % slots;
    return slot;
  };
  const put = (slot: number, a: number, b: number, value: number): void => {
    low[slot] = a;
    high[slot] = b;
    values[slot] = value;
  };
  const grow = (): void => {
    const old = { low, high, values };
    slots *= 2;
    [low, high, values] = [new Uint32Array(slots), new Uint32Array(slots), new Uint32Array(slots)];
    old.values.forEach((value, i) => {
      if (value !== 0) put(place(old.low[i]!, old.high[i]!), old.low[i]!, old.high[i]!, value);
    });
  };
  const words = (text: string): [number, number] => {
    const view = new DataView(hash128(new TextEncoder().encode(text)).buffer);
    return [view.getUint32(0), view.getUint32(4)];
  };

  return {
    size: (): number => size,
    /** False if the text is in it already. */
    add(text: string, value: number): boolean {
      if (size >= MOST_FILLED * slots) grow();
      const [a, b] = words(text);
      const slot = place(a, b);
      if (values[slot] !== 0) return false;
      put(slot, a, b, value + 1);
      size++;
      return true;
    },
    find(text: string): number | undefined {
      const value = values[place(...words(text))]!;
      return value === 0 ? undefined : value - 1;
    },
  };
}
