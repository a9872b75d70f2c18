/**
 * The private Vulkan driver: a software driver that `npm run setup` put into
 * the user's cache folder because the machine has none and nothing may be
 * installed system-wide. This file is the whole agreement between set-up, which
 * writes the record, and run time, which reads it. It installs nothing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';

/** What set-up wrote down about the driver. */
export interface DriverRecord {
  /** For people: `lavapipe, Mesa 25.0.7`. */
  readonly name: string;
  /** Absolute path of the ICD manifest that the Vulkan loader reads. */
  readonly icd: string;
  /** Absolute paths of the shared libraries, each after those it needs, the Vulkan loader among them. */
  readonly libraries: readonly string[];
}

/** The folder in which everything that is fetched once per user is kept. */
export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'rna');
}

export function driverFolder(): string {
  return join(cacheFolder(), 'driver');
}

/** Where set-up writes the `DriverRecord`, as JSON. */
export function driverRecordFile(): string {
  return join(driverFolder(), 'driver.json');
}

// glibc's flag, absent from Node's constants: Node closes a library that is no addon, and this keeps it loaded all the
// same.
const RTLD_NODELETE = 0x1000;

/**
 * Loads the private driver into this process, so that the next call of Dawn's
 * `create()` finds it, and returns its name. Does nothing and returns undefined
 * where there is none, and where the user chose a driver (`VK_DRIVER_FILES`).
 * Throws when the driver is recorded but its files cannot be loaded.
 */
export function usePrivateDriver(): string | undefined {
  const file = driverRecordFile();
  if (process.platform !== 'linux' || userChoseDriver() || !existsSync(file)) return undefined;
  const record = readRecord(file);
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
  return record.name;
}

function userChoseDriver(): boolean {
  return [process.env['VK_DRIVER_FILES'], process.env['VK_ICD_FILENAMES']].some(
    (value) => value !== undefined && value !== '',
  );
}

function readRecord(file: string): DriverRecord {
  const { name, icd, libraries } = JSON.parse(readFileSync(file, 'utf8')) as Partial<DriverRecord>;
  if (typeof name !== 'string' || typeof icd !== 'string' || !Array.isArray(libraries)) {
    throw new Error(
      `${file} is no driver record; delete ${driverFolder()} and run \`npm run setup\` in a checkout of the project`,
    );
  }
  return { name, icd, libraries };
}
