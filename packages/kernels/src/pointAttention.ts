/**
 * Invariant point attention (Jumper et al. 2021, supplement algorithm 22), as
 * RhoFold has it. A head's logits are a scalar product, a bias of the pair and
 * the squared distances of points that query and key place in space; what it
 * sums are values, points, seen from the query's frame, and the pair
 * representation. The softmax between is softmax.ts.
 *
 * Rows of the inputs: q [heads, channels]; kv [heads, keys then values]; points
 * are in space, all x, then y, then z, of qPoints [heads, queryPoints] and of
 * kvPoints [heads, the keys' queryPoints then valuePoints]. Rows of y: values
 * [heads, channels], then x, y, z and lengths of points [heads, valuePoints],
 * then sums of pairs [heads, pairChannels]. Probabilities are [query, head, key].
 */
import { logisticWgsl } from './binaryCrossEntropy.ts';
import { defineKernel, elementwise, flatIndex } from './kernel.ts';
import { quaternionAt, frameAt, rotationWgsl, storeFrame } from './frames.ts';

const uniforms = {
  count: 'u32',
  length: 'u32',
  heads: 'u32',
  channels: 'u32',
  queryPoints: 'u32',
  valuePoints: 'u32',
  pairChannels: 'u32',
} as const;

const declarations = /* wgsl */ `
fn queryPlace(i: u32, h: u32, p: u32) -> u32 { return 3u * i * u.heads * u.queryPoints + h * u.queryPoints + p; }
fn keyPlace(j: u32, h: u32, p: u32) -> u32 {
  let points = u.queryPoints + u.valuePoints;
  return 3u * j * u.heads * points + h * points + p;
}
fn sumPlace(i: u32, h: u32, p: u32) -> u32 { return 3u * i * u.heads * u.valuePoints + h * u.valuePoints + p; }
fn queryStep() -> u32 { return u.heads * u.queryPoints; }
fn keyStep() -> u32 { return u.heads * (u.queryPoints + u.valuePoints); }
fn sumStep() -> u32 { return u.heads * u.valuePoints; }
fn width() -> u32 { return u.heads * (u.channels + 4u * u.valuePoints + u.pairChannels); }
fn pairPlace(i: u32, h: u32) -> u32 { return i * width() + u.heads * (u.channels + 4u * u.valuePoints) + h * u.pairChannels; }`;

/** `vectorAt(x, at, step)`: a point whose coordinates are a step apart. */
const vector = (buffer: string, at: string, step: string): string =>
  `vec3f(${buffer}[${at}], ${buffer}[${at} + ${step}], ${buffer}[${at} + 2u * ${step}])`;

const store = (buffer: string, at: string, step: string, value: string): string => /* wgsl */ `
    ${buffer}[${at}] = ${value}.x;
    ${buffer}[${at} + ${step}] = ${value}.y;
    ${buffer}[${at} + 2u * ${step}] = ${value}.z;`;

/** A head's factor of its squared distances, γ, without and with the softplus of its weight. */
const gammaWgsl = /* wgsl */ `${logisticWgsl}
fn pointFactor() -> f32 { return sqrt(2.0 / (27.0 * f32(u.queryPoints))); }
fn gamma(weight: f32) -> f32 { return (max(weight, 0.0) + log1pExp(weight)) * pointFactor(); }`;

const scalarFactor = 'sqrt(1.0 / (3.0 * f32(u.channels)))';
const PAIR_FACTOR = Math.sqrt(1 / 3);

/** An invocation for each feature `f` of a head `h` of an item: its channels, then so many of its points. */
const featureOf = (item: 'query' | 'key', points: 'queryPoints' | 'valuePoints'): string => /* wgsl */ `${flatIndex}
  let each = u.channels + u.${points};
  let f = i % each;
  let h = i / each % u.heads;
  let ${item} = i / each / u.heads;`;

const unmasked: { mask: boolean } = { mask: false };

/** What a key that is masked has less in its logits. */
const MASKED = '1e5';

/**
 * y[i, h, j] = q_i·k_j / √(3·channels) + √⅓ · bias[i, j, h] − ½ γ_h Σ_p |qPoints_i,p − kPoints_j,p|², less 1e5 where
 * mask[j] is 0; γ_h = softplus(headWeights[h]) · √(2 / (27·queryPoints)).
 */
