/**
 * Compiles kernels on RADV's null device, a process for a family of cards (gpu.ts starts it). The driver prints on
 * stderr what it makes of each; lines before and after say of which. The process ends by `exit`: that device cannot be
 * torn down. An argument is a regular expression of the cases' names.
 */
import { writeSync } from 'node:fs';
import {
  bindingNames,
  inputNames,
  kernelWgsl,
  tableVariant,
  withDerived,
  type Kernel,
  type Variant,
} from '@rna/kernels';
import { adapterTraits } from '@rna/tensor';
import { create, globals } from 'webgpu';
import { GPU_CASES } from './cases.ts';
import { BEGIN, END, type ChildLine } from './childLines.ts';

Object.assign(globalThis, globals);
const gpu = create(['enable-dawn-features=allow_unsafe_apis']);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
if (adapter === null) process.exit(3);
const traits = adapterTraits(adapter);
const say = (line: ChildLine): void => {
  writeSync(1, `${JSON.stringify(line)}\n`);
};
say({ driver: traits.description });
const wanted = ['shader-f16', 'subgroups', 'subgroup-size-control', 'chromium-experimental-subgroup-matrix'];
const limits = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;
const device = await adapter.requestDevice({
  requiredFeatures: (wanted as GPUFeatureName[]).filter((name) => adapter.features.has(name)),
  requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
});
const filter = new RegExp(process.argv[2] ?? '');
for (const { name, kernel, options, uniforms, pass } of GPU_CASES) {
  if (!filter.test(name)) continue;
  const variant: Variant = {
    ...(kernel as Kernel).variant,
    ...tableVariant(kernel.name, traits, uniforms, options),
    ...withDerived(kernel, options, uniforms),
  };
  const pinned = (kernel as Kernel).pinned?.(variant);
  say({
    case: name,
    threads: (kernel as Kernel).workgroup(variant).reduce((product, size) => product * size, 1),
    pinned: pinned ?? 0,
    ...(pass !== undefined && { pass: pass(variant) }),
  });
  const reads = inputNames(kernel, variant).length;
  const layout = device.createBindGroupLayout({
    entries: [
      { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } },
      ...bindingNames(kernel, variant).map((_, i): GPUBindGroupLayoutEntry => ({
        binding: i + 1,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: i < reads ? 'read-only-storage' : 'storage' },
      })),
    ],
  });
  writeSync(2, `\n${BEGIN}${name}\n`);
  device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ code: kernelWgsl(kernel, variant) }), entryPoint: 'main' },
  });
  writeSync(2, `\n${END}\n`);
}
process.exit(0);
