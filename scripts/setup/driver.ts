/**
 * Makes sure that WebGPU finds an adapter in Node. Where there is none, a
 * software Vulkan driver is installed by the first road that ends in an
 * adapter: apt as root, apt's files unpacked into the user's cache folder,
 * SwiftShader out of an npm package. Mesa's driver comes first because it is
 * several times faster than SwiftShader. Where the adapter is then a software
 * driver older than the fastest, that one is fetched too if the system has it
 * to give (driverPlan.ts), and what there was stays if that fails.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { driverFolder, driverSource, fasterNode, ownLibcFolder } from '../../packages/tensor/src/node/driver.ts';
import { debianRelease, withApt } from './apt.ts';
import {
  roadsToDriver,
  roadsToFasterDriver,
  type DriverFacts,
  type FoundAdapter,
  type RoadName,
} from './driverPlan.ts';
import { whyNotFromNpm } from './npm.ts';
import { installWithOwnLibc } from './ownLibc.ts';
import { MESA_PACKAGES, swiftShaderFromNpm, unpackMesa } from './privateDriver.ts';
import { isOnPath, run, type Say } from './run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Returns the adapter's name; installs a driver if there is none, or a faster one. Throws with every road's failure. */
export function ensureAdapter(say: Say): string {
  // Asked first: on this machine's own C library the question would be about another driver.
  const node = fasterNode(say);
  const fast = node === undefined ? undefined : findAdapter(node);
  if (fast !== undefined && !('detail' in fast) && !fast.slow) return fast.name;

  const facts = driverFacts();
  const present = findAdapter();
  const found = 'detail' in present ? install(facts, present.detail, say) : present;
  return fasterThan(found, facts, say).name;
}

function driverFacts(): DriverFacts {
  return {
    platform: process.platform,
    architecture: process.arch,
    debian: debianRelease()?.version,
    apt: isOnPath('apt-get') && isOnPath('dpkg-deb'),
    root: process.getuid?.() === 0,
    noNpm: whyNotFromNpm(),
    chosen: process.env['RNA_DRIVER'] === 'system' || driverSource() === 'user',
  };
}

function install(facts: DriverFacts, detail: string, say: Say): FoundAdapter {
  say(`WebGPU finds no adapter on this machine${detail}`);
  if (facts.platform !== 'linux')
    throw new Error('WebGPU finds no adapter: install or update the driver of the graphics card');

  const failures: string[] = [];
  for (const { road, closed } of roadsToDriver(facts)) {
    const { what, take } = ROADS[road];
    if (closed !== undefined) {
      failures.push(`${what()}: ${closed}`);
      continue;
    }
    say(`installing ${what()} …`);
    try {
      let found: FoundAdapter | undefined;
      take((node) => {
        found = adapterOf(node);
      });
      if (found !== undefined) return found;
    } catch (error) {
      failures.push(`${what()}: ${textOf(error)}`);
    }
    say(`that did not work: ${failures.at(-1)!}`);
  }
  throw new Error(
    `no WebGPU adapter, and no software driver could be installed:\n- ${failures.join('\n- ')}\nInstall a Vulkan driver by hand (Mesa 24 or newer: the packages mesa-vulkan-drivers and libvulkan1 or your system's like), then run this again.`,
  );
}

/** Installs a faster driver than `found` where the system has one to give; returns what WebGPU runs on then. */
function fasterThan(found: FoundAdapter, facts: DriverFacts, say: Say): FoundAdapter {
  for (const road of roadsToFasterDriver(facts, found)) {
    const { what, take } = ROADS[road];
    say(`this machine's driver is ${found.name}; a newer one is several times faster: installing ${what()} …`);
    try {
      let faster: FoundAdapter | undefined;
      take((node) => {
        faster = adapterOf(node);
        if (faster.slow) throw new Error(`installed, but WebGPU runs on ${faster.name}`);
      });
      if (faster !== undefined) return faster;
    } catch (error) {
      say(`that did not work, and WebGPU stays on ${found.name}: ${textOf(error)}`);
    }
  }
  return found;
}

interface Road {
  readonly what: () => string;
  /** Calls `check` when the driver is in place; if that throws, things are as they were, but for the system's packages. */
  readonly take: (check: (node?: string) => void) => void;
}

const ROADS: Readonly<Record<RoadName, Road>> = {
  apt: {
    what: () => "Mesa's software Vulkan driver by apt (about 55 MB to download)",
    take: (check) => {
      withApt((apt) => {
        apt.install(...MESA_PACKAGES);
      });
      check();
    },
  },
  unpacked: {
    what: () => `Mesa's software Vulkan driver into ${driverFolder()} (about 55 MB to download)`,
    take: unpackMesa,
  },
  'own libc': {
    what: () => `it with a C library of its own into ${ownLibcFolder()} (about 60 MB to download)`,
    take: installWithOwnLibc,
  },
  npm: {
    what: () => `the software Vulkan driver SwiftShader from npm into ${driverFolder()} (about 70 MB to download)`,
    take: swiftShaderFromNpm,
  },
};

/**
 * The adapter, or why there is none. Asked in a process of its own: a driver's crash stays there, and drivers are
 * looked up once per process.
 */
function findAdapter(node = process.execPath): FoundAdapter | { readonly detail: string } {
  try {
    const { adapter } = JSON.parse(
      run(node, ['--import', 'tsx', join(root, 'scripts/setup/probe.ts')], { cwd: root }),
    ) as { adapter: FoundAdapter | null };
    return adapter ?? { detail: '' };
  } catch (error) {
    return { detail: ` (${textOf(error)})` };
  }
}

/** The adapter. Throws where there is none. */
function adapterOf(node?: string): FoundAdapter {
  const found = findAdapter(node);
  if ('detail' in found) throw new Error(`installed, but still no adapter${found.detail}`);
  return found;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
