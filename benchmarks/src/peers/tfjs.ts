/**
 * TensorFlow.js, on its WebGPU or its WASM backend, by its documentation: fused
 * products where it has them, gradients by `valueAndGrads`, everything in
 * `tidy`. It has no layer norm, GELU or attention of its own in core; these are
 * written with its ops. Dense weights are [in, out], as its layers keep them.
 */
import { NORM_EPS, outputShapes, shapesOf, transposed, type Arrays, type BlockSizes, type PeerCase } from './cases.ts';
import {
  peerFile,
  peerVersion,
  provideWebGpu,
  requirePeer,
  sleepingWait,
  type Implementation,
  type Workload,
} from './implementation.ts';

interface TfTensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Operand = TfTensor | number;

/** The part of @tensorflow/tfjs-core that is used. */
interface Tf {
  tensor(values: Float32Array, shape: readonly number[]): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  readonly fused: { matMul(options: { a: TfTensor; b: TfTensor; bias?: TfTensor }): TfTensor };
  softmax(x: TfTensor): TfTensor;
  moments(x: TfTensor, axis: number, keepDims: boolean): { mean: TfTensor; variance: TfTensor };
  mean(x: TfTensor, axis?: number, keepDims?: boolean): TfTensor;
  add(a: TfTensor, b: Operand): TfTensor;
  sub(a: TfTensor, b: Operand): TfTensor;
  mul(a: TfTensor, b: Operand): TfTensor;
  square(x: TfTensor): TfTensor;
  rsqrt(x: TfTensor): TfTensor;
  erf(x: TfTensor): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, order: readonly number[]): TfTensor;
  unstack(x: TfTensor): TfTensor[];
  tidy<T>(body: () => T): T;
  valueAndGrads(f: (...xs: TfTensor[]) => TfTensor): (xs: TfTensor[]) => { value: TfTensor; grads: TfTensor[] };
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  backend(): unknown;
}

