/**
 * The models' ops, ready to be timed: inputs on the device, and a sample for
 * each part of a case. Ops run as models run them, packing of operands
 * included. What a backward takes is measured as forward and backward less
 * forward, sample by sample, since a tape gives no backward without its forward.
 */
import { RandomStream } from '@rna/kernels';
import {
  attention,
  backward,
  conv2d,
  crossEntropy,
  elements,
  gelu,
  instanceNorm,
  layerNorm,
  linear,
  product,
  record,
  rmsNorm,
  swiglu,
  uploadPack,
  type Device,
  type Shape,
  type Tensor,
} from '@rna/tensor';
import { AdamW, decayGroups } from '@rna/train';
import type { ModelCase, Part } from './modelCases.ts';
import { sampleOf, type Sample } from './timing.ts';

export interface TimedPart {
  readonly part: Part;
  readonly sample: Sample;
  /** What is to be taken off each sample of this part. */
  readonly less?: Sample;
  /** Runs that a sample may have at most, as their results are alive together. */
  readonly maxRuns: number;
}

export interface PreparedCase {
  readonly parts: readonly TimedPart[];
  dispose(): void;
}

type Op = (inputs: readonly Tensor[]) => Tensor;

// Bytes of results that the runs of one sample may hold together.
const HELD_BYTES = 2 ** 29;

/** Uploads a case's inputs. Throws a MemoryBudgetError where they do not fit. */
export function prepareCase(device: Device, model: ModelCase): PreparedCase {
  const owned: Tensor[] = [];
  const own = (tensor: Tensor): Tensor => {
    owned.push(tensor.keep());
    return tensor;
  };
  const normal = (shape: Shape): Tensor => own(device.tensor(normalValues(elements(shape)), shape));
  const dispose = (): void => {
    owned.forEach((tensor) => {
      tensor.dispose();
    });
  };
  try {
    return { parts: partsFor(device, model, normal, own), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

function partsFor(
  device: Device,
  model: ModelCase,
  normal: (shape: Shape) => Tensor,
  own: (tensor: Tensor) => Tensor,
): TimedPart[] {
  const alone = (part: Part, run: () => Tensor): TimedPart => ({
    part,
    sample: scoped(device, run),
    maxRuns: Infinity,
  });
  const differentiable = (inputs: readonly Tensor[], run: Op, outputShape: Shape): TimedPart[] => {
    const dy = normal(outputShape);
    const heldBytes = 4 * (2 * inputs.reduce((sum, input) => sum + input.size, 0) + 2 * dy.size);
    const maxRuns = Math.max(1, Math.floor(HELD_BYTES / heldBytes));
    const forward = scoped(device, () => run(inputs));
    return [
      { part: 'forward', sample: forward, maxRuns: Infinity },
      { part: 'backward', sample: forwardAndBackward(device, inputs, run, dy), less: forward, maxRuns },
    ];
  };
  switch (model.op) {
    case 'linear': {
      const { rows, inner, cols } = model;
      const [x, weight, dy, bias] = [
        normal([rows, inner]),
        normal([cols, inner]),
        normal([rows, cols]),
        model.bias ? normal([cols]) : undefined,
      ];
      // The two products of the linear layer's gradient, as its rule records them.
      return [
        alone('forward', () => linear(x, weight, bias)),
        alone('dx', () => product(dy, weight, rows, cols, inner)),
        alone('dweight', () => product(dy, x, cols, rows, inner, { transposeA: true })),
      ];
    }
    case 'attention': {
      const { lengths, heads, kvHeads, headDim, ropeTheta } = model;
      const cuSeqlens = Uint32Array.from([
        0,
        ...lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, length) => sum + length, 0)),
      ]);
      const pack = uploadPack(device, cuSeqlens, headDim, ropeTheta);
      if (pack.rope !== undefined) own(pack.rope);
      own(pack.segments);
      const tokens = cuSeqlens.at(-1)!;
      const qkv = normal([tokens, (heads + 2 * kvHeads) * headDim]);
      return differentiable([qkv], ([x]) => attention(x!, pack, { heads, kvHeads, headDim }), [
        tokens,
        heads * headDim,
      ]);
    }
    case 'layerNorm': {
      const [x, weight, bias] = [normal([model.rows, model.cols]), normal([model.cols]), normal([model.cols])];
      return differentiable([x, weight, bias], ([a, w, b]) => layerNorm(a!, w!, b!), x.shape);
    }
    case 'rmsNorm': {
      const [x, weight] = [normal([model.rows, model.cols]), normal([model.cols])];
      return differentiable([x, weight], ([a, w]) => rmsNorm(a!, w!), x.shape);
    }
    case 'swiglu': {
      const [x, beta] = [normal([model.rows, 2 * model.cols]), model.beta ? own(device.full([1], 1)) : undefined];
      return differentiable(beta === undefined ? [x] : [x, beta], ([a, slope]) => swiglu(a!, slope), [
        model.rows,
        model.cols,
      ]);
    }
    case 'gelu':
      return differentiable([normal([model.rows, model.cols])], ([x]) => gelu(x!), [model.rows, model.cols]);
    case 'crossEntropy': {
      const logits = normal([model.rows, model.cols]);
      // One token in seven is masked, as in pre-training.
      const labels = Int32Array.from({ length: model.rows }, (_, row) => (row % 7 === 0 ? row % model.cols : -100));
      return differentiable([logits], ([x]) => crossEntropy(x!, labels), [1]);
    }
    case 'adamW': {
      const parameters = new Map(model.shapes.map((shape, i) => [`p${i}`, normal(shape)]));
      const optimizer = new AdamW(device, { groups: decayGroups(parameters, { weightDecay: 0.01 }), maxNorm: 1 });
      for (const moment of optimizer.moments().values()) own(moment);
      const gradients = [...parameters.values()].map(({ shape }) => normal(shape));
      const loss = own(device.full([1], 1));
      return [
        alone('update', () => {
          [...parameters.values()].forEach((parameter, i) => {
            parameter.gradient = gradients[i]!.alias().keep();
          });
          return optimizer.update(loss, 1, 1e-5);
        }),
      ];
    }
    case 'conv2d': {
      const { length, channels, size } = model;
      const [x, filters] = [normal([length, length, channels]), normal([channels, channels, size, size])];
      return differentiable([x, filters], ([a, f]) => conv2d(a!, f!), x.shape);
    }
    case 'instanceNorm': {
      const x = normal([model.length, model.length, model.channels]);
      return differentiable([x], ([a]) => instanceNorm(a!, { relu: true }), x.shape);
    }
  }
}

