/**
 * The arrows of the house: kernels <- tensor <- model <- train <- web <- inference <- cli, app, examples, with structure under model,
 * figures and builtin under cli and app.
 * Sources and manifests agree with it and with each other, the lower packages
 * name no platform, and no file needs itself through others.
 */
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { codeFiles, packageFolders, root, type SourceFile } from './files.ts';
import { globalsOf, importsOf } from './imports.ts';

/** What a package may use. `benchmarks` is in no list: nothing uses it. */
const MAY_USE: Record<string, readonly string[]> = {
  builtin: [],
  kernels: [],
  tensor: ['kernels'],
  structure: ['kernels'],
  figures: ['kernels', 'structure'],
  model: ['kernels', 'tensor', 'structure'],
  train: ['kernels', 'tensor', 'structure', 'model'],
  web: ['builtin', 'kernels', 'tensor', 'structure', 'model', 'train'],
  inference: ['builtin', 'tensor', 'structure', 'model', 'train', 'web'],
  cli: ['builtin', 'kernels', 'tensor', 'structure', 'figures', 'model', 'train', 'inference'],
  app: ['builtin', 'kernels', 'tensor', 'structure', 'figures', 'model', 'train', 'web', 'inference'],
  examples: [
    'builtin',
    'kernels',
    'tensor',
    'structure',
    'figures',
    'model',
    'train',
    'inference',
    'cli',
    'web',
    'app',
  ],
  benchmarks: ['builtin', 'kernels', 'tensor', 'structure', 'figures', 'model', 'train', 'inference', 'cli', 'web'],
};

const PLATFORM_FREE = new Set(['builtin', 'kernels', 'tensor', 'structure', 'figures', 'model', 'train', 'inference']);
const PLATFORM_GLOBALS = new Set([
  'process',
  'Buffer',
  'require',
  '__dirname',
  '__filename',
  'setImmediate',
  'window',
  'document',
  'localStorage',
]);
/** Entries that exist to name a platform. */
const PLATFORM_ENTRIES = [
  'packages/tensor/src/node/',
  'packages/inference/src/node/',
  'packages/inference/src/browser/',
];

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const files = codeFiles();
const rootManifest = manifestOf('');

