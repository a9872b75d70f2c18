/**
 * MurmurHash3_x86_128 (Appleby, public domain): 128 bits of any bytes, in
 * integers that every platform computes alike. It tells records apart, sets
 * their order, and finds damage (within 16 bytes that are aligned, any change
 * is found for certain). It is no defence against who wants a collision.
 */

/** Bytes of a hash. */
export const HASH_BYTES = 16;

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

const tail = new DataView(new ArrayBuffer(16));

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

function finalMix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * The hash [16 bytes, words little-endian] of `bytes`. Hashes of different seeds (u32) have nothing to do with each
 * other.
 */
export function hash128(bytes: Uint8Array, seed = 0): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength;
  let [h1, h2, h3, h4] = [seed, seed, seed, seed];
  const whole = length - (length % 16);
  for (let at = 0; at < whole; at += 16) {
    h1 ^= Math.imul(rotate(Math.imul(view.getUint32(at, true), C1), 15), C2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotate(Math.imul(view.getUint32(at + 4, true), C2), 16), C3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotate(Math.imul(view.getUint32(at + 8, true), C3), 17), C4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotate(Math.imul(view.getUint32(at + 12, true), C4), 18), C1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  if (whole < length) {
    // The last bytes count as if zeros followed; a word of zeros changes nothing.
    for (let i = 0; i < 16; i++) tail.setUint8(i, whole + i < length ? bytes[whole + i]! : 0);
    h4 ^= Math.imul(rotate(Math.imul(tail.getUint32(12, true), C4), 18), C1);
    h3 ^= Math.imul(rotate(Math.imul(tail.getUint32(8, true), C3), 17), C4);
    h2 ^= Math.imul(rotate(Math.imul(tail.getUint32(4, true), C2), 16), C3);
    h1 ^= Math.imul(rotate(Math.imul(tail.getUint32(0, true), C1), 15), C2);
  }
  [h1, h2, h3, h4] = mixWords(h1 ^ length, h2 ^ length, h3 ^ length, h4 ^ length);
  [h1, h2, h3, h4] = mixWords(finalMix(h1), finalMix(h2), finalMix(h3), finalMix(h4));
  const hash = new DataView(new ArrayBuffer(HASH_BYTES));
  [h1, h2, h3, h4].forEach((word, i) => {
    hash.setUint32(4 * i, word, true);
  });
  return new Uint8Array(hash.buffer);
}

function mixWords(h1: number, h2: number, h3: number, h4: number): [number, number, number, number] {
  const sum = (h1 + h2 + h3 + h4) | 0;
  return [sum, (h2 + sum) | 0, (h3 + sum) | 0, (h4 + sum) | 0];
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
