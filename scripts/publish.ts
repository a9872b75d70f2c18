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
 * The check looks at the tarballs, not at the checkout: publint and arethetypeswrong read them, then npm installs them
 * into an empty folder from a registry on this machine (publish/localRegistry.ts), and what a user does is done there:
 * every entry is imported, the README's snippets are compiled strictly, run, and bundled, and the command is started.
 * Nothing is sent anywhere, and no network is needed.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as esbuild } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { build as viteBuild } from 'vite';
import { addInstalled, addTarball, serveRegistry, type Packages } from './publish/localRegistry.ts';
import { execute, installCommand, installProject, snippetsOf, type UserProject } from './publish/userProject.ts';
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
    join(root, 'node_modules/typescript-newest/bin/tsc'),
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

/**
 * Packs what `build` made and returns every fault found, one text each; an empty list is a pass. With `everything`
 * arethetypeswrong looks at them, too.
 */
export async function checkPackages({ everything = false } = {}): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rna-publish-'));
  try {
    pack(folder);
    const packed = publishedFolders().map((name): Packed => {
      const { name: full, version } = readManifest(name);
      const tarball = join(folder, `${full.replace('@', '').replace('/', '-')}-${version}.tgz`);
      const manifest = JSON.parse(run('tar', ['-xzOf', tarball, 'package/package.json'])) as Manifest;
      return { manifest, tarball };
    });
    const found = packed.flatMap(manifestFaults);
    for (const each of packed) found.push(...(await lint(each, everything)));
    return [...found, ...(await checkAsUser(packed, folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Packed {
  /** As it is in the tarball. */
  readonly manifest: Manifest;
  readonly tarball: string;
}

/** What a user does: installs the packages by npm, imports all of them, compiles against them, runs the README. */
async function checkAsUser(packed: readonly Packed[], folder: string): Promise<string[]> {
  const packages: Packages = new Map();
  for (const { manifest, tarball } of packed) addTarball(packages, manifest, tarball);
  for (const name of publishedFolders())
    for (const other of Object.keys(readManifest(name).dependencies ?? {}))
      if (!other.startsWith('@rna/')) addInstalled(packages, other, join(packagesFolder, name));
  addInstalled(packages, '@types/node', root);
  const registry = await serveRegistry(packages);
  try {
    const names = packed.map(({ manifest }) => manifest.name);
    const project = await installProject(join(folder, 'project'), registry.url, [...names, '@types/node']);
    const command = await installCommand(join(folder, 'global'), registry.url, '@rna/cli', 'rna');
    const found: string[] = [];
    found.push(...(await importAll(packed, project)));
    found.push(...(await compileAsUser(packed, project)));
    found.push(...(await faults('README', () => runReadme(project))));
    for (const name of publishedFolders())
      found.push(...(await faults(`packages/${name}/README.md`, () => runExample(name, project))));
    found.push(...(await faults('bundles', () => bundle(project))));
    found.push(...(await faults('rna', () => runCommand(command, folder))));
    return found;
  } finally {
    await registry.close();
  }
}

/** What of a manifest holds in a checkout alone. */
function manifestFaults({ manifest }: Packed): string[] {
  const text = JSON.stringify(manifest);
  return [
    ...(text.includes('workspace:') ? [`${manifest.name}: its packed manifest has a dependency on the workspace`] : []),
    ...(text.includes('./src/') ? [`${manifest.name}: its packed manifest points at sources`] : []),
  ];
}

/** The README's snippets for library users. */
const readmeSnippets = (): string[] => snippetsOf(join(root, 'README.md'), 'As a library', 'ts');

/**
 * Compiles a program that takes the entries, and the README's snippets, against the declarations: strictly, without
 * `skipLibCheck`, with the TypeScript of this project and the newest. @rna/figures is left out, since the
 * declarations of Observable Plot want those of d3, which it does not bring.
 */
async function compileAsUser(packed: readonly Packed[], project: UserProject): Promise<string[]> {
  const checked = packed.filter(({ manifest }) => manifest.name !== '@rna/figures');
  const entries = checked.flatMap(({ manifest }) => entriesOf(manifest));
  project.write('entries.ts', entries.map((entry, i) => `export * as e${String(i)} from '${entry}';\n`).join(''));
  const snippets = readmeSnippets().map((text, i) => {
    project.write(`readme${String(i)}.ts`, text);
    return `readme${String(i)}.ts`;
  });
  for (const name of publishedFolders()) {
    project.write(`${name}Example.ts`, exampleOf(name));
    snippets.push(`${name}Example.ts`);
  }
  const compilerOptions = {
    target: 'ES2023',
    module: 'NodeNext',
    lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  };
  project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['entries.ts', ...snippets] }));
  // The newest has WebGPU in its own DOM library, which contradicts @webgpu/types: of that nothing is ours.
  const ofOthers = (line: string): boolean => /@webgpu[+/]types|\blib\.dom\.d\.ts\(/.test(line);
  const found: string[] = [];
  for (const compiler of ['typescript', 'typescript-newest']) {
    const tsc = join(root, 'node_modules', compiler, 'bin/tsc');
    const [report = ''] = await faults('tsc', () =>
      execute(process.execPath, [tsc, '-p', project.folder], { cwd: project.folder, lines: Infinity }),
    );
    const errors = report.split('\n').filter((line) => /error TS\d+/.test(line));
    const ours = errors.filter((line) => !ofOthers(line));
    if (ours.length > 0 || (report !== '' && errors.length === 0))
      found.push(`declarations, ${compiler}:\n${(ours.length > 0 ? ours : [report]).slice(0, 20).join('\n')}`);
  }
  return found;
}

const entriesOf = ({ name, exports = {} }: Manifest): string[] =>
  Object.keys(exports).map((entry) => name + entry.slice(1));

/** What publint finds, and where everything is checked arethetypeswrong, which takes its time. */
async function lint({ manifest, tarball }: Packed, everything: boolean): Promise<string[]> {
  const bytes = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  const found = messages.map((message) => `${manifest.name}: ${formatMessage(message, pkg) ?? message.code}`);
  if (!everything) return found;
  const tool = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const options = ['--profile', 'esm-only', '--no-definitely-typed', '--no-emoji', '--format', 'ascii'];
  return [
    ...found,
    ...(await faults(manifest.name, () => execute(process.execPath, [tool, tarball, ...options], { cwd: root }))),
  ];
}

/** Imports entries, and tells of each that fails or names a file by a URL that was not packed. */
const importing = (entries: readonly string[]): string => `
  import { existsSync } from 'node:fs';
  for (const entry of ${JSON.stringify(entries)}) {
    try {
      const named = Object.values(await import(entry));
      const urls = named.flatMap((value) => Object.values(Object(value))).filter((value) => value instanceof URL);
      for (const url of urls) if (!existsSync(url)) console.log(entry + ': ' + url + ' was not packed');
    } catch (error) {
      console.log(entry + ': ' + error.message);
    }
  }
  process.exit();`;

/** Imports every entry, from the installed files alone. */
async function importAll(packed: readonly Packed[], project: UserProject): Promise<string[]> {
  const entries = packed.flatMap(({ manifest }) => entriesOf(manifest));
  const complaints = await project.node('--input-type=module', '--eval', importing(entries));
  const missing = packed.flatMap(({ manifest }) =>
    ['LICENSE', 'README.md']
      .filter((file) => !existsSync(join(project.packageFolder(manifest.name), file)))
      .map((file) => `${manifest.name}: the tarball has no ${file}`),
  );
  return [...complaints.split('\n').filter((line) => line !== ''), ...missing];
}

/** Runs the README's snippets as plain JavaScript; the second one reads a model in the folder `model`. */
async function runReadme(project: UserProject): Promise<void> {
  for (const file of ['config.json', 'model.safetensors']) {
    const content = readFileSync(join(project.packageFolder('@rna/builtin'), 'model', file));
    project.write(`model/${file}`, content);
  }
  const logged: string[] = [];
  for (const [i, text] of readmeSnippets().entries())
    logged.push(await project.node(project.write(`readme${String(i)}.js`, text)));
  if (!logged[0]?.includes('((((....))))')) throw new Error(`the first snippet folded no hairpin: ${logged[0] ?? ''}`);
  if (!/\[ 21, \d+ \]/.test(logged[1] ?? '')) throw new Error(`the second snippet gave no rows: ${logged[1] ?? ''}`);
}

/** The example of a package's own README. */
function exampleOf(name: string): string {
  const [example] = snippetsOf(join(packagesFolder, name, 'README.md'), 'Example', 'ts');
  if (example === undefined) throw new Error(`packages/${name}/README.md has no example`);
  return example;
}

/** Runs a package's example as plain JavaScript. It is to print what the comments behind its last calls say. */
async function runExample(name: string, project: UserProject): Promise<void> {
  const example = exampleOf(name);
  const expected = [...example.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]!);
  // It has a line of the README that says so.
  if (name === 'web') return;
  const printed = (await project.node(project.write(`${name}Example.js`, example))).trimEnd().split('\n');
  if (expected.length === 0 || printed.join('\n') !== expected.join('\n'))
    throw new Error(`printed ${printed.join(' | ')} where ${expected.join(' | ')} was expected`);
}

/** A program and a page that take the higher door, by esbuild and by Vite; the program is run. */
async function bundle(project: UserProject): Promise<void> {
  const page = "import { openModel } from '@rna/inference';\nObject.assign(globalThis, { openModel });\n";
  const entry = project.write('page.js', page);
  project.write('index.html', '<!doctype html><script type="module" src="./page.js"></script>\n');
  const { outputFiles } = await esbuild({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  const node = /["'](?:node:|@rna\/tensor\/node).{0,40}/.exec(outputFiles[0]!.text);
  if (node !== null) throw new Error(`the page by esbuild names Node: ${node[0]}`);
  await viteBuild({ root: project.folder, logLevel: 'silent', build: { outDir: 'site', target: 'es2022' } });
  const assets = readdirSync(join(project.folder, 'site/assets'));
  for (const file of [/^model-.*\.safetensors$/, /^EternaFoldParams-/, /\.js$/])
    if (!assets.some((asset) => file.test(asset))) throw new Error(`the page by Vite has no ${file.source}`);

  const program = project.write('program.js', readmeSnippets()[1]!);
  const outfile = join(project.folder, 'bundled.js');
  // Dawn's binary cannot be in a bundle.
  await esbuild({
    entryPoints: [program],
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['webgpu'],
    outfile,
    logLevel: 'silent',
  });
  const logged = await project.node(outfile);
  if (!/\[ 21, \d+ \]/.test(logged)) throw new Error(`the program by esbuild gave no rows: ${logged}`);
}

/** The command as it is installed for everybody: it runs from JavaScript, without a loader of TypeScript. */
async function runCommand(command: string, folder: string): Promise<void> {
  const fasta = join(folder, 'rnas.fasta');
  writeFileSync(fasta, '>hairpin\nGGGGAAAACCCC\n');
  const folded = await execute(command, ['fold', '--engine', 'contrafold', fasta], { cwd: folder });
  if (!folded.includes('((((....))))')) throw new Error(`rna fold gave ${folded}`);
  const modules = readdirSync(join(folder, 'global'), { recursive: true }).map(String);
  const loaders = modules.filter((path) => /[\\/](?:tsx|esbuild|typescript|ts-node)$/.test(path));
  if (loaders.length > 0) throw new Error(`a loader was installed: ${loaders.join(', ')}`);
}

async function faults(what: string, check: () => Promise<unknown>): Promise<string[]> {
  try {
    await check();
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
  const found = what === 'check' ? await checkPackages({ everything: true }) : [];
  const done = {
    pack: 'packed packed/*.tgz; npm install packed/*.tgz installs them all',
    check: 'the packages are fit to be published',
  }[what ?? ''];
  process.stderr.write(found.length > 0 ? `${found.join('\n\n')}\n` : `${done ?? 'built packages/*/dist'}\n`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
