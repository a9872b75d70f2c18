/**
 * The private Vulkan drivers: software drivers that `npm run setup` put into
 * the user's cache folder because the machine has none, or only a slower one,
 * and nothing may or can be installed system-wide. There are two kinds. One is
 * loaded into the running process. The other is too new for the machine's C
 * library and brings one of its own, so that Node itself must be started by
 * that library's loader: `bin/node` in its folder is a script that does it and
 * passes for Node (see `fasterNode`). This file is the whole agreement between
 * set-up, which writes the records, and run time, which reads them. It
 * installs nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';

export { isFastMesa } from './driverAge.ts';

/** What set-up wrote down about the driver. */
export interface DriverRecord {
  /** For people: `lavapipe, Mesa 25.0.7`. */
  readonly name: string;
  /** Absolute path of the ICD manifest that the Vulkan loader reads. */
  readonly icd: string;
  /** Absolute paths of the shared libraries, each after those it needs, the Vulkan loader among them. */
  readonly libraries: readonly string[];
  /**
   * The graphics devices that the machine had when set-up found its own driver to be a slower software driver. As long
   * as they are the same, this driver goes before the machine's; absent where it is only for want of another.
   */
  readonly preferredWith?: readonly string[];
}

/** The folder in which everything that is fetched once per user is kept. */
export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'rna');
}

/** The folder of the driver that is loaded into the process. */
export function driverFolder(): string {
  return join(cacheFolder(), 'driver');
}

/** The folder of the driver with a C library of its own. */
export function ownLibcFolder(): string {
  return join(cacheFolder(), 'driver-own-libc');
}

/** Where set-up writes the `DriverRecord` of a folder, as JSON. */
export function driverRecordFile(folder = driverFolder()): string {
  return join(folder, 'driver.json');
}

/** The script that passes for Node, in the folder of a driver with its own C library. */
export function nodeOf(folder = ownLibcFolder()): string {
  return join(folder, 'bin', 'node');
}

/** The kernel's entries for graphics devices: a change of them may mean a GPU. */
export function graphicsDevices(): string[] {
  const entries = (folder: string, pattern: RegExp): string[] =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => pattern.test(name))
          .map((name) => join(folder, name))
      : [];
  return [...entries('/dev/dri', /^renderD/), ...entries('/dev', /^(nvidia\d+|dxg|kfd|mali\d+)$/)].sort();
}

// glibc's flag, absent from Node's constants: Node closes a library that is no addon, and this keeps it loaded all the
// same.
const RTLD_NODELETE = 0x1000;

/** Whether this process was started by the own loader of a driver that has a C library of its own. */
export const runsOnOwnLibc = (): boolean =>
  // A worker thread with arguments of its own to Node sees the loader as what runs.
  [nodeOf(), join(ownLibcFolder(), 'lib')].some((path) => process.execPath.startsWith(path));

/**
 * The script to start Node by instead of `process.execPath`, for a driver that is several times faster than the
 * machine's; undefined where there is none, where it runs already, and where the user chose a driver
 * (`VK_DRIVER_FILES`, `RNA_DRIVER=system`). `say` is told when it is there and does not start.
 */
export function fasterNode(say: (line: string) => void): string | undefined {
  const node = nodeOf();
  if (runsOnOwnLibc() || !isPreferred(ownLibcFolder())) return undefined;
  // The script starts this Node rather than the first in PATH.
  process.env['RNA_NODE'] = process.execPath;
  const trial = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (trial.status === 0) return node;
  const reason = trial.error?.message ?? trial.stderr.trim().split('\n').at(-1);
  say(`the faster Vulkan driver in ${ownLibcFolder()} does not start (${reason}) and is left out; ${REPAIR}`);
  return undefined;
}

/**
 * Loads the private driver into this process if it is to go before the machine's own, so that the next call of Dawn's
 * `create()` finds it, and returns its name; undefined where there is none such. `say` is told when it is there and
 * cannot be loaded.
 */
export function usePreferredDriver(say: (line: string) => void): string | undefined {
  if (runsOnOwnLibc() || !isPreferred(driverFolder())) return undefined;
  try {
    return usePrivateDriver();
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}; the machine's own driver is used`);
    return undefined;
  }
}

/**
 * Takes the private driver out of this process's environment and says so; false where it is not in it. For when it
 * gave no adapter.
 */
