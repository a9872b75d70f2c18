/**
 * A device in Node, through Dawn. Finds an adapter (the machine's own, else a
 * private software driver that `npm run setup` installed), keeps Dawn alive,
 * and sleeps between polls while waiting, so that a software driver gets the
 * core that Dawn's polling would take.
 */
import { freemem, totalmem } from 'node:os';
import { create, globals } from 'webgpu';
import { adapterTraits } from '../adapter.ts';
import { Device, type DeviceOptions } from '../device.ts';
import { DeviceError } from '../errors.ts';
import { adapterKey } from '../tuning.ts';
import { compileAhead, compilesAhead } from './compileAhead.ts';
import { forgetForeignDriver, giveUpPrivateDriver, usePreferredDriver, usePrivateDriver } from './driver.ts';
import { sleepingWait } from './sleepingWait.ts';
import { withoutLimitWarnings } from './quietAdapters.ts';
import { keptTuning } from './tuningFile.ts';

export { sleepingWait } from './sleepingWait.ts';
export { usePrivateDriver } from './driver.ts';
export { keptTuning, tuningFile, type TuningFile } from './tuningFile.ts';

// Node crashes when an object that create() returned is collected, so they are held here for the life of the process.
const instances: GPU[] = [];

/**
 * The adapter of this machine. With `RNA_EXPERIMENTAL=1` it shows Dawn's experimental features, of which subgroup
 * matrices are used where it has them. Throws a DeviceError that says what to do when there is none.
 * @param quiet Keeps two warnings of Dawn off stderr, which for that moment is another file (quietAdapters.ts). It is
 * for a program that owns its process, since a thread that opens a file in that moment could be given stderr's place.
 */
export async function requestAdapter({ quiet = false } = {}): Promise<GPUAdapter> {
  Object.assign(globalThis, globals);
  // The loader prints a line on stderr when this is unset.
  process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
  forgetForeignDriver();
  let adapter = await request(usePreferredDriver(say) !== undefined, quiet);
  if (adapter === null && giveUpPrivateDriver(say)) adapter = await request(true, quiet);
  if (adapter === null && usePrivateDriver() !== undefined) {
    adapter = await request(true, quiet);
  }
  if (adapter === null) {
    throw new DeviceError(
      'no WebGPU adapter was found: this machine has no Vulkan driver that Dawn accepts; `npm run setup` in a checkout of the project installs a software driver',
    );
  }
  return adapter;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Asks Dawn for an adapter; a new instance sees drivers that were named since the last. */
async function request(anew: boolean, quiet: boolean): Promise<GPUAdapter | null> {
  if (anew || instances.length === 0)
    instances.push(create(process.env['RNA_EXPERIMENTAL'] === '1' ? ['enable-dawn-features=allow_unsafe_apis'] : []));
  const instance = instances.at(-1)!;
  const ask = () => instance.requestAdapter({ powerPreference: 'high-performance' });
  return sleepingWait(quiet ? withoutLimitWarnings(ask) : ask());
}

export interface NodeDeviceOptions extends Partial<DeviceOptions> {
  /** Whether the autotuner's kept answers are used (see `keptTuning`). Default true. */
  readonly tuning?: boolean;
  /** Keeps Dawn's warnings about limits off stderr (see `requestAdapter`). Default false. */
  readonly quiet?: boolean;
}

/**
 * Opens a device on this machine's adapter. `RNA_MEMORY_BUDGET` (MB) overrides the default budget, `RNA_TUNING`
 * says where the autotuner's answers are. Rejects with a TuningError where they cannot be read.
 */
export async function openDevice({
  tuning = true,
  quiet = false,
  ...options
}: NodeDeviceOptions = {}): Promise<Device> {
  const adapter = await requestAdapter({ quiet });
  const kept = tuning && options.tuned === undefined ? await keptTuning()?.load() : undefined;
  const tuned = kept?.adapters[adapterKey(adapter)] ?? {};
  const compiler = compilesAhead(adapter) ? compileAhead(() => requestAdapter({ quiet })) : undefined;
  return Device.open(adapter, {
    memoryBudget: defaultMemoryBudget(adapter),
    wait: sleepingWait,
    tuned,
    ...(compiler && { compiler }),
    ...options,
  });
}

/**
 * Bytes that a device may use by default: on a software adapter three quarters of the free memory, since such
 * drivers crash when it runs out; on a GPU no bound of ours, since the driver reports it.
 */
export function defaultMemoryBudget(adapter: GPUAdapter): number {
  const text = process.env['RNA_MEMORY_BUDGET'];
  if (text !== undefined && text !== '') {
    const megabytes = Number(text);
    if (!(megabytes > 0)) throw new DeviceError(`RNA_MEMORY_BUDGET must be a positive number of MB, got '${text}'`);
    return megabytes * 2 ** 20;
  }
  return adapterTraits(adapter).class === 'cpu' ? Math.min(0.75 * freemem(), 0.75 * totalmem()) : Infinity;
}
