/**
 * Walks over a pickle without building anything: how many opcodes it has, where
 * it ends, and that every argument lies inside it. The parser that builds values
 * comes after this, so a small file cannot make it take gigabytes.
 */
import { LIMITS } from './limits.ts';

const STOP = 0x2e;
const FRAME = 0x95;
const FRAME_BYTES = 8;

/** Bytes of an opcode's argument. */
const FIXED: Readonly<Record<number, number>> = {
  0x47: 8, // BINFLOAT
  0x4a: 4, // BININT
  0x4b: 1, // BININT1
  0x4d: 2, // BININT2
  0x68: 1, // BINGET
  0x6a: 4, // LONG_BINGET
  0x71: 1, // BINPUT
  0x72: 4, // LONG_BINPUT
  0x80: 1, // PROTO
  0x82: 1, // EXT1
  0x83: 2, // EXT2
  0x84: 4, // EXT4
  [FRAME]: FRAME_BYTES,
};

/** Bytes of the length that stands before an opcode's argument. */
const COUNTED: Readonly<Record<number, number>> = {
  0x42: 4, // BINBYTES
  0x43: 1, // SHORT_BINBYTES
  0x54: 4, // BINSTRING
  0x55: 1, // SHORT_BINSTRING
  0x58: 4, // BINUNICODE
  0x8a: 1, // LONG1
  0x8b: 4, // LONG4
  0x8c: 1, // SHORT_BINUNICODE
  0x8d: 8, // BINUNICODE8
  0x8e: 8, // BINBYTES8
  0x96: 8, // BYTEARRAY8
};

/** Lines of an opcode's argument. */
const LINES: Readonly<Record<number, number>> = {
  0x46: 1, // FLOAT
  0x49: 1, // INT
  0x4c: 1, // LONG
  0x50: 1, // PERSID
  0x53: 1, // STRING
  0x56: 1, // UNICODE
  0x63: 2, // GLOBAL
  0x67: 1, // GET
  0x69: 2, // INST
  0x70: 1, // PUT
};

const LINE_END = 0x0a;

/** Where a pickle that begins at `start` ends, or what is wrong with it before it is parsed. */
export function scanPickle(
  bytes: Uint8Array,
  start = 0,
): { readonly end: number; readonly problem?: undefined } | { readonly problem: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  for (let opcodes = 1; at < bytes.length; opcodes++) {
    if (opcodes > LIMITS.pickleOpcodes)
      return { problem: `more than ${LIMITS.pickleOpcodes} opcodes are too many for a state dict` };
    const opcode = bytes[at++]!;
    if (opcode === STOP) return { end: at };
    const width = COUNTED[opcode];
    if (width !== undefined) {
      if (at + width > bytes.length) break;
      const length =
        width === 1 ? bytes[at]! : width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
      at += width + length;
    }
    // The parser passes over a frame's length, and writes to the console about one that is no whole number here.
    if (opcode === FRAME && at + FRAME_BYTES <= bytes.length) {
      const length = Number(view.getBigUint64(at, true));
      if (length > bytes.length - at - FRAME_BYTES) break;
    }
    at += FIXED[opcode] ?? 0;
    for (let line = 0; line < (LINES[opcode] ?? 0); line++) {
      const end = bytes.indexOf(LINE_END, at);
      if (end < 0) return { problem: 'a line in it has no end; the file is damaged' };
      at = end + 1;
    }
  }
  return { problem: 'it ends before its last opcode; the file is cut off or damaged' };
}
