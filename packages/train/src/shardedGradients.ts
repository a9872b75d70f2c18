/**
 * The gradients of a step that is cut in shards. A shard is a fixed part of the
 * step's micro-batches, whose gradients are added up on the device, in their
 * order; the shards' are added up on the host, in the order of a tree that their
 * number alone decides (shardTree.ts), and go back to the device. A rank
 * computes some of the shards, so the bits do not depend on how many ranks there
 * are, one included.
 *
 * Gradients lie side by side in buckets. While the device computes a shard, the
 * buckets of the one before are read and sent: each rank adds up a piece of
 * every bucket, of all shards, and sends the sum to all. The loss and the wish
 * to stop are one element more each.
 */
import { add, backward, disposeFlat, flatZeros, scale, type Device, type FlatTensors, type Tensor } from '@rna/tensor';
import type { AdamW } from './optimizer.ts';
import type { Ranks } from './ranks.ts';
import { nodesWithin, partOf, TreeSum, type Span } from './shardTree.ts';
import type { MicroBatch } from './trainer.ts';

/** Elements of a bucket, unless a tensor alone has more. */
const BUCKET = 2 ** 23;

export interface ShardedOptions {
  readonly device: Device;
  readonly optimizer: AdamW;
  /** Shards of a step; of one with fewer micro-batches each has a shard of its own. */
  readonly shards: number;
  /** Default: this process alone. */
  readonly ranks?: Ranks;
}

export interface StepGradients {
  readonly loss: Tensor;
  readonly asked: boolean;
  readonly waited: number;
}

export interface ShardedGradients {
  /**
   * Leaves the gradients of the whole step in the parameters and returns its loss [1], which the caller frees, and
   * whether `asked` was true on any rank; `waited` are the milliseconds between this rank's last gradient and the sum of
   * all, in which the device has nothing to do. Rejects as reads of the device and exchanges do.
   */
  compute(microBatches: readonly MicroBatch[], asked: () => boolean): Promise<StepGradients>;
  /** Frees what lies on the device. */
  dispose(): void;
}

/** The micro-batches whose gradients a rank computes, of a step that has `count`. */
export function ownMicroBatches(count: number, shards: number, { rank, size }: Pick<Ranks, 'rank' | 'size'>): Span {
  const active = Math.min(shards, count);
  const { from, to } = partOf(active, rank, size);
  return from === to
    ? { from: 0, to: 0 }
    : { from: partOf(count, from, active).from, to: partOf(count, to - 1, active).to };
}

/** The mean over all targets of the micro-batches' losses, with their gradients in the parameters. */
export function accumulateGradients(
  device: Device,
  optimizer: AdamW,
  microBatches: readonly MicroBatch[],
  targets: number,
): Tensor {
  return microBatches
    .map((batch) =>
      scale(backward(device, batch.loss, optimizer.lossSeed(batch.targets / targets)), batch.targets / targets),
    )
    .reduce((total, loss) => add(total, loss));
}

export function shardedGradients({
  device,
  optimizer,
  shards,
  ranks = { size: 1, rank: 0, exchange: () => Promise.resolve() },
}: ShardedOptions): ShardedGradients {
  let layout: Layout | undefined;

  /** Records a shard and begins to read its buckets, each a promise. */
  const record = (microBatches: readonly MicroBatch[], targets: number): Promise<Float32Array>[] => {
    device.scope(() => {
      const loss = accumulateGradients(device, optimizer, microBatches, targets);
      optimizer.requireGradients();
      for (const { parameter, place } of layout!.places) {
        device.copy(parameter.gradient!, place);
        parameter.gradient!.dispose();
        parameter.gradient = undefined;
      }
      device.copy(loss, layout!.loss);
    });
    return layout!.buckets.map(({ whole }) => {
      const read = whole.read();
      // A failure is met where the bucket is awaited; until then it must not count as unhandled.
      read.catch(() => undefined);
      return read;
    });
  };

  return {
    async compute(microBatches, asked) {
      layout = layoutFor(device, optimizer.trained(), layout);
      const { buckets, places } = layout;
      const targets = microBatches.reduce((sum, batch) => sum + batch.targets, 0);
      const active = Math.min(shards, microBatches.length);
      const own = partOf(active, ranks.rank, ranks.size);
      const meetings = buckets.map(
        ({ whole }, i) => new Meeting(ranks, whole.size, active, (round) => 1 + round * buckets.length + i),
      );
      const sums: Promise<Float32Array>[] = [];
      const finish = (meeting: Meeting): void => {
        const sum = meeting.sum();
        sum.catch(() => undefined);
        sums.push(sum);
      };
      if (own.from === own.to) meetings.forEach(finish);
      const shard = (index: number): Promise<Float32Array>[] => {
        const { from, to } = partOf(microBatches.length, index, active);
        return record(microBatches.slice(from, to), targets);
      };
      let upcoming = own.from < own.to ? shard(own.from) : [];
      for (let index = own.from; index < own.to; index++) {
        const reads = upcoming;
        // The device goes on to the next shard while this one's buckets are read, added and sent.
        upcoming = index + 1 < own.to ? shard(index + 1) : [];
        for (const [i, read] of reads.entries()) {
          const values = await read;
          if (i === buckets.length - 1) values[layout.stop] = asked() ? 1 : 0;
          meetings[i]!.add(index, values);
          if (index === own.to - 1) finish(meetings[i]!);
        }
      }
      const computed = performance.now();
      let stop = false;
      for (const [i, each] of sums.entries()) {
        const sum = await each;
        if (i === buckets.length - 1) stop = sum[layout.stop]! > 0;
        device.write(buckets[i]!.whole, sum);
      }
      for (const { parameter, place } of places) parameter.gradient = place.alias().keep();
      return { loss: layout.loss.alias().keep(), asked: stop, waited: performance.now() - computed };
    },
    dispose() {
      layout?.buckets.forEach(disposeFlat);
    },
  };
}

