/**
 * What the documents and the help texts name exists: files and folders, the
 * headings that links point at, npm scripts, commands of `rna` and their
 * options, fields of configs. It says nothing about whether a sentence is true.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { program } from '../packages/cli/src/main.ts';
import { HEADS } from '../packages/model/src/index.ts';
import { configFields, finetuneConfig, pretrainConfig } from '../packages/train/src/index.ts';
import { projectFiles, root } from './files.ts';

const documents = projectFiles().filter(({ path }) => path.endsWith('.md'));
const scripts = new Set(
  Object.keys((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }).scripts),
);

type Command = ReturnType<typeof program>;
type Schema = Parameters<typeof configFields>[0];

interface Code {
  /** `FILE:LINE` or `rna COMMAND --help`. */
  readonly where: string;
  readonly text: string;
}

/** The lines of fenced blocks and the inline code of a document. */
function codeOf(path: string, text: string): Code[] {
  let fenced = false;
  return text.split('\n').flatMap((line, i) => {
    const where = `${path}:${String(i + 1)}`;
    if (/^\s*```/.test(line)) {
      fenced = !fenced;
      return [];
    }
    if (fenced) return [{ where, text: line }];
    return [...line.matchAll(/`([^`]+)`/g)].map((match) => ({ where, text: match[1]! }));
  });
}

const code = documents.flatMap(({ path, text }) => codeOf(path, text));

test('links of documents lead somewhere', () => {
  const broken = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => {
        const [file = '', heading] = target.split('#');
        const full = file === '' ? path : posix.join(dirname(path), file);
        if (!existsSync(join(root, full))) return true;
        return heading !== undefined && !headings(readFileSync(join(root, full), 'utf8')).includes(heading);
      })
      .map((target) => `${path}: ${target}`),
  );
  expect(broken).toEqual([]);
});

