/**
 * What the packages install with them may be used by anybody: the licence of every dependency of theirs, and of what
 * that needs in turn, is a permissive one. Read from the manifests that are installed.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { packageFolders, root } from './files.ts';

const ALLOWED = /^(?:MIT|MIT-0|BSD-[23]-Clause|ISC|Apache-2\.0|CC0-1\.0|Unlicense|0BSD|BlueOak-1\.0\.0)$/;

/** What else is taken, package by package, and why. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  // In the viewer of structures (3Dmol.js). Zlib asks no more than MIT does: to keep the notice, which the page does.
  pako: '(MIT AND Zlib)',
};

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** One allowed licence will do in an expression with OR; with AND, all must be allowed. */
const isAllowed = (licence: string): boolean =>
  licence
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((each) => ALLOWED.test(each.trim())));

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** The folder of a dependency: beside the one that needs it, or above. */
function installed(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(path)) return realpathSync(path);
    if (folder === dirname(folder)) return undefined;
  }
}

test('the licence of every dependency of a package is permissive', () => {
  const seen = new Map<string, Manifest>();
  const missing: string[] = [];
  const visit = (folder: string): void => {
    const manifest = manifestIn(folder);
    if (seen.has(folder)) return;
    seen.set(folder, manifest);
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      const found = installed(name, folder);
      if (found !== undefined) visit(found);
      // What is for another platform is not installed.
      else if (manifest.optionalDependencies?.[name] === undefined) missing.push(`${manifest.name} needs ${name}`);
    }
  };
  for (const folder of packageFolders().values()) if (folder.startsWith('packages/')) visit(join(root, folder));
  expect(missing).toEqual([]);
  expect(seen.size).toBeGreaterThan(40);
  const refused = [...seen.values()].filter(
    ({ name, license }) => license === undefined || !(isAllowed(license) || EXCEPTIONS[name] === license),
  );
  expect(refused.map(({ name, version, license }) => `${name} ${version}: ${license ?? 'no licence'}`)).toEqual([]);
});

test.each([
  ['MIT', true],
  ['(MIT OR GPL-3.0)', true],
  ['LGPL-3.0-or-later', false],
  ['MIT AND GPL-2.0', false],
  ['SEE LICENSE IN LICENSE', false],
])('%s is allowed: %j', (licence, allowed) => {
  expect(isAllowed(licence)).toBe(allowed);
});
