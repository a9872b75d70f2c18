/**
 * jax-js, on its WebGPU or its WASM backend, by its documentation: each case is
 * one `jit` function, gradients by `grad` inside it. Its arrays move into what
 * uses them, hence the `.ref` where a value is used again. Linear weights are
 * [out, in]: on WASM its products with [in, out] of a width that is no multiple
 * of four take thirty times longer. Attention is products and a softmax, since
 * `dotProductAttention` needs a newer Node than this project.
 */
import { NORM_EPS, shapesOf, type Arrays, type BlockSizes, type PeerCase } from './cases.ts';
import {
  peerVersion,
  provideWebGpu,
  requirePeer,
  sleepingWait,
  Unsupported,
  type Implementation,
  type Workload,
} from './implementation.ts';

interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(order?: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Tree = Readonly<Record<string, JaxArray>>;
type Fn = (tree: Tree) => Tree;

/** The part of @jax-js/jax that is used. */
interface Jax {
  init(device: string): Promise<readonly string[]>;
  defaultDevice(device: string): string;
  jit(f: Fn): Fn;
  grad(f: (weights: Tree, x: JaxArray) => JaxArray): (weights: Tree, x: JaxArray) => Tree;
  blockUntilReady<T>(tree: T): Promise<T>;
  readonly numpy: {
    array(values: Float32Array, options: { shape: readonly number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    mean(x: JaxArray, axis?: number | null, options?: { keepdims: boolean }): JaxArray;
    square(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    split(x: JaxArray, parts: number, axis: number): JaxArray[];
  };
  readonly nn: {
    softmax(x: JaxArray, axis: number): JaxArray;
    standardize(x: JaxArray, axis: number, options: { epsilon: number }): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
  };
}

export async function loadJax(backend: 'webgpu' | 'wasm'): Promise<Implementation> {
  if (backend === 'webgpu') await provideWebGpu();
  const jax = requirePeer('@jax-js/jax') as Jax;
  const devices = await jax.init(backend);
  if (!devices.includes(backend))
    throw new Error(`jax-js does not start its ${backend} backend; it has ${devices.join(', ')}`);
  jax.defaultDevice(backend);
  return {
    versions: { 'jax-js': peerVersion('@jax-js/jax') },
    prepare: (peerCase, inputs) => Promise.resolve(prepare(jax, peerCase, inputs)),
  };
}

// Work is put off until a result is asked for, so results are kept until then, some at a time.
const HELD = 32;

function prepare(jax: Jax, peerCase: PeerCase, inputs: Arrays): Workload {
  const shapes = shapesOf(peerCase);
  const arrays: Tree = Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => [name, jax.numpy.array(values, { shape: shapes[name]! })]),
  );
  const compiled = jax.jit((tree) => compute(jax, peerCase, tree));
  const run = (): Tree =>
    compiled(Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, array.ref])));
  return {
    async run(runs) {
      for (let done = 0; done < runs; done += HELD) {
        const outputs = Array.from({ length: Math.min(HELD, runs - done) }, run);
        await sleepingWait(jax.blockUntilReady(outputs));
        outputs.forEach((tree) => {
          Object.values(tree).forEach((array) => {
            array.dispose();
          });
        });
      }
    },
    async results() {
      const results: Record<string, Float32Array> = {};
      for (const [name, array] of Object.entries(run())) {
        results[name] = Float32Array.from(await sleepingWait(array.data()));
      }
      return results;
    },
    dispose() {
      Object.values(arrays).forEach((array) => {
        array.dispose();
      });
    },
  };
}

function compute(jax: Jax, peerCase: PeerCase, tree: Tree): Tree {
  const { numpy: np, nn } = jax;
  const t = (name: string): JaxArray => {
    const array = tree[name];
    if (array === undefined) throw new Unsupported(`has no input '${name}'`);
    return array;
  };
  switch (peerCase.op) {
    case 'matmul':
      return { y: np.matmul(t('a'), t('b')) };
    case 'linear':
      return { y: linear(jax, t('x'), t('weight')).add(t('bias')) };
    case 'softmax':
      return { y: nn.softmax(t('x'), -1) };
    case 'layerNorm':
      return { y: nn.standardize(t('x'), -1, { epsilon: NORM_EPS }).mul(t('weight')).add(t('bias')) };
    case 'attention':
      return { y: attend(jax, t('q'), t('k'), t('v'), peerCase.headDim) };
    case 'block': {
      const { x, ...weights } = tree;
      if (!peerCase.gradients) return { y: block(jax, peerCase, weights, x!) };
      const gradients = jax.grad((w, input) => np.mean(np.square(block(jax, peerCase, w, input))))(weights, x!);
      return Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [`d${name}`, gradient]));
    }
  }
}

const linear = ({ numpy: np }: Jax, x: JaxArray, weight: JaxArray): JaxArray => np.matmul(x, weight.transpose());

/** q, k, v [heads, tokens, headDim]. */
function attend({ numpy: np, nn }: Jax, q: JaxArray, k: JaxArray, v: JaxArray, headDim: number): JaxArray {
  return np.matmul(nn.softmax(np.matmul(q, k.transpose([0, 2, 1])).mul(1 / Math.sqrt(headDim)), -1), v);
}

function block(jax: Jax, { tokens, dim, heads, layers }: BlockSizes, weights: Tree, input: JaxArray): JaxArray {
  const { numpy: np, nn } = jax;
  const headDim = dim / heads;
  const norm = (x: JaxArray, weight: JaxArray): JaxArray => {
    const rms = np.sqrt(np.mean(np.square(x.ref), -1, { keepdims: true }).add(NORM_EPS));
    return x.div(rms).mul(weight);
  };
  let x = input;
  for (let layer = 0; layer < layers; layer++) {
    const w = (name: string): JaxArray => weights[`${name}.${layer}`]!;
    const [q, k, v] = np
      .split(linear(jax, norm(x.ref, w('norm1')), w('qkv')), 3, 1)
      .map((part) => part.reshape([tokens, heads, headDim]).transpose([1, 0, 2])) as [JaxArray, JaxArray, JaxArray];
    const attended = attend(jax, q, k, v, headDim).transpose([1, 0, 2]).reshape([tokens, dim]);
    const middle = x.add(linear(jax, attended, w('out')));
    const hidden = nn.gelu(linear(jax, norm(middle.ref, w('norm2')), w('up')), { approximate: false });
    x = middle.add(linear(jax, hidden, w('down')));
  }
  return x;
}
