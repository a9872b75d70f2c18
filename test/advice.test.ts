/**
 * Advice on commands, options and variables is the command line's: the packages below it serve pages and programs too,
 * so no string of theirs names one. `node` folders of theirs read our variables, and say so.
 */
import { expect, test } from 'vitest';
import { program } from '../packages/cli/src/main.ts';
import { codeFiles } from './files.ts';
import { stringsOf } from './imports.ts';

const BELOW = /^packages\/(?:kernels|tensor|structure|figures|model|train|web|inference)\/src\/(?!node\/)/;

type Command = ReturnType<typeof program>;

const below = (command: Command): Command[] => [command, ...command.commands.flatMap((each) => below(each))];
const all = below(program());
const words = (names: readonly string[]): string => [...new Set(names)].join('|');
const advice = new RegExp(
  [
    String.raw`\bRNA_[A-Z]`,
    String.raw`\brna (?:${words(all.slice(1).map((command) => command.name()))})\b`,
    String.raw`(?<![\w-])(?:${words(all.flatMap(({ options }) => options.flatMap(({ long }) => long ?? [])))})(?![\w-])`,
  ].join('|'),
);

test('advice is told from other text', () => {
  for (const text of ['set RNA_MEMORY_BUDGET', 'rna tune --clear', 'or pass --config', 'with rna corpus build'])
    expect(text).toMatch(advice);
  for (const text of ['var(--rna-good, #0072b2)', 'mmseqs --format-output query', 'a corpus of RNA'])
    expect(text).not.toMatch(advice);
});

test('no package below the command line names what is typed there', () => {
  const files = codeFiles().filter(({ path }) => BELOW.test(path) && !path.includes('/src/node/'));
  expect(files.length).toBeGreaterThan(100);
  expect(
    files.flatMap((file) =>
      stringsOf(file)
        .filter((text) => advice.test(text))
        .map((text) => `${file.path}: ${text.slice(0, 120)}`),
    ),
  ).toEqual([]);
});
