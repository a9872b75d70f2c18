/**
 * The software drivers on which the kernels' tests are repeated: lavapipe with
 * subgroups of 4, 8 and 16 lanes, and SwiftShader. vitest.config.ts makes a
 * project of each, since a driver is chosen by the environment of a process
 * before it asks for an adapter; the test asks `wantedAdapter` whether the
 * process got the driver that its project is for.
 */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AdapterTraits } from '@rna/kernels';
import { cacheFolder, preferredManifest } from '../src/node/driver.ts';

/**
 * Whether every variant runs every call on every driver, which takes hours, instead of subsets that cover the options.
 */
export const fullMatrix = process.env['RNA_MATRIX'] === 'full';

/**
 * The environment of all test processes: Mesa compiles without LLVM's passes, in a third of the time, which is most of
 * what the tests take. That those passes change no result is looked at where a driver's repetition is `optimized`. Two
 * processes fill the cores, so none has one to spare for compiling ahead.
 */
export const quickCompiler: Readonly<Record<string, string>> = fullMatrix
  ? {}
  : { GALLIVM_PERF: 'nopt', RNA_COMPILE_AHEAD: 'off' };

interface SoftwareDriver {
  readonly name: string;
  readonly description: RegExp;
  readonly subgroupSize: number;
  /** Compiled as for a user. */
  readonly optimized: boolean;
}

// Lavapipe has 8 lanes by itself on x64, so with them it is looked at as it is used.
const DRIVERS: readonly SoftwareDriver[] = [
  ...[4, 8, 16].map((subgroupSize) => ({
    name: `lavapipe, subgroups of ${subgroupSize}${subgroupSize === 8 ? ', optimized' : ''}`,
    description: /llvmpipe/i,
    subgroupSize,
    optimized: subgroupSize === 8,
  })),
  { name: 'SwiftShader', description: /swiftshader/i, subgroupSize: 4, optimized: true },
];

const MANIFEST_FOLDERS = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];

/**
 * The manifest of the private driver that goes before the system's, else the system's lavapipe; where there is none,
 * the driver that set-up found or installed is taken.
 */
function lavapipeManifest(): string | undefined {
  const preferred = preferredManifest();
  if (preferred !== undefined) return preferred;
  const folder = MANIFEST_FOLDERS.filter((path) => existsSync(path));
  return folder.flatMap((path) =>
    readdirSync(path)
      .filter((name) => /^lvp_icd.*\.json$/.test(name))
      .map((name) => join(path, name)),
  )[0];
}

/** The manifest of the SwiftShader that comes with the browser. */
function swiftShaderManifest(browser: string | undefined): string | undefined {
  if (browser === undefined) return undefined;
  const folders = [dirname(realpathSync(browser)), '/usr/lib/chromium'];
  return folders.map((folder) => join(folder, 'vk_swiftshader_icd.json')).find((file) => existsSync(file));
}

interface DriverProject {
  readonly name: string;
  /** The environment of its process. */
  readonly env: Record<string, string>;
  /** Test files in this folder. */
  readonly tests: readonly string[];
}

/** A test project for each driver; `browser` is the browser's executable. */
export function driverProjects(browser: string | undefined): DriverProject[] {
  return DRIVERS.map(({ name, description, subgroupSize, optimized }) => {
    const lavapipe = description.test('llvmpipe');
    const manifest = lavapipe ? lavapipeManifest() : swiftShaderManifest(browser);
    return {
      name,
      env: {
        RNA_TEST_DRIVER: name,
        ...(optimized ? { RNA_COMPILE_AHEAD: 'off' } : quickCompiler),
        ...(manifest === undefined ? {} : { VK_DRIVER_FILES: manifest }),
        // Mesa's cache of compiled kernels does not tell vector widths apart.
        ...(lavapipe
          ? {
              LP_NATIVE_VECTOR_WIDTH: String(32 * subgroupSize),
              MESA_SHADER_CACHE_DIR: join(cacheFolder(), `shaders-${subgroupSize}`),
            }
          : {}),
      },
      // Random shapes take many pipelines, which SwiftShader compiles quickly.
      tests: ['kernels.test.ts', ...(lavapipe && !fullMatrix ? [] : ['properties.test.ts'])],
    };
  });
}

/** What the environment of this process says about the adapter of its tests. */
export interface WantedAdapter {
  /** For the tests' names; says what is missing where they are left out. */
  readonly name: string;
  /** Whether these tests repeat those on the machine's own adapter. */
  readonly repeated: boolean;
  /** Whether Mesa compiles as for a user (`quickCompiler`). */
  readonly optimized: boolean;
  readonly isMet: (traits: AdapterTraits) => boolean;
}

/** The adapter that this process's project is for: any, if the project is none of `driverProjects`. */
export function wantedAdapter(): WantedAdapter {
  const name = process.env['RNA_TEST_DRIVER'];
  if (name === undefined)
    return { name: "the machine's adapter", repeated: false, optimized: fullMatrix, isMet: () => true };
  const driver = DRIVERS.find((candidate) => candidate.name === name);
  if (driver === undefined)
    throw new Error(
      `RNA_TEST_DRIVER is '${name}', and the drivers are ${DRIVERS.map((known) => `'${known.name}'`).join(', ')}`,
    );
  return {
    name: `${name} (left out where the machine has no such driver)`,
    repeated: true,
    optimized: driver.optimized || fullMatrix,
    isMet: (traits) => driver.description.test(traits.description) && traits.subgroupSize === driver.subgroupSize,
  };
}
