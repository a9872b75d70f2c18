/**
 * Which clusters an epoch draws from, and in which order, without a list of
 * them. A corpus has two groups, ncRNA (with and without a structure) and
 * other RNA, which are mixed in a fixed ratio. A group's order is a keyed
 * permutation of blocks of neighbouring clusters, so that a corpus is read by
 * ranges; the clusters stand in it by a hash of their names, so neighbours are
 * strangers. An epoch is cut into windows of as many draws, each a function of
 * (seed, epoch, window): corpusBatches.ts reads, shuffles and packs them.
 *
 * An epoch is the shortest run of draws that visits every cluster of both
 * groups. One group sees each of its clusters once; the other, which is the
 * smaller for its share, is gone through in the same order as often as it
 * takes, so that two visits of a cluster are always a whole pass apart.
 */
import { deriveKey, RandomStream } from '@rna/kernels';
import { STREAM } from '@rna/model';
import { keyedPermutation } from './permutation.ts';
import type { Corpus, RecordKind } from './corpus/corpus.ts';

export interface SamplingOptions {
  readonly seed: number;
  /** Draws of a window at most: more fill rows better and cost more memory. */
  readonly window: number;
  /**
   * Part of the draws that is other RNA, in a corpus that has both groups; 'natural': as many as there are, each
   * cluster once.
   */
  readonly otherShare: number | 'natural';
}

/**
 * `count` neighbouring clusters of a section, from `first`, one draw from each; `pass`: how often the epoch has been
 * through their group before.
 */
export interface ClusterRun {
  readonly kind: RecordKind;
  readonly first: number;
  readonly count: number;
  readonly pass: number;
}

export interface Sampling {
  /** Draws of an epoch. */
  readonly draws: number;
  /** Windows of an epoch, all of about the same size. */
  readonly windows: number;
  /** The clusters of a window, in the order of the groups; the mixing is the caller's. */
  runs(epoch: number, window: number): ClusterRun[];
}

const GROUPS = [['structured', 'ncrna'], ['other']] as const satisfies readonly (readonly RecordKind[])[];
// A window has blocks from as many places at least, and a block is worth one read.
const BLOCKS_PER_WINDOW = 16;
const LARGEST_BLOCK = 64;

/** Throws a RangeError for a corpus without clusters, and for options out of range. */
export function createSampling(sections: Corpus['sections'], { seed, window, otherShare }: SamplingOptions): Sampling {
  if (!(Number.isInteger(window) && window >= 1))
    throw new RangeError(`createSampling: the window must be an integer of 1 or more, got ${window}`);
  if (otherShare !== 'natural' && !(otherShare > 0 && otherShare < 1))
    throw new RangeError(`createSampling: the share of other RNA must be between 0 and 1, got ${otherShare}`);
  const sizes = GROUPS.map((kinds) => kinds.reduce((sum, kind) => sum + sections[kind].clusters, 0));
  const [ncrna = 0, other = 0] = sizes;
  if (ncrna + other === 0) throw new RangeError('createSampling: the corpus has no records to draw from');

  /** How many of an epoch's first `draws` are other RNA. */
  const otherOf = (draws: number): number => {
    if (ncrna === 0) return draws;
    return otherShare === 'natural'
      ? Math.floor((draws * other) / (ncrna + other))
      : other === 0
        ? 0
        : Math.floor(draws * otherShare);
  };
  // By one draw a group grows by one at most, so the first that suffices gives one group exactly its size.
  let draws = Math.max(ncrna, other);
  if (otherShare !== 'natural' && ncrna > 0 && other > 0)
    draws = Math.max(draws, Math.floor(Math.max(ncrna / (1 - otherShare), other / otherShare)) - 2);
  while (otherOf(draws) < other || draws - otherOf(draws) < ncrna) draws++;

  const windows = Math.ceil(draws / window);
  const blockSize = Math.min(LARGEST_BLOCK, Math.max(1, Math.floor(window / BLOCKS_PER_WINDOW)));
  const begin = (number: number): number => Math.floor((number * draws) / windows);
  return {
    draws,
    windows,
    runs(epoch, window) {
      const [from, to] = [begin(window), begin(window + 1)];
      const ranges = [
        [from - otherOf(from), to - otherOf(to)],
        [otherOf(from), otherOf(to)],
      ] as const;
      return GROUPS.flatMap((kinds, group) => {
        const [first, end] = ranges[group]!;
        if (first === end) return [];
        const order = groupOrder(sizes[group]!, blockSize, seed, epoch, group);
        return order(first, end).flatMap((stretch) => splitBySection(stretch, kinds, sections));
      });
    },
  };
}

interface Stretch {
  readonly first: number;
  readonly count: number;
  readonly pass: number;
}

/**
 * The order of a group of `size` clusters in an epoch: gives the clusters at positions `from` … `end` − 1, pass
 * after pass, as stretches of neighbours. Where blocks begin is drawn anew each epoch.
 */
function groupOrder(
  size: number,
  blockSize: number,
  seed: number,
  epoch: number,
  group: number,
): (from: number, end: number) => Stretch[] {
  const wholeBlocks = Math.floor(size / blockSize);
  const blockAt =
    wholeBlocks === 0
      ? undefined
      : keyedPermutation(wholeBlocks, deriveKey(seed, STREAM.clusterOrder, epoch, group, 0));
  const rotation = new RandomStream(seed, STREAM.clusterOrder, epoch, group, 1).below(size);
  return (from, end) => {
    const stretches: Stretch[] = [];
    for (let position = from; position < end;) {
      const pass = Math.floor(position / size);
      const within = position % size;
      const slot = Math.floor(within / blockSize);
      // What is left over is a shorter block at the end of each pass.
      const block = slot < wholeBlocks && blockAt !== undefined ? blockAt(slot) : wholeBlocks;
      const count = Math.min(Math.min((slot + 1) * blockSize, size) - within, end - position);
      const first = (block * blockSize + (within % blockSize) + rotation) % size;
      const beforeWrap = Math.min(count, size - first);
      stretches.push({ first, count: beforeWrap, pass });
      if (beforeWrap < count) stretches.push({ first: 0, count: count - beforeWrap, pass });
      position += count;
    }
    return stretches;
  };
}

/** Numbers within a group as numbers within its sections, which follow each other. */
function splitBySection(
  { first, count, pass }: Stretch,
  kinds: readonly RecordKind[],
  sections: Corpus['sections'],
): ClusterRun[] {
  const runs: ClusterRun[] = [];
  let begin = 0;
  for (const kind of kinds) {
    const { clusters } = sections[kind];
    const from = Math.max(first, begin);
    const end = Math.min(first + count, begin + clusters);
    if (from < end) runs.push({ kind, first: from - begin, count: end - from, pass });
    begin += clusters;
  }
  return runs;
}
