/**
 * Functions that give the same bits in every JavaScript engine. The language
 * leaves `Math.exp`, `log`, `cos`, `sin` and `**` to the engine, and two
 * versions of one engine differ in the last bit for up to a tenth of all
 * arguments. What a run's weights or log follow from is computed with these
 * instead: sums, products, quotients and square roots alone, which IEEE 754
 * fixes. Doubles, within a few units in the last place of the true value.
 */

// ln 2 and π/2 in parts whose leading ones have 33 bits, so that their products with whole numbers below 2^20 are
// exact.
const [LN2_HIGH, LN2_LOW] = [0.6931471804855391, 7.440617110012397e-11];
const [HALF_PI_HIGH, HALF_PI_MIDDLE, HALF_PI_LOW] = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21];

const bits = new DataView(new ArrayBuffer(8));

/** e^x: x = k ln 2 + r with |r| ≤ ln 2 / 2, and Taylor's series of r to the 14th power. */
export function exp(x: number): number {
  if (Number.isNaN(x) || x > 709.79) return x > 0 ? Infinity : x;
  if (x < -745.14) return 0;
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1;
  for (let n = 14; n >= 1; n--) sum = 1 + (r / n) * sum;
  // In two steps, since 2^k alone may be out of range where the product is not.
  const half = Math.trunc(k / 2);
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** ln x: x = 2^e m with m about 1, and the series of 2 artanh((m − 1) / (m + 1)). */
export function log(x: number): number {
  if (!(x > 0) || x === Infinity) return x === 0 ? -Infinity : x > 0 ? x : NaN;
  // Subnormal numbers have no leading one to take apart.
  if (x < 2 ** -1022) return log(x * 2 ** 54) - 54 * Math.LN2;
  bits.setFloat64(0, x);
  let exponent = (bits.getUint32(0) >>> 20) - 1023;
  bits.setUint32(0, (bits.getUint32(0) & 0xfffff) | 0x3ff00000);
  let mantissa = bits.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  const f = (mantissa - 1) / (mantissa + 1);
  const square = f * f;
  let series = 0;
  for (let n = 23; n >= 3; n -= 2) series = square * (1 / n + series);
  return exponent * LN2_HIGH + (2 * f + (2 * f * series + exponent * LN2_LOW));
}

/** cos x, for |x| below 2^20. */
export function cos(x: number): number {
  return quarterTurns(x, 1);
}

/** sin x, for |x| below 2^20. */
export function sin(x: number): number {
  return quarterTurns(x, 0);
}

/** base^exponent of a base above 0: by squaring for a whole exponent, else through the logarithm. */
export function pow(base: number, exponent: number): number {
  if (!Number.isInteger(exponent)) return exp(exponent * log(base));
  let [result, square] = [1, base];
  for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return exponent < 0 ? 1 / result : result;
}

/** sin(x + turns · π/2): x = k π/2 + r with |r| ≤ π/4, and Taylor's series of r. */
function quarterTurns(x: number, turns: number): number {
  if (!(Math.abs(x) < 2 ** 20)) throw new RangeError(`the sine and cosine are for angles below 2^20, got ${x}`);
  const k = Math.round(x / HALF_PI_HIGH);
  const r = x - k * HALF_PI_HIGH - k * HALF_PI_MIDDLE - k * HALF_PI_LOW;
  const quarter = (((k + turns) % 4) + 4) % 4;
  const square = r * r;
  let sum = 1;
  const isCosine = quarter % 2 === 1;
  for (let n = isCosine ? 18 : 19; n > 1; n -= 2) sum = 1 - (square / (n * (n - 1))) * sum;
  const value = isCosine ? sum : r * sum;
  return quarter < 2 ? value : -value;
}

function powerOfTwo(exponent: number): number {
  bits.setUint32(0, (exponent + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}
