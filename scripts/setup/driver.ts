/**
 * Makes sure that WebGPU finds an adapter in Node. Where there is none, a
 * software Vulkan driver is installed by the first road that ends in an
 * adapter: apt as root, apt's files unpacked into the user's cache folder,
 * SwiftShader out of an npm package. Mesa's driver comes first because it is
 * several times faster than SwiftShader.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { driverFolder, driverRecordFile, type DriverRecord } from '../../packages/tensor/src/node/driver.ts';
import { withApt } from './apt.ts';
import { NPM_SOURCE, unpackFromNpm, whyNotFromNpm } from './npm.ts';
import { isOnPath, run, type Say } from './run.ts';

interface Road {
  readonly what: string;
  /** Why it cannot be taken on this machine, or undefined. */
  readonly closed: string | undefined;
  readonly take: () => void;
}

/** Returns the adapter's name; installs a driver if there is none. Throws with every road's failure. */
export function ensureAdapter(say: Say): string {
  const present = findAdapter();
  if (typeof present === 'string') return present;
  say(`WebGPU finds no adapter on this machine${present.detail}`);
  if (process.platform !== 'linux')
    throw new Error('WebGPU finds no adapter: install or update the driver of the graphics card');

  const failures: string[] = [];
  for (const { what, closed, take } of roads()) {
    if (closed !== undefined) {
      failures.push(`${what}: ${closed}`);
      continue;
    }
    say(`installing ${what} …`);
    try {
      take();
      const adapter = findAdapter();
      if (typeof adapter === 'string') return adapter;
      failures.push(`${what}: installed, but still no adapter${adapter.detail}`);
    } catch (error) {
      failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
    // What did not help must not stand in the way of the next road, nor be found at run time.
    rmSync(driverFolder(), { recursive: true, force: true });
    say(`that did not work: ${failures.at(-1)!}`);
  }
  throw new Error(
    `no WebGPU adapter, and no software driver could be installed:\n- ${failures.join('\n- ')}\nInstall a Vulkan driver by hand (Mesa 24 or newer: the packages mesa-vulkan-drivers and libvulkan1 or your system's like), then run this again.`,
  );
}

/**
 * The adapter's name, or why there is none. Asked in a process of its own: a driver's crash stays there, and drivers
 * are looked up once per process.
 */
function findAdapter(): string | { detail: string } {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  try {
    const { adapter } = JSON.parse(
      run(process.execPath, ['--import', 'tsx', join(root, 'scripts/setup/probe.ts')], { cwd: root }),
    ) as { adapter: string | null };
    return adapter ?? { detail: '' };
  } catch (error) {
    return { detail: ` (${error instanceof Error ? error.message : String(error)})` };
  }
}

function roads(): Road[] {
  const root = process.getuid?.() === 0;
  const noApt = isOnPath('apt-get') && isOnPath('dpkg-deb') ? undefined : 'this system has no apt';
  return [
    {
      what: "Mesa's software Vulkan driver by apt (about 55 MB to download)",
      closed: noApt ?? (root ? undefined : 'needs root'),
      take: aptAsRoot,
    },
    {
      what: `Mesa's software Vulkan driver into ${driverFolder()} (about 55 MB to download)`,
      closed: noApt,
      take: aptWithoutRoot,
    },
    {
      what: `the software Vulkan driver SwiftShader from npm into ${driverFolder()} (about 70 MB to download)`,
      closed: whyNotFromNpm(),
      take: swiftShaderFromNpm,
    },
  ];
}

const MESA_PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];

function aptAsRoot(): void {
  withApt((apt) => {
    apt.install(...MESA_PACKAGES);
  });
}

// The C and C++ runtimes are already in the process, and a second copy of them would break it.
const RUNTIME_PACKAGES = /^(libc6|libgcc-s1|libstdc\+\+6|gcc-\d+-base|libc-bin)_/;

