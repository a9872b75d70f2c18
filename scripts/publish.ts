/**
 * The packages as they would be published.
 *
 *     npm run build           per package `dist`: ES modules and declarations
 *     npm run check:publish   builds, packs, and checks what was packed
 *
 * The check looks at the tarballs, not at the checkout: publint and
 * arethetypeswrong read them, then they are unpacked beside each other and
 * imported by plain Node. Nothing is sent anywhere.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { run } from './setup/run.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const packagesFolder = join(root, 'packages');

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, unknown>> };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Builds every package into its `dist`, from nothing: a file whose source is gone must not be published. */
export function build(): void {
  const names = readdirSync(packagesFolder);
  for (const name of names) rmSync(join(packagesFolder, name, 'dist'), { recursive: true, force: true });
  run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '--build',
    '--force',
    ...names.map((name) => join(packagesFolder, name, 'tsconfig.build.json')),
  ]);
}

/** Packs what `build` made and returns every fault found, one text each; an empty list is a pass. */
export function checkPackages(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'rna-publish-'));
  try {
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      packageManager: string;
    };
    run(
      'npx',
      [
        '--yes',
        '--prefer-offline',
        packageManager,
        '--recursive',
        '--filter',
        './packages/*',
        'pack',
        '--pack-destination',
        folder,
      ],
      { cwd: root },
    );
    const packages = readdirSync(packagesFolder).map((name) => unpack(name, folder));
    return packages.flatMap((unpacked) => [...lint(unpacked), ...importAll(unpacked, folder)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Unpacked {
  readonly manifest: Manifest;
  readonly tarball: string;
  readonly folder: string;
}

/** Unpacks a package's tarball into `node_modules` of `folder`, and links there what it takes from others. */
function unpack(name: string, folder: string): Unpacked {
  const source = JSON.parse(readFileSync(join(packagesFolder, name, 'package.json'), 'utf8')) as Manifest;
  const tarball = join(folder, `${source.name.replace('@', '').replace('/', '-')}-${source.version}.tgz`);
  const target = join(folder, 'node_modules', source.name);
  mkdirSync(target, { recursive: true });
  run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  const manifest = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as Manifest;
  for (const dependency of Object.keys(manifest.dependencies ?? {}).filter((other) => !other.startsWith('@rna/'))) {
    const link = join(target, 'node_modules', dependency);
    mkdirSync(join(link, '..'), { recursive: true });
    symlinkSync(join(packagesFolder, name, 'node_modules', dependency), link);
  }
  return { manifest, tarball, folder: target };
}

function lint({ manifest, tarball }: Unpacked): string[] {
  const tool = (...args: string[]): string[] =>
    faults(manifest.name, () =>
      run(
        process.execPath,
        args.map((arg, i) => (i === 0 ? join(root, 'node_modules', arg) : arg)),
      ),
    );
  return [
    ...tool('publint/src/cli.js', 'run', tarball, '--strict'),
    // A package that is only a command has no types to be wrong.
    ...(manifest.publishConfig?.exports === undefined && manifest.bin !== undefined
      ? []
      : tool(
          '@arethetypeswrong/cli/dist/index.js',
          tarball,
          '--profile',
          'esm-only',
          '--no-definitely-typed',
          '--no-emoji',
          '--format',
          'ascii',
        )),
  ];
}

/** Imports every entry and starts every command, from the unpacked files alone. */
function importAll({ manifest, folder: unpacked }: Unpacked, folder: string): string[] {
  const entries = Object.keys((manifest as { exports?: Record<string, unknown> }).exports ?? {}).map(
    (entry) => manifest.name + entry.slice(1),
  );
  return [
    ...entries.flatMap((entry) =>
      faults(entry, () =>
        run(
          process.execPath,
          ['--input-type=module', '--eval', `await import(${JSON.stringify(entry)}); process.exit()`],
          { cwd: folder },
        ),
      ),
    ),
    ...Object.entries(manifest.bin ?? {}).flatMap(([command, file]) =>
      faults(command, () => run(process.execPath, [join(unpacked, file), '--help'])),
    ),
    ...(existsSync(join(unpacked, 'LICENSE')) ? [] : [`${manifest.name}: the tarball has no LICENSE`]),
  ];
}

function faults(what: string, check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [`${what}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  build();
  const found = process.argv[2] === 'check' ? checkPackages() : [];
  process.stderr.write(
    found.length > 0
      ? `${found.join('\n\n')}\n`
      : `${process.argv[2] === 'check' ? 'the packages are fit to be published' : 'built packages/*/dist'}\n`,
  );
  process.exitCode = found.length > 0 ? 1 : 0;
}
