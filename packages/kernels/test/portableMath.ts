/** The portable functions against the engine's, and their bits against one number that every platform must give. */
import { describe, expect, it } from 'vitest';
import { portable, RandomStream } from '../src/index.ts';

const { exp, log, cos, sin, pow } = portable;
const unit = (value: number): number => 2 ** (Math.floor(Math.log2(Math.abs(value) || Number.MIN_VALUE)) - 52);
const random = new RandomStream(3);
const draw = (from: number, to: number): number => from + (to - from) * random.uniform();
const arguments_ = Array.from({ length: 5000 }, () => ({
  exponent: draw(-700, 700),
  small: draw(-20, 1),
  positive: exp(draw(-50, 50)),
  angle: draw(-8192, 8192),
  turn: draw(0, 7),
}));

export function portableMathTests(): void {
  describe('portable functions', () => {
    it('agree with the engine within units in the last place', () => {
      const worst = { exp: 0, log: 0, pow: 0, trigonometric: 0 };
      for (const { exponent, small, positive, angle, turn } of arguments_) {
        for (const x of [exponent, small])
          worst.exp = Math.max(worst.exp, Math.abs(exp(x) - Math.exp(x)) / unit(Math.exp(x)));
        worst.log = Math.max(worst.log, Math.abs(log(positive) - Math.log(positive)) / unit(Math.log(positive)));
        worst.pow = Math.max(
          worst.pow,
          Math.abs(pow(10000, -turn / 7) - 10000 ** (-turn / 7)) / unit(10000 ** (-turn / 7)),
        );
        for (const x of [angle, turn])
          worst.trigonometric = Math.max(
            worst.trigonometric,
            Math.abs(cos(x) - Math.cos(x)) / 2 ** -53,
            Math.abs(sin(x) - Math.sin(x)) / 2 ** -53,
          );
      }
      expect(worst.exp).toBeLessThan(4);
      expect(worst.log).toBeLessThan(4);
      expect(worst.pow).toBeLessThan(32);
      expect(worst.trigonometric).toBeLessThan(4);
    });

    it('take the ends of their ranges', () => {
      expect([exp(0), exp(-Infinity), exp(Infinity), exp(710), exp(-746), exp(NaN)]).toEqual([
        1,
        0,
        Infinity,
        Infinity,
        0,
        NaN,
      ]);
      expect(exp(-745)).toBe(5e-324);
      expect([log(1), log(0), log(Infinity), log(-1), log(NaN)]).toEqual([0, -Infinity, Infinity, NaN, NaN]);
      expect(log(5e-324)).toBeCloseTo(-744.4400719213812, 10);
      expect([cos(0), sin(0), pow(0.9, 0), pow(2, -3)]).toEqual([1, 0, 1, 0.125]);
      expect(() => cos(Infinity)).toThrow(RangeError);
    });

    it('give the same bits everywhere', () => {
      const values = Float64Array.from(
        arguments_.flatMap(({ exponent, small, positive, angle, turn }) => [
          exp(exponent),
          exp(small),
          log(positive),
          cos(angle),
          sin(angle),
          cos(turn),
          sin(turn),
          pow(10000, -turn / 7),
          pow(0.999, Math.floor(turn * 1000)),
        ]),
      );
      let hash = 0x811c9dc5;
      for (const word of new Uint32Array(values.buffer)) hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
      expect(hash.toString(16)).toBe('d43f171c');
    });
  });
}
