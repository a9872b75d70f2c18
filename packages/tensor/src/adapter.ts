/** What the choice of kernel variants depends on, read off a WebGPU adapter. */
import type { AdapterTraits } from '@rna/kernels';

export function adapterTraits(adapter: GPUAdapter): AdapterTraits {
  const { info } = adapter;
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  const software = /llvmpipe|lavapipe|swiftshader|software|warp/.test(text);
  return {
    class: software ? 'cpu' : 'gpu',
    description: [info.vendor, info.architecture, info.description || info.device].filter((part) => part !== '').join(' '),
    subgroups: adapter.features.has('subgroups'),
    subgroupSize: info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMinSize : undefined,
    f16: adapter.features.has('shader-f16'),
    workgroupStorage: adapter.limits.maxComputeWorkgroupStorageSize,
  };
}
