/**
 * A device: one WebGPU adapter with its memory, its pipelines and one open
 * command encoder. `run` records a kernel and returns; work is submitted by
 * count, on read, and before an upload into a buffer that is still in use.
 * Only `open`, `read` and `idle` wait.
 *
 * Errors of the adapter (a kernel that does not compile, a refused command, a
 * lost device) reach the caller as the rejection of the next `read` or `idle`
 * and name the kernel; none is left to the console.
 */
import {
  bindingNames,
  decodeHalves,
  elementTypes,
  fill,
  halfStorage,
  packUniforms,
  pinnedSize,
  type AdapterTraits,
  type AnyKernel,
  type Bindings,
  type Kernel,
  type Uniforms,
  type UniformTypes,
  type Variant,
} from '@rna/kernels';
import { adapterTraits, SUBGROUP_MATRIX_FEATURE, SUBGROUP_SIZE_FEATURE } from './adapter.ts';
import { AdapterErrors, namesOf } from './adapterErrors.ts';
import { DeviceError } from './errors.ts';
import { MemoryPool } from './memory.ts';
import { presentOf } from './optionalInputs.ts';
import { PipelineCache } from './pipelineCache.ts';
import type { PipelineCompiler } from './pipelines.ts';
import { Scope } from './scope.ts';
import { productsAreRight } from './subgroupMatrixProbe.ts';
import type { Tape } from './tape.ts';
import {
  byteLength,
  describe,
  elements,
  hostBytes,
  isQuantized,
  requireShape,
  Tensor,
  type DType,
  type FloatType,
  type HostArray,
  type Shape,
} from './tensor.ts';
import { variantChoice, type AdapterAnswers, type VariantChoice } from './tuning.ts';

const SLOTS = 256;
const STAGING_KEPT = 4;
const MAX_UPLOADED = 64 * 2 ** 20;

export interface DeviceOptions {
  /** Bytes that tensors and pooled buffers may take together. */
  readonly memoryBudget: number;
  /** Waits for a promise of the adapter; Node's entry sleeps between polls. */
  readonly wait?: <T>(promise: Promise<T>) => Promise<T>;
  /**
   * The autotuner's answers for this adapter, which go before the table of its class. Node's entry loads those that are
   * kept.
   */
  readonly tuned?: AdapterAnswers;
  /** Tuning by kernel name that goes before both, for calls of any size. */
  readonly pinned?: Readonly<Record<string, Variant>>;
  /** Told of every pipeline, so that it may compile it beside the device's own queue. */
  readonly compiler?: PipelineCompiler;
  /** Fills every new output with NaN, so that an element that a kernel forgets shows. For tests. */
  readonly poison?: boolean;
}

/**
 * What an output of a call is to be: a shape, stored as the kernel says, or a shape and whether its floats are halves.
 */
export type OutputShape = Shape | { readonly shape: Shape; readonly dtype: FloatType };

/** A call of `run`, its inputs and updates by name. */
export interface ObservedCall {
  readonly kernel: AnyKernel;
  readonly buffers: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, OutputShape>>;
  readonly uniforms: Readonly<Record<string, number>>;
  readonly options: Variant;
}

type Arguments<B extends Bindings, Q extends keyof B = never> = { readonly [N in Exclude<keyof B, Q>]: Tensor } & {
  readonly [N in Q]?: Tensor | undefined;
};

export class Device {
  readonly gpu: GPUDevice;
  readonly adapter: GPUAdapter;
  readonly traits: AdapterTraits;
  readonly memory: MemoryPool;
  /** The answers that it was opened with. */
  readonly tuned: AdapterAnswers;
  /** Whether new outputs are filled with NaN. */
  poison: boolean;
  /** The open tape, if a `backward` runs. */
  tape: Tape | undefined;
  /** Calls and submissions so far, for benchmarks and tests. */
  readonly counts = { calls: 0, submits: 0 };

  readonly #wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly #choose: VariantChoice;
  readonly #compiler: PipelineCompiler | undefined;
  readonly #errors: AdapterErrors;
  readonly #pipelines: PipelineCache;
  readonly #arena: GPUBuffer;
  readonly #slots: DataView<ArrayBuffer>;
  readonly #slotBytes: number;
  readonly #staging: GPUBuffer[] = [];
  readonly #scopes: Scope[] = [];
  #observer: ((call: ObservedCall) => void) | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #slot = 0;
  #uploaded = 0;
  #recorded: string[] = [];

