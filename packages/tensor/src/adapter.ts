/** What the choice of kernel variants depends on, read off a WebGPU adapter. */
import { matrixStorage, unitFits, unitName, type AdapterTraits, type MatrixUnit } from '@rna/kernels';

/**
 * Dawn's experimental subgroup matrices, which adapters show where unsafe features are allowed; WebGPU's types know
 * neither.
 */
export const SUBGROUP_MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

/** A kernel may ask for a subgroup's size with it. WebGPU's types do not know it yet. */
export const SUBGROUP_SIZE_FEATURE = 'subgroup-size-control' as GPUFeatureName;

// AMD's 64 lanes sum products of two instructions at once, and more than 64 are no card's best.
const MOST_PINNED = 64;

interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

export function adapterTraits(adapter: GPUAdapter): AdapterTraits {
  const { info } = adapter;
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  const software = /llvmpipe|lavapipe|swiftshader|software|warp/.test(text);
  const mesa = /\bmesa (\d+\.\d+)/.exec(text)?.[1];
  const traits: AdapterTraits = {
    class: software ? 'cpu' : 'gpu',
    description: [info.vendor, info.architecture, info.description || info.device]
      .filter((part) => part !== '')
      .join(' '),
    ...(mesa !== undefined && { mesa: Number(mesa) }),
    ...subgroupTraits(adapter),
    f16: adapter.features.has('shader-f16'),
    workgroupStorage: adapter.limits.maxComputeWorkgroupStorageSize,
  };
  const unit = matrixUnit(adapter, traits);
  return unit === undefined ? traits : { ...traits, subgroupMatrix: unitName(unit) };
}

function subgroupTraits({
  info: { subgroupMinSize: least, subgroupMaxSize: most },
  features,
}: GPUAdapter): Pick<AdapterTraits, 'subgroups' | 'subgroupSize' | 'pinsSubgroups' | 'leastSubgroup'> {
  const subgroups = features.has('subgroups');
  if (least === undefined || most === undefined || least === most) return { subgroups, subgroupSize: least };
  if (!subgroups || !features.has(SUBGROUP_SIZE_FEATURE))
    return { subgroups, subgroupSize: undefined, leastSubgroup: least };
  return { subgroups, subgroupSize: Math.min(most, MOST_PINNED), pinsSubgroups: true, leastSubgroup: least };
}

/** The largest unit of halves summed in f32 that kernels are written for. They need to know the subgroup's size. */
function matrixUnit(
  adapter: GPUAdapter,
  { subgroups, subgroupSize, f16, workgroupStorage }: AdapterTraits,
): MatrixUnit | undefined {
  if (!adapter.features.has(SUBGROUP_MATRIX_FEATURE) || !subgroups || subgroupSize === undefined || !f16)
    return undefined;
  const { subgroupMatrixConfigs: configs = [] } = adapter.info as GPUAdapterInfo & {
    readonly subgroupMatrixConfigs?: readonly SubgroupMatrixConfig[];
  };
  const size = ({ rows, cols, inner }: MatrixUnit): number => rows * cols * inner;
  return [...configs]
    .filter(({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32')
    .map(({ M, N, K }): MatrixUnit => ({ rows: M, cols: N, inner: K }))
    .filter((unit) => unitFits(unit) && matrixStorage(unit) <= workgroupStorage)
    .sort((a, b) => size(b) - size(a))[0];
}