export const pointAttentionLogits = defineKernel({
  name: 'pointAttentionLogits',
  inputs: { q: 'f32', kv: 'f32', qPoints: 'f32', kvPoints: 'f32', bias: 'f32', headWeights: 'f32', mask: 'f32' },
  optional: ['mask'],
  outputs: { logits: 'f32' },
  uniforms,
  variant: unmasked,
  ...elementwise,
  declarations: () => declarations + gammaWgsl,
  body: ({ mask }) => /* wgsl */ `${flatIndex}
  let key = i % u.length;
  let h = i / u.length % u.heads;
  let query = i / u.length / u.heads;
  let a = (query * u.heads + h) * u.channels;
  let b = 2u * (key * u.heads + h) * u.channels;
  var product = 0.0;
  for (var c = 0u; c < u.channels; c++) { product += q[a + c] * kv[b + c]; }
  var apart = 0.0;
  for (var p = 0u; p < u.queryPoints; p++) {
    let d = ${vector('qPoints', 'queryPlace(query, h, p)', 'queryStep()')} - ${vector('kvPoints', 'keyPlace(key, h, p)', 'keyStep()')};
    apart += dot(d, d);
  }
  logits[i] = ${scalarFactor} * product + ${PAIR_FACTOR} * bias[(query * u.length + key) * u.heads + h]
    - 0.5 * gamma(headWeights[h]) * apart${mask ? ` + ${MASKED} * (mask[key] - 1.0)` : ''};`,
});

/** Values and points of y from probabilities a: Σ_j a v_j, Rᵀ(Σ_j a·vPoints_j − t) and √(its squared length + 1e-8). */
export const pointAttentionValues = defineKernel({
  name: 'pointAttentionValues',
  inputs: { a: 'f32', kv: 'f32', kvPoints: 'f32', frames: 'f32' },
  updates: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + rotationWgsl,
  body: () => /* wgsl */ `${featureOf('query', 'valuePoints')}
  let weights = (query * u.heads + h) * u.length;
  if (f < u.channels) {
    var sum = 0.0;
    for (var key = 0u; key < u.length; key++) {
      sum += a[weights + key] * kv[(2u * (key * u.heads + h) + 1u) * u.channels + f];
    }
    y[query * width() + h * u.channels + f] = sum;
  } else {
    let p = f - u.channels;${frameAt('query')}
    var sum = vec3f();
    for (var key = 0u; key < u.length; key++) {
      sum += a[weights + key] * ${vector('kvPoints', 'keyPlace(key, h, u.queryPoints + p)', 'keyStep()')};
    }
    let local = (sum - translation) * rotationOf(quaternion);
    let at = query * width() + u.heads * u.channels + h * u.valuePoints + p;${store('y', 'at', 'sumStep()', 'local')}
    y[at + 3u * sumStep()] = sqrt(dot(local, local) + 1e-8);
  }`,
});

const oneHead: { heads: number } = { heads: 1 };

/** The sums of pairs of y: Σ_j a[i, h, j] · z[i, j, c]; the variant's `heads` is that of the uniforms. */
export const pointAttentionPairs = defineKernel({
  name: 'pointAttentionPairs',
  inputs: { a: 'f32', z: 'f32' },
  updates: { y: 'f32' },
  uniforms,
  variant: oneHead,
  ...elementwise,
  declarations: () => declarations,
  // All heads at once, so that a pair is read once.
  body: ({ heads }) => /* wgsl */ `${flatIndex}
  let c = i % u.pairChannels;
  let query = i / u.pairChannels;
  var sums: array<f32, ${heads}>;
  for (var key = 0u; key < u.length; key++) {
    let pair = z[(query * u.length + key) * u.pairChannels + c];
    for (var h = 0u; h < ${heads}u; h++) { sums[h] += a[(query * ${heads}u + h) * u.length + key] * pair; }
  }
  for (var h = 0u; h < ${heads}u; h++) { y[pairPlace(query, h) + c] = sums[h]; }`,
});

/** The gradient of a point in its query's frame, to which its length adds: g. */
const localGradient = /* wgsl */ `
    let at = query * width() + u.heads * u.channels + h * u.valuePoints + p;
    let local = ${vector('y', 'at', 'sumStep()')};
    let g = ${vector('dy', 'at', 'sumStep()')} + dy[at + 3u * sumStep()] / y[at + 3u * sumStep()] * local;`;

