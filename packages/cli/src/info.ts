/** The work of `rna info`: what the machine offers, and what the kernels make of it. */
import { createRequire } from 'node:module';
import * as kernels from '@rna/kernels';
import { megabytes, type Device } from '@rna/tensor';
import { withDevice } from './loadModel.ts';
import { writeResult } from './terminal.ts';
import { packageVersion } from './version.ts';

export interface InfoOptions {
  readonly json?: boolean;
}

/** Throws a DeviceError where there is no adapter. */
export async function info({ json }: InfoOptions): Promise<void> {
  const facts = await withDevice((device) => Promise.resolve(describeDevice(device)));
  await writeResult(json ? `${JSON.stringify(facts, null, 2)}\n` : asText(facts));
}

type Facts = ReturnType<typeof describeDevice>;

function describeDevice(device: Device) {
  const { adapter: { info: adapter }, gpu, traits, memory } = device;
  const { budget } = memory.use();
  return {
    adapter: {
      class: traits.class, vendor: adapter.vendor, architecture: adapter.architecture, device: adapter.device,
      subgroupSize: traits.subgroupSize ?? null,
    },
    driver: {
      description: adapter.description,
      // Set by the user, or by the private driver that set-up installs.
      vulkanDriverFiles: process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES'] ?? null,
    },
    /** Bytes; null where only the driver knows. */
    memoryBudget: Number.isFinite(budget) ? Math.floor(budget) : null,
    features: [...gpu.features].sort(),
    limits: numbersOf(gpu.limits),
    kernels: Object.fromEntries(kernels.tunedKernels.map((name) => [name, device.variant(kernelNamed(name))])),
    versions: { rna: packageVersion(), webgpu: webgpuVersion(), node: process.versions.node, platform: `${process.platform} ${process.arch}` },
  };
}

/** A kernel is exported under its own name. */
function kernelNamed(name: string): kernels.AnyKernel {
  const kernel = Object.entries(kernels).find(([key]) => key === name)?.[1];
  if (kernel === undefined) throw new Error(`info: no kernel is exported as ${name}`);
  return kernel as kernels.AnyKernel;
}

function numbersOf(limits: GPUSupportedLimits): Record<string, number> {
  const numbers: Record<string, number> = {};
  // The limits are getters of the prototype.
  for (const name in limits) {
    const value: unknown = Reflect.get(limits, name);
    if (typeof value === 'number') numbers[name] = value;
  }
  return numbers;
}

/** Dawn is a dependency of the tensor package, and found from there. */
const webgpuVersion = (): string => (createRequire(import.meta.resolve('@rna/tensor/node'))('webgpu/package.json') as { version: string }).version;

// What bounds a model's sizes; --json has all.
const SHOWN_LIMITS = [
  'maxStorageBufferBindingSize', 'maxBufferSize', 'maxStorageBuffersPerShaderStage', 'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup', 'maxComputeWorkgroupsPerDimension',
];

function asText({ adapter, driver, memoryBudget, features, limits, kernels: variants, versions }: Facts): string {
  const rows: [string, string][] = [
    ['adapter', `${[adapter.vendor, adapter.architecture, adapter.device].filter((part) => part !== '').join(' ')} (${adapter.class === 'cpu' ? 'software, on the CPU' : 'GPU'})`],
    ['driver', driver.description],
    ...(driver.vulkanDriverFiles === null ? [] : [['driver files', driver.vulkanDriverFiles] as [string, string]]),
    ['memory budget', memoryBudget === null ? 'what the driver gives' : `${megabytes(memoryBudget)} (RNA_MEMORY_BUDGET=MB sets it)`],
    ['subgroups', adapter.subgroupSize === null ? 'of no fixed size' : `of ${adapter.subgroupSize}`],
    ['features', features.join(', ')],
    ['versions', `rna ${versions.rna}, webgpu ${versions.webgpu}, node ${versions.node}, ${versions.platform}`],
  ];
  const limitRows = SHOWN_LIMITS.map((name): [string, string] => [name, /Size$/.test(name) ? megabytesOrBytes(limits[name]!) : String(limits[name])]);
  const kernelRows = Object.entries(variants).map(([name, variant]): [string, string] => [name, Object.entries(variant).map(([key, value]) => `${key}=${String(value)}`).join(' ')]);
  return `${table(rows)}\nlimits\n${table(limitRows, '  ')}\nkernel variants\n${table(kernelRows, '  ')}`;
}

const megabytesOrBytes = (bytes: number): string => (bytes >= 2 ** 20 ? megabytes(bytes) : `${bytes} bytes`);

function table(rows: readonly [string, string][], indent = ''): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}\n`).join('');
}