/** Where the gradients of a step lie on the device. */
interface Layout {
  readonly buckets: readonly FlatTensors[];
  readonly places: readonly { readonly parameter: Tensor; readonly place: Tensor }[];
  /** In the last bucket. */
  readonly loss: Tensor;
  /** The element of the last bucket that counts who wants to stop. */
  readonly stop: number;
}

/** The layout for these parameters, which is the one before where no more have begun to train. */
function layoutFor(device: Device, parameters: readonly Tensor[], before: Layout | undefined): Layout {
  if (before?.places.length === parameters.length) return before;
  before?.buckets.forEach(disposeFlat);
  const groups: Tensor[][] = [[]];
  let filled = 0;
  for (const parameter of parameters) {
    if (filled > 0 && filled + parameter.size > BUCKET) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(parameter);
    filled += parameter.size;
  }
  const buckets = groups.map((group, i) => {
    const shapes = group.map(({ shape }) => shape);
    return flatZeros(device, i < groups.length - 1 ? shapes : [...shapes, [1], [1]]);
  });
  const last = buckets.at(-1)!;
  return {
    buckets,
    places: groups.flatMap((group, i) => group.map((parameter, at) => ({ parameter, place: buckets[i]!.parts[at]! }))),
    loss: last.parts.at(-2)!,
    stop: last.offsets.at(-1)!,
  };
}

/** Where the sums of one bucket meet: a piece of all ranks' on each, then all pieces on all. */
class Meeting {
  readonly #ranks: Ranks;
  readonly #size: number;
  readonly #channel: (round: number) => number;
  /** By rank, the nodes of the tree that it adds up alone. */
  readonly #nodes: readonly (readonly Span[])[];
  readonly #shards: number;
  readonly #own: TreeSum;
  /** A rank's node each, in a piece that is this rank's. */
  readonly #arrived: { readonly span: Span; readonly piece: Float32Array }[] = [];
  readonly #rounds: Promise<void>[] = [];

  /**
   * @param size Elements of the bucket.
   * @param shards Of the step.
   * @param channel One for each round of exchanges.
   */
  constructor(ranks: Ranks, size: number, shards: number, channel: (round: number) => number) {
    this.#ranks = ranks;
    this.#size = size;
    this.#channel = channel;
    this.#shards = shards;
    this.#own = new TreeSum(shards);
    this.#nodes = everyRank(ranks).map((rank) => nodesWithin(shards, partOf(shards, rank, ranks.size)));
  }

  /** Takes over the gradients of an own shard, and sends the sum of the node that they complete, if there is one. */
  add(shard: number, values: Float32Array): void {
    this.#own.add({ from: shard, to: shard + 1 }, values);
    const next = this.#nodes[this.#ranks.rank]![this.#rounds.length];
    const sum = next && this.#own.take(next);
    if (sum !== undefined) this.#round(sum);
  }

  /** The sum of all shards of all ranks, once every own shard was added. */
  async sum(): Promise<Float32Array> {
    const most = Math.max(...this.#nodes.map(({ length }) => length));
    while (this.#rounds.length < most) this.#round(undefined);
    await Promise.all(this.#rounds);
    const all = new TreeSum(this.#shards);
    this.#arrived
      .sort((a, b) => a.span.from - b.span.from)
      .forEach(({ span, piece }) => {
        all.add(span, piece);
      });
    const own = all.take({ from: 0, to: this.#shards })!;
    if (this.#ranks.size === 1) return own;
    const result = new Float32Array(this.#size);
    const pieces = everyRank(this.#ranks).map((rank) => this.#pieceOf(result, rank));
    pieces[this.#ranks.rank]!.set(own);
    await this.#ranks.exchange(
      this.#channel(most),
      pieces.map(() => bytesOf(own)),
      pieces.map(bytesOf),
    );
    return result;
  }

  #pieceOf(values: Float32Array, rank: number): Float32Array {
    const { from, to } = partOf(this.#size, rank, this.#ranks.size);
    return values.subarray(from, to);
  }

  /** Sends a node of this rank's, if it has so many, and takes those that come. */
  #round(sum: Float32Array | undefined): void {
    const { rank: own } = this.#ranks;
    const round = this.#rounds.length;
    const { from, to } = partOf(this.#size, own, this.#ranks.size);
    const incoming = this.#nodes.map((nodes, rank) => {
      const span = nodes[round];
      if (span === undefined) return NOTHING;
      const piece = rank === own ? sum!.subarray(from, to) : new Float32Array(to - from);
      this.#arrived.push({ span, piece });
      return bytesOf(piece);
    });
    const outgoing = everyRank(this.#ranks).map((rank) =>
      sum === undefined ? NOTHING : bytesOf(this.#pieceOf(sum, rank)),
    );
    const sent = this.#ranks.exchange(this.#channel(round), outgoing, incoming);
    // A failure is met where the sum is asked for; until then it must not count as unhandled.
    sent.catch(() => undefined);
    this.#rounds.push(sent);
  }
}

const NOTHING = new Uint8Array(0);

const everyRank = ({ size }: Ranks): number[] => Array.from({ length: size }, (_, rank) => rank);

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
