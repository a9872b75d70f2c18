/**
 * ONNX Runtime for Node, on its WebGPU or its CPU execution provider: each case
 * is a graph of standard operators, weights in it as constants, which it may
 * pack beforehand, and fuses as it likes. Attention is written out: the fused
 * operator of 1.30 gives wrong results at this adapter's subgroup sizes. It does
 * not train.
 */
import { NORM_EPS, outputShapes, shapesOf, type Arrays, type BlockSizes, type PeerCase } from './cases.ts';
import { peerVersion, requirePeer, Unsupported, type Implementation, type Workload } from './implementation.ts';
import { encodeOnnx, type OnnxGraph, type OnnxNode } from './onnx.ts';
import { requestAdapter } from '@rna/tensor/node';

interface OrtTensor {
  readonly data: Float32Array;
  dispose(): void;
}

type Tensors = Readonly<Record<string, OrtTensor>>;

interface Session {
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

/** The part of onnxruntime-node that is used. */
interface Ort {
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: { executionProviders: readonly string[]; preferredOutputLocation?: 'gpu-buffer' },
    ): Promise<Session>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor;
}

type Provider = 'webgpu' | 'cpu';

export async function loadOnnxruntime(provider: Provider): Promise<Implementation> {
  // It finds drivers as Dawn does; this loads the private one, if the machine has no other.
  if (provider === 'webgpu') await requestAdapter();
  const ort = requirePeer('onnxruntime-node') as Ort;
  return {
    versions: { onnxruntime: peerVersion('onnxruntime-node') },
    prepare: (peerCase, inputs) => prepare(ort, provider, peerCase, inputs),
  };
}

async function prepare(ort: Ort, provider: Provider, peerCase: PeerCase, inputs: Arrays): Promise<Workload> {
  const onDevice = provider === 'webgpu';
  const open = (graph: OnnxGraph, kept: boolean): Promise<Session> =>
    ort.InferenceSession.create(encodeOnnx(graph), {
      executionProviders: [provider],
      ...(kept && onDevice && { preferredOutputLocation: 'gpu-buffer' as const }),
    });
  const graph = graphOf(peerCase, inputs);
  const session = await open(graph, true);
  const { y: outputShape } = outputShapes(peerCase);
  const download = await open(identity(outputShape!), false);
  const feeds: Record<string, OrtTensor> = {};
  for (const [name, shape] of Object.entries(graph.inputs)) {
    const tensor = new ort.Tensor('float32', inputs[name]!, shape);
    if (!onDevice) {
      feeds[name] = tensor;
      continue;
    }
    // A tensor on the device is what a session leaves there.
    const upload = await open(identity(shape), true);
    feeds[name] = (await upload.run({ x: tensor }))['y']!;
  }
  // Its runs return before the device is done; reading one value afterwards, in the same queue, waits for all.
  const last = await open(
    { nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }], inputs: { x: [1] }, outputs: { y: [1] } },
    false,
  );
  const one = new ort.Tensor('float32', Float32Array.of(1), [1]);
  return {
    async run(runs) {
      for (let i = 0; i < runs; i++) (await session.run(feeds))['y']!.dispose();
      if (onDevice) await last.run({ x: one });
    },
    async results() {
      const { y } = await session.run(feeds);
      const read = (await download.run({ x: y! }))['y']!;
      return { y: Float32Array.from(read.data) };
    },
    // Sessions are few and go with the process: 1.30 aborts when tensors on the device outlive their session.
    dispose: () => undefined,
  };
}

const identity = (shape: readonly number[]): OnnxGraph => ({
  nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  inputs: { x: shape },
  outputs: { y: shape },
});

const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: NonNullable<OnnxNode['attributes']> = {},
): OnnxNode => ({ op, inputs, outputs: [output], attributes });

function graphOf(peerCase: PeerCase, inputs: Arrays): OnnxGraph {
  const shapes = shapesOf(peerCase);
  const outputs = outputShapes(peerCase);
  const feeds = (...names: string[]): OnnxGraph['inputs'] =>
    Object.fromEntries(names.map((name) => [name, shapes[name]!]));
  const weights = (...names: string[]): NonNullable<OnnxGraph['constants']> =>
    Object.fromEntries(names.map((name) => [name, { shape: shapes[name]!, values: inputs[name]! }]));
  switch (peerCase.op) {
    case 'matmul':
      return { nodes: [node('MatMul', ['a', 'b'], 'y')], inputs: feeds('a', 'b'), outputs };
    case 'linear':
      return {
        nodes: [node('Gemm', ['x', 'weight', 'bias'], 'y', { transB: 1 })],
        inputs: feeds('x'),
        outputs,
        constants: weights('weight', 'bias'),
      };
    case 'softmax':
      return { nodes: [node('Softmax', ['x'], 'y', { axis: -1 })], inputs: feeds('x'), outputs };
    case 'layerNorm':
      return {
        nodes: [node('LayerNormalization', ['x', 'weight', 'bias'], 'y', { axis: -1, epsilon: { float: NORM_EPS } })],
        inputs: feeds('x'),
        outputs,
        constants: weights('weight', 'bias'),
      };
    case 'attention':
      return {
        nodes: attentionNodes('q', 'k', 'v', 'y', ''),
        inputs: feeds('q', 'k', 'v'),
        outputs,
        constants: { scale: scalar(1 / Math.sqrt(peerCase.headDim)) },
      };
    case 'block': {
      if (peerCase.gradients) throw new Unsupported('does not train in Node');
      return blockGraph(peerCase, feeds('x'), outputs, weights(...Object.keys(shapes).filter((name) => name !== 'x')));
    }
  }
}

