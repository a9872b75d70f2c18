/**
 * How a kernel's text becomes a pipeline: layout, module, entry point. The
 * device makes its own by this, and whoever compiles the same text elsewhere
 * (node/compileAhead.ts) makes an equal one, which the driver's cache then knows.
 */

/**
 * What determines a pipeline. `signature` has a letter for each storage buffer: `r` where it is only read, `w` else.
 */
export interface PipelineSource {
  readonly label: string;
  readonly code: string;
  readonly signature: string;
}

/** Fills the driver's cache of compiled kernels from another thread. */
export interface PipelineCompiler {
  add(pipeline: PipelineSource): void;
  /** All pipelines so far have run. */
  clear(): void;
  destroy(): void;
}

/** Uniforms at binding 0 with a dynamic offset, then the storage buffers in order. */
export function bindGroupLayout(gpu: GPUDevice, signature: string): GPUBindGroupLayout {
  const visibility = GPUShaderStage.COMPUTE;
  return gpu.createBindGroupLayout({
    label: signature,
    entries: [
      { binding: 0, visibility, buffer: { type: 'uniform', hasDynamicOffset: true } },
      ...[...signature].map((access, i): GPUBindGroupLayoutEntry => ({
        binding: i + 1,
        visibility,
        buffer: { type: access === 'r' ? 'read-only-storage' : 'storage' },
      })),
    ],
  });
}

export function computePipeline(
  gpu: GPUDevice,
  { label, code }: PipelineSource,
  layout: GPUBindGroupLayout,
): GPUComputePipeline {
  return gpu.createComputePipeline({
    label,
    layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: gpu.createShaderModule({ label, code }), entryPoint: 'main' },
  });
}