  private constructor(adapter: GPUAdapter, gpu: GPUDevice, traits: AdapterTraits, options: DeviceOptions) {
    this.adapter = adapter;
    this.gpu = gpu;
    this.#errors = new AdapterErrors(gpu);
    this.traits = traits;
    this.#wait = options.wait ?? ((promise) => promise);
    this.#compiler = options.compiler;
    this.poison = options.poison ?? false;
    this.tuned = options.tuned ?? {};
    this.#choose = variantChoice({ traits, tuned: this.tuned, pinned: options.pinned ?? {} });
    this.memory = new MemoryPool(gpu, options.memoryBudget, () => {
      this.submit();
      // They name buffers that are about to go; those still needed are made again at their next call.
      this.#pipelines.clearBindGroups();
    });
    this.#slotBytes = gpu.limits.minUniformBufferOffsetAlignment;
    this.#arena = gpu.createBuffer({
      label: 'uniforms',
      size: SLOTS * this.#slotBytes,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#slots = new DataView(new ArrayBuffer(SLOTS * this.#slotBytes));
    this.#pipelines = new PipelineCache(
      gpu,
      { buffer: this.#arena, slotBytes: this.#slotBytes },
      this.#errors,
      this.#compiler,
    );
  }

  /**
   * Opens a device on `adapter` with the limits and features that it can use. Throws a DeviceError for the null that
   * `requestAdapter` gives where there is none.
   */
  static async open(adapter: GPUAdapter | null, options: DeviceOptions): Promise<Device> {
    if (adapter === null) {
      throw new DeviceError(
        'no WebGPU adapter: requestAdapter gave null. There is no graphics driver that may be used, or it is switched off; ' +
          'a browser says why on chrome://gpu or about:support, and in Node `npm run setup` installs a software driver',
      );
    }
    const wait = options.wait ?? ((promise) => promise);
    const traits = adapterTraits(adapter);
    const { subgroupMatrix, ...plain } = traits;
    const requiredFeatures = [
      ...(['shader-f16', 'subgroups', SUBGROUP_SIZE_FEATURE, 'timestamp-query'] as GPUFeatureName[]).filter((feature) =>
        adapter.features.has(feature),
      ),
      ...(subgroupMatrix === undefined ? [] : [SUBGROUP_MATRIX_FEATURE]),
    ];
    const wanted = [
      'maxStorageBufferBindingSize',
      'maxBufferSize',
      'maxStorageBuffersPerShaderStage',
      'maxComputeWorkgroupStorageSize',
      'maxComputeInvocationsPerWorkgroup',
      'maxComputeWorkgroupSizeX',
      'maxComputeWorkgroupSizeY',
    ] as const;
    const requiredLimits = Object.fromEntries(wanted.map((name) => [name, adapter.limits[name]]));
    const gpu = await wait(adapter.requestDevice({ label: 'rna', requiredFeatures, requiredLimits }));
    const device = new Device(adapter, gpu, traits, options);
    if (subgroupMatrix === undefined) return device;
    const lanes = traits.subgroupSize!;
    const variant = { algorithm: 'matrix', unit: subgroupMatrix, lanes, ...pinnedSize(traits) } as const;
    return (await productsAreRight(device, variant)) ? device : new Device(adapter, gpu, plain, options);
  }

  // ---- tensors ----

  /**
   * A tensor with undefined contents, owned by the current scope. Throws a DeviceError for f16 where the adapter cannot
   * run it.
   */
  empty(shape: Shape, dtype: DType = 'f32', what = 'tensor'): Tensor {
    if (elements(shape) === 0)
      throw new RangeError(`${what}: shape ${describe(shape)} has no elements; an empty batch cannot be run`);
    if (dtype === 'f16' && !this.traits.f16) {
      throw new DeviceError(
        `${what} ${describe(shape)} is to be stored as f16, but this adapter (${this.traits.description}) has no shader-f16; use f32, or int8 weights`,
      );
    }
    const storage = this.memory.allocate(byteLength(shape, dtype), `${what} ${describe(shape)}`);
    return this.adopt(new Tensor(this, storage, shape, dtype));
  }

  /** A tensor with the given values. Throws when their number does not fit the shape. */
  tensor(values: HostArray, shape: Shape = [values.length]): Tensor {
    const dtype = values instanceof Float32Array ? 'f32' : values instanceof Uint32Array ? 'u32' : 'i32';
    const tensor = this.empty(shape, dtype, 'upload');
    this.write(tensor, values);
    if (tensor.size !== values.length)
      throw new RangeError(`tensor: ${values.length} values for shape ${describe(shape)}`);
    return tensor;
  }

  zeros(shape: Shape): Tensor {
    return this.full(shape, 0);
  }

  full(shape: Shape, value: number): Tensor {
    const tensor = this.empty(shape, 'f32', 'full');
    this.#dispatch(fill, { y: tensor }, { count: tensor.size, value }, {});
    return tensor;
  }

