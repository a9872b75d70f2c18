/**
 * What can be said of a section without its records: counted as it is written,
 * and kept in the file's table, so that showing it reads no data.
 */
import { z } from 'zod';
import { CORPUS_LETTERS, letterBytes, type EncodedRecord } from './record.ts';

const count = z.number().int().min(0);

export const statisticsSchema = z.object({
  nucleotides: count,
  /** Nucleotides of the shortest and the longest record; 0 without records. */
  shortest: count,
  longest: count,
  /** [k]: records of lengthBin(k) nucleotides. */
  lengths: z.array(count),
  /** Nucleotides by letter, of those that occur. */
  letters: z.partialRecord(z.enum([...CORPUS_LETTERS] as [string, ...string[]]), count),
  /** Records of the largest cluster; 0 without records. */
  largestCluster: count,
  /** [k]: clusters of 2^k … 2^(k+1) − 1 records. */
  clusterSizes: z.array(count),
  /** Base pairs, those of pseudoknots among them, and records that have some of these. */
  pairs: count,
  crossingPairs: count,
  recordsWithPseudoknots: count,
});

export type SectionStatistics = z.infer<typeof statisticsSchema>;

/** Bins of lengths to a factor of two. */
const BINS_PER_OCTAVE = 4;

/** The lengths of bin `k` of `lengths`: from `from` to below `to`, which are no integers. */
export const lengthBin = (k: number): { readonly from: number; readonly to: number } => ({
  from: 2 ** (k / BINS_PER_OCTAVE),
  to: 2 ** ((k + 1) / BINS_PER_OCTAVE),
});

/** Counts records in the order of a section. */
export function createStatistics() {
  const lengths: number[] = [];
  const clusterSizes: number[] = [];
  const bytesSeen = new Float64Array(256);
  let [nucleotides, shortest, longest, paddings, largestCluster, clusterSize] = [0, Infinity, 0, 0, 0, 0];
  let [pairedEnds, crossingEnds, recordsWithPseudoknots] = [0, 0, 0];

  const endCluster = (): void => {
    if (clusterSize === 0) return;
    increment(clusterSizes, Math.floor(Math.log2(clusterSize)));
    largestCluster = Math.max(largestCluster, clusterSize);
    clusterSize = 0;
  };

  return {
    add({ kind, length, bytes }: Pick<EncodedRecord, 'kind' | 'length' | 'bytes'>, opensCluster: boolean): void {
      if (opensCluster) endCluster();
      clusterSize++;
      nucleotides += length;
      shortest = Math.min(shortest, length);
      longest = Math.max(longest, length);
      paddings += length % 2;
      increment(lengths, Math.floor(Math.log2(length) * BINS_PER_OCTAVE));
      const letters = letterBytes(length);
      for (let i = 0; i < letters; i++) bytesSeen[bytes[i]!]!++;
      if (kind !== 'structured') return;
      let crossing = 0;
      for (let i = letters; i < letters + Math.ceil(length / 4); i++) {
        pairedEnds += PAIRED[bytes[i]!]!;
        crossing += CROSSING[bytes[i]!]!;
      }
      crossingEnds += crossing;
      recordsWithPseudoknots += crossing > 0 ? 1 : 0;
    },
    finish(): SectionStatistics {
      endCluster();
      const counts = Array.from(CORPUS_LETTERS, () => 0);
      bytesSeen.forEach((seen, byte) => {
        counts[byte & 15]! += seen;
        counts[byte >> 4]! += seen;
      });
      // The unused half of a last byte is written as the first letter.
      counts[0]! -= paddings;
      return {
        nucleotides,
        shortest: longest === 0 ? 0 : shortest,
        longest,
        lengths: filled(lengths),
        letters: Object.fromEntries(
          [...CORPUS_LETTERS].flatMap((letter, code) => (counts[code]! > 0 ? [[letter, counts[code]!]] : [])),
        ),
        largestCluster,
        clusterSizes: filled(clusterSizes),
        pairs: pairedEnds / 2,
        crossingPairs: crossingEnds / 2,
        recordsWithPseudoknots,
      };
    },
  };
}

// A byte of a structure holds four positions. The tables count those that are paired, and those in a crossing pair.
const positions = (byte: number): number[] => [0, 2, 4, 6].map((shift) => (byte >> shift) & 3);
const PAIRED = Uint8Array.from({ length: 256 }, (_, byte) => positions(byte).filter((code) => code !== 0).length);
const CROSSING = Uint8Array.from({ length: 256 }, (_, byte) => positions(byte).filter((code) => code === 3).length);

function increment(counts: number[], index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

const filled = (counts: readonly number[]): number[] => Array.from(counts, (value: number | undefined) => value ?? 0);
