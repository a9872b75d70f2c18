/**
 * Where the records of a FASTA file begin, found in its bytes without holding
 * any of it: line ends of any kind, wrapped lines, comments and a byte-order mark
 * as `parseFasta` takes them. What is wrong with a record is for its reader to
 * say; here it only has a place.
 */

/** Where a record's header stands. */
export interface RecordPlace {
  /** Bytes of the file before it; in BGZF, before the block that holds it. */
  readonly offset: number;
  /** Unpacked bytes of that block before it; 0 in a plain file. */
  readonly within: number;
  /** From 1. */
  readonly line: number;
}

/** Consecutive bytes and where they stand: the unpacked bytes of a BGZF block, or a piece of a plain file. */
export interface PlacedBytes {
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** In BGZF: the unpacked bytes of the block before these, whose `offset` is that of the block. */
  readonly within?: number;
}

const [TAB, LF, CR, SPACE, GREATER, SEMICOLON] = [9, 10, 13, 32, 62, 59] as const;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** The bytes of a letter: neither a blank nor a byte behind the first of a character. */
const IS_LETTER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte > SPACE && (byte < 0x80 || byte >= 0xc0) ? 1 : 0,
);

export interface ScanState {
  /** Headers so far. */
  records: number;
  /** Letters of all sequences so far. */
  nucleotides: number;
}

/** Called at each header with its number from 0, and the nucleotides before it; true ends the scan. */
export type OnHeader = (record: number, place: RecordPlace, nucleotides: number) => boolean | undefined;

/** Called when the id of a header is read: the line, a hash of 53 bits, and the id itself. */
export type OnId = (line: number, hash: number, id: () => string) => void;

/**
 * Walks through bytes that begin at the start of a line, which has the number `line`. `onId` is left out where ids do
 * not matter.
 */
export async function scanFasta(
  chunks: AsyncIterable<PlacedBytes>,
  line: number,
  onHeader: OnHeader,
  onId?: OnId,
): Promise<ScanState> {
  const state: ScanState = { records: 0, nucleotides: 0 };
  const hash = idHash();
  let kind: 'start' | 'letters' | 'comment' | 'id' | 'title' = 'start';
  let afterReturn = false;
  let at = line;
  let markBytes = 0;
  // A header of blanks has no id; its reader refuses it.
  let hasId = false;
  const endId = (): void => {
    if (hasId) onId?.(at, hash.value(), hash.text);
    hasId = false;
  };
  for await (const { bytes, offset, within } of chunks) {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === LF && afterReturn) {
        afterReturn = false;
        continue;
      }
      afterReturn = byte === CR;
      if (byte === LF || byte === CR) {
        if (kind === 'id') endId();
        kind = 'start';
        at++;
        continue;
      }
      if (kind === 'letters') {
        state.nucleotides += IS_LETTER[byte]!;
      } else if (kind === 'start') {
        if (markBytes < 3 && at === 1 && byte === BYTE_ORDER_MARK[markBytes]) {
          markBytes++;
          continue;
        }
        if (byte === GREATER) {
          kind = 'id';
          hash.begin();
          const place =
            within === undefined
              ? { offset: offset + i, within: 0, line: at }
              : { offset, within: within + i, line: at };
          if (onHeader(state.records, place, state.nucleotides) === true) return state;
          state.records++;
        } else if (byte === SEMICOLON) kind = 'comment';
        else {
          kind = 'letters';
          state.nucleotides += IS_LETTER[byte]!;
        }
      } else if (kind === 'id') {
        if (byte !== SPACE && byte !== TAB) {
          hasId = true;
          hash.add(byte);
        } else if (hasId) {
          endId();
          kind = 'title';
        }
      }
    }
  }
  endId();
  return state;
}

/** A hash of bytes, in 53 bits. Two ids of one hash are compared before they are called the same. */
function idHash() {
  let [low, high] = [0, 0];
  const bytes: number[] = [];
  return {
    begin: (): void => {
      bytes.length = 0;
      [low, high] = [0x811c9dc5, 0x9e3779b9];
    },
    add: (byte: number): void => {
      bytes.push(byte);
      // FNV-1a, and beside it another multiplier over a rotated state.
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(((high << 5) | (high >>> 27)) ^ byte, 0x85ebca6b);
    },
    value: (): number => (low >>> 0) + ((high ^ (high >>> 15)) & 0x1fffff) * 2 ** 32,
    text: (): string => Buffer.from(bytes).toString('utf8'),
  };
}
