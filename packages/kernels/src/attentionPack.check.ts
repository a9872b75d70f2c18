/** Checks of what surrounds attention: packing with RoPE and its gradient, the softmax's correction, the map. */
import {
  attend,
  ATTENTION_SIZES,
  attentionCall,
  attentionReference,
  cumulative,
  packedIndex,
  packedNormals,
  type AttentionSize,
} from './attention.check.ts';
import { attentionDelta, attentionMap, attentionPack, attentionUnpack } from './attentionPack.ts';
import { floats, inHalves, integers, normals, uniform, type Call, type KernelCheck } from './check.ts';
import type { RandomStream } from './random.ts';
import { ropeTable } from './rope.ts';
import { segmentTable } from './segments.ts';

const BENCHMARK: AttentionSize = { lengths: [64, 400, 120, 30, 410], heads: 20, kvHeads: 20, headDim: 24 };

function packCall(random: RandomStream, { lengths, heads, kvHeads, headDim }: AttentionSize, rope = true): Call {
  const cuSeqlens = cumulative(lengths);
  const tokens = cuSeqlens.at(-1)!;
  const all = heads + 2 * kvHeads;
  return {
    inputs: {
      x: normals(random, tokens * all * headDim),
      rope: Float64Array.from(ropeTable(headDim, Math.max(...lengths), 10000)),
      segments: segmentTable(cuSeqlens),
    },
    outputs: { packed: all * Math.ceil(tokens / 4) * 4 * headDim },
    uniforms: { tokens, heads: all, headDim, rotated: heads + kvHeads, scaled: heads, scale: 1 / Math.sqrt(headDim) },
    variant: { rope },
  };
}

/**
 * Calls `visit` with both components of each rotating pair: indices in the rows and in the packed layout, cos and sin,
 * the factor.
 */
function eachPair(
  call: Call,
  visit: (
    row: number,
    packed: number,
    rowHalf: number,
    packedHalf: number,
    c: number,
    s: number,
    factor: number,
  ) => void,
): void {
  const [rope, segments] = [floats(call, 'rope'), integers(call, 'segments')];
  const [tokens, heads, headDim] = [uniform(call, 'tokens'), uniform(call, 'heads'), uniform(call, 'headDim')];
  const half = headDim / 2;
  for (let t = 0; t < tokens; t++) {
    for (let h = 0; h < heads; h++) {
      for (let d = 0; d < half; d++) {
        const angle = (t - segments[2 * t]!) * headDim + d;
        const [c, s] =
          call.variant?.['rope'] === true && h < uniform(call, 'rotated')
            ? [rope[angle]!, rope[angle + half]!]
            : [1, 0];
        const row = (t * heads + h) * headDim + d;
        visit(
          row,
          packedIndex(tokens, headDim, h, t, d),
          row + half,
          packedIndex(tokens, headDim, h, t, d + half),
          c,
          s,
          h < uniform(call, 'scaled') ? Math.fround(uniform(call, 'scale')) : 1,
        );
      }
    }
  }
}

const traffic = (call: Call): { flops: number; bytes: number } => {
  const values = uniform(call, 'tokens') * uniform(call, 'heads') * uniform(call, 'headDim');
  return { flops: 3 * values, bytes: 8 * values };
};

export const attentionPackCheck: KernelCheck = {
  kernel: attentionPack,
  calls: (random) => [
    ...ATTENTION_SIZES.map((size) => packCall(random, size)).flatMap((call, i) =>
      i === 1 ? [call, inHalves(attentionPack, call)] : [call],
    ),
    packCall(random, ATTENTION_SIZES[1]!, false),
  ],
  benchmark: (random) => [packCall(random, BENCHMARK)],
  reference: (call) => {
    const x = floats(call, 'x');
    const packed = new Float64Array(call.outputs['packed'] ?? call.inputs['dpacked']!.length);
    eachPair(call, (row, at, rowHalf, atHalf, c, s, factor) => {
      packed[at] = (x[row]! * c - x[rowHalf]! * s) * factor;
      packed[atHalf] = (x[rowHalf]! * c + x[row]! * s) * factor;
    });
    return { packed };
  },
  work: traffic,
  tolerance: 1e-6,
};

