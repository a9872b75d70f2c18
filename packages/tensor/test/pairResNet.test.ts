/**
 * The ResNet over pairs in bands: the same bits as its ops one by one on whole maps, value and every gradient, however
 * it is cut.
 */
import { RandomStream } from '@rna/kernels';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  backward,
  conv2d,
  pairDistance,
  pairLogits,
  pairLoss,
  pairPrior,
  pairResNet,
  pairSum,
  residualBlock,
  type BlockFilters,
  type Device,
  type PairResNet,
  type Shape,
  type Tensor,
} from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ poison: true });
});
afterEach(() => {
  expect(device.memory.use().tensors, 'tensors alive after a test').toBe(0);
});
afterAll(() => {
  device.destroy();
});

interface Sizes {
  readonly length: number;
  readonly channels: number;
  readonly size: number;
  readonly blocks: number;
  /** Filters of a block; a bottleneck's without it. */
  readonly extents?: readonly [number, ...number[]];
  readonly dilations?: readonly number[];
  readonly engines?: number;
  readonly distances?: number;
}

function weights({
  length,
  channels,
  size,
  blocks,
  extents = [1, size, 1],
  dilations,
  engines = 0,
  distances = 0,
}: Sizes): { pq: Tensor; net: PairResNet; all: Tensor[] } {
  const random = new RandomStream(9);
  const all: Tensor[] = [];
  const make = (shape: Shape): Tensor => {
    const bound = 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1));
    const tensor = device
      .tensor(
        Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => bound * (2 * random.uniform() - 1)),
        shape,
      )
      .keep();
    all.push(tensor);
    return tensor;
  };
  const filters = (extent: number, outputs = channels): Tensor => make([outputs, channels, extent, extent]);
  const pq = make([length, 2 * channels]);
  const bias = make([channels]);
  const [extent, ...others] = extents;
  const net = {
    bias,
    ...(engines > 0 && {
      prior: {
        weight: make([channels, engines]),
        logOdds: device
          .tensor(
            Float32Array.from({ length: length * length * engines }, () => 4 * random.normal()),
            [length, length, engines],
          )
          .keep(),
        scale: { factor: 0.25, shift: 1 },
      },
    }),
    ...(distances > 0 && { distances: make([distances, channels]) }),
    ...(dilations && { dilations }),
    blocks: Array.from({ length: blocks }, (): BlockFilters => [
      filters(extent),
      ...others.map((each) => filters(each)),
    ]),
    out: { filters: filters(size, 1), bias: make([1]) },
  };
  return { pq, net, all };
}

function opByOp(pq: Tensor, { bias, prior, distances, blocks, dilations = [1], out }: PairResNet): Tensor {
  const sum = pairSum(pq, bias);
  const known = prior ? pairPrior(sum, prior.logOdds, prior.weight, prior.scale) : sum;
  const input = distances ? pairDistance(known, distances) : known;
  return conv2d(
    blocks.reduce((x, filters, b) => residualBlock(x, filters, dilations[b % dilations.length]), input),
    out.filters,
    out.bias,
  );
}

/** Logits, loss and all gradients; `frozen` of the weights are not trained. */
async function results(
  sizes: Sizes,
  net: (pq: Tensor, net: PairResNet) => Tensor,
  frozen: readonly number[] = [],
): Promise<unknown[]> {
  const made = weights(sizes);
  const { length } = sizes;
  made.all.forEach((tensor, i) => {
    tensor.train(!frozen.includes(i));
  });
  const labels = device
    .tensor(
      Float32Array.from({ length: length ** 2 }, (_, i) => (i % 7 === 0 ? 1 : 0)),
      [length, length],
    )
    .keep();
  const logits = device.scope(() => pairLogits(net(made.pq, made.net)));
  const loss = backward(device, () => pairLoss(pairLogits(net(made.pq, made.net)), labels));
  const found: unknown[] = [await logits.read(), await loss.read()];
  for (const { gradient } of made.all) found.push(await gradient?.read());
  [logits, loss, labels, ...made.all, ...(made.net.prior ? [made.net.prior.logOdds] : [])].forEach((tensor) => {
    tensor.dispose();
  });
  return found;
}

