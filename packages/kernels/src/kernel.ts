/**
 * What a kernel is: a value that names its buffers and uniforms, says how many
 * workgroups a call takes, and gives a WGSL body as a function of the variant
 * alone. Bindings, the uniform struct and the entry point are generated from
 * the same fields that pack the uniforms, so text and data cannot differ.
 *
 * Kernel and variant together are the pipeline key; sizes travel in uniforms
 * and never in the text. No GPU object appears here: `@rna/tensor` runs
 * kernels, and everything in this package can be tested without an adapter.
 */

export type ElementType = 'f32' | 'u32' | 'i32' | 'vec4f' | 'f16' | 'vec4h';
export type UniformType = 'f32' | 'u32' | 'i32';
export type Bindings = Readonly<Record<string, ElementType>>;
export type UniformTypes = Readonly<Record<string, UniformType>>;
export type Variant = Readonly<Record<string, string | number | boolean>>;
export type Uniforms<U extends UniformTypes> = Readonly<Record<keyof U, number>>;
export type Grid = readonly [x: number, y: number, z: number];

/** What the choice of a variant depends on, read off an adapter. */
export interface AdapterTraits {
  /** `cpu`: a software driver, where every lane's load is fetched apart. */
  readonly class: 'cpu' | 'gpu';
  readonly description: string;
  /** The release of Mesa that a driver of Mesa's is of, as 26.1; absent for all others. */
  readonly mesa?: number;
  readonly subgroups: boolean;
  /**
   * Lanes of a subgroup: where the adapter has one size only, or where kernels can ask for one (`pinsSubgroups`). Else
   * the driver chooses for each kernel, and kernels must be right at any size.
   */
  readonly subgroupSize: number | undefined;
  /** The adapter has several sizes of subgroups, and a kernel that counts on `subgroupSize` must ask for it. */
  readonly pinsSubgroups?: boolean;
  /** Lanes that every subgroup has at least, whatever the driver chooses. */
  readonly leastSubgroup?: number;
  readonly f16: boolean;
  /** Bytes of workgroup memory. */
  readonly workgroupStorage: number;
  /**
   * The unit in which subgroups multiply matrices of halves and sum in f32 (subgroupMatrix.ts), as `16x16x16`; absent
   * where they cannot.
   */
  readonly subgroupMatrix?: string;
}

/**
 * Whether the adapter is lavapipe of Mesa 26 or newer. It computes once what is the same in all lanes and compiles six
 * times faster than that of Mesa 25, so that larger tiles pay there.
 */
export const isNewerLavapipe = ({ class: adapter, mesa }: AdapterTraits): boolean =>
  adapter === 'cpu' && mesa !== undefined && mesa >= 26;

/** The field of a variant that counts on the adapter's `subgroupSize`: `pinned`, where it has to be asked for. */
export const pinnedSize = ({ pinsSubgroups, subgroupSize }: AdapterTraits): { pinned?: number } =>
  pinsSubgroups === true && subgroupSize !== undefined ? { pinned: subgroupSize } : {};

/** How a kernel is tuned: what there is to try, and which calls share an answer. */
export interface Tuning<U extends UniformTypes, V extends Variant> {
  /** Settings worth timing on an adapter, at most a dozen, of fields that do not change the meaning. */
  readonly space: (traits: AdapterTraits) => readonly Partial<V>[];
  /** Coarse class of a call's sizes and, where it matters, of its options: `256x1024x2048`. */
  readonly shape: (uniforms: Uniforms<U>, variant: V) => string;
}

export interface KernelSpec<
  I extends Bindings,
  P extends Bindings,
  O extends Bindings,
  U extends UniformTypes,
  V extends Variant,
  Q extends keyof I & string = never,
