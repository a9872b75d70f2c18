/**
 * Sums of logarithms in single precision as CONTRAfold and EternaFold make
 * them: log(1 + e^x) and e^x are cubics by stretches of x, terms far below the
 * sum so far are dropped, and every step is rounded to a float. Posteriors of
 * these programs differ by up to 2.5e-3 from the true sum, so that whoever wants
 * their figures needs their approximation. Bounds and coefficients are those of
 * the programs' published sources (BSD licence), cited here as figures.
 */
const round = Math.fround;

/**
 * The logarithm of nothing. Sums of a few of these stay below `LEAST` and within the range of floats, where -Infinity
 * would breed NaN.
 */
export const NOTHING = -2e20;
/** What is below it is the logarithm of nothing. */
export const LEAST = -1e20;

// log(1 + e^x) for x from 0, and e^x for x below 0: the end of each stretch, and its four coefficients from the cubic
// one down.
const LOG_ENDS = Float32Array.of(
  0.6615367791,
  1.6320158198,
  2.4912588184,
  3.379249961,
  4.4261691294,
  5.7890710412,
  7.8162726752,
  11.8624794162,
);
const LOG_CUBICS = Float32Array.of(
  -0.0065591595,
  0.1276442762,
  0.4996554598,
  0.6931542306,
  -0.0155157557,
  0.1446775699,
  0.4882939746,
  0.6958092989,
  -0.0128909247,
  0.1301028251,
  0.5150398748,
  0.6795585882,
  -0.0072142647,
  0.0877540853,
  0.6208708362,
  0.5909675829,
  -0.0031455354,
  0.0467229449,
  0.759253231,
  0.4348794399,
  -0.0010110698,
  0.0185943421,
  0.8831730747,
  0.2523695427,
  -0.000196278,
  0.0046084408,
  0.9634431978,
  0.0983148903,
  -0.0000113994,
  0.0003734731,
  0.9959107193,
  0.0149855051,
);
const EXP_ENDS = Float32Array.of(-5.8622823336, -3.8396630909, -2.4915033807, -1.4805375919, -0.6725053211, 0);
const EXP_CUBICS = Float32Array.of(
  0.000080385,
  0.0021627428,
  0.0194708555,
  0.0588080014,
  0.0013889414,
  0.0244676474,
  0.1471290604,
  0.304275774,
  0.0072335607,
  0.0906002677,
  0.3983111356,
  0.6245959221,
  0.0232410351,
  0.2085645908,
  0.6906367911,
  0.8682322329,
  0.0573782771,
  0.3580258429,
  0.9121133217,
  0.9793091728,
  0.1199175927,
  0.4815668234,
  0.9975991939,
  0.9999505077,
);
const LEAST_EXPONENT = round(-9.91152);
const CUT = LOG_ENDS[7]!;
// The stretch in which each sixteenth begins; no stretch is as short, so that the one looked for is this or the next.
const STRETCH = Uint8Array.from({ length: 16 * 12 }, (_, sixteenth) =>
  Math.min(7, LOG_ENDS.findLastIndex((end) => sixteenth / 16 >= end) + 1),
);

/** log(e^x + e^y), of floats. */
export function add(x: number, y: number): number {
  const high = x < y ? y : x;
  const low = x < y ? x : y;
  const d = round(high - low);
  if (!(d < CUT) || low < LEAST) return high;
  let k = STRETCH[(d * 16) | 0]!;
  if (d >= LOG_ENDS[k]!) k++;
  k <<= 2;
  return round(
    round(
      round(round(round(round(round(LOG_CUBICS[k]! * d) + LOG_CUBICS[k + 1]!) * d) + LOG_CUBICS[k + 2]!) * d) +
        LOG_CUBICS[k + 3]!,
    ) + low,
  );
}

/** e^x, of a float. */
export function exp(x: number): number {
  if (x >= 0) return Math.exp(x);
  if (!(x >= LEAST_EXPONENT)) return 0;
  let k = 0;
  while (x >= EXP_ENDS[k]!) k++;
  k <<= 2;
  return round(
    round(round(round(round(round(EXP_CUBICS[k]! * x) + EXP_CUBICS[k + 1]!) * x) + EXP_CUBICS[k + 2]!) * x) +
      EXP_CUBICS[k + 3]!,
  );
}
