/**
 * Set-up: makes a machine with Node and npm ready. Installs the packages,
 * makes sure that WebGPU finds an adapter (scripts/setup/driver.ts) and, for the
 * tests, that there are a browser (scripts/setup/chromium.ts) and Open MPI
 * (scripts/setup/mpi.ts). Says what it does; what it found is kept in
 * node_modules, so that the next run only looks at that. Plain JavaScript over Node alone, since it runs before anything is
 * installed; the parts that come after are TypeScript.
 *
 *     node scripts/setup.mjs [--browser] [--mpi]
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * What set-up found, as kept between runs. `packages` and `machine` are hashes
 * of what the finding rests on.
 * @typedef {{ packages?: string, machine?: string, adapter?: string, chromium?: string, mpi?: string }} Stamp
 */

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'node_modules', '.rna-setup.json');

/**
 * Readies the machine. `again` looks at the driver even if nothing has changed
 * since the last run. Returns the Node to start what needs a device by, and why
 * there is no browser or no Open MPI, if one was asked for and there is none;
 * every other failure is thrown.
 * @param {{ browser?: boolean, mpi?: boolean, again?: boolean }} [options]
 * @returns {Promise<{ node: string, noBrowser: string | undefined, noMpi: string | undefined }>}
 */
export async function setup({ browser = false, mpi = false, again = false } = {}) {
  checkNode();
  const stamp = readStamp();
  const packages = hash([
    process.version,
    process.platform,
    process.arch,
    readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8'),
  ]);
  if (stamp.packages !== packages) {
    installPackages();
    writeStamp(Object.assign(stamp, { packages }));
  }
  const machine = hash(machineFacts());
  if (again || stamp.machine !== machine || stamp.adapter === undefined) {
    const { ensureAdapter } = await importTypeScript(
      /** @type {() => Promise<typeof import('./setup/driver.ts')>} */ (() => import('./setup/driver.ts')),
    );
    const adapter = ensureAdapter(say);
    say(`WebGPU runs on ${adapter}`);
    writeStamp(Object.assign(stamp, { machine: hash(machineFacts()), adapter }));
  }
  const { fasterNode } = await importTypeScript(
    /** @type {() => Promise<typeof import('../packages/tensor/src/node/driver.ts')>} */ (
      () => import('../packages/tensor/src/node/driver.ts')
    ),
  );
  const node = fasterNode(say) ?? process.execPath;
  const noMpi =
    !mpi || stamp.mpi !== undefined
      ? undefined
      : await reasonAgainst(async () => {
          const { ensureMpi } = await importTypeScript(
            /** @type {() => Promise<typeof import('./setup/mpi.ts')>} */ (() => import('./setup/mpi.ts')),
          );
          const found = ensureMpi(say);
          say(`tests of training over ranks run under ${found}`);
          writeStamp(Object.assign(stamp, { mpi: found }));
        });
  const noBrowser =
    !browser || (stamp.chromium !== undefined && existsSync(stamp.chromium))
      ? undefined
      : await reasonAgainst(async () => {
          const { ensureChromium } = await importTypeScript(
            /** @type {() => Promise<typeof import('./setup/chromium.ts')>} */ (() => import('./setup/chromium.ts')),
          );
          const chromium = ensureChromium(say);
          say(`browser tests run in ${chromium}`);
          writeStamp(Object.assign(stamp, { chromium }));
        });
  return { node, noBrowser, noMpi };
}

/**
 * Why a step did not work; undefined where it did.
 * @param {() => Promise<void>} step
 */
async function reasonAgainst(step) {
  try {
    await step();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`Node ${process.versions.node} is too old: install Node 20.19 or newer`);
  }
}

function installPackages() {
  const { packageManager } = /** @type {{ packageManager: string }} */ (
    JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  );
  say(`installing packages (npx ${packageManager} install) …`);
  const child = spawnSync(
    'npx',
    [
      '--yes',
      '--prefer-offline',
      packageManager,
      'install',
      '--frozen-lockfile',
      '--config.confirm-modules-purge=false',
    ],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      // npx is a command file on Windows, which only a shell starts.
      shell: process.platform === 'win32',
    },
  );
  if (child.status === 0) return;
  const reason = child.error?.message ?? `${child.stdout}\n${child.stderr}`.trim().split('\n').slice(-15).join('\n  ');
  throw new Error(
    `the packages could not be installed:\n  ${reason}\nCheck that npm reaches its registry from here (\`npm ping\`), then run this again.`,
  );
}

/**
 * What a found adapter rests on, without asking WebGPU: the drivers' manifests,
 * the graphics devices, and the variables that choose among them.
 */
function machineFacts() {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, RNA_DRIVER, XDG_CACHE_HOME, HOME } = process.env;
  const privateDrivers = ['driver', 'driver-own-libc', join('driver-own-libc', 'lib')].map((name) =>
    join(XDG_CACHE_HOME || join(HOME ?? '', '.cache'), 'rna', name),
  );
  const folders = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/dev/dri', ...privateDrivers];
  return [
    VK_DRIVER_FILES,
    VK_ICD_FILENAMES,
    RNA_DRIVER,
    ...folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])),
  ];
}

/**
 * Imports a TypeScript file; possible once the packages are installed.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T>}
 */
async function importTypeScript(load) {
  const { register } = await import('tsx/esm/api');
  const unregister = register();
  try {
    return await load();
  } finally {
    await unregister();
  }
}

/** @returns {Stamp} */
function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'));
  } catch {
    // No stamp, or one cut short: set-up simply looks at everything again.
    return {};
  }
}

/** @param {Stamp} stamp */
function writeStamp(stamp) {
  writeFileSync(stampFile, JSON.stringify(stamp, undefined, 2));
}

/** @param {(string | undefined)[]} parts */
function hash(parts) {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`set-up: ${line}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { noBrowser, noMpi } = await setup({
      browser: process.argv.includes('--browser'),
      mpi: process.argv.includes('--mpi'),
      again: true,
    });
    const missing = noBrowser ?? noMpi;
    if (missing !== undefined) throw new Error(missing);
    say('ready');
  } catch (error) {
    say(`failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
