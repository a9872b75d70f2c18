/**
 * A device in a browser, in a page or a worker, with errors that tell a person
 * what to change where there is no WebGPU.
 */
import { adapterTraits, Device, DeviceError, type DeviceOptions } from '@rna/tensor';

// A browser does not say how much memory there is; software adapters take the machine's own.
const SOFTWARE_BUDGET = 2 * 2 ** 30;
/** Where only the driver knows how much memory there is, so much is taken for granted. */
const TAKEN_FOR_GRANTED = 4 * 2 ** 30;

/** Bytes that may be counted on: the device's own budget, or what is taken for granted where there is none. */
export function memoryBudget(device: Pick<Device, 'memory'>): number {
  const { budget } = device.memory.use();
  return Number.isFinite(budget) ? budget : TAKEN_FOR_GRANTED;
}

/** The browser's adapter. Throws a DeviceError that says why there is none. */
export async function requestAdapter(): Promise<GPUAdapter> {
  if (!isSecureContext) throw new DeviceError('WebGPU needs a secure page: open it over https or from localhost');
  // Typed as always there, which it is in new browsers only.
  const gpu = (navigator as { readonly gpu?: GPU }).gpu;
  if (gpu === undefined) {
    throw new DeviceError(
      'this browser has no WebGPU. Use Chrome or Edge 113 or newer, Safari 26 or newer, or Firefox 141 or newer; on Linux, Chrome may need --enable-unsafe-webgpu --enable-features=Vulkan',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new DeviceError(
      "this browser has WebGPU but no adapter that it may use: the graphics driver is too old or on the browser's block list, or hardware acceleration is off in its settings (chrome://gpu says which). If there was one a moment ago, the driver crashed too often: try again in some minutes",
    );
  }
  return adapter;
}

/** Opens a device on the browser's adapter. */
export async function openDevice(options: Partial<DeviceOptions> = {}): Promise<Device> {
  const adapter = await requestAdapter();
  return Device.open(adapter, {
    memoryBudget: adapterTraits(adapter).class === 'cpu' ? SOFTWARE_BUDGET : Infinity,
    ...options,
  });
}

/** Bytes that may be counted on before a device is opened; undefined where there is no adapter. */
export async function adapterMemory(): Promise<number | undefined> {
  try {
    return adapterTraits(await requestAdapter()).class === 'cpu' ? SOFTWARE_BUDGET : TAKEN_FOR_GRANTED;
  } catch (error) {
    if (error instanceof DeviceError) return undefined;
    throw error;
  }
}
