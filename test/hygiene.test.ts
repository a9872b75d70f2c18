/**
 * What reviews would have to look for in every change: files that grew too
 * long, paths of one machine, hosts of registries. Also prints how many lines
 * each package has.
 */
import { expect, test } from 'vitest';
import { codeFiles, packageFolders, projectFiles, type SourceFile } from './files.ts';

const MAX_LINES = 500;
const code = codeFiles();
// The lockfile is the package manager's.
const texts = projectFiles().filter(({ path }) => path !== 'pnpm-lock.yaml');

/** `path:line text` of every line of the project that matches. */
function lines(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${String(i + 1)} ${line.trim().slice(0, 120)}`] : [])),
  );
}

test(`no file is longer than ${String(MAX_LINES)} lines without a line that says why`, () => {
  const long = code.filter(({ text }) => text.split('\n').length > MAX_LINES && !/\bover 500 lines: \S+/.test(text));
  expect(long.map(({ path, text }) => `${path}: ${String(text.split('\n').length)} lines`)).toEqual([]);
});

test('every source file opens by saying what it is', () => {
  // An index is a list of names, and a test says what it is in its name.
  const opening = code.filter(({ path }) => !path.endsWith('.test.ts') && !path.endsWith('/index.ts'));
  expect(opening.filter(({ text }) => !/^(#!.*\n)?\s*\/[*/]/.test(text)).map(({ path }) => path)).toEqual([]);
});

test('no path of one machine stands in a file', () => {
  expect(lines(texts, /(?<![\w.$}])\/(?:home|Users|root|work)\/\w|\b[A-Z]:\\Users\\/)).toEqual([]);
});

test('no host of a package registry or mirror stands in a file', () => {
  expect(
    lines(
      texts,
      /\b(?:registry|mirrors?|deb|ports|archive|snapshot|security|files)\.[a-z\d-]+\.(?:org|com|net|io)\b|\bnpmjs\.|\bpypi\.org|\bunpkg\.com|\bjsdelivr\./i,
    ),
  ).toEqual([]);
});

test('no rule is switched off and no type error hidden without a reason', () => {
  expect(
    lines(code, /(?:es|ox)lint-disable(?!.* -- \S)|@ts-(?:ignore|nocheck)/).filter(
      (line) => !line.startsWith('test/hygiene'),
    ),
  ).toEqual([]);
});

test('no comment is a fragment that begins with Of', () => {
  expect(lines(code, /(?:\/\*\*|\/\/|^\s*\*) Of [a-z]/)).toEqual([]);
});

test('the API is named: no index of a package exports whatever a file has', () => {
  const indexes = code.filter(({ path }) => /^packages\/[\w-]+\/src\/(?:\w+\/)?index\.ts$/.test(path));
  expect(indexes.length).toBeGreaterThan(8);
  expect(lines(indexes, /^export \* from/)).toEqual([]);
});

test('no test is left alone or out', () => {
  const tests = code.filter(({ path }) => path.endsWith('.test.ts') && path !== 'test/hygiene.test.ts');
  expect(lines(tests, /\b(?:test|it|describe)\.(?:only|skip|todo)\b/)).toEqual([]);
});

test('lines per package', () => {
  const rows = [...packageFolders()].map(([name, folder]) => {
    const count = (part: string): number =>
      code
        .filter(({ path }) => path.startsWith(`${folder}/${part}/`))
        .reduce((sum, { text }) => sum + text.split('\n').length - 1, 0);
    return { name, sources: count('src'), tests: count('test') };
  });
  console.log(
    [
      'package      sources  tests',
      ...rows.map(
        ({ name, sources, tests }) => `${name.padEnd(12)} ${String(sources).padStart(7)} ${String(tests).padStart(6)}`,
      ),
    ].join('\n'),
  );
  expect(rows.length).toBeGreaterThan(0);
});