function scoped(device: Device, run: () => Tensor): Sample {
  return sampleOf(
    (runs) => {
      for (let i = 0; i < runs; i++)
        device.scope(() => {
          run();
        });
    },
    () => device.idle(),
  );
}

/**
 * One tape over all runs of a sample: each run's result gets the gradient `dy`, which costs nothing, and each run
 * has names of its own for the inputs, so that no gradients have to be added up.
 */
function forwardAndBackward(device: Device, inputs: readonly Tensor[], run: Op, dy: Tensor): Sample {
  return sampleOf(
    (runs) => {
      const names = Array.from({ length: runs }, () => inputs.map((input) => input.alias().train()));
      device.scope(() => {
        backward(device, () => {
          const outputs = names.map((tensors) => run(tensors));
          return record(device.full([1], 0), outputs, () => outputs.map(() => dy.alias()));
        });
      });
      names.flat().forEach((name) => {
        name.dispose();
      });
    },
    () => device.idle(),
  );
}

const TILE = 2 ** 16;
let tile: Float32Array | undefined;

/** Standard normal numbers, repeated: speed does not depend on them, but denormals and constants would flatter it. */
function normalValues(count: number): Float32Array {
  if (tile === undefined) {
    const random = new RandomStream(7);
    tile = Float32Array.from({ length: TILE }, () => random.normal());
  }
  const values = new Float32Array(count);
  for (let at = 0; at < count; at += TILE) values.set(count - at < TILE ? tile.subarray(0, count - at) : tile, at);
  return values;
}
