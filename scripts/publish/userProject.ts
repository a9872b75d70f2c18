/**
 * A project of a user, in an empty folder: our packages installed by npm from
 * the registry of this machine, and what a user does with them.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface UserProject {
  readonly folder: string;
  /** The folder that an installed package lies in. */
  readonly packageFolder: (name: string) => string;
  /** Writes a file of the project and gives its path. */
  readonly write: (path: string, content: string | Uint8Array) => string;
  /** Runs Node in the project; gives what it writes to stdout, and rejects with the end of its output where it fails. */
  readonly node: (...args: string[]) => Promise<string>;
}

/** An environment without what npm tells the scripts that it runs, which a nested npm would obey. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

/** Runs a command and gives its stdout; rejects with the last `lines` of its output where it fails. */
export async function execute(
  command: string,
  args: readonly string[],
  { cwd, lines = 40 }: { readonly cwd: string; readonly lines?: number },
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd,
      env: cleanEnvironment(),
      maxBuffer: 2 ** 28,
      // npm is a command file on Windows, which only a shell starts.
      shell: process.platform === 'win32',
    });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    const output = `${stdout}\n${stderr}`.trim().split('\n').slice(-lines).join('\n  ');
    throw new Error(`\`${command} ${args.slice(0, 3).join(' ')} …\` failed:\n  ${output === '' ? message : output}`, {
      cause: error,
    });
  }
}

const npm = (registry: string, cache: string, cwd: string, ...args: string[]): Promise<string> =>
  execute('npm', [...args, '--registry', registry, '--cache', cache, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
  });

/** Installs packages into a new project. */
export async function installProject(folder: string, registry: string, names: readonly string[]): Promise<UserProject> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}\n');
  await npm(registry, join(folder, '.npm'), folder, 'install', ...names);
  return {
    folder,
    packageFolder: (name) => join(folder, 'node_modules', name),
    write(path, content) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      return file;
    },
    node: (...args) => execute(process.execPath, args, { cwd: folder }),
  };
}

/** Installs a command for everybody, below a folder of its own, and gives the path of what a shell would start. */
export async function installCommand(folder: string, registry: string, name: string, command: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await npm(registry, join(folder, '.npm'), folder, 'install', '--global', '--prefix', folder, name);
  const path = process.platform === 'win32' ? join(folder, `${command}.cmd`) : join(folder, 'bin', command);
  if (!existsSync(path)) throw new Error(`npm installed no command ${command}`);
  return path;
}

/** The blocks of code in a part of a document, of a language. */
export function snippetsOf(document: string, heading: string, language: string): string[] {
  const text = `${readFileSync(document, 'utf8')}\n## `;
  const section = new RegExp(`^## ${heading}\\n([^]*?)^## `, 'm').exec(text)?.[1];
  if (section === undefined) throw new Error(`${document} has no part "${heading}"`);
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]!);
}
