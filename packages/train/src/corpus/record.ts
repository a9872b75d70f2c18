/**
 * One record in a corpus: cleaned as both papers do (upper case, T read as U,
 * gaps taken out, ambiguity codes kept), in 4 bits a letter and, with a
 * structure, 2 more; and the key that orders records. Names are not kept:
 * training needs none, and what builds a corpus names its inputs itself.
 */
import { basePairs, checkPartners, nestedPartners, removeGaps } from '@rna/structure';
import { RECORD_KINDS, type CorpusInput, type CorpusRecord, type RecordKind } from './corpus.ts';
import { HASH_BYTES, hash128 } from './hash.ts';

/** The 16 letters by their codes: the tokenizer's without the gap, U for T. */
export const CORPUS_LETTERS = 'ACGUIRYKMSWBDHVN';

/** Bytes of a record's key: its cluster's hash, then its own. */
export const KEY_BYTES = 2 * HASH_BYTES;

/** A record as it is stored, before its place is known. */
export interface EncodedRecord {
  readonly kind: RecordKind;
  /** Nucleotides. */
  readonly length: number;
  /** Letters, then the structure of a structured record. */
  readonly bytes: Uint8Array;
  /** Sorted by this, a section is in its order: clusters shuffled, their records together. */
  readonly key: Uint8Array;
  /** Whether other records may be of its cluster. */
  readonly hasNamedCluster: boolean;
}

// Unnamed clusters are hashed apart from named ones, or a name could be taken for a sequence.
const NAME_SEED = 1;
const SEQUENCE_SEED = 2;

const NONE = 255;
const codeOf = new Uint8Array(128).fill(NONE);
for (const [code, letter] of [...CORPUS_LETTERS].entries()) {
  for (const form of [letter, letter.toLowerCase()]) codeOf[form.charCodeAt(0)] = code;
}
for (const thymine of 'Tt') codeOf[thymine.charCodeAt(0)] = codeOf['U'.charCodeAt(0)]!;
const lettersOfByte = Array.from({ length: 256 }, (_, byte) => CORPUS_LETTERS[byte & 15]! + CORPUS_LETTERS[byte >> 4]!);

/**
 * Cleans and encodes a record. Throws a RangeError for letters outside IUPAC,
 * an empty sequence, partners that do not fit it, and a kind that does not fit
 * the partners.
 */
export function encodeRecord(input: CorpusInput): EncodedRecord {
  const { sequence, partners } = input.sequence.includes('-') ? removeGaps(input) : input;
  const kind = input.kind ?? (partners === undefined ? 'ncrna' : 'structured');
  if ((kind === 'structured') !== (partners !== undefined)) {
    throw new RangeError(
      `encodeRecord: a record of kind "${kind}" ${partners === undefined ? 'needs' : 'may not have'} partners`,
    );
  }
  if (sequence.length === 0) throw new RangeError('encodeRecord: a sequence without a letter');
  const letters = encodeLetters(sequence);
  const bytes = partners === undefined ? letters : join(letters, encodePartners(partners, sequence.length));
  const key = new Uint8Array(KEY_BYTES);
  const { cluster } = input;
  key.set(
    cluster === undefined
      ? sequenceHash(letters, sequence.length)
      : typeof cluster === 'string'
        ? clusterHash(cluster)
        : cluster,
  );
  key.set(hash128(bytes, sequence.length), HASH_BYTES);
  return { kind, length: sequence.length, bytes, key, hasNamedCluster: cluster !== undefined };
}

/** What stands for a cluster's name in the keys of its records: [16 bytes]. */
export const clusterHash = (name: string): Uint8Array => hash128(new TextEncoder().encode(name), NAME_SEED);

/** Bytes that letters take. */
export const letterBytes = (length: number): number => Math.ceil(length / 2);

/** The same for the same cleaned sequence, and for no other: [16 bytes] of encoded letters. */
export function sequenceHash(letters: Uint8Array, length: number): Uint8Array {
  // The last half byte says nothing of the length's parity, but an A would.
  return hash128(letters.subarray(0, letterBytes(length)), SEQUENCE_SEED + (length % 2));
}

