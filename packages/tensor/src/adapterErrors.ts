/**
 * The errors of an adapter on their way to the caller: a kernel that does not
 * compile, a refused command, a lost device. They come at any moment and are
 * kept until the next wait of the device, which rejects with the first of them.
 * They name the kernels, since WebGPU's own messages do not.
 */
import { DeviceError, DeviceLostError } from './errors.ts';

export class AdapterErrors {
  readonly #gpu: GPUDevice;
  readonly #pending = new Set<Promise<void>>();
  #failure: Error | undefined;
  #submitted: readonly string[] = [];

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    gpu.addEventListener('uncapturederror', (event) => {
      this.#fail(new DeviceError(`${event.error.message}${this.lastKernels()}`));
    });
    void gpu.lost.then((info) => {
      this.#failure = new DeviceLostError(
        `the device was lost (${info.reason}): ${info.message || 'no further reason given'}${this.lastKernels()}`,
      );
    });
  }

  /**
   * Runs an action inside error scopes, whose findings reach the next wait.
   * @param code The WGSL that a finding's lines are quoted from.
   */
  guard<T>(action: () => T, what: () => string, code?: string): T {
    const filters: GPUErrorFilter[] = ['out-of-memory', 'internal', 'validation'];
    filters.forEach((filter) => {
      this.#gpu.pushErrorScope(filter);
    });
    const result = action();
    const found = Promise.all(filters.map(() => this.#gpu.popErrorScope())).then(
      (errors) => {
        const error = errors.find((candidate) => candidate !== null);
        if (error)
          this.#fail(
            new DeviceError(`${what()}: ${error.message}${code === undefined ? '' : sourceLines(error.message, code)}`),
          );
      },
      () => undefined,
    ); // A lost device rejects here; gpu.lost reports it.
    this.#pending.add(found);
    void found.then(() => this.#pending.delete(found));
    return result;
  }

  /** Remembers what was submitted last, for the errors that follow. */
  submitted(labels: readonly string[]): void {
    this.#submitted = labels;
  }

  /** Waits for the findings of the error scopes and throws the first failure. A lost device stays failed. */
  async settle(wait: <T>(promise: Promise<T>) => Promise<T>): Promise<void> {
    if (this.#pending.size > 0) await wait(Promise.all(this.#pending));
    const failure = this.#failure;
    if (failure === undefined) return;
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    throw failure;
  }

  /** The end of a sentence that names the kernels submitted last; empty before the first. */
  lastKernels(): string {
    return this.#submitted.length === 0 ? '' : `; the last kernels submitted were ${namesOf(this.#submitted)}`;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
  }
}

/** Kernels' labels for a message, the first eight of many. */
export function namesOf(labels: readonly string[]): string {
  const names = [...new Set(labels)];
  return names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');
}

/** The lines of WGSL that a compiler message points at (`:12:5 error: …`). */
function sourceLines(message: string, code: string): string {
  const lines = code.split('\n');
  const numbers = [...message.matchAll(/:(\d+):\d+/g)].map((match) => Number(match[1]));
  return [...new Set(numbers)]
    .filter((n) => n <= lines.length)
    .map((n) => `\n  ${n} | ${lines[n - 1]}`)
    .join('');
}
