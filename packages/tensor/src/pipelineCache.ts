/**
 * What calls are dispatched with: a pipeline for each kernel and variant, and a
 * bind group for each set of buffers. Uniforms are a slot of one arena with a
 * dynamic offset, so a bind group depends on buffers alone and is found again
 * in the next step.
 */
import { bindingNames, inputNames, kernelWgsl, pipelineKey, type AnyKernel, type Variant } from '@rna/kernels';
import type { AdapterErrors } from './adapterErrors.ts';
import type { Storage } from './memory.ts';
import { bindGroupLayout, computePipeline, type PipelineCompiler } from './pipelines.ts';

const MAX_BIND_GROUPS = 8192;

export interface Pipeline {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly signature: string;
}

export interface UniformArena {
  readonly buffer: GPUBuffer;
  /** The bytes that one call takes. */
  readonly slotBytes: number;
}

export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #arena: UniformArena;
  readonly #errors: AdapterErrors;
  readonly #compiler: PipelineCompiler | undefined;
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();

  constructor(gpu: GPUDevice, arena: UniformArena, errors: AdapterErrors, compiler: PipelineCompiler | undefined) {
    this.#gpu = gpu;
    this.#arena = arena;
    this.#errors = errors;
    this.#compiler = compiler;
  }

  /** Kernels and variants that ran so far, `matmul(algorithm=tiled,…)`, sorted. */
  labels(): string[] {
    return [...this.#pipelines.keys()].sort();
  }

  /** Forgets the bind groups, which name buffers that are about to go. Those still needed are made again. */
  clearBindGroups(): void {
    this.#bindGroups.clear();
  }

  /** The pipeline of a kernel's variant, compiled where it is new. */
  pipeline(kernel: AnyKernel, variant: Variant): Pipeline {
    const label = pipelineKey(kernel, variant);
    const cached = this.#pipelines.get(label);
    if (cached !== undefined) return cached;
    const reads = inputNames(kernel, variant).length;
    const writes = bindingNames(kernel, variant).length - reads;
    const signature = `${'r'.repeat(reads)}${'w'.repeat(writes)}`;
    const uniformBytes = Object.keys(kernel.uniforms).length * 4;
    if (uniformBytes > this.#arena.slotBytes)
      throw new RangeError(
        `${kernel.name}: ${uniformBytes} bytes of uniforms do not fit a slot of ${this.#arena.slotBytes}`,
      );
    const layout = this.#layout(signature);
    const source = { label, code: kernelWgsl(kernel, variant), signature };
    const pipeline = this.#errors.guard(
      () => computePipeline(this.#gpu, source, layout),
      () => `kernel ${label}`,
      source.code,
    );
    this.#compiler?.add(source);
    const made = { label, pipeline, layout, signature };
    this.#pipelines.set(label, made);
    return made;
  }

  #layout(signature: string): GPUBindGroupLayout {
    let layout = this.#layouts.get(signature);
    if (layout === undefined) this.#layouts.set(signature, (layout = bindGroupLayout(this.#gpu, signature)));
    return layout;
  }

  /** The bind group of a call's buffers, in the order of the kernel's bindings. */
  bindGroup(pipeline: Pipeline, storages: readonly Storage[]): GPUBindGroup {
    const key = `${pipeline.signature}:${storages.map((storage) => storage.id).join(',')}`;
    let group = this.#bindGroups.get(key);
    if (group === undefined) {
      if (this.#bindGroups.size >= MAX_BIND_GROUPS) this.#bindGroups.clear();
      group = this.#gpu.createBindGroup({
        label: pipeline.label,
        layout: pipeline.layout,
        entries: [
          { binding: 0, resource: { buffer: this.#arena.buffer, size: this.#arena.slotBytes } },
          ...storages.map(({ buffer, offset, bytes, whole }, i) => ({
            binding: i + 1,
            resource: { buffer, offset, ...(whole && { size: bytes }) },
          })),
        ],
      });
      this.#bindGroups.set(key, group);
    }
    return group;
  }
}
