/**
 * What the trainer's tests share: a checkpoint store and a log in memory, and the smallest task that can be trained.
 */
import { RandomStream } from '@rna/kernels';
import { CheckpointError, memorySink, memorySource, openTensorFile, readFloat32, writeSafetensors } from '@rna/model';
import { add, linear, type Device, type Tensor } from '@rna/tensor';
import type { CheckpointStore, Cursor, LogEntry, SavedModel, TrainingLog, TrainingTask } from '../src/index.ts';

export type Files = Map<string, Uint8Array>;

export function memoryStore(): CheckpointStore & { readonly checkpoints: Map<string, Files> } {
  const checkpoints = new Map<string, Files>();
  return {
    checkpoints,
    names: () => Promise.resolve([...checkpoints.keys()].sort()),
    async save(name, write) {
      const files: Files = new Map();
      await write({
        async file(file, content) {
          const sink = memorySink();
          await content(sink);
          files.set(file, sink.bytes());
        },
      });
      checkpoints.set(name, files);
    },
    open: (name) =>
      Promise.resolve({
        name,
        open(file) {
          const bytes = checkpoints.get(name)!.get(file);
          return bytes === undefined
            ? Promise.reject(new CheckpointError(`${name}/${file}`, 'is missing'))
            : Promise.resolve(memorySource(`${name}/${file}`, bytes));
        },
        close: () => Promise.resolve(),
      }),
    remove(name) {
      checkpoints.delete(name);
      return Promise.resolve();
    },
    setAside(name) {
      checkpoints.delete(name);
      return Promise.resolve();
    },
  };
}

export function memoryLog(): TrainingLog & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    rewind(step) {
      const kept = lines.filter((line) => (JSON.parse(line) as LogEntry).step <= step);
      lines.splice(0, lines.length, ...kept);
      return Promise.resolve();
    },
    append: (entry) => {
      lines.push(JSON.stringify(entry));
    },
  };
}

/** A point that is drawn to random targets: the loss of a micro-batch is |w − target|². */
export class PointTask implements TrainingTask {
  readonly w: Tensor;
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly device: Device;
  /** Targets of each micro-batch of a step; their numbers weigh the losses. */
  readonly cuts: readonly number[];
  /** The step, from 1, whose loss is not a number. */
  poisoned: number | undefined;
  /** Multiplies the targets of steps, from 1: the loss is about the square of it. */
  spikes: Readonly<Record<number, number>> = {};
  /** Score of the evaluation after a step. */
  scores: Readonly<Record<number, number>> = {};
  evaluations = 0;

  constructor(device: Device, cuts: readonly number[] = [1]) {
    this.device = device;
    this.cuts = cuts;
    this.w = device.zeros([1, 6]).keep();
    this.parameters = new Map([['w', this.w]]);
  }

  // oxlint-disable-next-line typescript/require-await -- a fault is the promise's rejection
  async batchAt(cursor: Cursor, step: number) {
    const { device, w, poisoned, spikes } = this;
    const random = new RandomStream(11, cursor.epoch, cursor.row);
    const target = Float32Array.from({ length: 6 }, () =>
      step + 1 === poisoned ? NaN : (spikes[step + 1] ?? 1) * random.normal(),
    );
    return {
      epoch: cursor.epoch,
      microBatches: this.cuts.map((targets) => ({
        targets,
        tokens: 2 * targets,
        loss: () => {
          const difference = add(w, device.tensor(target, [1, 6]));
          return linear(difference, difference);
        },
      })),
      next: cursor.row === 4 ? { epoch: cursor.epoch + 1, window: 0, row: 0 } : { ...cursor, row: cursor.row + 1 },
    };
  }

  async evaluate() {
    const step = this.evaluations++;
    const values = await this.w.read();
    return { score: this.scores[step] ?? -values[0]!, metrics: { first: values[0]! } };
  }

  readonly model: SavedModel = {
    save: (writer) =>
      writer.file('model.safetensors', (sink) =>
        writeSafetensors(sink, [{ name: 'w', shape: [1, 6], dtype: 'F32', data: () => this.w.read() }]),
      ),
    restore: async (reader) => {
      const file = await openTensorFile(await reader.open('model.safetensors'));
      this.device.write(this.w, await readFloat32(file.tensors.get('w')!));
    },
  };
}