/** dsums [length, 3, heads, valuePoints]: the gradient of Σ_j a·vPoints_j. */
export const pointAttentionPointsBackward = defineKernel({
  name: 'pointAttentionPointsBackward',
  inputs: { dy: 'f32', y: 'f32', frames: 'f32' },
  outputs: { dsums: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}
  let p = i % u.valuePoints;
  let h = i / u.valuePoints % u.heads;
  let query = i / u.valuePoints / u.heads;${quaternionAt('query')}${localGradient}
  let moved = rotationOf(quaternion) * g;
  let place = sumPlace(query, h, p);${store('dsums', 'place', 'sumStep()', 'moved')}`,
});

/** dframes [length, 7] of what the points of y are seen from; `count` is the length. */
export const pointAttentionFramesBackward = defineKernel({
  name: 'pointAttentionFramesBackward',
  inputs: { dy: 'f32', y: 'f32', frames: 'f32' },
  outputs: { dframes: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + rotationWgsl,
  // The point less the translation is R · local over |q|⁴, which is 1 but for rounding.
  body: () => /* wgsl */ `${flatIndex}
  let query = i;${quaternionAt('query')}
  let r = rotationOf(quaternion);
  let size = dot(quaternion, quaternion);
  var dt = vec3f();
  var dr = mat3x3f();
  for (var h = 0u; h < u.heads; h++) {
    for (var p = 0u; p < u.valuePoints; p++) {${localGradient}
      let d = r * local / (size * size);
      dt -= r * g;
      dr += mat3x3f(d * g.x, d * g.y, d * g.z);
    }
  }
  let dq = quaternionGradient(quaternion, dr);${storeFrame('dframes', 'query', 'dq', 'dt')}`,
});

/** da[i, h, j]: the gradient of the probabilities, from values, points and pairs. */
export const pointAttentionWeightsBackward = defineKernel({
  name: 'pointAttentionWeightsBackward',
  inputs: { dy: 'f32', dsums: 'f32', kv: 'f32', kvPoints: 'f32', z: 'f32' },
  outputs: { da: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let key = i % u.length;
  let h = i / u.length % u.heads;
  let query = i / u.length / u.heads;
  var sum = 0.0;
  let values = query * width() + h * u.channels;
  let v = (2u * (key * u.heads + h) + 1u) * u.channels;
  for (var c = 0u; c < u.channels; c++) { sum += dy[values + c] * kv[v + c]; }
  for (var p = 0u; p < u.valuePoints; p++) {
    sum += dot(
      ${vector('dsums', 'sumPlace(query, h, p)', 'sumStep()')},
      ${vector('kvPoints', 'keyPlace(key, h, u.queryPoints + p)', 'keyStep()')});
  }
  let pairs = pairPlace(query, h);
  let pair = (query * u.length + key) * u.pairChannels;
  for (var c = 0u; c < u.pairChannels; c++) { sum += dy[pairs + c] * z[pair + c]; }
  da[i] = sum;`,
});

