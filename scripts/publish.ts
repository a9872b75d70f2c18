/**
 * The packages as they would be published.
 *
 *     npm run build           per package `dist`: ES modules and declarations
 *     npm run pack            builds, and packs into `packed/` tarballs that npm installs
 *     npm run check:publish   builds, packs, and checks what was packed
 *
 * Packing turns `workspace:` into versions and puts `publishConfig.exports` in the place of `exports`, which point at
 * sources in a checkout. pnpm does both; what `npm pack` makes in a package's folder has neither and installs nowhere.
 *
 * The check looks at the tarballs, not at the checkout: publint and
 * arethetypeswrong read them, then they are unpacked beside each other, imported
 * by plain Node, and their declarations compiled as a strict user would. Nothing
 * is sent anywhere.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { run } from './setup/run.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const packagesFolder = join(root, 'packages');

interface Manifest {
  readonly name: string;
  readonly version: string;
  /** Not published, such as the application, which is built into a site. */
  readonly private?: true;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, unknown>> };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Folders of the packages that are published. */
const publishedFolders = (): string[] =>
  readdirSync(packagesFolder).filter((name) => readManifest(name).private !== true);

const readManifest = (name: string): Manifest =>
  JSON.parse(readFileSync(join(packagesFolder, name, 'package.json'), 'utf8')) as Manifest;

/** Builds every package into its `dist`, from nothing: a file whose source is gone must not be published. */
export function build(): void {
  const names = publishedFolders();
  for (const name of names) rmSync(join(packagesFolder, name, 'dist'), { recursive: true, force: true });
  run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '--build',
    '--force',
    ...names.map((name) => join(packagesFolder, name, 'tsconfig.build.json')),
  ]);
}

/** Packs what `build` made into tarballs in `folder`. */
export function pack(folder: string): void {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { packageManager: string };
  run(
    'npx',
    [
      '--yes',
      '--prefer-offline',
      packageManager,
      '--recursive',
      ...publishedFolders().flatMap((name) => ['--filter', `./packages/${name}`]),
      'pack',
      '--pack-destination',
      folder,
    ],
    { cwd: root },
  );
}

/** Packs what `build` made and returns every fault found, one text each; an empty list is a pass. */
export function checkPackages(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'rna-publish-'));
  try {
    pack(folder);
    const packages = publishedFolders().map((name) => unpack(name, folder));
    return [
      ...packages.flatMap((unpacked) => [
        ...manifestFaults(unpacked),
        ...lint(unpacked),
        ...importAll(unpacked, folder),
      ]),
      ...compileAsUser(packages, folder),
    ];
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
  const source = readManifest(name);
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

/** What of a manifest holds in a checkout alone. */
function manifestFaults({ manifest }: Unpacked): string[] {
  const text = JSON.stringify(manifest);
  return [
    ...(text.includes('workspace:') ? [`${manifest.name}: its packed manifest has a dependency on the workspace`] : []),
    ...(text.includes('./src/') ? [`${manifest.name}: its packed manifest points at sources`] : []),
  ];
}

/**
 * Compiles a program that takes the entries, and the README's snippets, against the declarations: strictly, without
 * `skipLibCheck`, with the TypeScript of this project and the newest. The newest has WebGPU in its own DOM library,
 * which contradicts @webgpu/types: what it says of that file alone is left out. So is @rna/figures, since the
 * declarations of Observable Plot want those of d3, which it does not bring.
 */
function compileAsUser(packages: readonly Unpacked[], folder: string): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const section = /^## As a library\n([^]*?)^## /m.exec(readme)![1]!;
  const snippets = [...section.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, text], i) => {
    writeFileSync(join(folder, `readme${i}.ts`), text!);
    return `readme${i}.ts`;
  });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'));
  const compile = (compiler: string, lib: readonly string[], entries: readonly string[]): string[] => {
    const program = entries.map((entry, i) => `export * as e${i} from ${JSON.stringify(entry)};\n`).join('');
    writeFileSync(join(folder, 'entries.ts'), program);
    const compilerOptions = {
      target: 'ES2023',
      module: 'NodeNext',
      lib,
      types: ['node'],
      strict: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['entries.ts', ...snippets] }),
    );
    return faults(`declarations, ${compiler}`, () =>
      run(process.execPath, [join(root, 'node_modules', compiler, 'bin/tsc'), '-p', folder], { cwd: folder }),
    );
  };
  const checked = packages.filter(({ manifest }) => manifest.name !== '@rna/figures');
  const entries = checked.flatMap(({ manifest }) => entriesOf(manifest));
  const lib = ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'];
  const ofOthers = (line: string): boolean => /@webgpu[+/]types/.test(line);
  const newest = compile('typescript-newest', lib, entries).filter((report) => {
    const errors = report.split('\n').filter((line) => /error TS\d+/.test(line));
    return errors.length === 0 || !errors.every(ofOthers);
  });
  return [...compile('typescript', lib, entries), ...newest];
}

const entriesOf = ({ name, exports = {} }: Manifest): string[] =>
  Object.keys(exports).map((entry) => name + entry.slice(1));

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

/** Imports an entry, and fails for a file that it names by a URL and that was not packed. */
const importing = (entry: string): string => `
  const { existsSync } = await import('node:fs');
  const named = Object.values(await import(${JSON.stringify(entry)}));
  const urls = named.flatMap((value) => Object.values(Object(value))).filter((value) => value instanceof URL);
  const missing = urls.filter((url) => !existsSync(url));
  if (missing.length > 0) throw new Error('files that were not packed: ' + missing.join(' '));
  process.exit();`;

/** Imports every entry and starts every command, from the unpacked files alone. */
function importAll({ manifest, folder: unpacked }: Unpacked, folder: string): string[] {
  return [
    ...entriesOf(manifest).flatMap((entry) =>
      faults(entry, () => run(process.execPath, ['--input-type=module', '--eval', importing(entry)], { cwd: folder })),
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
  const [, , what] = process.argv;
  build();
  const packed = join(root, 'packed');
  if (what === 'pack') {
    rmSync(packed, { recursive: true, force: true });
    mkdirSync(packed);
    pack(packed);
  }
  const found = what === 'check' ? checkPackages() : [];
  const done = {
    pack: 'packed packed/*.tgz; npm install packed/*.tgz installs them all',
    check: 'the packages are fit to be published',
  }[what ?? ''];
  process.stderr.write(found.length > 0 ? `${found.join('\n\n')}\n` : `${done ?? 'built packages/*/dist'}\n`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
