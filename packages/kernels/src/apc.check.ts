/** Checks of the symmetric, corrected attention maps. */
import { apc, apcSums } from './apc.ts';
import { floats, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';

const SIZES = [
  [1, 1],
  [3, 2],
  [4, 17],
  [5, 40],
] as const;

/** Maps of attention: positive rows that sum to one. */
function attention(random: RandomStream, heads: number, size: number): Float64Array {
  const maps = new Float64Array(heads * size * size);
  for (let at = 0; at < maps.length; at += size) {
    const row = Array.from({ length: size }, () => Math.exp(2 * random.normal()));
    const sum = row.reduce((a, b) => a + b);
    row.forEach((value, j) => {
      maps[at + j] = Math.fround(value / sum);
    });
  }
  return maps;
}

const entry = (call: Call) => {
  const [p, size] = [floats(call, 'p'), uniform(call, 'length') + 2];
  return (h: number, i: number, j: number): number =>
    p[(h * size + i + 1) * size + j + 1]! + p[(h * size + j + 1) * size + i + 1]!;
};

function sumsOf(call: Call): Float64Array {
  const [heads, length, s] = [uniform(call, 'heads'), uniform(call, 'length'), entry(call)];
  return Float64Array.from({ length: length * heads }, (_, at) => {
    let sum = 0;
    for (let j = 0; j < length; j++) sum += s(at % heads, Math.floor(at / heads), j);
    return sum;
  });
}

function sumsCall(random: RandomStream, heads: number, length: number): Call {
  const count = heads * length;
  return {
    inputs: { p: attention(random, heads, length + 2) },
    outputs: { sums: count },
    uniforms: { count, heads, length },
  };
}

export const apcSumsCheck: KernelCheck = {
  kernel: apcSums,
  calls: (random) => SIZES.map(([heads, length]) => sumsCall(random, heads, length)),
  benchmark: (random) => [sumsCall(random, 20, 254)],
  reference: (call) => ({ sums: sumsOf(call) }),
  work: (call) => ({ flops: 2 * call.inputs['p']!.length, bytes: 4 * call.inputs['p']!.length }),
  tolerance: 1e-6,
};

function apcCall(random: RandomStream, heads: number, length: number): Call {
  const call = sumsCall(random, heads, length);
  const sums = sumsOf(call).map(Math.fround);
  const totals = new Float64Array(heads);
  sums.forEach((value, at) => {
    totals[at % heads]! += value;
  });
  const count = heads * length * length;
  return {
    inputs: { ...call.inputs, sums, totals: totals.map(Math.fround) },
    outputs: { y: count },
    uniforms: { count, heads, length },
  };
}

export const apcCheck: KernelCheck = {
  kernel: apc,
  calls: (random) => SIZES.map(([heads, length]) => apcCall(random, heads, length)),
  benchmark: (random) => [apcCall(random, 20, 254)],
  reference: (call) => {
    const [heads, length, sums, totals, s] = [
      uniform(call, 'heads'),
      uniform(call, 'length'),
      floats(call, 'sums'),
      floats(call, 'totals'),
      entry(call),
    ];
    const y = Float64Array.from({ length: heads * length * length }, (_, at) => {
      const [h, i, j] = [Math.floor(at / length / length), Math.floor(at / length) % length, at % length];
      return s(h, i, j) - (sums[i * heads + h]! * sums[j * heads + h]!) / totals[h]!;
    });
    return { y };
  },
  work: (call) => ({ flops: 4 * uniform(call, 'count'), bytes: 8 * uniform(call, 'count') }),
  tolerance: 1e-6,
};
