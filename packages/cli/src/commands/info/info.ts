/** The work of `rna info`: what the machine offers, and what the kernels make of it. */
import { createRequire } from 'node:module';
import type { ModelCard } from '@rna/builtin';
import { isBounded, tableEntries } from '@rna/kernels';
import { checks } from '@rna/kernels/checks';
import type { WeightType } from '@rna/model';
import { currentAnswers, megabytes, type Device } from '@rna/tensor';
import { driverSource, isFastMesa, type DriverSource } from '@rna/tensor/driver';
import { keptTuning } from '@rna/tensor/node';
import { UsageError } from '../../commandLine/errors.ts';
import { BUILTIN, readCard } from '../../models/builtin.ts';
import { check } from './check.ts';
import { showModel } from './card.ts';
import { estimate } from './estimate.ts';
import { showRanks } from './ranks.ts';
import { withDevice } from '../../models/loadModel.ts';
import { variantText } from '../../commandLine/variantText.ts';
import { writeResult } from '../../commandLine/terminal.ts';
import { packageVersion } from '../../commandLine/version.ts';

export interface InfoOptions {
  readonly json?: boolean;
  /** A model to show in place of the adapter. */
  readonly model?: string;
  /** Inputs to say of what running them with the model will take. */
  readonly for?: readonly string[];
  readonly window?: number;
  readonly stride?: number;
  readonly weights?: WeightType;
  /** Compute known answers. */
  readonly check?: boolean;
  /** Show the processes that share a run, and time their exchange. */
  readonly ranks?: boolean;
}

/** Throws a DeviceError where there is no adapter, and what `check` and `showModel` throw. */
export async function info(options: InfoOptions): Promise<void> {
  const { json = false, model, check: isChecked = false, for: inputs } = options;
  if (options.ranks === true) {
    if (inputs !== undefined || isChecked || model !== undefined)
      throw new UsageError('--ranks is a question of its own; ask it alone');
    return showRanks(json);
  }
  if (inputs !== undefined) {
    if (isChecked) throw new UsageError('--for and --check are two questions; ask one');
    return estimate({ ...options, inputs, model: model ?? BUILTIN, json });
  }
  if (options.window !== undefined || options.stride !== undefined || options.weights !== undefined)
    throw new UsageError('--window, --stride and --weights go with --for');
  if (model !== undefined && isChecked)
    throw new UsageError('--check takes no model: its known answers are those of the built-in one');
  if (isChecked) return check({ json });
  if (model !== undefined) return showModel(model, json);
  const { parameters, trained, sha256 } = await readCard();
  const facts = await withDevice((device) =>
    Promise.resolve({ ...describeDevice(device), builtin: { parameters, tasks: trained.tasks, sha256 } }),
  );
  await writeResult(json ? `${JSON.stringify(facts, null, 2)}\n` : asText(facts));
}

type Facts = ReturnType<typeof describeDevice> & {
  readonly builtin: Pick<ModelCard, 'parameters' | 'sha256'> & Pick<ModelCard['trained'], 'tasks'>;
};