/** dq and dqPoints from the gradient of the logits. */
export const pointAttentionQueriesBackward = defineKernel({
  name: 'pointAttentionQueriesBackward',
  inputs: { dlogits: 'f32', kv: 'f32', qPoints: 'f32', kvPoints: 'f32', headWeights: 'f32' },
  outputs: { dq: 'f32', dqPoints: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + gammaWgsl,
  body: () => /* wgsl */ `${featureOf('query', 'queryPoints')}
  let weights = (query * u.heads + h) * u.length;
  if (f < u.channels) {
    var sum = 0.0;
    for (var key = 0u; key < u.length; key++) {
      sum += dlogits[weights + key] * kv[2u * (key * u.heads + h) * u.channels + f];
    }
    dq[(query * u.heads + h) * u.channels + f] = ${scalarFactor} * sum;
  } else {
    let at = queryPlace(query, h, f - u.channels);
    let own = ${vector('qPoints', 'at', 'queryStep()')};
    var sum = vec3f();
    for (var key = 0u; key < u.length; key++) {
      sum += dlogits[weights + key] * (own - ${vector('kvPoints', 'keyPlace(key, h, f - u.channels)', 'keyStep()')});
    }
    sum *= -gamma(headWeights[h]);${store('dqPoints', 'at', 'queryStep()', 'sum')}
  }`,
});

/** The keys' part of dkv and dkvPoints, from the gradient of the logits. */
export const pointAttentionKeysBackward = defineKernel({
  name: 'pointAttentionKeysBackward',
  inputs: { dlogits: 'f32', q: 'f32', qPoints: 'f32', kvPoints: 'f32', headWeights: 'f32' },
  updates: { dkv: 'f32', dkvPoints: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + gammaWgsl,
  body: () => /* wgsl */ `${featureOf('key', 'queryPoints')}
  if (f < u.channels) {
    var sum = 0.0;
    for (var query = 0u; query < u.length; query++) {
      let row = query * u.heads + h;
      sum += dlogits[row * u.length + key] * q[row * u.channels + f];
    }
    dkv[2u * (key * u.heads + h) * u.channels + f] = ${scalarFactor} * sum;
  } else {
    let at = keyPlace(key, h, f - u.channels);
    let own = ${vector('kvPoints', 'at', 'keyStep()')};
    var sum = vec3f();
    for (var query = 0u; query < u.length; query++) {
      let other = ${vector('qPoints', 'queryPlace(query, h, f - u.channels)', 'queryStep()')};
      sum += dlogits[(query * u.heads + h) * u.length + key] * (other - own);
    }
    sum *= gamma(headWeights[h]);${store('dkvPoints', 'at', 'keyStep()', 'sum')}
  }`,
});

/** The values' part of dkv and dkvPoints. */
export const pointAttentionValuesBackward = defineKernel({
  name: 'pointAttentionValuesBackward',
  inputs: { a: 'f32', dy: 'f32', dsums: 'f32' },
  updates: { dkv: 'f32', dkvPoints: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${featureOf('key', 'valuePoints')}
  if (f < u.channels) {
    var sum = 0.0;
    for (var query = 0u; query < u.length; query++) {
      sum += a[(query * u.heads + h) * u.length + key] * dy[query * width() + h * u.channels + f];
    }
    dkv[(2u * (key * u.heads + h) + 1u) * u.channels + f] = sum;
  } else {
    let p = f - u.channels;
    var sum = vec3f();
    for (var query = 0u; query < u.length; query++) {
      sum += a[(query * u.heads + h) * u.length + key] * ${vector('dsums', 'sumPlace(query, h, p)', 'sumStep()')};
    }
    let at = keyPlace(key, h, u.queryPoints + p);${store('dkvPoints', 'at', 'keyStep()', 'sum')}
  }`,
});

/** dheadWeights of each query: y[i, h] = −½ γ'_h Σ_j dlogits[i, h, j] Σ_p |qPoints_i,p − kPoints_j,p|². */
export const pointAttentionHeadsBackward = defineKernel({
  name: 'pointAttentionHeadsBackward',
  inputs: { dlogits: 'f32', qPoints: 'f32', kvPoints: 'f32', headWeights: 'f32' },
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + gammaWgsl,
  body: () => /* wgsl */ `${flatIndex}
  let h = i % u.heads;
  let query = i / u.heads;
  var sum = 0.0;
  for (var key = 0u; key < u.length; key++) {
    var apart = 0.0;
    for (var p = 0u; p < u.queryPoints; p++) {
      let d = ${vector('qPoints', 'queryPlace(query, h, p)', 'queryStep()')} - ${vector('kvPoints', 'keyPlace(key, h, p)', 'keyStep()')};
      apart += dot(d, d);
    }
    sum += dlogits[i * u.length + key] * apart;
  }
  y[i] = -0.5 * sigmoid(headWeights[h]) * pointFactor() * sum;`,
});

/** dbias[i, j, h] = √⅓ · dlogits[i, h, j]. */
export const pointAttentionBiasBackward = defineKernel({
  name: 'pointAttentionBiasBackward',
  inputs: { dlogits: 'f32' },
  outputs: { dbias: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  let h = i % u.heads;
  let key = i / u.heads % u.length;
  let query = i / u.heads / u.length;
  dbias[i] = ${PAIR_FACTOR} * dlogits[(query * u.heads + h) * u.length + key];`,
});

/** dz[i, j, c] = Σ_h a[i, h, j] · dy of the sum of pairs (i, h, c). */
export const pointAttentionPairsBackward = defineKernel({
  name: 'pointAttentionPairsBackward',
  inputs: { a: 'f32', dy: 'f32' },
  outputs: { dz: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let c = i % u.pairChannels;
  let key = i / u.pairChannels % u.length;
  let query = i / u.pairChannels / u.length;
  var sum = 0.0;
  for (var h = 0u; h < u.heads; h++) {
    sum += a[(query * u.heads + h) * u.length + key] * dy[pairPlace(query, h) + c];
  }
  dz[i] = sum;`,
});
