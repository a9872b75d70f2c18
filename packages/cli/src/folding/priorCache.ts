/**
 * Probable pairs of sequences that were computed before, a small file each: a
 * training run asks for the same ones in every epoch. A file's name is a digest
 * of all that its content follows from, so nothing in the folder is ever out of
 * date; a file ends in a digest of itself, so one that is damaged is not used.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { FOLDING_RULES, LEAST_PAIR_PROBABILITY, type FoldingEngine, type ProbablePairs } from '@rna/structure';
import { CommandError } from '../commandLine/errors.ts';
import { makeFolder, writeAtomically } from '../files/files.ts';

// Changed where the engine's numbers or the layout change.
const FORMAT = 'RNA pairs 1';
const MAGIC = new TextEncoder().encode('RNAPAIR1');
const HEADER_BYTES = 16;
const DIGEST_BYTES = 32;

export interface PriorCache {
  /** The pairs of a sequence in upper case with U; undefined for one that is not there or whose file is damaged. */
  read(engine: FoldingEngine, sequence: string): Promise<ProbablePairs | undefined>;
  /** Writes a file whole or not at all. Throws a CommandError where it cannot be written. */
  write(engine: FoldingEngine, sequence: string, pairs: ProbablePairs): Promise<void>;
}

/** `RNA_PAIRS_CACHE`, else `rna/pairs` below the user's cache folder. */
export function priorCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.RNA_PAIRS_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rna', 'pairs');
}

/** @param parameters Texts of the engines' parameter files. */
export function openPriorCache(
  folder: string,
  parameters: Readonly<Partial<Record<FoldingEngine, string>>>,
  onDamaged: (path: string) => void,
): PriorCache {
  const pathOf = (engine: FoldingEngine, sequence: string): string => {
    const name = createHash('sha256')
      .update(JSON.stringify([FORMAT, parameters[engine], FOLDING_RULES[engine], LEAST_PAIR_PROBABILITY, sequence]))
      .digest('hex');
    return join(folder, name.slice(0, 2), `${name}.pairs`);
  };
  return {
    async read(engine, sequence) {
      const path = pathOf(engine, sequence);
      let bytes;
      try {
        bytes = await readFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw new CommandError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
      }
      const pairs = decode(bytes, sequence.length);
      if (pairs === undefined) onDamaged(path);
      return pairs;
    },
    async write(engine, sequence, pairs) {
      const path = pathOf(engine, sequence);
      try {
        await makeFolder(dirname(path));
        await writeAtomically(path, (sink) => sink.write(encode(pairs, sequence.length)));
      } catch (error) {
        throw new CommandError(
          `${path} cannot be written: ${(error as Error).message}; RNA_PAIRS_CACHE names another folder`,
          { cause: error },
        );
      }
    },
  };
}

const digest = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** Magic, length and count as u32; i, j (u32 each) and probabilities (f32); SHA-256 of all before it. Little-endian. */
function encode({ i, j, probability }: ProbablePairs, length: number): Uint8Array {
  const count = probability.length;
  const bytes = new Uint8Array(HEADER_BYTES + 12 * count + DIGEST_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, length, true);
  view.setUint32(12, count, true);
  for (let at = 0; at < count; at++) {
    view.setUint32(HEADER_BYTES + 4 * at, i[at]!, true);
    view.setUint32(HEADER_BYTES + 4 * (count + at), j[at]!, true);
    view.setFloat32(HEADER_BYTES + 4 * (2 * count + at), probability[at]!, true);
  }
  bytes.set(digest(bytes.subarray(0, -DIGEST_BYTES)), bytes.length - DIGEST_BYTES);
  return bytes;
}

function decode(bytes: Uint8Array, length: number): ProbablePairs | undefined {
  if (bytes.length < HEADER_BYTES + DIGEST_BYTES) return undefined;
  const end = bytes.length - DIGEST_BYTES;
  const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
  if (!same(bytes.subarray(end), digest(bytes.subarray(0, end)))) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const count = view.getUint32(12, true);
  if (!same(bytes.subarray(0, 8), MAGIC) || view.getUint32(8, true) !== length || end !== HEADER_BYTES + 12 * count)
    return undefined;
  const pairs = { i: new Uint32Array(count), j: new Uint32Array(count), probability: new Float32Array(count) };
  for (let at = 0; at < count; at++) {
    pairs.i[at] = view.getUint32(HEADER_BYTES + 4 * at, true);
    pairs.j[at] = view.getUint32(HEADER_BYTES + 4 * (count + at), true);
    pairs.probability[at] = view.getFloat32(HEADER_BYTES + 4 * (2 * count + at), true);
  }
  return pairs;
}