> {
  readonly name: string;
  /** Buffers that the kernel only reads. */
  readonly inputs: I;
  /**
   * Inputs that a call may go without. The variant has a field of the same name, which says whether the buffer is
   * there; `Device.run` sets it. A binding that is not there is not declared.
   */
  readonly optional?: readonly Q[];
  /** Buffers that the kernel reads and writes in place. */
  readonly updates?: P;
  /** Buffers of which the kernel writes every element. */
  readonly outputs?: O;
  readonly uniforms: U;
  /** Default variant. Options that change the meaning and tuning that does not both live here. */
  readonly variant: V;
  /** Fields of the variant that follow from a call's sizes, such as whether rows are whole vectors. */
  readonly derived?: (uniforms: Uniforms<U>, variant: V) => Partial<V>;
  /** Invocations per workgroup along x, y and z. */
  readonly workgroup: (variant: V) => Grid;
  /** Element types that differ in a variant from those of the bindings above: the same buffer, read in vectors. */
  readonly elements?: (variant: V) => Readonly<Record<string, ElementType>>;
  /**
   * Float buffers that may be stored in half precision, by the variant's `f16` (names separated by commas). The text
   * is the same for both: it reads `f32(x[i])` or `vec4f(x[i])` and writes `y[i] = y_t(value)`, an alias that is
   * generated.
   */
  readonly halves?: readonly string[];
  /** Workgroups of a call. */
  readonly grid: (uniforms: Uniforms<U>, variant: V) => Grid;
  /** Functions and workgroup variables before the entry point. */
  readonly declarations?: (variant: V) => string;
  /**
   * Body of the entry point. In scope: the buffers by name, `u` (uniforms),
   * `gid`, `wid`, `groups` (vec3u), `lane` (u32, index in the workgroup) and, with subgroups, `sid` (index in the
   * subgroup).
   */
  readonly body: (variant: V) => string;
  /** Whether the variant uses subgroup operations. */
  readonly subgroups?: (variant: V) => boolean;
  /** The size of its subgroups that the text asks for, 0 where it leaves that to the driver; absent where it always does. */
  readonly pinned?: (variant: V) => number;
  /**
   * Whether it uses subgroup matrices too; in scope then is `subgroup` (u32), the subgroup's index in the workgroup.
   */
  readonly subgroupMatrices?: (variant: V) => boolean;
  /** Absent where the variant has no field that is tuning. */
  readonly tuning?: Tuning<U, NoInfer<V>>;
}

export interface Kernel<
  I extends Bindings = Bindings,
  P extends Bindings = Bindings,
  O extends Bindings = Bindings,
  U extends UniformTypes = UniformTypes,
  V extends Variant = Variant,
  Q extends keyof I & string = never,
> extends Omit<KernelSpec<I, P, O, U, V, Q>, 'updates' | 'outputs'> {
  readonly updates: P;
  readonly outputs: O;
}

/** A kernel whose types are not looked at: a table's entry, a test's loop variable. */
// The function-typed fields make the precise types contravariant; `never` is their common bottom.
export type AnyKernel = Omit<
  Kernel,
  | 'optional'
  | 'derived'
  | 'workgroup'
  | 'grid'
  | 'elements'
  | 'declarations'
  | 'body'
  | 'subgroups'
  | 'pinned'
  | 'subgroupMatrices'
  | 'tuning'
> & {
  readonly optional?: readonly string[];
  readonly derived?: (uniforms: never, variant: never) => object;
  readonly workgroup: (variant: never) => Grid;
  readonly grid: (uniforms: never, variant: never) => Grid;
  readonly elements?: (variant: never) => Readonly<Record<string, ElementType>>;
  readonly declarations?: (variant: never) => string;
  readonly body: (variant: never) => string;
  readonly subgroups?: (variant: never) => boolean;
  readonly pinned?: (variant: never) => number;
  readonly subgroupMatrices?: (variant: never) => boolean;
  readonly tuning?: {
    readonly space: (traits: AdapterTraits) => readonly object[];
    readonly shape: (uniforms: never, variant: never) => string;
  };
};

// An absent group of buffers is the empty record, which has no name to misspell.
// oxlint-disable-next-line typescript/no-generated-empty-object-type -- the empty record is meant
type None = Record<never, never>;

export function defineKernel<
  const I extends Bindings,
  const U extends UniformTypes,
  V extends Variant,
  const P extends Bindings = None,
  const O extends Bindings = None,
  const Q extends keyof I & string = never,
>(spec: KernelSpec<I, P, O, U, V, Q>): Kernel<I, P, O, U, V, Q> {
  return { ...spec, updates: spec.updates ?? ({} as P), outputs: spec.outputs ?? ({} as O) };
}

/** Names of the inputs that a variant reads: all but the optional ones that are not there. */
export function inputNames(kernel: AnyKernel, variant: Variant): string[] {
  return Object.keys(kernel.inputs).filter(
    (name) => kernel.optional?.includes(name) !== true || variant[name] === true,
  );
}

