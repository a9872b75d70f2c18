/** Ours: the ops of @rna/tensor as models use them. */
import { readFileSync } from 'node:fs';
import { defineKernel, elementwise, flatIndex } from '@rna/kernels';
import {
  attention,
  backward,
  gelu,
  layerNorm,
  linear,
  product,
  record,
  rmsNorm,
  softmax,
  sum,
  uploadPack,
  type Device,
  type Pack,
  type Tensor,
} from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { NORM_EPS, shapesOf, type Arrays, type BlockSizes, type PeerCase } from './cases.ts';
import { type Implementation, type Workload } from './implementation.ts';

type Tensors = Readonly<Record<string, Tensor>>;

export async function loadRna(): Promise<Implementation> {
  const device = await openDevice();
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    versions: { rna: version },
    prepare: (peerCase, inputs) => Promise.resolve(prepare(device, peerCase, inputs)),
  };
}

function prepare(device: Device, peerCase: PeerCase, inputs: Arrays): Workload {
  const shapes = shapesOf(peerCase);
  const tensors: Tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => [name, device.tensor(values, shapes[name]).keep()]),
  );
  const { run, toResults, dispose = () => undefined } = workload(device, peerCase, inputs, tensors);
  return {
    async run(runs) {
      for (let i = 0; i < runs; i++)
        device.scope(() => {
          disposeAll(run());
        });
      await device.idle();
    },
    async results() {
      const outputs = device.scope(run);
      const values: Record<string, Float32Array> = {};
      for (const [name, tensor] of Object.entries(outputs)) values[name] = await tensor.read();
      disposeAll(outputs);
      return toResults?.(values) ?? values;
    },
    dispose() {
      disposeAll(tensors);
      dispose();
      device.memory.trim();
    },
  };
}

interface Runner {
  readonly run: () => Tensors;
  /** Brings results to the case's layouts. */
  readonly toResults?: (values: Arrays) => Arrays;
  readonly dispose?: () => void;
}

function workload(device: Device, peerCase: PeerCase, inputs: Arrays, tensors: Tensors): Runner {
  const t = (name: string): Tensor => tensors[name]!;
  switch (peerCase.op) {
    case 'matmul':
      return { run: () => ({ y: product(t('a'), t('b'), peerCase.rows, peerCase.inner, peerCase.cols) }) };
    case 'linear':
      return { run: () => ({ y: linear(t('x'), t('weight'), t('bias')) }) };
    case 'softmax':
      return { run: () => ({ y: softmax(t('x')) }) };
    case 'layerNorm':
      return { run: () => ({ y: layerNorm(t('x'), t('weight'), t('bias'), NORM_EPS) }) };
    case 'attention':
      return packedAttention(device, peerCase, inputs);
    case 'block': {
      const pack = unrotatedPack(device, peerCase.tokens, peerCase.dim / peerCase.heads);
      const dispose = (): void => {
        disposeAll({ ...(pack.rope && { rope: pack.rope }), segments: pack.segments });
      };
      const forward = (): Tensor => block(peerCase, tensors, pack);
      if (!peerCase.gradients) return { run: () => ({ y: forward() }), dispose };
      const weights = Object.entries(tensors).filter(([name]) => name !== 'x');
      weights.forEach(([, weight]) => {
        weight.train();
      });
      return {
        run: () => {
          backward(device, () => meanSquare(forward()));
          return Object.fromEntries(
            weights.map(([name, weight]) => {
              const gradient = weight.gradient!;
              weight.gradient = undefined;
              return [`d${name}`, device.adopt(gradient)];
            }),
          );
        },
        dispose,
      };
    }
  }
}

/** One sequence without positions. */
function unrotatedPack(device: Device, tokens: number, headDim: number): Pack {
  const pack = uploadPack(device, Uint32Array.of(0, tokens), headDim);
  pack.segments.keep();
  pack.rope?.keep();
  return pack;
}

/** The case's q, k and v [heads, tokens, headDim] as one qkv [tokens, 3·heads·headDim]. */
function packedAttention(
  device: Device,
  { heads, tokens, headDim }: Extract<PeerCase, { op: 'attention' }>,
  inputs: Arrays,
): Runner {
  const width = heads * headDim;
  const values = new Float32Array(3 * tokens * width);
  [inputs['q']!, inputs['k']!, inputs['v']!].forEach((part, which) => {
    part.forEach((value, i) => {
      values[tokenOf(i) * 3 * width + which * width + columnOf(i)] = value;
    });
  });
  function tokenOf(i: number): number {
    return Math.floor(i / headDim) % tokens;
  }
  function columnOf(i: number): number {
    return Math.floor(i / (tokens * headDim)) * headDim + (i % headDim);
  }
  const qkv = device.tensor(values, [tokens, 3 * width]).keep();
  const pack = unrotatedPack(device, tokens, headDim);
  return {
    run: () => ({ y: attention(qkv, pack, { heads, kvHeads: heads, headDim }) }),
    toResults: ({ y }) => ({ y: Float32Array.from(y!, (_, i) => y![tokenOf(i) * width + columnOf(i)]!) }),
    dispose: () => {
      disposeAll({ qkv, ...(pack.rope && { rope: pack.rope }), segments: pack.segments });
    },
  };
}

function block({ dim, heads, layers }: BlockSizes, tensors: Tensors, pack: Pack): Tensor {
  const t = (name: string, layer: number): Tensor => tensors[`${name}.${layer}`]!;
  const shape = { heads, kvHeads: heads, headDim: dim / heads };
  let x = tensors['x']!;
  for (let layer = 0; layer < layers; layer++) {
    const n = rmsNorm(x, t('norm1', layer), NORM_EPS);
    const middle = linear(attention(linear(n, t('qkv', layer)), pack, shape), t('out', layer), undefined, x);
    const hidden = gelu(linear(rmsNorm(middle, t('norm2', layer), NORM_EPS), t('up', layer)));
    x = linear(hidden, t('down', layer), undefined, middle);
  }
  return x;
}

// The loss of this benchmark alone, so it has its kernels here.
const square = defineKernel({
  name: 'square',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  y[i] = x[i] * x[i];`,
});
const squareBackward = defineKernel({
  name: 'squareBackward',
  inputs: { dy: 'f32', x: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  dx[i] = 2.0 * dy[i] * x[i];`,
});

function meanSquare(x: Tensor): Tensor {
  const { device } = x;
  const uniforms = { count: x.size };
  const { y } = device.run(square, { x }, { y: x.shape }, uniforms);
  return sum(
    record(y, [x], (dy) => [device.run(squareBackward, { dy, x }, { dx: x.shape }, uniforms).dx]),
    1 / x.size,
  );
}

function disposeAll(tensors: Tensors): void {
  Object.values(tensors).forEach((tensor) => {
    tensor.dispose();
  });
}
