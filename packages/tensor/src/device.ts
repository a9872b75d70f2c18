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
  encodeHalves,
  fill,
  halfStorage,
  kernelWgsl,
  packUniforms,
  pipelineKey,
  type AdapterTraits,
  type AnyKernel,
  type Bindings,
  type Kernel,
  type Uniforms,
  type UniformTypes,
  type Variant,
} from '@rna/kernels';
import { adapterTraits, SUBGROUP_MATRIX_FEATURE } from './adapter.ts';
import { DeviceError, DeviceLostError } from './errors.ts';
import { MemoryPool, type Storage } from './memory.ts';
import { bindGroupLayout, computePipeline, type PipelineCompiler } from './pipelines.ts';
import { Scope } from './scope.ts';
import { productsAreRight } from './subgroupMatrixProbe.ts';
import type { Tape } from './tape.ts';
import {
  byteLength,
  describe,
  elements,
  requireShape,
  Tensor,
  type DType,
  type FloatType,
  type HostArray,
  type Shape,
} from './tensor.ts';
import { variantChoice, type AdapterAnswers, type VariantChoice } from './tuning.ts';

const SLOTS = 256;
const MAX_BIND_GROUPS = 8192;
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

type Arguments<B extends Bindings> = { readonly [N in keyof B]: Tensor };