/** Names of a variant's storage buffers in binding order (binding 1 and up; binding 0 holds the uniforms). */
export function bindingNames(kernel: AnyKernel, variant: Variant): string[] {
  return [...inputNames(kernel, variant), ...Object.keys(kernel.updates), ...Object.keys(kernel.outputs)];
}

/** The options of a call with the fields that follow from its sizes; what the call says itself goes before. */
export function withDerived(kernel: AnyKernel, options: Variant, uniforms: Readonly<Record<string, number>>): Variant {
  const { derived, variant } = kernel as Kernel;
  if (derived === undefined) return options;
  return { ...(derived(uniforms, { ...variant, ...options }) as Variant), ...options };
}

/** A pipeline's cache key: the kernel's name and the variant with its fields in order. */
export function pipelineKey(kernel: AnyKernel, variant: Variant): string {
  const fields = Object.keys(variant)
    .sort()
    .map((key) => `${key}=${String(variant[key])}`);
  return fields.length === 0 ? kernel.name : `${kernel.name}(${fields.join(',')})`;
}

/**
 * The `f16` of a variant in which these buffers are stored in half precision; empty, and then no part of a key, for
 * none.
 */
export function halfStorage(names: readonly string[]): Variant {
  return names.length === 0 ? {} : { f16: [...names].sort().join(',') };
}

/** Names of the buffers that a variant stores in half precision. */
export function halfNames(variant: Variant): readonly string[] {
  const { f16 } = variant;
  return typeof f16 === 'string' ? f16.split(',') : [];
}

/** The element type of each buffer in a variant. */
export function elementTypes(kernel: AnyKernel, variant: Variant): Record<string, ElementType> {
  const k = kernel as Kernel;
  const types: Record<string, ElementType> = { ...k.inputs, ...k.updates, ...k.outputs, ...k.elements?.(variant) };
  for (const name of halfNames(variant)) {
    if (k.halves?.includes(name) !== true) throw new TypeError(`${k.name}: buffer '${name}' cannot be stored as f16`);
    types[name] = types[name] === 'vec4f' ? 'vec4h' : 'f16';
  }
  return types;
}