export function giveUpPrivateDriver(say: (line: string) => void): boolean {
  const named = process.env['VK_DRIVER_FILES'];
  if (!isPrivate(named)) return false;
  say(`the Vulkan driver ${named} gives no adapter and is left out; ${REPAIR}`);
  delete process.env['VK_DRIVER_FILES'];
  return true;
}

/**
 * Forgets a driver that only a process with its C library can load, and whose name came here in the environment of
 * such a process.
 */
export function forgetForeignDriver(): void {
  if (!runsOnOwnLibc() && process.env['VK_DRIVER_FILES'] === join(ownLibcFolder(), ICD_FILE))
    delete process.env['VK_DRIVER_FILES'];
}

const REPAIR = '`npm run setup` in a checkout of the project makes it anew';

let loaded = false;

/**
 * Loads the private driver into this process, so that the next call of Dawn's
 * `create()` finds it, and returns its name. Does nothing and returns undefined
 * where there is none, where it is loaded already, and where the user chose a
 * driver (`VK_DRIVER_FILES`, `RNA_DRIVER=system`).
 * Throws when the driver is recorded but its files cannot be loaded.
 */
export function usePrivateDriver(): string | undefined {
  const file = driverRecordFile();
  if (process.platform !== 'linux' || userChoseDriver() || !existsSync(file)) return undefined;
  const record = readRecord(file);
  if (loaded && process.env['VK_DRIVER_FILES'] === record.icd) return undefined;
  for (const library of record.libraries) {
    try {
      process.dlopen(
        { exports: {} },
        library,
        constants.dlopen.RTLD_LAZY | constants.dlopen.RTLD_GLOBAL | RTLD_NODELETE,
      );
    } catch (error) {
      // A library that is no Node addon always ends here, loaded. Anything else is a real failure.
      if (!(error instanceof Error && error.message.includes('did not self-register'))) {
        throw new Error(
          `the private Vulkan driver's ${library} cannot be loaded; delete ${driverFolder()} and run \`npm run setup\` in a checkout of the project`,
          { cause: error },
        );
      }
    }
  }
  process.env['VK_DRIVER_FILES'] = record.icd;
  loaded = true;
  return record.name;
}

/** Whether the folder holds a driver that goes before the machine's own. */
function isPreferred(folder: string): boolean {
  const file = driverRecordFile(folder);
  if (process.platform !== 'linux' || userChoseDriver() || !existsSync(file)) return false;
  const { preferredWith } = readRecord(file);
  return preferredWith !== undefined && preferredWith.join() === graphicsDevices().join();
}

/** The manifest of the private driver that goes before the machine's own; undefined where there is none. */
export function preferredManifest(): string | undefined {
  const folder = [ownLibcFolder(), driverFolder()].find(isPreferred);
  return folder === undefined ? undefined : join(folder, ICD_FILE);
}

/** The name of a driver's manifest in its folder. */
export const ICD_FILE = 'icd.json';

const isPrivate = (manifest: string | undefined): manifest is string =>
  [driverFolder(), ownLibcFolder()].some((folder) => manifest === join(folder, ICD_FILE));

/** Where the driver comes from that `VK_DRIVER_FILES` names, if any. */
export type DriverSource = 'machine' | 'user' | 'private';

export function driverSource(): DriverSource {
  if (isPrivate(process.env['VK_DRIVER_FILES'])) return 'private';
  return namesDriver() ? 'user' : 'machine';
}

const namesDriver = (): boolean =>
  [process.env['VK_DRIVER_FILES'], process.env['VK_ICD_FILENAMES']].some(
    (value) => value !== undefined && value !== '',
  );

function userChoseDriver(): boolean {
  return process.env['RNA_DRIVER'] === 'system' || driverSource() === 'user';
}

function readRecord(file: string): DriverRecord {
  const { name, icd, libraries, preferredWith } = JSON.parse(readFileSync(file, 'utf8')) as Partial<DriverRecord>;
  if (typeof name !== 'string' || typeof icd !== 'string' || !Array.isArray(libraries)) {
    throw new Error(
      `${file} is no driver record; delete ${dirname(file)} and run \`npm run setup\` in a checkout of the project`,
    );
  }
  return { name, icd, libraries, ...(preferredWith && { preferredWith }) };
}
