/** The errors that a device can raise, each with a name that a caller can test for. */

/** What a request for memory ran into, in bytes. */
export interface MemoryShortage {
  /** The budget of the device, or what its adapter binds at most at once. */
  readonly limit: 'budget' | 'binding';
  readonly needed: number;
  /** In use of the limit already. */
  readonly used: number;
  /** The limit. */
  readonly available: number;
}

/** The memory budget, or the largest binding, would be exceeded. Nothing was allocated. */
export class MemoryBudgetError extends Error {
  override readonly name = 'MemoryBudgetError';
  readonly shortage: MemoryShortage;

  constructor(message: string, shortage: MemoryShortage) {
    super(message);
    this.shortage = shortage;
  }
}

/** The adapter refused a kernel or a command, or ran out of memory. The message names the kernel. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}

/** The device is gone (driver reset, destroyed, tab suspended). Its tensors are gone with it. */
export class DeviceLostError extends Error {
  override readonly name = 'DeviceLostError';
}

/** Shapes that do not fit an op. The message names the op and the shapes. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** Kept timings or a pinned variant that cannot be used. The message names the file or the kernel. */
export class TuningError extends Error {
  override readonly name = 'TuningError';
  /** Where the timings that cannot be read are kept; absent where a pinned variant is at fault. */
  readonly source: string | undefined;

  constructor(message: string, source?: string) {
    super(message);
    this.source = source;
  }
}
