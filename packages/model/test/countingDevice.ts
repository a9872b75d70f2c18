/**
 * A device of an adapter that does nothing: work is recorded and every buffer counted, and no memory is taken. What a
 * model of any size holds at most, on an adapter of any limits, is known in a moment.
 */
import { Device } from '@rna/tensor';

export interface CountingOptions {
  /** Bytes that all buffers may take. */
  readonly memoryBudget: number;
  /** Bytes of one buffer. */
  readonly binding: number;
}

/** Constants that WebGPU puts into the global scope, with the standard's values. */
const CONSTANTS = {
  GPUBufferUsage: { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 },
  GPUShaderStage: { COMPUTE: 4 },
  GPUMapMode: { READ: 1 },
};

/** Any function of any object of WebGPU: whatever is called gives another. */
function nothing(): object {
  const target = (): void => undefined;
  return new Proxy(target, { get: (_, name) => (name === 'then' ? undefined : nothing()), apply: () => nothing() });
}

export async function openCountingDevice({ memoryBudget, binding }: CountingOptions): Promise<Device> {
  Object.assign(globalThis, CONSTANTS);
  const limits = {
    maxStorageBufferBindingSize: binding,
    maxBufferSize: 2 * binding,
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupSizeY: 256,
    minUniformBufferOffsetAlignment: 256,
  };
  const gpu = {
    limits,
    lost: new Promise(() => undefined),
    queue: nothing(),
    createBuffer: ({ size }: { readonly size: number }) => ({ size, destroy: () => undefined }),
    popErrorScope: () => Promise.resolve(null),
    addEventListener: () => undefined,
    destroy: () => undefined,
  };
  const adapter = {
    limits,
    features: new Set(),
    info: { vendor: 'none', architecture: '', device: 'counting', description: '' },
    requestDevice: () =>
      Promise.resolve(
        new Proxy(gpu, {
          get: (own, name) => (name in own ? own[name as keyof typeof own] : name === 'then' ? undefined : nothing()),
        }),
      ),
  };
  // The parts of WebGPU that a device calls; what they give is only handed back to it.
  return Device.open(adapter as unknown as GPUAdapter, { memoryBudget });
}