describe('pairResNet', () => {
  it.each([
    [{ length: 80, channels: 8, size: 3, blocks: 2 }, [8, 24, 40, undefined]],
    [{ length: 70, channels: 5, size: 5, blocks: 1 }, [8, 56]],
    [{ length: 66, channels: 1, size: 1, blocks: 1 }, [16]],
    [{ length: 9, channels: 6, size: 3, blocks: 1 }, [undefined]],
    [
      { length: 75, channels: 4, size: 3, blocks: 3, extents: [3, 3], dilations: [1, 8], engines: 2, distances: 16 },
      [8, 24, 72, undefined],
    ],
    [{ length: 66, channels: 8, size: 3, blocks: 1, extents: [3], dilations: [5], engines: 1 }, [8, 40]],
    [{ length: 70, channels: 3, size: 5, blocks: 2, extents: [5, 1, 3, 1], dilations: [4, 1], distances: 64 }, [8]],
  ] as const)('has the bits of its ops one by one: %o in bands of %o rows', async (sizes, cuts) => {
    const whole = await results(sizes, opByOp);
    for (const rows of cuts)
      expect(await results(sizes, (pq, net) => pairResNet(pq, net, rows)), `${rows}`).toEqual(whole);
  });

  it('computes no gradient of what is frozen', async () => {
    const sizes = { length: 64, channels: 4, size: 3, blocks: 1 };
    const frozen = [0, 1, 3, 5];
    const found = await results(sizes, (pq, net) => pairResNet(pq, net, 16), frozen);
    expect(found).toEqual(await results(sizes, opByOp, frozen));
    expect(found.slice(2).map((gradient) => gradient === undefined)).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  it("keeps a block's input on a tape and little else", () => {
    const { pq, net, all } = weights({ length: 256, channels: 32, size: 3, blocks: 2 });
    const map = 4 * 256 * 256 * 32;
    all.forEach((tensor) => {
      tensor.train();
    });
    const before = device.memory.use().live;
    const peak = highest(() => {
      backward(device, () => {
        const logits = pairResNet(pq, net, 16);
        // Inputs of both blocks, and the map that the logits are of.
        expect(device.memory.use().live - before).toBeLessThan(3.3 * map);
        return pairLoss(pairLogits(logits), device.zeros([256, 256]));
      }).dispose();
    });
    expect(peak - before).toBeLessThan(6 * map);
    expect(
      highest(() => {
        device.scope(() => {
          pairResNet(pq, net, 16);
        });
      }) - before,
    ).toBeLessThan(4 * map);
    all.forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('refuses bands that a filter reaches beyond', () => {
    const { pq, net, all } = weights({ length: 32, channels: 4, size: 3, blocks: 1, dilations: [9] });
    expect(() => pairResNet(pq, net, 8)).toThrow('filters reach over 9 rows, so bands of 8 are too small');
    device.scope(() => pairResNet(pq, net, 16)).dispose();
    all.forEach((tensor) => {
      tensor.dispose();
    });
  });

  it('names the shapes that do not fit', () => {
    const { pq, net, all } = weights({ length: 8, channels: 4, size: 3, blocks: 1 });
    expect(() => pairResNet(net.bias, net)).toThrow('pairResNet: shapes [4] and [4] and [1, 4, 3, 3] do not fit');
    expect(pq.disposed).toBe(false);
    all.forEach((tensor) => {
      tensor.dispose();
    });
  });
});

/** The most bytes that were alive while a function ran. */
function highest(body: () => void): number {
  const { memory } = device;
  const allocate = memory.allocate.bind(memory);
  let most = 0;
  memory.allocate = (...args) => {
    const storage = allocate(...args);
    most = Math.max(most, memory.use().live);
    return storage;
  };
  try {
    body();
  } finally {
    memory.allocate = allocate;
  }
  return most;
}
