/** Where a run took place: adapter, driver, versions, commit, load. Figures mean nothing without it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Device } from '@rna/tensor';
import type { Results } from './rows.ts';

export type Environment = Omit<Results, 'rows'>;

export function describeEnvironment(device: Device): Environment {
  const { info } = device.adapter;
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return {
    adapter: device.traits.description,
    driver: info.description === '' ? info.device : info.description,
    versions: {
      rna: version(new URL('../package.json', import.meta.url)),
      webgpu: (createRequire(import.meta.url)('webgpu/package.json') as { version: string }).version,
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      processor: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`,
    },
    commit: commit(),
    load: [one, five, fifteen],
    date: new Date().toISOString(),
  };
}

function version(manifest: URL): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** The commit that is checked out, and whether files differ from it. */
export function commit(): string {
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const git = (...args: string[]): string | undefined => {
    const child = spawnSync('git', args, { cwd, encoding: 'utf8' });
    return child.status === 0 ? child.stdout.trim() : undefined;
  };
  const head = git('rev-parse', 'HEAD');
  if (head === undefined) return 'no git checkout';
  return git('status', '--porcelain') === '' ? head : `${head}+changes`;
}