/** The whole WGSL module of a kernel in one variant. */
export function kernelWgsl(kernel: AnyKernel, variant: Variant): string {
  const k = kernel as Kernel;
  const types = elementTypes(k, variant);
  const inputs = inputNames(kernel, variant).length;
  const bindings = bindingNames(kernel, variant).map(
    (name, i) =>
      `@group(0) @binding(${i + 1}) var<storage, ${i < inputs ? 'read' : 'read_write'}> ${name}: array<${types[name]!}>;`,
  );
  const written = Object.keys({ ...k.updates, ...k.outputs }).filter((name) => k.halves?.includes(name));
  const usesSubgroups = k.subgroups?.(variant) ?? false;
  const usesMatrices = k.subgroupMatrices?.(variant) ?? false;
  const pinned = usesSubgroups ? (k.pinned?.(variant) ?? 0) : 0;
  const builtins = [
    'global_invocation_id) gid: vec3u',
    'workgroup_id) wid: vec3u',
    'num_workgroups) groups: vec3u',
    'local_invocation_index) lane: u32',
    ...(usesSubgroups ? ['subgroup_invocation_id) sid: u32'] : []),
    ...(usesMatrices ? ['subgroup_id) subgroup: u32'] : []),
  ];
  const uniforms = Object.entries(k.uniforms).map(([name, type]) => `  ${name}: ${type},`);
  return [
    ...(usesSubgroups ? ['enable subgroups;'] : []),
    ...(pinned > 0 ? ['enable subgroup_size_control;'] : []),
    ...(halfNames(variant).length > 0 ? ['enable f16;'] : []),
    ...(usesMatrices ? ['enable chromium_experimental_subgroup_matrix;'] : []),
    'struct Uniforms {',
    ...uniforms,
    '}',
    '@group(0) @binding(0) var<uniform> u: Uniforms;',
    ...bindings,
    ...written.map((name) => `alias ${name}_t = ${types[name]!};`),
    k.declarations?.(variant) ?? '',
    `@compute @workgroup_size(${k.workgroup(variant).join(', ')})${pinned > 0 ? ` @subgroup_size(${pinned})` : ''}`,
    `fn main(${builtins.map((builtin) => `@builtin(${builtin}`).join(', ')}) {`,
    k.body(variant),
    '}',
    '',
  ].join('\n');
}

/**
 * Writes a call's uniforms at `offset` of `view`, four bytes each in the order of declaration.
 * Throws a RangeError when a value is missing, is not a number, or does not fit its integer type.
 */
export function packUniforms(
  kernel: AnyKernel,
  uniforms: Readonly<Record<string, number>>,
  view: DataView,
  offset: number,
): void {
  let at = offset;
  for (const [name, type] of Object.entries(kernel.uniforms)) {
    const value = uniforms[name];
    if (value === undefined) throw new RangeError(`${kernel.name}: uniform '${name}' is missing`);
    if (type === 'f32') {
      view.setFloat32(at, value, true);
    } else {
      const [low, high] = type === 'u32' ? [0, 0xffffffff] : [-0x80000000, 0x7fffffff];
      if (!Number.isInteger(value) || value < low || value > high) {
        throw new RangeError(`${kernel.name}: uniform '${name}' must be a ${type}, got ${value}`);
      }
      if (type === 'u32') view.setUint32(at, value, true);
      else view.setInt32(at, value, true);
    }
    at += 4;
  }
}

/**
 * Names the text of a kernel in the variants of its space, so that timings of an edited kernel are not taken for its
 * own: 8 hexadecimal digits of FNV-1a. Options that are on or off are turned around one by one, and all is once
 * stored in halves, so that an edit to what one of them adds shows too. Throws where the kernel has no tuning.
 */
export function kernelVersion(kernel: AnyKernel, traits: AdapterTraits): string {
  const { tuning } = kernel as Kernel;
  if (tuning === undefined) throw new TypeError(`${kernel.name} has no tuning and so no version`);
  const turned = Object.entries(kernel.variant).flatMap(([name, value]) =>
    typeof value === 'boolean' ? [{ [name]: !value }] : [],
  );
  let hash = 0x811c9dc5;
  for (const setting of tuning.space(traits)) {
    for (const option of [{}, ...turned, halfStorage(kernel.halves ?? [])]) {
      const text = kernelWgsl(kernel, { ...kernel.variant, ...option, ...(setting as Variant) });
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** The class of a call's sizes under which its kernel's timings are kept; undefined where the kernel has no tuning. */
export function shapeClass(
  kernel: AnyKernel,
  uniforms: Readonly<Record<string, number>>,
  options: Variant,
): string | undefined {
  const shape = (kernel as Kernel).tuning?.shape(uniforms, {
    ...kernel.variant,
    ...withDerived(kernel, options, uniforms),
  });
  return shape === undefined || halfNames(options).length === 0 ? shape : `${shape} f16`;
}

/** The next power of two, but at least `least` and at most `most`: the classes of a size. */
export function octave(size: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, 2 ** Math.ceil(Math.log2(size))));
}

const MAX_GROUPS = 65535;

/** Workgroups for `count` invocations in workgroups of `size`, folded into y where x alone would exceed the limit. */
export function flatGrid(count: number, size: number): Grid {
  const groups = Math.max(1, Math.ceil(count / size));
  const y = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / y), y, 1];
}

/** Invocations per workgroup of the elementwise kernels. */
export const FLAT_SIZE = 64;

/** WGSL of an elementwise kernel's first lines: `i`, this invocation's element, and the guard `i < u.count`. */
export const flatIndex = /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (i >= u.count) { return; }
`;

/** `workgroup` and `grid` of an elementwise kernel over `u.count` elements. */
export const elementwise = {
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: (uniforms: { readonly count: number }): Grid => flatGrid(uniforms.count, FLAT_SIZE),
};

/**
 * The same four elements at a time: `i` is this invocation's vector. Buffers are whole vectors long; what a
 * kernel leaves behind the last element is never read as one.
 */
export const flatVector = /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${FLAT_SIZE}u + lane;
  if (4u * i >= u.count) { return; }
`;

/** `workgroup` and `grid` of an elementwise kernel over `u.count` elements, four an invocation. */
export const vectorwise = {
  workgroup: (): Grid => [FLAT_SIZE, 1, 1],
  grid: (uniforms: { readonly count: number }): Grid => flatGrid(Math.ceil(uniforms.count / 4), FLAT_SIZE),
};