export const attentionUnpackCheck: KernelCheck = {
  kernel: attentionUnpack,
  calls: (random) => [
    ...ATTENTION_SIZES.map((size) => unpackCall(random, size)).flatMap((call, i) =>
      i === 1 ? [call, inHalves(attentionUnpack, call)] : [call],
    ),
    unpackCall(random, ATTENTION_SIZES[1]!, false),
  ],
  benchmark: (random) => [unpackCall(random, BENCHMARK)],
  reference: (call) => {
    const dpacked = floats(call, 'dpacked');
    const dx = new Float64Array(call.inputs['x']!.length);
    eachPair(call, (row, at, rowHalf, atHalf, c, s, factor) => {
      dx[row] = (dpacked[at]! * c + dpacked[atHalf]! * s) * factor;
      dx[rowHalf] = (dpacked[atHalf]! * c - dpacked[at]! * s) * factor;
    });
    return { dx };
  },
  work: traffic,
  tolerance: 1e-6,
  gradientOf: attentionPackCheck,
};

function unpackCall(random: RandomStream, size: AttentionSize, rope = true): Call {
  const forward = packCall(random, size, rope);
  const { uniforms } = forward;
  return {
    ...forward,
    inputs: {
      ...forward.inputs,
      dpacked: packedNormals(random, uniforms['tokens']!, uniforms['heads']!, uniforms['headDim']!),
    },
    outputs: { dx: forward.inputs['x']!.length },
  };
}

export const attentionDeltaCheck: KernelCheck = {
  kernel: attentionDelta,
  calls: (random) =>
    [
      [1, 1, 2],
      [77, 3, 24],
    ]
      .map(([tokens, heads, headDim]) => ({
        inputs: {
          gradient: packedNormals(random, tokens!, heads!, headDim!),
          y: normals(random, tokens! * heads! * headDim!),
        },
        outputs: { delta: heads! * Math.ceil(tokens! / 4) * 4 },
        uniforms: { tokens: tokens!, heads: heads!, headDim: headDim! },
      }))
      .flatMap((call) => [call, inHalves(attentionDelta, call)]),
  reference: (call) => {
    const [tokens, heads, headDim] = [uniform(call, 'tokens'), uniform(call, 'heads'), uniform(call, 'headDim')];
    const [gradient, y] = [floats(call, 'gradient'), floats(call, 'y')];
    const delta = new Float64Array(heads * Math.ceil(tokens / 4) * 4);
    y.forEach((value, i) => {
      const [t, h] = [Math.floor(i / headDim / heads), Math.floor(i / headDim) % heads];
      delta[h * Math.ceil(tokens / 4) * 4 + t]! += value * gradient[packedIndex(tokens, headDim, h, t, i % headDim)]!;
    });
    return { delta };
  },
  work: (call) => ({ flops: 2 * call.inputs['y']!.length, bytes: 8 * call.inputs['y']!.length }),
  tolerance: 1e-5,
};

export const attentionMapCheck: KernelCheck = {
  kernel: attentionMap,
  calls: (random) =>
    ATTENTION_SIZES.filter(({ rate }) => rate === undefined)
      .map((size, i) => {
        const call = attentionCall(random, { ...size, f16: i === 1 });
        const length = size.lengths.at(-1)!;
        const { heads, kvHeads, headDim } = size;
        const count = heads * length * length;
        const tokens = uniform(call, 'tokens');
        return {
          inputs: { ...call.inputs, lse: attentionReference(call).lse },
          outputs: { probabilities: count },
          uniforms: { count, tokens, first: tokens - length, length, heads, kvHeads, headDim },
        };
      })
      .flatMap((call, i) => (i === 1 ? [call, inHalves(attentionMap, call)] : [call])),
  reference: (call) => {
    const [first, length] = [uniform(call, 'first'), uniform(call, 'length')];
    const probabilities = new Float64Array(uniform(call, 'count'));
    attend(call, ({ t, h, p }) => {
      if (t >= first) probabilities.set(p, (h * length + t - first) * length);
    });
    return { probabilities };
  },
  work: (call) => ({
    flops: 2 * uniform(call, 'count') * uniform(call, 'headDim'),
    bytes: 4 * call.inputs['packed']!.length,
  }),
  tolerance: 2e-5,
};
