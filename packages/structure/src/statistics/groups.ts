/**
 * Parts of a test set that a table or figure has a row for: RNAs by their length,
 * by their likeness to the training set, by family. A bin holds its lower edge and
 * not its upper one; bins that nothing falls in are left out.
 */

export interface Bin<T> {
  /** `100–200`, or `≥ 400` for a bin without an upper edge. */
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly items: readonly T[];
}

/** Parts the items by a number each, at ascending edges. Throws a RangeError for a number outside of them. */
export function binned<T>(
  items: readonly T[],
  value: (item: T) => number,
  edges: readonly number[],
  label = edgeLabel,
): Bin<T>[] {
  const bins = edges.slice(0, -1).map((low, b) => ({ low, high: edges[b + 1]!, items: [] as T[] }));
  for (const item of items) {
    const at = value(item);
    const bin = bins.find(({ low, high }) => at >= low && at < high);
    if (bin === undefined) throw new RangeError(`binned: ${at} is in no bin; the edges are ${edges.join(', ')}`);
    bin.items.push(item);
  }
  return bins.filter((bin) => bin.items.length > 0).map((bin) => ({ ...bin, label: label(bin.low, bin.high) }));
}

/** In nucleotides. */
export const LENGTH_EDGES: readonly number[] = [0, 50, 100, 150, 200, 300, 400, 500, 750, 1000, Infinity];

export const lengthBins = <T>(items: readonly T[], length: (item: T) => number, edges = LENGTH_EDGES): Bin<T>[] =>
  binned(items, length, edges);

// The last bin holds what is in the training set itself too.
export const SIMILARITY_EDGES: readonly number[] = [0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, Infinity];

/** By the identity, 0 … 1, of an item's nearest neighbour in the training set; labels are in percent. */
export const similarityBins = <T>(
  items: readonly T[],
  identity: (item: T) => number,
  edges = SIMILARITY_EDGES,
): Bin<T>[] =>
  binned(items, identity, edges, (low, high) => `${edgeLabel(Math.round(100 * low), Math.round(100 * high))} %`);

const edgeLabel = (low: number, high: number): string => (high === Infinity ? `≥ ${low}` : `${low}–${high}`);

/** Items by a name each, in the order in which the names come up. */
export function grouped<T>(items: readonly T[], name: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = name(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** The ten families of ArchiveII by what the names of its files begin with; RiNALMo's nine are all but the last. */
export const ARCHIVE_FAMILIES: Readonly<Record<string, string>> = {
  '5s': '5S rRNA',
  srp: 'SRP RNA',
  tRNA: 'tRNA',
  tmRNA: 'tmRNA',
  RNaseP: 'RNase P RNA',
  grp1: 'Group I intron',
  '16s': '16S rRNA',
  telomerase: 'Telomerase RNA',
  '23s': '23S rRNA',
  grp2: 'Group II intron',
};

/**
 * The family of an RNA that is named as ArchiveII names its files (`5s_Acanthamoeba-castellanii-1`, with or without
 * folders); undefined for other names.
 */
export const familyOf = (id: string): string | undefined => ARCHIVE_FAMILIES[familyKeyOf(id) ?? ''];

/** The key of ARCHIVE_FAMILIES that such a name begins with. */
export function familyKeyOf(id: string): string | undefined {
  const name = id.slice(Math.max(id.lastIndexOf('/'), id.lastIndexOf('\\')) + 1);
  const prefix = name.split('_', 1)[0]!;
  return Object.hasOwn(ARCHIVE_FAMILIES, prefix) ? prefix : undefined;
}
