/**
 * Drivers for the machine's own C library in the user's cache folder: Mesa's
 * out of apt's packages, SwiftShader out of an npm package. Of what is fetched
 * only the driver and its libraries are kept.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isFastMesa } from '../../packages/tensor/src/node/driverAge.ts';
import {
  driverFolder,
  driverRecordFile,
  graphicsDevices,
  ICD_FILE,
  type DriverRecord,
} from '../../packages/tensor/src/node/driver.ts';
import { withApt } from './apt.ts';
import { NPM_SOURCE, unpackFromNpm } from './npm.ts';
import { filesOf, mesaVersion, one } from './packages.ts';
import { run } from './run.ts';

export const MESA_PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];

// The C and C++ runtimes are already in the process, and a second copy of them would break it.
const RUNTIME_PACKAGES = /^(libc6|libgcc-s1|libstdc\+\+6|gcc-\d+-base|libc-bin)_/;

/** Unpacks apt's Mesa. If `check` throws, the driver that was there before is there again. */
export function unpackMesa(check: () => void): void {
  withApt((apt) => {
    const archives = apt.download(...MESA_PACKAGES).filter((file) => !RUNTIME_PACKAGES.test(basename(file)));
    const version = mesaVersion(archives);
    // A fast one goes before the machine's own.
    const preferred = isFastMesa(`Mesa ${version}`) ? { preferredWith: graphicsDevices() } : {};
    installPrivately({ name: `lavapipe, Mesa ${version}`, ...preferred }, check, (unpacked) => {
      for (const archive of archives) run('dpkg-deb', ['-x', archive, unpacked]);
      const files = filesOf(unpacked);
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

export function swiftShaderFromNpm(check: () => void): void {
  installPrivately({ name: `SwiftShader, ${NPM_SOURCE}` }, check, (unpacked) => {
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
 * Keeps of what `unpack` fetches only the driver and its libraries, and puts them in place with one renaming: a
 * broken-off set-up leaves no half of a driver.
 */
function installPrivately(
  about: Pick<DriverRecord, 'name' | 'preferredWith'>,
  check: () => void,
  unpack: (folder: string) => Unpacked,
): void {
  const folder = driverFolder();
  mkdirSync(dirname(folder), { recursive: true });
  const unpacked = mkdtempSync(`${folder}-unpacked-`);
  const staged = mkdtempSync(`${folder}-staged-`);
  const before = `${unpacked}-before`;
  try {
    const { icd, driver, libraries } = unpack(unpacked);
    const distinct = [...new Set(libraries)];
    for (const file of [...distinct, driver]) copyFileSync(realpathSync(file), join(staged, basename(file)));
    const manifest = JSON.parse(readFileSync(icd, 'utf8')) as { ICD: { library_path: string } };
    manifest.ICD.library_path = join(folder, basename(driver));
    writeFileSync(join(staged, ICD_FILE), JSON.stringify(manifest));
    const record: DriverRecord = {
      ...about,
      icd: join(folder, ICD_FILE),
      libraries: distinct.map((file) => join(folder, basename(file))),
    };
    writeFileSync(driverRecordFile(staged), JSON.stringify(record, undefined, 2));
    if (existsSync(folder)) renameSync(folder, before);
    renameSync(staged, folder);
    try {
      check();
    } catch (error) {
      // What did not help must not stand in the way of the next road, nor be found at run time.
      rmSync(folder, { recursive: true });
      if (existsSync(before)) renameSync(before, folder);
      throw error;
    }
  } finally {
    for (const each of [unpacked, staged, before]) rmSync(each, { recursive: true, force: true });
  }
}