const scalar = (value: number): { shape: readonly number[]; values: Float32Array } => ({
  shape: [],
  values: Float32Array.of(value),
});

/** q, k, v [heads, tokens, headDim]; `scale` is a constant of the graph. */
function attentionNodes(q: string, k: string, v: string, y: string, suffix: string): OnnxNode[] {
  const name = (part: string): string => `${part}${suffix}`;
  return [
    node('Transpose', [k], name('keys'), { perm: [0, 2, 1] }),
    node('MatMul', [q, name('keys')], name('scores')),
    node('Mul', [name('scores'), 'scale'], name('scaled')),
    node('Softmax', [name('scaled')], name('probabilities'), { axis: -1 }),
    node('MatMul', [name('probabilities'), v], y),
  ];
}

function blockGraph(
  { tokens, dim, heads, layers }: BlockSizes,
  inputs: OnnxGraph['inputs'],
  outputs: OnnxGraph['outputs'],
  weights: NonNullable<OnnxGraph['constants']>,
): OnnxGraph {
  const headDim = dim / heads;
  const integers = (...values: number[]): { shape: readonly number[]; values: BigInt64Array } => ({
    shape: [values.length],
    values: BigInt64Array.from(values.map(BigInt)),
  });
  // Linear weights are stored [out, in]; a constant's transpose is taken once, when the session is made.
  const linear = (x: string, weight: string, y: string): OnnxNode[] => [
    node('Transpose', [weight], `${weight}.t`, { perm: [1, 0] }),
    node('MatMul', [x, `${weight}.t`], y),
  ];
  // The form that it fuses into one kernel.
  const norm = (x: string, weight: string, y: string): OnnxNode[] => [
    node('Pow', [x, 'two'], `${y}.square`),
    node('ReduceMean', [`${y}.square`, 'lastAxis'], `${y}.mean`, { keepdims: 1 }),
    node('Add', [`${y}.mean`, 'eps'], `${y}.sum`),
    node('Sqrt', [`${y}.sum`], `${y}.rms`),
    node('Div', [x, `${y}.rms`], `${y}.hat`),
    node('Mul', [`${y}.hat`, weight], y),
  ];
  const nodes: OnnxNode[] = [];
  let x = 'x';
  for (let layer = 0; layer < layers; layer++) {
    const w = (name: string): string => `${name}.${layer}`;
    const at = (name: string): string => `${name}.value.${layer}`;
    const result = layer === layers - 1 ? 'y' : at('y');
    nodes.push(
      ...norm(x, w('norm1'), at('n')),
      ...linear(at('n'), w('qkv'), at('qkv')),
      node('Reshape', [at('qkv'), 'headsShape'], at('split')),
      node('Transpose', [at('split')], at('turned'), { perm: [1, 2, 0, 3] }),
      {
        op: 'Split',
        inputs: [at('turned')],
        outputs: [at('q4'), at('k4'), at('v4')],
        attributes: { axis: 0, num_outputs: 3 },
      },
      ...['q', 'k', 'v'].map((part) => node('Squeeze', [at(`${part}4`), 'firstAxis'], at(part))),
      ...attentionNodes(at('q'), at('k'), at('v'), at('heads'), `.${layer}`),
      node('Transpose', [at('heads')], at('merged'), { perm: [1, 0, 2] }),
      node('Reshape', [at('merged'), 'rowsShape'], at('attended')),
      ...linear(at('attended'), w('out'), at('projected')),
      node('Add', [x, at('projected')], at('middle')),
      ...norm(at('middle'), w('norm2'), at('m')),
      ...linear(at('m'), w('up'), at('up')),
      node('Gelu', [at('up')], at('hidden')),
      ...linear(at('hidden'), w('down'), at('down')),
      node('Add', [at('middle'), at('down')], result),
    );
    x = result;
  }
  return {
    nodes,
    inputs,
    outputs,
    constants: {
      ...weights,
      scale: scalar(1 / Math.sqrt(headDim)),
      two: scalar(2),
      eps: scalar(NORM_EPS),
      lastAxis: integers(-1),
      firstAxis: integers(0),
      headsShape: integers(tokens, 3, heads, headDim),
      rowsShape: integers(tokens, dim),
    },
  };
}
