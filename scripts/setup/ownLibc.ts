/**
 * The newest Mesa that Debian has, on a release whose C library is too old for
 * it: the driver in a private folder together with the C library of its own
 * release, and a script that starts Node by that library's loader. The rest of
 * the machine, and every process that is not started by the script, goes on
 * with what it had.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  driverRecordFile,
  graphicsDevices,
  ICD_FILE,
  nodeOf,
  ownLibcFolder,
  type DriverRecord,
} from '../../packages/tensor/src/node/driver.ts';
import { withApt } from './apt.ts';
import { filesOf, mesaVersion, one } from './packages.ts';
import { run } from './run.ts';

/** The release with the newest Mesa in its backports. */
const RELEASE = 'trixie';

/** The loaders' names, by Node's names of the architectures. */
const LOADERS: Partial<Record<string, string>> = { x64: 'ld-linux-x86-64.so.2', arm64: 'ld-linux-aarch64.so.1' };

/**
 * Fetches the driver, lets `check` try the script that starts Node, and puts all in its place unless that throws. A
 * driver that is there already stays if it passes, and is replaced only by one that does.
 */
export function installWithOwnLibc(check: (node: string) => void): void {
  const folder = ownLibcFolder();
  if (passes(check)) {
    // Only the machine around it has changed.
    const record = JSON.parse(readFileSync(driverRecordFile(folder), 'utf8')) as DriverRecord;
    writeRecord(folder, { ...record, preferredWith: graphicsDevices() });
    return;
  }
  mkdirSync(dirname(folder), { recursive: true });
  const unpacked = mkdtempSync(`${folder}-unpacked-`);
  const staged = mkdtempSync(`${folder}-staged-`);
  try {
    const version = withApt((apt) => {
      const archives = apt.download('mesa-vulkan-drivers', 'libvulkan1', 'libstdc++6', 'libgcc-s1', 'libc6');
      for (const archive of archives) run('dpkg-deb', ['-x', archive, unpacked]);
      return mesaVersion(archives);
    }, RELEASE);
    copyLibraries(unpacked, join(staged, 'lib'));
    const manifest = JSON.parse(readFileSync(one(filesOf(unpacked), LAVAPIPE_MANIFEST), 'utf8')) as {
      ICD: { library_path: string };
    };
    // The Vulkan loader takes it from the manifest's folder, wherever that is.
    manifest.ICD.library_path = './lib/libvulkan_lvp.so';
    writeFileSync(join(staged, ICD_FILE), JSON.stringify(manifest));
    writeFileSync(join(staged, 'execPath.cjs'), EXEC_PATH);
    mkdirSync(dirname(nodeOf(staged)));
    writeFileSync(nodeOf(staged), startScript());
    chmodSync(nodeOf(staged), 0o755);
    const record: DriverRecord = {
      name: `lavapipe, Mesa ${version} with its own C library`,
      icd: join(folder, ICD_FILE),
      libraries: [],
      preferredWith: graphicsDevices(),
    };
    writeRecord(staged, record);
    // A temporary folder is its owner's alone, and what is in it no secret.
    chmodSync(staged, 0o755);
    check(nodeOf(staged));
    rmSync(folder, { recursive: true, force: true });
    renameSync(staged, folder);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
    rmSync(staged, { recursive: true, force: true });
  }
}

function passes(check: (node: string) => void): boolean {
  try {
    check(nodeOf());
    return existsSync(driverRecordFile(ownLibcFolder()));
  } catch {
    return false;
  }
}

function writeRecord(folder: string, record: DriverRecord): void {
  const file = driverRecordFile(folder);
  writeFileSync(`${file}.partial`, JSON.stringify(record, undefined, 2));
  renameSync(`${file}.partial`, file);
}

const LAVAPIPE_MANIFEST = /\/vulkan\/icd\.d\/lvp_icd[^/]*\.json$/;

/**
 * Copies the whole C library, whose parts must be of one version, and of the rest what the driver, the Vulkan loader
 * and Node need.
 */
function copyLibraries(unpacked: string, target: string): void {
  mkdirSync(target);
  const files = filesOf(unpacked).filter((file) => /\.so(\.\d+)*$/.test(file));
  const copy = (file: string): void => {
    copyFileSync(realpathSync(file), join(target, basename(file)));
  };
  const name = LOADERS[process.arch]!;
  const loader = one(files, new RegExp(`-linux-gnu/${name.replaceAll('.', String.raw`\.`)}$`));
  const folders = [...new Set(files.map((file) => dirname(file)))];
  const needs = [/\/libvulkan_lvp\.so$/, /\/libvulkan\.so\.1$/, /\/libstdc\+\+\.so\.6$/, /\/libgcc_s\.so\.1$/].flatMap(
    (pattern) => {
      const library = one(files, pattern);
      const list = run(loader, ['--library-path', folders.join(':'), '--list', library]);
      return [library, ...[...list.matchAll(/=> (\S+)/g)].map((match) => match[1]!)];
    },
  );
  for (const file of new Set(needs)) {
    if (!file.startsWith(unpacked)) throw new Error(`the packages lack ${file}, which the driver needs`);
    copy(file);
  }
  // The loader's folder is that of the C library; other packages' libraries there came with `needs`.
  for (const file of readdirSync(dirname(loader)).filter((each) => LIBC_PARTS.test(each)))
    copy(join(dirname(loader), file));
  chmodSync(join(target, name), 0o755);
}

const LIBC_PARTS =
  /^(ld-linux-.*|lib(BrokenLocale|anl|c|c_malloc_debug|dl|m|mvec|nsl|nss_\w+|pcprofile|pthread|resolv|rt|thread_db|util)\.so\.\d+)$/;

/** Loaded before anything else. The kernel names the loader as what runs, and child processes are started by that. */
const EXEC_PATH = `'use strict';
// Node runs under another program's name here; see packages/tensor/src/node/driver.ts.
const { join } = require('node:path');
process.execPath = process.argv[0] = join(__dirname, 'bin', 'node');
const at = process.execArgv.indexOf(__filename);
if (at > 0) process.execArgv.splice(at - 1, 2);
`;

/**
 * Which Node it starts is said by RNA_NODE, which it hands on; a Node without it is the first other one in PATH, asked
 * for its file since what is there may only pass for Node too.
 */
const startScript = (): string => `#!/bin/sh
# Starts Node with this folder's Vulkan driver and C library. Written by \`npm run setup\`.
self=$0
if [ -L "$self" ]; then self=$(readlink -f "$self"); fi
case $self in /*) ;; *) self=$PWD/$self ;; esac
folder=\${self%/bin/node}
if [ ! -x "$RNA_NODE" ]; then
  RNA_NODE=
  IFS=:
  for each in $PATH; do
    if [ -x "$each/node" ] && [ ! "$each/node" -ef "$self" ]; then
      RNA_NODE=$("$each/node" -p process.execPath) && break
    fi
  done
  unset IFS
fi
if [ -z "$RNA_NODE" ]; then
  echo "$self: no other node is in PATH" >&2
  exit 127
fi
export RNA_NODE
case :$PATH: in *:"$folder/bin":*) ;; *) export PATH="$folder/bin:$PATH" ;; esac
if [ -z "$VK_DRIVER_FILES$VK_ICD_FILENAMES" ]; then export VK_DRIVER_FILES="$folder/${ICD_FILE}"; fi
exec "$folder/lib/${LOADERS[process.arch]!}" --library-path "$folder/lib" --argv0 "$self" "$RNA_NODE" --require "$folder/execPath.cjs" "$@"
`;
