/**
 * Installs the peers into benchmarks/peers, a pnpm workspace of its own with
 * its own lockfile, so that no other command of the project brings their 370 MB
 * along. Nothing happens where the versions asked for are there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../peers', import.meta.url));
const rootManifest = fileURLToPath(new URL('../../../package.json', import.meta.url));

function read<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

/** Throws with the package manager's last words if the peers cannot be installed. */
export function ensurePeers(say: (line: string) => void): void {
  const { devDependencies } = read<{ devDependencies: Record<string, string> }>(join(folder, 'package.json'));
  const missing = Object.entries(devDependencies).filter(([name, version]) => {
    const manifest = join(folder, 'node_modules', name, 'package.json');
    return !existsSync(manifest) || read<{ version: string }>(manifest).version !== version;
  });
  if (missing.length === 0) return;
  const { packageManager } = read<{ packageManager: string }>(rootManifest);
  say(
    `installing the peers into benchmarks/peers (370 MB, for this suite alone): ${missing.map(([name, version]) => `${name} ${version}`).join(', ')}`,
  );
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
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      // npx is a command file on Windows, which only a shell starts.
      shell: process.platform === 'win32',
    },
  );
  if (child.status === 0) return;
  const reason = child.error?.message ?? `${child.stdout}\n${child.stderr}`.trim().split('\n').slice(-15).join('\n  ');
  throw new Error(
    `the peers could not be installed:\n  ${reason}\nCheck that npm reaches its registry from here (\`npm ping\`), then run this again; the other suites need no peers.`,
  );
}
