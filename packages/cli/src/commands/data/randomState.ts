/**
 * The draws of NumPy's `RandomState` that published splits were made by, to the
 * bit: MT19937 (Matsumoto & Nishimura 1998) and, on it, the legacy shuffle,
 * permutation and bounded integers, which NumPy has frozen (NEP 19). For
 * splits of the reference alone; everything else draws from `@rna/kernels`.
 */
const STATE = 624;
const SHIFT = 397;

export class RandomState {
  readonly #state = new Uint32Array(STATE);
  #next = STATE;

  /** @param seed An integer from 0 to 2³² − 1. */
  constructor(seed: number) {
    if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32))
      throw new RangeError(`RandomState: a seed is an integer from 0 to 2^32 - 1, not ${seed}`);
    this.#state[0] = seed;
    for (let i = 1; i < STATE; i++) {
      const last = this.#state[i - 1]!;
      this.#state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
  }

  /** A uniform integer in [0, 2³²). */
  uint32(): number {
    if (this.#next === STATE) this.#twist();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A uniform integer in [0, bound): draws under a mask until one fits, as `randint(0, bound)` does. */
  below(bound: number): number {
    const last = bound - 1;
    if (last === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(last);
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value <= last) return value;
    }
  }

  /** In place, as `shuffle`. */
  shuffle(values: Int32Array): Int32Array {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
    return values;
  }

  /** 0 … count − 1 shuffled. */
  permutation(count: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: count }, (_, i) => i));
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < STATE; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % STATE]! & 0x7fffffff);
      state[i] = state[(i + SHIFT) % STATE]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }
}