function aptWithoutRoot(): void {
  withApt((apt) => {
    const archives = apt.download(...MESA_PACKAGES).filter((file) => !RUNTIME_PACKAGES.test(basename(file)));
    const version = /^mesa-vulkan-drivers_([\d.]+)/.exec(
      archives.map((file) => basename(file)).find((name) => name.startsWith('mesa-vulkan-drivers_')) ?? '',
    )?.[1];
    installPrivately(`lavapipe, Mesa ${version ?? 'of unknown version'}`, (unpacked) => {
      for (const archive of archives) run('dpkg-deb', ['-x', archive, unpacked]);
      const files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).map((name) => join(unpacked, name));
      const icd = one(files, /\/vulkan\/icd\.d\/lvp_icd[^/]*\.json$/);
      const driver = one(files, /\/libvulkan_lvp\.so$/);
      const loader = one(files, /\/libvulkan\.so\.1$/);
      const folders = [...new Set(files.filter((file) => /\.so(\.\d+)*$/.test(file)).map((file) => dirname(file)))];
      return {
        icd,
        driver,
        libraries: [...neededLibraries(driver, folders), ...neededLibraries(loader, folders), loader],
      };
    });
  });
}

function swiftShaderFromNpm(): void {
  installPrivately(`SwiftShader, ${NPM_SOURCE}`, (unpacked) => {
    unpackFromNpm(['swiftshader.tar.br'], unpacked);
    return {
      icd: join(unpacked, 'vk_swiftshader_icd.json'),
      driver: join(unpacked, 'libvk_swiftshader.so'),
      libraries: [join(unpacked, 'libvulkan.so.1')],
    };
  });
}

/**
 * Libraries among `folders` that `library` needs, directly or not, each after those that it needs itself: a library
 * needs strictly more than any library that it needs, so the number of needs orders them.
 */
function neededLibraries(library: string, folders: readonly string[]): string[] {
  const env = { LD_LIBRARY_PATH: folders.join(':') };
  const needs = (file: string): string[] =>
    [...run('ldd', [file], { env }).matchAll(/=> (\S+)/g)]
      .map((match) => match[1]!)
      .filter((path) => folders.includes(dirname(path)));
  return needs(library)
    .map((file) => ({ file, count: needs(file).length }))
    .sort((a, b) => a.count - b.count)
    .map(({ file }) => file);
}

interface Unpacked {
  /** The driver's own manifest, its library, and what must be loaded before it, in order. */
  readonly icd: string;
  readonly driver: string;
  readonly libraries: readonly string[];
}

/**
 * Keeps of what `unpack` fetches only the driver and its libraries, and writes the record last: a broken-off set-up
 * leaves none.
 */
function installPrivately(name: string, unpack: (folder: string) => Unpacked): void {
  const folder = driverFolder();
  mkdirSync(dirname(folder), { recursive: true });
  const unpacked = mkdtempSync(`${folder}-unpacked-`);
  const staged = mkdtempSync(`${folder}-staged-`);
  try {
    const { icd, driver, libraries } = unpack(unpacked);
    const distinct = [...new Set(libraries)];
    for (const file of [...distinct, driver]) copyFileSync(realpathSync(file), join(staged, basename(file)));
    const manifest = JSON.parse(readFileSync(icd, 'utf8')) as { ICD: { library_path: string } };
    manifest.ICD.library_path = join(folder, basename(driver));
    writeFileSync(join(staged, 'icd.json'), JSON.stringify(manifest));
    const record: DriverRecord = {
      name,
      icd: join(folder, 'icd.json'),
      libraries: distinct.map((file) => join(folder, basename(file))),
    };
    writeFileSync(join(staged, basename(driverRecordFile())), JSON.stringify(record, undefined, 2));
    rmSync(folder, { recursive: true, force: true });
    renameSync(staged, folder);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
    rmSync(staged, { recursive: true, force: true });
  }
}

function one(files: readonly string[], pattern: RegExp): string {
  const found = files.find((file) => pattern.test(file));
  if (found === undefined) throw new Error(`the packages hold no file like ${String(pattern)}`);
  return found;
}