interface Pipeline {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly signature: string;
}

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
  readonly counts = { calls: 0, submits: 0, pipelines: 0 };

  readonly #wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly #choose: VariantChoice;
  readonly #compiler: PipelineCompiler | undefined;
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();
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
  #submitted: readonly string[] = [];
  #failure: Error | undefined;
  #pendingErrors = new Set<Promise<void>>();

  private constructor(adapter: GPUAdapter, gpu: GPUDevice, traits: AdapterTraits, options: DeviceOptions) {
    this.adapter = adapter;
    this.gpu = gpu;
    this.traits = traits;
    this.#wait = options.wait ?? ((promise) => promise);
    this.#compiler = options.compiler;
    this.poison = options.poison ?? false;
    this.tuned = options.tuned ?? {};
    this.#choose = variantChoice({ traits, tuned: this.tuned, pinned: options.pinned ?? {} });
    this.memory = new MemoryPool(gpu, options.memoryBudget, () => {
      this.submit();
      // They name buffers that are about to go; those still needed are made again at their next call.
      this.#bindGroups.clear();
    });
    this.#slotBytes = gpu.limits.minUniformBufferOffsetAlignment;
    this.#arena = gpu.createBuffer({
      label: 'uniforms',
      size: SLOTS * this.#slotBytes,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#slots = new DataView(new ArrayBuffer(SLOTS * this.#slotBytes));
    gpu.addEventListener('uncapturederror', (event) => {
      this.#fail(new DeviceError(`${event.error.message}${this.#lastKernels()}`));
    });
    void gpu.lost.then((info) => {
      this.#failure = new DeviceLostError(
        `the device was lost (${info.reason}): ${info.message || 'no further reason given'}${this.#lastKernels()}`,
      );
    });
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
      ...(['shader-f16', 'subgroups', 'timestamp-query'] as GPUFeatureName[]).filter((feature) =>
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
    const variant = { algorithm: 'matrix', unit: subgroupMatrix, lanes: traits.subgroupSize! } as const;
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
        `read of ${describe(tensor.shape)} failed: ${error instanceof Error ? error.message : String(error)}${this.#lastKernels()}`,
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
    return [...this.#pipelines.keys()].sort();
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
   * missing buffer or a misspelt uniform does not compile.
   */
  run<I extends Bindings, P extends Bindings, O extends Bindings, U extends UniformTypes, V extends Variant>(
    kernel: Kernel<I, P, O, U, V>,
    inputs: Arguments<I> & Arguments<P>,
    outputs: { readonly [N in keyof O]: OutputShape },
    uniforms: Uniforms<U>,
    options: Partial<V> = {},
  ): { [N in keyof O]: Tensor } {
    this.#observer?.({ kernel, buffers: inputs, outputs, uniforms, options: options as Variant });
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
    this.#dispatch(kernel, { ...inputs, ...made }, uniforms, options as Variant);
    return made as { [N in keyof O]: Tensor };
  }

  #dispatch(
    kernel: AnyKernel,
    buffers: Readonly<Record<string, Tensor>>,
    uniforms: Readonly<Record<string, number>>,
    options: Variant,
  ): void {
    const names = bindingNames(kernel);
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
    const bytes = names.find((_, i) => tensors[i]!.dtype === 'i8');
    if (bytes !== undefined && elementTypes(kernel, variant)[bytes] !== 'u32') {
      throw new TypeError(
        `${kernel.name}: '${bytes}' is a quantised matrix, which only the right operand of a product may be`,
      );
    }
    const pipeline = this.#pipeline(kernel, variant);
    const grid = (kernel as Kernel).grid(uniforms, variant);
    if (this.#slot === SLOTS) this.submit();
    const offset = this.#slot * this.#slotBytes;
    packUniforms(kernel, uniforms, this.#slots, offset);
    this.#slot++;
    const storages = tensors.map((tensor) => tensor.storage);
    const pass = this.#openPass();
    pass.setPipeline(pipeline.pipeline);
    pass.setBindGroup(0, this.#bindGroup(pipeline, storages), [offset]);
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
    this.#guard(
      () => {
        this.gpu.queue.submit([this.#encoder!.finish()]);
      },
      () => namesOf(recorded),
    );
    this.#encoder = undefined;
    this.#slot = 0;
    this.#recorded = [];
    this.#submitted = recorded;
    this.counts.submits++;
  }

  /** Frees the device and everything on it. */
  destroy(): void {
    this.#compiler?.destroy();
    this.gpu.destroy();
  }

  // ---- pipelines and bind groups ----

  #pipeline(kernel: AnyKernel, variant: Variant): Pipeline {
    const label = pipelineKey(kernel, variant);
    const cached = this.#pipelines.get(label);
    if (cached !== undefined) return cached;
    const reads = Object.keys(kernel.inputs).length;
    const writes = bindingNames(kernel).length - reads;
    const signature = `${'r'.repeat(reads)}${'w'.repeat(writes)}`;
    const uniformBytes = Object.keys(kernel.uniforms).length * 4;
    if (uniformBytes > this.#slotBytes)
      throw new RangeError(`${kernel.name}: ${uniformBytes} bytes of uniforms do not fit a slot of ${this.#slotBytes}`);
    const layout = this.#layout(signature);
    const source = { label, code: kernelWgsl(kernel, variant), signature };
    const pipeline = this.#guard(
      () => computePipeline(this.gpu, source, layout),
      () => `kernel ${label}`,
      source.code,
    );
    this.#compiler?.add(source);
    this.counts.pipelines++;
    const made = { label, pipeline, layout, signature };
    this.#pipelines.set(label, made);
    return made;
  }

  #layout(signature: string): GPUBindGroupLayout {
    let layout = this.#layouts.get(signature);
    if (layout === undefined) this.#layouts.set(signature, (layout = bindGroupLayout(this.gpu, signature)));
    return layout;
  }

  #bindGroup(pipeline: Pipeline, storages: readonly Storage[]): GPUBindGroup {
    const key = `${pipeline.signature}:${storages.map((storage) => storage.id).join(',')}`;
    let group = this.#bindGroups.get(key);
    if (group === undefined) {
      if (this.#bindGroups.size >= MAX_BIND_GROUPS) this.#bindGroups.clear();
      group = this.gpu.createBindGroup({
        label: pipeline.label,
        layout: pipeline.layout,
        entries: [
          { binding: 0, resource: { buffer: this.#arena, size: this.#slotBytes } },
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

  // ---- commands and errors ----

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

  /** Runs an action inside error scopes, whose findings reach the next wait. */
  #guard<T>(action: () => T, what: () => string, code?: string): T {
    const filters: GPUErrorFilter[] = ['out-of-memory', 'internal', 'validation'];
    filters.forEach((filter) => {
      this.gpu.pushErrorScope(filter);
    });
    const result = action();
    const found = Promise.all(filters.map(() => this.gpu.popErrorScope())).then(
      (errors) => {
        const error = errors.find((candidate) => candidate !== null);
        if (error)
          this.#fail(
            new DeviceError(`${what()}: ${error.message}${code === undefined ? '' : sourceLines(error.message, code)}`),
          );
      },
      () => undefined,
    ); // A lost device rejects here; gpu.lost reports it.
    this.#pendingErrors.add(found);
    void found.then(() => this.#pendingErrors.delete(found));
    return result;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
  }

  /** Waits for the findings of the error scopes and throws the first failure. A lost device stays failed. */
  async #settle(): Promise<void> {
    this.#compiler?.clear();
    if (this.#pendingErrors.size > 0) await this.#wait(Promise.all(this.#pendingErrors));
    const failure = this.#failure;
    if (failure === undefined) return;
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    throw failure;
  }

  #lastKernels(): string {
    return this.#submitted.length === 0 ? '' : `; the last kernels submitted were ${namesOf(this.#submitted)}`;
  }
}

/** Values as a tensor stores them. */
function hostBytes(tensor: Tensor, values: HostArray): HostArray | Uint16Array<ArrayBuffer> {
  if (tensor.dtype === 'i8')
    throw new TypeError(`write: ${describe(tensor.shape)} is a quantised matrix; quantise f32 values instead`);
  if (tensor.dtype !== 'f16') return values;
  if (!(values instanceof Float32Array) || values.length !== tensor.size) {
    throw new TypeError(
      `write: a tensor in half precision takes all its ${tensor.size} values at once, as a Float32Array`,
    );
  }
  const halves = new Uint16Array(2 * Math.ceil(values.length / 2));
  halves.set(encodeHalves(values));
  return halves;
}

function namesOf(labels: readonly string[]): string {
  const names = [...new Set(labels)];
  return names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');
}

/** The lines of WGSL that a compiler message points at (`:12:5 error: …`). */
function sourceLines(message: string, code: string): string {
  const lines = code.split('\n');
  const numbers = [...message.matchAll(/:(\d+):\d+/g)].map((match) => Number(match[1]));
  return [...new Set(numbers)]
    .filter((n) => n <= lines.length)
    .map((n) => `\n  ${n} | ${lines[n - 1]}`)
    .join('');
}
