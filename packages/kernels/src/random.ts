/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al.,
 * SC 2011), integers only, so TypeScript and WGSL give the same bits on every
 * platform. A draw is a function of (key, counter) and of nothing else; no
 * generator state is stored, saved or resumed.
 *
 * Kernels include `threefryWgsl` and call `threefry(key, counter)`. The host
 * uses `threefry2x32`, or `RandomStream` for draws one after the other.
 */
import { cos, log } from './portableMath.ts';

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const PARITY = 0x1bd11bda;

/** One Threefry-2x32-20 block: two random u32 from a two-word key and a two-word counter. */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const keys = [key0 | 0, key1 | 0, PARITY ^ key0 ^ key1];
  let x0 = (counter0 + key0) | 0;
  let x1 = (counter1 + key1) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = ROTATIONS[round % 8]!;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + keys[injection % 3]!) | 0;
      x1 = (x1 + keys[(injection + 1) % 3]! + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** WGSL twin of `threefry2x32`: `threefry(key: vec2u, counter: vec2u) -> vec2u`. */
export const threefryWgsl = /* wgsl */ `
fn threefryRound(x: vec2u, rotation: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, ((x.y << rotation) | (x.y >> (32u - rotation))) ^ sum);
}
fn threefryFour(x: vec2u, r: vec4u) -> vec2u {
  return threefryRound(threefryRound(threefryRound(threefryRound(x, r.x), r.y), r.z), r.w);
}
fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let parity = ${PARITY}u ^ key.x ^ key.y;
  let even = vec4u(13u, 15u, 26u, 6u);
  let odd = vec4u(17u, 29u, 16u, 24u);
  var x = counter + key;
  x = threefryFour(x, even) + vec2u(key.y, parity + 1u);
  x = threefryFour(x, odd) + vec2u(parity, key.x + 2u);
  x = threefryFour(x, even) + vec2u(key.x, key.y + 3u);
  x = threefryFour(x, odd) + vec2u(key.y, parity + 4u);
  x = threefryFour(x, even) + vec2u(parity, key.x + 5u);
  return x;
}
`;

/** Derives the two-word key of a stream from a seed and any number of integer labels (epoch, sequence index, …). */
export function deriveKey(seed: number, ...labels: readonly number[]): [number, number] {
  let key = threefry2x32(seed >>> 0, Math.floor(seed / 0x100000000) >>> 0, 0x726e61, 0);
  for (const label of labels) key = threefry2x32(key[0], key[1], label >>> 0, Math.floor(label / 0x100000000) >>> 0);
  return key;
}

/**
 * A sequence of draws from one key. Two streams with the same seed and labels
 * give the same draws; streams with different labels are independent.
 */
export class RandomStream {
  readonly #key: [number, number];
  #counter = 0;
  #spare: number | undefined;

  constructor(seed: number, ...labels: readonly number[]) {
    this.#key = deriveKey(seed, ...labels);
  }

  /** A uniform integer in [0, 2³²). */
  uint32(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    const [value, spare] = threefry2x32(this.#key[0], this.#key[1], this.#counter++, 0);
    this.#spare = spare;
    return value;
  }

  /** A uniform number in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** A uniform integer in [0, bound), without modulo bias. Throws a RangeError unless 1 ≤ bound ≤ 2³². */
  below(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= 0x100000000)) {
      throw new RangeError(`RandomStream.below: bound must be an integer in 1 … 2^32, got ${bound}`);
    }
    const limit = 0x100000000 - (0x100000000 % bound);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  /** A standard normal number (Box–Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * log(1 - this.uniform()));
    return radius * cos(2 * Math.PI * this.uniform());
  }

  /** Shuffles `items` in place (Fisher–Yates) and returns it. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }
}