/** What of the WebGPU backend is needed to wait without reading a result back. */
interface WebGpuBackend {
  readonly queue: GPUQueue;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

export async function loadTfjs(backend: 'webgpu' | 'wasm'): Promise<Implementation> {
  if (backend === 'webgpu') await provideWebGpu();
  const tf = requirePeer('@tensorflow/tfjs-core') as Tf;
  // Gradients are registered apart, as the package @tensorflow/tfjs does.
  requirePeer('@tensorflow/tfjs-core/dist/register_all_gradients.js');
  const name = `@tensorflow/tfjs-backend-${backend}`;
  const loaded = requirePeer(name);
  if (backend === 'wasm') {
    (loaded as { setWasmPaths(folder: string): void }).setWasmPaths(peerFile(name, 'dist/'));
  }
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs does not start its ${backend} backend`);
  await tf.ready();
  return {
    versions: { tfjs: peerVersion('@tensorflow/tfjs-core') },
    prepare: (peerCase, inputs) =>
      Promise.resolve(
        prepare(tf, backend === 'webgpu' ? (tf.backend() as WebGpuBackend) : undefined, peerCase, inputs),
      ),
  };
}

type Outputs = Readonly<Record<string, TfTensor>>;

/** Linear weights, which tfjs likes the other way round. */
const isDense = (peerCase: PeerCase, name: string): boolean =>
  (peerCase.op === 'linear' && name === 'weight') ||
  (peerCase.op === 'block' && name !== 'x' && !name.startsWith('norm'));

function prepare(tf: Tf, webgpu: WebGpuBackend | undefined, peerCase: PeerCase, inputs: Arrays): Workload {
  const shapes = shapesOf(peerCase);
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => {
      const shape = shapes[name]!;
      if (!isDense(peerCase, name)) return [name, tf.tensor(values, shape)];
      const [cols, inner] = shape as [number, number];
      return [name, tf.tensor(transposed(values, cols, inner), [inner, cols])];
    }),
  );
  const run = (): Outputs => tf.tidy(() => compute(tf, peerCase, tensors));
  const finish = async (): Promise<void> => {
    if (webgpu === undefined) return;
    webgpu.ensureCommandEncoderReady();
    webgpu.endComputePassEncoder();
    webgpu.submitQueue();
    await sleepingWait(webgpu.queue.onSubmittedWorkDone());
  };
  return {
    async run(runs) {
      for (let i = 0; i < runs; i++)
        Object.values(run()).forEach((tensor) => {
          tensor.dispose();
        });
      await finish();
    },
    async results() {
      const outputs = run();
      const results: Record<string, Float32Array> = {};
      for (const [name, tensor] of Object.entries(outputs)) {
        const values = Float32Array.from(await sleepingWait(tensor.data()));
        tensor.dispose();
        const [cols, inner] = (outputShapes(peerCase)[name] ?? []) as [number, number];
        results[name] =
          name.startsWith('d') && isDense(peerCase, name.slice(1)) ? transposed(values, inner, cols) : values;
      }
      return results;
    },
    dispose() {
      Object.values(tensors).forEach((tensor) => {
        tensor.dispose();
      });
    },
  };
}

function compute(tf: Tf, peerCase: PeerCase, tensors: Outputs): Outputs {
  const t = (name: string): TfTensor => tensors[name]!;
  switch (peerCase.op) {
    case 'matmul':
      return { y: tf.matMul(t('a'), t('b')) };
    case 'linear':
      return { y: tf.fused.matMul({ a: t('x'), b: t('weight'), bias: t('bias') }) };
    case 'softmax':
      return { y: tf.softmax(t('x')) };
    case 'layerNorm': {
      const { mean, variance } = tf.moments(t('x'), -1, true);
      const scale = tf.mul(tf.rsqrt(tf.add(variance, NORM_EPS)), t('weight'));
      return { y: tf.add(tf.mul(tf.sub(t('x'), mean), scale), t('bias')) };
    }
    case 'attention':
      return { y: attend(tf, t('q'), t('k'), t('v'), peerCase.headDim) };
    case 'block': {
      if (!peerCase.gradients) return { y: block(tf, peerCase, tensors) };
      const names = Object.keys(tensors).filter((name) => name !== 'x');
      const loss = (...weights: TfTensor[]): TfTensor =>
        tf.mean(
          tf.square(
            block(tf, peerCase, { x: t('x'), ...Object.fromEntries(names.map((name, i) => [name, weights[i]!])) }),
          ),
        );
      const { grads } = tf.valueAndGrads(loss)(names.map(t));
      return Object.fromEntries(names.map((name, i) => [`d${name}`, grads[i]!]));
    }
  }
}

/** q, k, v [heads, tokens, headDim]. */
function attend(tf: Tf, q: TfTensor, k: TfTensor, v: TfTensor, headDim: number): TfTensor {
  return tf.matMul(tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(headDim))), v);
}

function block(tf: Tf, { tokens, dim, heads, layers }: BlockSizes, tensors: Outputs): TfTensor {
  const headDim = dim / heads;
  const norm = (x: TfTensor, weight: TfTensor): TfTensor =>
    tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), NORM_EPS))), weight);
  const gelu = (x: TfTensor): TfTensor => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  let x = tensors['x']!;
  for (let layer = 0; layer < layers; layer++) {
    const w = (name: string): TfTensor => tensors[`${name}.${layer}`]!;
    const qkv = tf.reshape(tf.matMul(norm(x, w('norm1')), w('qkv')), [tokens, 3, heads, headDim]);
    const [q, k, v] = tf.unstack(tf.transpose(qkv, [1, 2, 0, 3])) as [TfTensor, TfTensor, TfTensor];
    const attended = tf.reshape(tf.transpose(attend(tf, q, k, v, headDim), [1, 0, 2]), [tokens, dim]);
    const middle = tf.add(x, tf.matMul(attended, w('out')));
    x = tf.add(middle, tf.matMul(gelu(tf.matMul(norm(middle, w('norm2')), w('up'))), w('down')));
  }
  return x;
}