/** Order of keys. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < KEY_BYTES; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The record again. Throws a RangeError where the bytes are no record of this length. */
export function decodeRecord(bytes: Uint8Array, length: number, kind: RecordKind): CorpusRecord {
  const structureAt = letterBytes(length);
  if (bytes.byteLength < structureAt) throw new RangeError('decodeRecord: fewer bytes than letters');
  let sequence = '';
  for (let i = 0; i < structureAt; i++) sequence += lettersOfByte[bytes[i]!]!;
  if (length % 2 === 1) sequence = sequence.slice(0, -1);
  if (kind !== 'structured') return { sequence };
  return { sequence, partners: decodePartners(bytes.subarray(structureAt), length) };
}

function encodeLetters(sequence: string): Uint8Array {
  const bytes = new Uint8Array(letterBytes(sequence.length));
  for (let i = 0; i < sequence.length; i++) {
    const code = codeOf[sequence.charCodeAt(i)] ?? NONE;
    if (code === NONE)
      throw new RangeError(
        `encodeRecord: "${sequence[i]!}" at position ${i + 1} is not a nucleotide code (A C G T U, IUPAC's ambiguity codes, I)`,
      );
    bytes[i >> 1]! |= code << (4 * (i & 1));
  }
  return bytes;
}

// What two bits say of a position. A crossing pair's partner follows behind them.
const UNPAIRED = 0;
const OPENS = 1;
const CLOSES = 2;
const CROSSING = 3;

/**
 * Two bits a position; then, for each pair of a pseudoknot in the order of its
 * first position, the distance to the second in base 128.
 */
function encodePartners(partners: Int32Array, length: number): Uint8Array {
  if (partners.length !== length)
    throw new RangeError(`encodeRecord: ${partners.length} partners for ${length} letters`);
  checkPartners(partners, 'encodeRecord');
  const nested = isNested(partners) ? partners : nestedPartners(partners);
  const bytes: number[] = new Array<number>(Math.ceil(length / 4)).fill(0);
  for (let i = 0; i < length; i++) {
    const code = partners[i] === -1 ? UNPAIRED : nested[i] === -1 ? CROSSING : nested[i]! > i ? OPENS : CLOSES;
    bytes[i >> 2]! |= code << (2 * (i & 3));
  }
  for (const [i, j] of basePairs(partners)) if (nested[i] === -1) pushNumber(bytes, j - i);
  return Uint8Array.from(bytes);
}

function decodePartners(bytes: Uint8Array, length: number): Int32Array {
  const partners = new Int32Array(length).fill(-1);
  const open: number[] = [];
  let at = Math.ceil(length / 4);
  const pair = (i: number, j: number | undefined): void => {
    if (j === undefined || j >= length || partners[j] !== -1)
      throw new RangeError('decodeRecord: pairs that do not fit');
    partners[i] = j;
    partners[j] = i;
  };
  for (let i = 0; i < length; i++) {
    const code = (bytes[i >> 2]! >> (2 * (i & 3))) & 3;
    if (code === OPENS) open.push(i);
    else if (code === CLOSES) pair(i, open.pop());
    else if (code === CROSSING && partners[i] === -1) {
      let [distance, shift] = [0, 0];
      for (;;) {
        const byte = bytes[at++];
        if (byte === undefined) throw new RangeError('decodeRecord: the structure is cut off');
        distance += (byte & 127) * 2 ** shift;
        if (byte < 128) break;
        shift += 7;
      }
      pair(i, i + distance);
    }
  }
  if (open.length > 0 || at !== bytes.byteLength)
    throw new RangeError('decodeRecord: the structure does not end where it should');
  return partners;
}

function isNested(partners: Int32Array): boolean {
  const closing: number[] = [];
  for (const [i, j] of partners.entries()) {
    if (j > i) closing.push(j);
    else if (j !== -1 && closing.pop() !== i) return false;
  }
  return true;
}

function pushNumber(bytes: number[], value: number): void {
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  bytes.push(value);
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.byteLength + b.byteLength);
  joined.set(a);
  joined.set(b, a.byteLength);
  return joined;
}

/** What each section is, in words. */
export const KIND_NAMES: Readonly<Record<RecordKind, string>> = {
  structured: 'ncRNA with structure',
  ncrna: 'ncRNA without',
  other: 'other RNA',
};

/** A value for each kind. */
export function byKind<T>(value: (kind: RecordKind) => T): Record<RecordKind, T> {
  return Object.fromEntries(RECORD_KINDS.map((kind) => [kind, value(kind)])) as Record<RecordKind, T>;
}