describe.each([...packageFolders()])('%s', (name, folder) => {
  const manifest = manifestOf(folder);
  const ours = files.filter(({ path }) => path.startsWith(`${folder}/`));
  const sources = ours.filter(({ path }) => path.startsWith(`${folder}/src/`));
  const allowed = MAY_USE[name];

  test('stands in the order of the packages', () => {
    expect(allowed, `add ${name} to MAY_USE in test/imports.test.ts`).toBeDefined();
  });

  test('its manifest points down only', () => {
    const used = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
      .filter(isOurs)
      .map(shortName);
    expect(used.filter((other) => !allowed?.includes(other))).toEqual([]);
  });

  test('its files point down only, and into no other package by path', () => {
    const wrong = ours.flatMap((file) =>
      importsOf(file)
        .filter(({ specifier }) => {
          if (specifier.startsWith('.')) return !resolve(file, specifier).startsWith(`${folder}/`);
          return isOurs(specifier) && shortName(specifier) !== name && !allowed?.includes(shortName(specifier));
        })
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('its manifest declares what its files use', () => {
    const inSources = new Set(Object.keys(manifest.dependencies ?? {}));
    const inTests = new Set([
      ...inSources,
      ...Object.keys({ ...manifest.devDependencies, ...rootManifest.devDependencies }),
    ]);
    const missing = ours.flatMap((file) =>
      externalImports(file)
        .filter(
          (other) =>
            packageName(other) !== `@rna/${name}` &&
            !(sources.includes(file) ? inSources : inTests).has(packageName(other)),
        )
        // The command runs from source in a checkout only, where the root has tsx.
        .filter((other) => !(file.path === 'packages/cli/bin/rna.js' && other === 'tsx/esm/api'))
        .map((other) => `${file.path} imports ${other}`),
    );
    expect(missing).toEqual([]);
  });

  test('its files use what its manifest declares', () => {
    const used = new Set(ours.flatMap((file) => externalImports(file)).map(packageName));
    // Packages of types alone are used by the compiler.
    const unused = Object.keys(manifest.dependencies ?? {}).filter(
      (other) => !used.has(other) && !/^@types\/|^@webgpu\/types$/.test(other),
    );
    expect(unused).toEqual([]);
  });

  test('no file needs itself through others at run time', () => {
    expect(cycles(sources)).toEqual([]);
  });

  if (PLATFORM_FREE.has(name))
    test('its sources name no platform', () => {
      const neutral = sources.filter(({ path }) => !PLATFORM_ENTRIES.some((entry) => path.startsWith(entry)));
      const named = neutral.flatMap((file) =>
        [
          ...importsOf(file)
            .map(({ specifier }) => specifier)
            .filter(
              (specifier) =>
                isBuiltin(specifier) ||
                PLATFORM_ENTRIES.some((entry) => resolve(file, specifier).startsWith(entry)) ||
                specifier === '@rna/tensor/node',
            ),
          ...globalsOf(file, PLATFORM_GLOBALS),
        ].map((what) => `${file.path} names ${what}`),
      );
      expect(named).toEqual([]);
    });
});

test('nothing outside benchmarks uses benchmarks', () => {
  const wrong = files
    .filter(({ path }) => !path.startsWith('benchmarks/'))
    .filter((file) => importsOf(file).some(({ specifier }) => /^@rna\/benchmarks|\/benchmarks\//.test(specifier)));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

describe('the reader of imports', () => {
  const read = (text: string): string[] =>
    importsOf({ path: 'x.ts', text }).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' (type)' : ''}`);

  test('sees every form', () => {
    expect(
      read(
        "import a from 'a'; import 'b'; export * from 'c'; const d = await import('d'); import { type E } from 'e'; import type F from 'f'; type G = import('g').G;",
      ),
    ).toEqual(['a', 'b', 'c', 'd', 'e (type)', 'f (type)', 'g (type)']);
    expect(read("import { type A, b } from 'a'; // import 'x'\nconst text = \"import 'y'\";")).toEqual(['a']);
  });

  test('tells globals from properties and own names', () => {
    const text =
      'process.exit(); a.Buffer; const b = { window: 1 }; function f(require) { require(); } globalThis.document;';
    expect(globalsOf({ path: 'x.ts', text }, PLATFORM_GLOBALS).sort()).toEqual(['document', 'process']);
  });

  test('finds a cycle', () => {
    const circle = ['a', 'b', 'c'].map((name, i) => ({ path: `p/${name}.ts`, text: `import './${'bca'[i]!}.ts';` }));
    expect(cycles(circle)).toEqual(['p/a.ts -> p/b.ts -> p/c.ts -> p/a.ts']);
    expect(
      cycles(circle.map((file) => ({ ...file, text: file.text.replace('import', 'import type * as x from') }))),
    ).toEqual([]);
  });
});

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

function isOurs(specifier: string): boolean {
  return specifier.startsWith('@rna/');
}

function shortName(specifier: string): string {
  return specifier.split('/')[1] ?? '';
}

/** `@scope/name/entry` and `name/entry` without the entry. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function externalImports(file: SourceFile): string[] {
  return importsOf(file)
    .map(({ specifier }) => specifier)
    .filter((specifier) => !specifier.startsWith('.') && !isBuiltin(specifier));
}

function resolve(file: SourceFile, specifier: string): string {
  return posix.join(posix.dirname(file.path), specifier);
}

/**
 * Every cycle of run-time imports, once, as the walk from its first file meets it. Imports of types alone are no cycle
 * at run time.
 */
function cycles(sources: readonly SourceFile[]): string[] {
  const needs = new Map(
    sources.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
        .map(({ specifier }) => resolve(file, specifier)),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(' -> '));
    if (start >= 0 || done.has(path)) return;
    for (const next of needs.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of needs.keys()) visit(path, []);
  return found;
}
