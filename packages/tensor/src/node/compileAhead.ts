/**
 * Compiles kernels on a second device while the first one's queue compiles
 * others. Lavapipe compiles a kernel where it first runs, one after the other in
 * the device's thread; two devices do so side by side, and Mesa's cache on disk
 * gives each what the other has compiled (1.5 s and 1.5 s of compiling took
 * 1.6 s together, and 0.03 s when asked for again). The second device begins
 * with the kernel that was made last, so the two meet in the middle of what a
 * training step needs, and it leaves the first to the other: a kernel that waits
 * alone is being compiled there. It holds no memory but 256 bytes a binding.
 */
import { availableParallelism } from 'node:os';
import { adapterTraits, SUBGROUP_SIZE_FEATURE } from '../adapter.ts';
import { bindGroupLayout, computePipeline, type PipelineCompiler, type PipelineSource } from '../pipelines.ts';
import { sleepingWait } from './sleepingWait.ts';

// With the cache warm, all that is recorded has run before.
const DELAY_MS = 300;
const BINDING_BYTES = 256;

/**
 * Whether it helps: a driver that compiles in its queue's thread and shares what it compiled through its cache, and a
 * core to spare, which `RNA_COMPILE_AHEAD=off` denies.
 */
export function compilesAhead(adapter: GPUAdapter): boolean {
  const cacheIsOff = ['1', 'true'].includes(process.env['MESA_SHADER_CACHE_DISABLE'] ?? '');
  const isDenied = process.env['RNA_COMPILE_AHEAD'] === 'off';
  return (
    adapterTraits(adapter).description.includes('llvmpipe') && !cacheIsOff && !isDenied && availableParallelism() > 1
  );
}

/** `requestAdapter` gives an adapter like that of the device that is helped. */
export function compileAhead(requestAdapter: () => Promise<GPUAdapter>): PipelineCompiler {
  let waiting: PipelineSource[] = [];
  let timer: NodeJS.Timeout | undefined;
  let working = false;
  let destroyed = false;
  let second: Promise<GPUDevice> | undefined;

  const work = async (): Promise<void> => {
    if (working) return;
    working = true;
    try {
      while (waiting.length > 1) {
        const gpu = await (second ??= openLike(requestAdapter));
        // Meanwhile all may have run.
        const next = waiting.length > 1 ? waiting.pop() : undefined;
        if (next !== undefined) await compile(gpu, next);
      }
    } catch {
      // Nothing depends on this: the device itself compiles what is missing, and reports what does not compile.
      waiting = [];
    } finally {
      working = false;
      if (destroyed) await close();
    }
  };
  const close = async (): Promise<void> => {
    try {
      (await second)?.destroy();
    } catch {
      // It was never opened.
    }
  };
  return {
    add(pipeline) {
      if (destroyed) return;
      waiting.push(pipeline);
      timer ??= setTimeout(() => {
        timer = undefined;
        void work();
      }, DELAY_MS).unref();
    },
    clear() {
      waiting = [];
      clearTimeout(timer);
      timer = undefined;
    },
    destroy() {
      this.clear();
      destroyed = true;
      if (!working) void close();
    },
  };
}

async function openLike(requestAdapter: () => Promise<GPUAdapter>): Promise<GPUDevice> {
  const adapter = await requestAdapter();
  const requiredFeatures = (['shader-f16', 'subgroups', SUBGROUP_SIZE_FEATURE] as GPUFeatureName[]).filter((feature) =>
    adapter.features.has(feature),
  );
  const { maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } =
    adapter.limits;
  const gpu = await sleepingWait(
    adapter.requestDevice({
      label: 'rna compiler',
      requiredFeatures,
      requiredLimits: {
        maxStorageBuffersPerShaderStage,
        maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup,
      },
    }),
  );
  // What does not compile is the helped device's to report.
  gpu.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
  });
  return gpu;
}

/** Runs a kernel on no workgroups, which compiles it. A direct dispatch of none makes Dawn print a warning. */
async function compile(gpu: GPUDevice, source: PipelineSource): Promise<void> {
  const layout = bindGroupLayout(gpu, source.signature);
  const buffer = (usage: number): GPUBuffer => gpu.createBuffer({ label: source.label, size: BINDING_BYTES, usage });
  const buffers = [
    buffer(GPUBufferUsage.UNIFORM),
    ...Array.from(source.signature, () => buffer(GPUBufferUsage.STORAGE)),
  ];
  const groups = buffer(GPUBufferUsage.INDIRECT);
  gpu.pushErrorScope('validation');
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(computePipeline(gpu, source, layout));
  pass.setBindGroup(
    0,
    gpu.createBindGroup({ layout, entries: buffers.map((each, binding) => ({ binding, resource: { buffer: each } })) }),
    [0],
  );
  pass.dispatchWorkgroupsIndirect(groups, 0);
  pass.end();
  gpu.queue.submit([encoder.finish()]);
  await sleepingWait(Promise.all([gpu.popErrorScope(), gpu.queue.onSubmittedWorkDone()]));
  [...buffers, groups].forEach((each) => {
    each.destroy();
  });
}
