/**
 * The project's own files, for the tests that read them: everything but what is installed, built or written by a run.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const GENERATED = new Set(['node_modules', 'dist', 'runs', 'packed', 'api']);

/** Every text file of the project; files with a NUL byte count as data. In a worktree of git `.git` is a file. */
export function projectFiles(folder = ''): SourceFile[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return GENERATED.has(entry.name) || isHidden(entry.name) ? [] : projectFiles(path);
    const text = entry.isFile() && path !== '.git' ? readFileSync(join(root, path), 'utf8') : '\0';
    return text.includes('\0') ? [] : [{ path, text }];
  });
}

/** TypeScript and JavaScript. */
export function codeFiles(): SourceFile[] {
  return projectFiles().filter(({ path }) => /\.[mc]?[jt]sx?$/.test(path) && !path.includes('/fixtures/'));
}

/** The workspace's packages by short name, with the folder of each. */
export function packageFolders(): Map<string, string> {
  return new Map(
    [...readdirSync(join(root, 'packages')).map((name) => `packages/${name}`), 'benchmarks', 'examples'].map(
      (folder) => [basename(folder), folder],
    ),
  );
}

function isHidden(name: string): boolean {
  return name.startsWith('.') && name !== '.ci';
}