function describeDevice(device: Device) {
  const {
    adapter: { info: adapter },
    gpu,
    traits,
    memory,
  } = device;
  const { budget } = memory.use();
  return {
    adapter: {
      class: traits.class,
      vendor: adapter.vendor,
      architecture: adapter.architecture,
      device: adapter.device,
      subgroupSize: traits.subgroupSize ?? null,
    },
    driver: {
      description: adapter.description,
      /** `machine`, `user` (by VK_DRIVER_FILES) or `private` (what set-up put into the user's cache folder). */
      source: driverSource(),
      vulkanDriverFiles: process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES'] ?? null,
      /** Whether it is a software driver and Mesa has one that is several times faster. */
      slow: traits.class === 'cpu' && !isFastMesa(adapter.description),
    },
    /** Bytes; null where only the driver knows. */
    memoryBudget: Number.isFinite(budget) ? Math.floor(budget) : null,
    features: [...gpu.features].sort(),
    limits: numbersOf(gpu.limits),
    /**
     * The variants of ordinary calls; `only` lists what the table says of some calls alone, whose uniforms are at most
     * so large or whose buffers are in half precision; `tuned` what `rna tune` found.
     */
    kernels: Object.fromEntries(
      checks.flatMap(({ kernel }) =>
        kernel.tuning === undefined
          ? []
          : [
              [
                kernel.name,
                {
                  variant: device.variant(kernel),
                  only: tableEntries(kernel.name, traits).filter(isBounded),
                  tuned: currentAnswers(kernel, traits, device.tuned),
                },
              ],
            ],
      ),
    ),
    tuning: keptTuning()?.path ?? null,
    versions: {
      rna: packageVersion(),
      webgpu: webgpuVersion(),
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
    },
  };
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
const webgpuVersion = (): string =>
  (createRequire(import.meta.resolve('@rna/tensor/node'))('webgpu/package.json') as { version: string }).version;

// What bounds a model's sizes; --json has all.
const SHOWN_LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
];

const SOURCES: Readonly<Record<DriverSource, string>> = {
  machine: "the machine's own",
  user: 'chosen by the environment',
  private: 'put there by `npm run setup`',
};

const FASTER =
  "Mesa 26.1's software driver is 2 to 3.5 times faster: `npm run setup` in a checkout of the project gets it on Debian 12 and 13";

function asText({
  adapter,
  driver,
  memoryBudget,
  features,
  limits,
  kernels,
  tuning,
  versions,
  builtin,
}: Facts): string {
  const rows: [string, string][] = [
    [
      'adapter',
      `${[adapter.vendor, adapter.architecture, adapter.device].filter((part) => part !== '').join(' ')} (${adapter.class === 'cpu' ? 'software, on the CPU' : 'GPU'})`,
    ],
    ['driver', `${driver.description} (${SOURCES[driver.source]})`],
    ...(driver.slow ? [['', FASTER] as [string, string]] : []),
    ...(driver.vulkanDriverFiles === null ? [] : [['driver files', driver.vulkanDriverFiles] as [string, string]]),
    [
      'memory budget',
      memoryBudget === null ? 'what the driver gives' : `${megabytes(memoryBudget)} (RNA_MEMORY_BUDGET=MB sets it)`,
    ],
    ['subgroups', adapter.subgroupSize === null ? 'of no fixed size' : `of ${adapter.subgroupSize}`],
    ['features', features.join(', ')],
    [
      'built-in model',
      `${(builtin.parameters / 1e6).toFixed(1)} M parameters, ${builtin.tasks.join(', ')} (rna info builtin shows its card)`,
    ],
    ['tuning', tuning ?? 'off (RNA_TUNING)'],
    ['versions', `rna ${versions.rna}, webgpu ${versions.webgpu}, node ${versions.node}, ${versions.platform}`],
  ];
  const limitRows = SHOWN_LIMITS.map((name): [string, string] => [
    name,
    /Size$/.test(name) ? megabytesOrBytes(limits[name]!) : String(limits[name]),
  ]);
  const kernelRows = Object.entries(kernels).flatMap(([name, { variant, only, tuned }]): [string, string][] => [
    [name, variantText(variant)],
    ...only.map(({ variant: change, upTo = {} }): [string, string] => [
      `  ${Object.entries(upTo)
        .map(([size, most]) => `${size} ≤ ${most}`)
        .join(', ')}`,
      variantText(change),
    ]),
    ...Object.entries(tuned).map(([shape, answer]): [string, string] => [
      `  tuned ${shape}`,
      variantText(answer.variant),
    ]),
  ]);
  return `${table(rows)}\nlimits\n${table(limitRows, '  ')}\nkernel variants\n${table(kernelRows, '  ')}`;
}

const megabytesOrBytes = (bytes: number): string => (bytes >= 2 ** 20 ? megabytes(bytes) : `${bytes} bytes`);

function table(rows: readonly [string, string][], indent = ''): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}\n`).join('');
}