/** Headings as links name them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('paths in documents exist', () => {
  const folders = readdirSync(root, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() && entry.name !== 'node_modules' ? [entry.name] : [],
  );
  const path = /(?<![\w/.@-])([\w.-]+(?:\/[\w.*{},<>…-]+)+)/g;
  const missing = code.flatMap(({ where, text }) =>
    [...text.matchAll(path)]
      .map((match) => match[1]!)
      .filter((each) => folders.includes(each.split('/')[0]!) && !each.startsWith('runs/') && !each.endsWith('/dist'))
      .filter((each) => !matches(each))
      .map((each) => `${where}: ${each}`),
  );
  expect(missing).toEqual([]);
});

/** Whether a path exists, where `*`, `{a,b}`, `<name>` and words in capitals stand for anything. */
function matches(path: string): boolean {
  const plain = path.replace(/[.,]$/, '');
  if (!/[*{<…]|[A-Z]{4,}/.test(plain)) return existsSync(join(root, plain));
  return plain
    .split('/')
    .reduce<string[]>(
      (found, part) => {
        const pattern = new RegExp(
          `^${part
            .replace(/[.+]/g, '\\$&')
            .replace(/\{([^}]*)\}/g, (_, names: string) => `(${names.replaceAll(',', '|')})`)
            .replace(/\*+|<[^>]*>|…|[A-Z]{4,}/g, '.*')}$`,
        );
        return found.flatMap((folder) =>
          existsSync(join(root, folder)) && !/\.\w+$/.test(folder)
            ? readdirSync(join(root, folder))
                .filter((name) => pattern.test(name))
                .map((name) => posix.join(folder, name))
            : [],
        );
      },
      ['.'],
    )
    .some(Boolean);
}

test('npm scripts in documents exist', () => {
  const missing = code.flatMap(({ where, text }) =>
    [...text.matchAll(/npm run ([\w:-]+)/g)]
      .filter((match) => !scripts.has(match[1]!))
      .map((match) => `${where}: ${match[0]}`),
  );
  expect(missing).toEqual([]);
});

// ---- commands ------------------------------------------------------------------

const commandLine = program();
/** Dotted fields of the configs that the training commands take as options. */
const settings = new Set(
  [pretrainConfig as Schema, ...HEADS.map((head) => finetuneConfig(head) as Schema)].flatMap((schema) =>
    configFields(schema).map(({ path }) => path),
  ),
);

function find(words: readonly string[]): Command | undefined {
  return words.reduce<Command | undefined>(
    (found, word) => found?.commands.find((each) => each.name() === word),
    commandLine,
  );
}

const optionsOf = (command: Command): string[] => [
  '--help',
  ...command.options.flatMap(({ long, short }) =>
    [long, short].flatMap((each) => (each === undefined || each === null ? [] : [each])),
  ),
];

/** Options of every command, and the fields of configs. */
const everyOption = new Set(
  (function collect(command: Command): string[] {
    return [...optionsOf(command), ...command.commands.flatMap(collect)];
  })(commandLine),
);

/** What is wrong with the calls of `rna` in a line; nothing where there is none. */
function faults({ where, text }: Code): string[] {
  // What stands behind a comment, a pipe or a second command is another command's.
  return text.split(/\s#|\s\|\s|;|&&|`/).flatMap((part) => {
    const match = /(?:^|[\s(])rna ([a-z-]+)(?= |$)(.*)/.exec(part.trim());
    // Prose such as "the rna command" is no call.
    if (match === null || match[1] === 'command') return [];
    const [, first = '', rest = ''] = match;
    const command = find([first]);
    if (command === undefined) return [`${where}: there is no command "rna ${first}"`];
    const sub = command.commands.find((each) => [each.name(), ...each.aliases()].includes(rest.trim().split(/\s/)[0]!));
    const known = optionsOf(sub ?? command);
    const takesSettings = ['pretrain', 'finetune', 'evaluate'].includes(first);
    return [...rest.matchAll(/[\s[(|](--[\w.-]*\w)(?!\.…)/g)]
      .map((option) => option[1]!)
      .filter((option) => !known.includes(option))
      .filter((option) => !(takesSettings && settings.has(option.slice(2))))
      .map((option) => `${where}: rna ${first} has no option ${option}`);
  });
}

test('commands and their options in documents exist', () => {
  expect(code.flatMap(faults)).toEqual([]);
});

describe('help', () => {
  const helps = (function collect(command: Command, name: string): Code[] {
    let text = '';
    command.configureOutput({ writeOut: (part) => (text += part) });
    command.outputHelp();
    return [
      { where: `${name} --help`, text },
      ...command.commands.flatMap((each) => collect(each, `${name} ${each.name()}`)),
    ];
  })(commandLine, 'rna');

  test('names commands and options that exist', () => {
    expect(helps.length).toBeGreaterThan(15);
    const calls = helps.flatMap(({ where, text }) =>
      text
        .split('\n')
        .filter((line) => line.trim().startsWith('$ '))
        .map((line) => ({ where, text: line.replace('$ ', '') })),
    );
    expect(calls.flatMap(faults)).toEqual([]);
    const options = helps.flatMap(({ where, text }) =>
      [...text.matchAll(/(?<![\w-])(--[a-z][\w.-]*\w)/g)]
        .map((match) => match[1]!)
        .filter((option) => !everyOption.has(option) && !settings.has(option.slice(2)) && option !== '--key')
        .map((option) => `${where}: ${option}`),
    );
    expect(options).toEqual([]);
  });
});

test('the reader of commands sees what is wrong', () => {
  const at = (text: string) => faults({ where: 'x', text });
  expect(at('npx rna fold MODEL rnas.fasta --out structures')).toEqual([]);
  expect(at('npx rna fold MODEL rnas.fasta --nothing')).toEqual(['x: rna fold has no option --nothing']);
  expect(at('rna pretrain c.yaml --train.steps 10 --train.nothing 1')).toEqual([
    'x: rna pretrain has no option --train.nothing',
  ]);
  expect(at('npx rna unfold a.fasta')).toEqual(['x: there is no command "rna unfold"']);
  expect(at('npx rna corpus build a --ncrna b | rna fold --nothing')).toContain('x: rna fold has no option --nothing');
});
