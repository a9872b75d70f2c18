/**
 * A registry of packages on this machine, for installing without a network: it
 * serves the tarballs of our own packages and, packed when they are asked for,
 * the packages that are installed in this checkout. npm asks it as it asks any
 * registry, so versions, exports and commands are resolved as a user's are.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package: the folder that it is installed in, or its tarball. */
interface Served {
  readonly manifest: PackageManifest;
  readonly tarball: () => Promise<Uint8Array>;
}

export interface LocalRegistry {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Versions of packages by name. */
export type Packages = Map<string, Map<string, Served>>;

/** Adds a package whose tarball exists. */
export function addTarball(packages: Packages, manifest: PackageManifest, file: string): void {
  add(packages, { manifest, tarball: () => Promise.resolve(readFileSync(file)) });
}

/** Adds what is installed for a package in a folder, and all that it needs in turn; what another platform needs is not. */
export function addInstalled(packages: Packages, name: string, from: string): void {
  const folder = installed(name, from);
  if (folder === undefined) return;
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageManifest;
  if (packages.get(manifest.name)?.has(manifest.version) === true) return;
  add(packages, { manifest, tarball: () => packFolder(folder) });
  for (const other of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }))
    addInstalled(packages, other, folder);
}

function add(packages: Packages, served: Served): void {
  const { name, version } = served.manifest;
  const versions = packages.get(name) ?? new Map<string, Served>();
  packages.set(name, versions.set(version, served));
}

/** The folder of a dependency: beside the one that needs it, or above. */
function installed(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(path)) return realpathSync(path);
    if (folder === dirname(folder)) return undefined;
  }
}

/** A folder as a tarball. Dawn's binaries for other platforms, a hundred megabytes, are left out. */
async function packFolder(folder: string): Promise<Uint8Array> {
  const own = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`;
  const platforms = ['darwin-universal', 'linux-arm64', 'linux-x64', 'win32-arm64', 'win32-x64'];
  const { stdout } = await promisify(execFile)(
    'tar',
    [
      '-cf',
      '-',
      // Files of the same content are links to one in pnpm's store; npm unpacks no links.
      '--hard-dereference',
      '--exclude=node_modules',
      ...platforms.filter((each) => each !== own).map((each) => `--exclude=dist/${each}`),
      '-C',
      dirname(folder),
      basename(folder),
    ],
    { encoding: 'buffer', maxBuffer: 2 ** 30 },
  );
  // npm reads tarballs that are not compressed, too.
  return stdout;
}

/** Serves packages on a free port of this machine. */
export async function serveRegistry(packages: Packages): Promise<LocalRegistry> {
  let url = '';
  const server = createServer((request, response) => {
    const [path = ''] = decodeURIComponent(request.url ?? '').split('?');
    const [, name = '', version] = /^\/((?:@[^/]+\/)?[^/]+)(?:\/-\/(.+)\.tgz)?$/.exec(path) ?? [];
    const versions = packages.get(name);
    const served = version === undefined ? undefined : versions?.get(version);
    if (versions === undefined || (version !== undefined && served === undefined)) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not installed in the checkout"}');
    } else if (served !== undefined) {
      served.tarball().then(
        (bytes) => response.end(bytes),
        () => response.writeHead(500).end(),
      );
    } else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(packument(url, name, versions)));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What npm reads about a package. */
const packument = (url: string, name: string, versions: ReadonlyMap<string, Served>) => ({
  name,
  'dist-tags': { latest: [...versions.keys()].at(-1) },
  versions: Object.fromEntries(
    [...versions].map(([version, { manifest }]) => [
      version,
      { ...manifest, dist: { tarball: `${url}/${name}/-/${version}.tgz` } },
    ]),
  ),
});
