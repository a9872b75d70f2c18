/**
 * Which roads to a driver are open on a machine, and in what order. Facts in,
 * plan out: nothing here looks at the machine.
 */

/** The machine as far as it matters for a driver. */
export interface DriverFacts {
  readonly platform: NodeJS.Platform;
  readonly architecture: string;
  /** The version of Debian; undefined on another system. */
  readonly debian: string | undefined;
  readonly apt: boolean;
  readonly root: boolean;
  /** Why npm's SwiftShader is of no use here, or undefined if it is. */
  readonly noNpm: string | undefined;
  /** Whether the user chose a driver, or wants none but the machine's (`VK_DRIVER_FILES`, `RNA_DRIVER=system`). */
  readonly chosen: boolean;
}

/** What WebGPU runs on. `slow`: a software driver, and there is one that is several times faster. */
export interface FoundAdapter {
  readonly name: string;
  readonly slow: boolean;
}

/**
 * `apt`: into the system. `unpacked`: apt's packages in the user's cache folder. `own libc`: those of a newer release
 * of the system with its C library. `npm`: SwiftShader.
 */
export type RoadName = 'apt' | 'unpacked' | 'own libc' | 'npm';

export interface PlannedRoad {
  readonly road: RoadName;
  /** Why it cannot be taken on this machine, or undefined. */
  readonly closed: string | undefined;
}

const ARCHITECTURES_WITH_OWN_LIBC = ['x64', 'arm64'];

/** The roads to any driver, for a machine on which WebGPU finds none. */
export function roadsToDriver({ apt, root, noNpm, chosen }: DriverFacts): PlannedRoad[] {
  const noApt = apt ? undefined : 'this system has no apt';
  const unused = chosen ? 'VK_DRIVER_FILES or RNA_DRIVER says that it is not to be used' : undefined;
  return [
    { road: 'apt', closed: noApt ?? (root ? undefined : 'needs root') },
    { road: 'unpacked', closed: unused ?? noApt },
    { road: 'npm', closed: unused ?? noNpm },
  ];
}

/**
 * The open roads to a driver that is faster than the one that was found. Debian 13 has it in its backports; for Debian
 * 12 there is only that of Debian 13, which needs a newer C library.
 */
export function roadsToFasterDriver(facts: DriverFacts, found: FoundAdapter): RoadName[] {
  const { platform, architecture, debian, apt, root, chosen } = facts;
  if (platform !== 'linux' || !found.slow || chosen || !apt) return [];
  if (debian === '13') return [...(root ? (['apt'] as const) : []), 'unpacked'];
  if (debian === '12' && ARCHITECTURES_WITH_OWN_LIBC.includes(architecture)) return ['own libc'];
  return [];
}