  /** Overwrites `values.length` elements from element `offset` on; a tensor in half precision as a whole. */
  write(tensor: Tensor, values: HostArray, offset = 0): void {
    if (offset + values.length > tensor.size)
      throw new RangeError(`write: ${values.length} values at ${offset} do not fit ${describe(tensor.shape)}`);
    const { storage } = tensor;
    const data = hostBytes(tensor, values);
    // writeBuffer acts ahead of commands that are only recorded.
    if (storage.lastUse === this.counts.submits) this.submit();
    this.gpu.queue.writeBuffer(
      storage.buffer,
      storage.offset + offset * 4,
      data.buffer,
      data.byteOffset,
      data.byteLength,
    );
    // The driver frees the copies that it made of uploads at a submission only.
    this.#uploaded += data.byteLength;
    if (this.#uploaded > MAX_UPLOADED) {
      this.gpu.queue.submit([]);
      this.#uploaded = 0;
    }
  }

  /** Records a copy of a tensor's values into another of its kind, in another buffer. */
  copy(source: Tensor, target: Tensor): void {
    requireShape(source.dtype === target.dtype && source.size === target.size, 'copy', source.shape, target.shape);
    this.#endPass();
    const bytes = byteLength(source.shape, source.dtype);
    this.#open().copyBufferToBuffer(
      source.storage.buffer,
      source.storage.offset,
      target.storage.buffer,
      target.storage.offset,
      bytes,
    );
    source.storage.lastUse = target.storage.lastUse = this.counts.submits;
  }

  /**
   * Reads a tensor's values back, once everything recorded before has run: halves as f32, a quantised matrix as its
   * words. Rejects with any error since the last read.
   */
  async read(tensor: Tensor): Promise<HostArray> {
    const bytes = byteLength(tensor.shape, tensor.dtype);
    const staging = this.#stagingBuffer(bytes);
    this.#endPass();
    this.#open().copyBufferToBuffer(tensor.storage.buffer, tensor.storage.offset, staging, 0, bytes);
    this.submit();
    try {
      await this.#wait(staging.mapAsync(GPUMapMode.READ, 0, bytes));
    } catch (error) {
      await this.#settle();
      throw new DeviceError(
        `read of ${describe(tensor.shape)} failed: ${error instanceof Error ? error.message : String(error)}${this.#errors.lastKernels()}`,
      );
    }
    await this.#settle();
    const copy = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    if (this.#staging.length < STAGING_KEPT) this.#staging.push(staging);
    else staging.destroy();
    switch (tensor.dtype) {
      case 'f32':
        return new Float32Array(copy);
      case 'f16':
        return decodeHalves(new Uint16Array(copy, 0, tensor.size));
      case 'i32':
        return new Int32Array(copy);
      default:
        return new Uint32Array(copy);
    }
  }

  /** Waits until everything recorded has run. Rejects with any error since the last wait. */
  async idle(): Promise<void> {
    this.submit();
    await this.#wait(this.gpu.queue.onSubmittedWorkDone());
    await this.#settle();
  }

  // ---- scopes ----

  /**
   * Runs a synchronous function and frees every tensor made in it except those in its result (a tensor, an
   * array or a record of tensors), which pass to the scope around it, if any.
   */
  scope<T>(body: () => T extends PromiseLike<unknown> ? never : T): T {
    const scope = new Scope();
    this.#scopes.push(scope);
    let result: T | undefined;
    try {
      result = body();
      return result;
    } finally {
      this.#scopes.pop();
      const parent = this.#scopes.at(-1);
      scope.close(result, (tensor) => {
        if (parent !== undefined) parent.add(tensor);
      });
    }
  }

  /** Puts a tensor under the current scope, if there is one. */
  adopt(tensor: Tensor): Tensor {
    this.#scopes.at(-1)?.add(tensor);
    return tensor;
  }

  // ---- kernels ----

  /**
   * The variant that a call would use, by kernel default, table, autotuner, what is pinned and the call's options,
   * each before those named earlier. Without uniforms, that of a call to whose sizes nothing special applies.
   */
  variant(kernel: AnyKernel, options: Variant = {}, uniforms?: Readonly<Record<string, number>>): Variant {
    return this.#choose(kernel, options, uniforms);
  }

  /**
   * Kernels and variants that ran so far, `matmul(algorithm=tiled,…)`, sorted. What a run's log names to say how it
   * summed.
   */
  variantsInUse(): string[] {
    return this.#pipelines.labels();
  }

  /** Runs a synchronous function and tells `observer` of each of its calls of `run`, before the call is recorded. */
  observe(observer: (call: ObservedCall) => void, body: () => void): void {
    this.#observer = observer;
    try {
      body();
    } finally {
      this.#observer = undefined;
    }
  }

  /**
   * Records a call and returns its outputs. Inputs, updates, shapes and uniforms are typed by the kernel: a
   * missing buffer or a misspelt uniform does not compile. Optional inputs may be left out or undefined, and the
   * variant follows from which are there.
   */
  run<
    I extends Bindings,
    P extends Bindings,
    O extends Bindings,
    U extends UniformTypes,
    V extends Variant,
    Q extends keyof I & string,
  >(
    kernel: Kernel<I, P, O, U, V, Q>,
    inputs: Arguments<I, Q> & Arguments<P>,
    outputs: { readonly [N in keyof O]: OutputShape },
    uniforms: Uniforms<U>,
    options: Partial<V> = {},
  ): { [N in keyof O]: Tensor } {
    const { buffers, chosen } = presentOf(kernel, inputs, options as Variant);
    this.#observer?.({ kernel, buffers, outputs, uniforms, options: chosen });
    const made = Object.fromEntries(
      Object.keys(kernel.outputs).map((name) => {
        const [type, output] = [kernel.outputs[name], outputs[name]!];
        const own: DType = type === 'u32' || type === 'i32' ? type : 'f32';
        const { shape, dtype } = 'dtype' in output ? output : { shape: output, dtype: own };
        const tensor = this.empty(shape, dtype, `${kernel.name}.${name}`);
        if (this.poison) this.#dispatch(fill, { y: tensor }, { count: tensor.size, value: NaN }, {});
        return [name, tensor];
      }),
    );
    this.#dispatch(kernel, { ...buffers, ...made }, uniforms, chosen);
    return made as { [N in keyof O]: Tensor };
  }

  #dispatch(
    kernel: AnyKernel,
    buffers: Readonly<Record<string, Tensor>>,
    uniforms: Readonly<Record<string, number>>,
    options: Variant,
  ): void {
    const names = bindingNames(kernel, options);
    const tensors = names.map((name) => {
      const tensor = buffers[name];
      if (tensor === undefined) throw new TypeError(`${kernel.name}: buffer '${name}' is missing`);
      return tensor;
    });
    const halves = names.filter((_, i) => tensors[i]!.dtype === 'f16');
    const variant = this.#choose(
      kernel,
      halves.length === 0 ? options : { ...options, ...halfStorage(halves) },
      uniforms,
    );
    const packed = names.find((_, i) => isQuantized(tensors[i]!));
    if (packed !== undefined && elementTypes(kernel, variant)[packed] !== 'u32') {
      throw new TypeError(
        `${kernel.name}: '${packed}' is a quantised matrix, which only the right operand of a product may be`,
      );
    }
    const pipeline = this.#pipelines.pipeline(kernel, variant);
    const grid = (kernel as Kernel).grid(uniforms, variant);
    if (this.#slot === SLOTS) this.submit();
    const offset = this.#slot * this.#slotBytes;
    packUniforms(kernel, uniforms, this.#slots, offset);
    this.#slot++;
    const storages = tensors.map((tensor) => tensor.storage);
    const pass = this.#openPass();
    pass.setPipeline(pipeline.pipeline);
    pass.setBindGroup(0, this.#pipelines.bindGroup(pipeline, storages), [offset]);
    pass.dispatchWorkgroups(...grid);
    for (const storage of storages) storage.lastUse = this.counts.submits;
    this.#recorded.push(pipeline.label);
    this.counts.calls++;
  }

  /** Submits what is recorded. Called by itself where needed. */
  submit(): void {
    if (this.#encoder === undefined) return;
    this.#endPass();
    this.gpu.queue.writeBuffer(this.#arena, 0, this.#slots.buffer, 0, this.#slot * this.#slotBytes);
    const recorded = this.#recorded;
    this.#errors.guard(
      () => {
        this.gpu.queue.submit([this.#encoder!.finish()]);
      },
      () => namesOf(recorded),
    );
    this.#encoder = undefined;
    this.#slot = 0;
    this.#recorded = [];
    this.#errors.submitted(recorded);
    this.counts.submits++;
  }

  /** Frees the device and everything on it. */
  destroy(): void {
    this.#compiler?.destroy();
    this.gpu.destroy();
  }

  /** Waits for what the adapter has found and throws the first failure. */
  async #settle(): Promise<void> {
    this.#compiler?.clear();
    await this.#errors.settle(this.#wait);
  }

  // ---- commands ----

  #open(): GPUCommandEncoder {
    this.#encoder ??= this.gpu.createCommandEncoder();
    return this.#encoder;
  }

  #openPass(): GPUComputePassEncoder {
    this.#pass ??= this.#open().beginComputePass();
    return this.#pass;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  #stagingBuffer(bytes: number): GPUBuffer {
    const at = this.#staging.findIndex((buffer) => buffer.size >= bytes && buffer.size <= 4 * Math.max(bytes, 4096));
    const found = at < 0 ? undefined : this.#staging.splice(at, 1)[0];
    return (
      found ??
      this.gpu.createBuffer({
        label: 'staging',
        size: Math.max(4096, 2 ** Math.ceil(Math.log2(bytes))),
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      })
    );
  }
}
