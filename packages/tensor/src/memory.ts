/**
 * GPU memory: storages with reference counts, and a pool that hands freed
 * buffers out again at once. That is safe because all calls run in the order in
 * which they were recorded; only a host upload acts out of order, and `Device`
 * flushes before it writes into a buffer that recorded commands still use.
 *
 * A byte budget refuses an allocation before the driver dies of it: software
 * drivers crash instead of reporting that memory is gone.
 */
import { MemoryBudgetError } from './errors.ts';

const SMALLEST = 256;

/** Where a part of a storage may begin: WebGPU's default alignment of a binding. */
export const PART_BYTES = 256;

/** Size classes, four to an octave: RNA batches come in many lengths. */
export function sizeClass(bytes: number): number {
  if (bytes <= SMALLEST) return SMALLEST;
  const octave = 2 ** Math.floor(Math.log2(bytes));
  const step = octave / 4;
  return Math.ceil(bytes / step) * step;
}

/** A buffer, or a part of one, in use by one or more tensors that share it. */
export class Storage {
  references = 1;
  readonly buffer: GPUBuffer;
  readonly id: number;
  readonly bytes: number;
  /** What this is a part of, and where in the buffer it begins, in bytes. */
  readonly whole: Storage | undefined;
  readonly offset: number;
  #lastUse = -1;

  constructor(buffer: GPUBuffer, id: number, bytes: number, whole?: Storage, offset = 0) {
    this.buffer = buffer;
    this.id = id;
    this.bytes = bytes;
    this.whole = whole;
    this.offset = offset;
  }

  /** Number of the submission that last recorded a use of the buffer, of whichever part. */
  get lastUse(): number {
    return this.whole === undefined ? this.#lastUse : this.whole.lastUse;
  }

  set lastUse(submission: number) {
    if (this.whole === undefined) this.#lastUse = submission;
    else this.whole.lastUse = submission;
  }
}

export interface MemoryUse {
  /** Bytes of tensors that are alive. */
  readonly live: number;
  /** Bytes of freed buffers kept for reuse. */
  readonly pooled: number;
  /** Largest sum of the two so far. */
  readonly peak: number;
  readonly budget: number;
  readonly tensors: number;
}

export class MemoryPool {
  readonly #device: GPUDevice;
  readonly #budget: number;
  readonly #largest: number;
  readonly #free = new Map<number, Storage[]>();
  readonly #beforeDestroy: () => void;
  #live = 0;
  #pooled = 0;
  #peak = 0;
  #count = 0;
  #nextId = 0;

  /** `beforeDestroy` submits what is recorded and lets go of what refers to pooled buffers. */
  constructor(device: GPUDevice, budget: number, beforeDestroy: () => void) {
    this.#device = device;
    this.#budget = budget;
    this.#largest = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    this.#beforeDestroy = beforeDestroy;
  }

  use(): MemoryUse {
    return { live: this.#live, pooled: this.#pooled, peak: this.#peak, budget: this.#budget, tensors: this.#count };
  }

  /** A storage of at least `bytes`; its contents are undefined. Throws MemoryBudgetError naming `what`. */
  allocate(bytes: number, what: string): Storage {
    if (bytes > this.#largest) {
      throw new MemoryBudgetError(
        `${what} needs ${megabytes(bytes)} in one buffer, and this adapter binds at most ${megabytes(this.#largest)} (maxStorageBufferBindingSize)`,
        { limit: 'binding', needed: bytes, used: 0, available: this.#largest },
      );
    }
    const size = Math.min(sizeClass(bytes), this.#largest);
    let storage = takeOldest(this.#free.get(size));
    if (storage === undefined) {
      if (this.#live + this.#pooled + size > this.#budget) this.trim();
      if (this.#live + size > this.#budget) {
        throw new MemoryBudgetError(
          `${what} needs ${megabytes(size)}, and ${megabytes(this.#live)} of the budget of ${megabytes(this.#budget)} are in use`,
          { limit: 'budget', needed: size, used: this.#live, available: this.#budget },
        );
      }
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      storage = new Storage(this.#device.createBuffer({ label: what, size, usage }), this.#nextId++, size);
    } else {
      this.#pooled -= size;
      storage.references = 1;
    }
    this.#live += size;
    this.#count++;
    this.#peak = Math.max(this.#peak, this.#live + this.#pooled);
    return storage;
  }

  retain(storage: Storage): void {
    storage.references++;
    this.#count++;
  }

  /** A part of a storage, which it holds. `offset` must be a multiple of `PART_BYTES`. */
  part(whole: Storage, offset: number, bytes: number): Storage {
    if (offset % PART_BYTES !== 0 || offset + bytes > whole.bytes) {
      throw new RangeError(
        `a part of ${bytes} bytes at ${offset} of a storage of ${whole.bytes}: it must begin at a multiple of ${PART_BYTES} and end within`,
      );
    }
    this.retain(whole);
    return new Storage(whole.buffer, this.#nextId++, bytes, whole, whole.offset + offset);
  }

  release(storage: Storage): void {
    if (--storage.references === 0 && storage.whole !== undefined) {
      // A part is counted as a reference to the whole.
      this.release(storage.whole);
      return;
    }
    this.#count--;
    if (storage.references > 0) return;
    this.#live -= storage.bytes;
    this.#pooled += storage.bytes;
    const list = this.#free.get(storage.bytes);
    if (list === undefined) this.#free.set(storage.bytes, [storage]);
    else list.push(storage);
  }

  /** Gives all pooled buffers back to the driver. */
  trim(): void {
    if (this.#pooled === 0) return;
    this.#beforeDestroy();
    for (const list of this.#free.values()) {
      for (const storage of list) storage.buffer.destroy();
    }
    this.#free.clear();
    this.#pooled = 0;
  }
}

/**
 * Takes the storage with the smallest id. The order in which buffers came back must not matter: a step like the
 * one before then gets the same buffers, and finds its bind groups again.
 */
function takeOldest(list: Storage[] | undefined): Storage | undefined {
  if (list === undefined || list.length === 0) return undefined;
  let oldest = 0;
  for (let i = 1; i < list.length; i++) if (list[i]!.id < list[oldest]!.id) oldest = i;
  const [storage] = list.splice(oldest, 1);
  return storage;
}

export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
