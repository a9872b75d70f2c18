/** What the tests of `rna data` share: the command run, its summary, and the files that it wrote. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseStructureFile } from '@rna/structure';
import { expect } from 'vitest';
import { rna, temporaryFolder } from './harness.ts';

export interface Summary {
  readonly sets: readonly {
    readonly file: string;
    readonly rnas: number;
    readonly shortest: number;
    readonly longest: number;
    readonly labels: Readonly<Record<string, number>>;
  }[];
  readonly notes: readonly string[];
}

/** Runs `rna data … --json`; names of sets are relative to the folder that is written to. */
export async function prepare(...argv: string[]): Promise<Summary & { out: string; counts: Record<string, number> }> {
  const out = join(temporaryFolder(), 'out');
  const { code, stdout, stderr } = await rna('data', ...argv, '--out', out, '--json');
  expect([code, stderr]).toEqual([0, '']);
  const summary = JSON.parse(stdout) as Summary;
  const counts = Object.fromEntries(
    summary.sets.map(({ file, rnas }) => [file.slice(out.length + 1).replaceAll('\\', '/'), rnas]),
  );
  return { ...summary, out, counts };
}

export async function refused(...argv: string[]): Promise<string> {
  const { code, stderr } = await rna('data', ...argv, '--out', join(temporaryFolder(), 'out'));
  expect(code).toBeGreaterThan(0);
  expect(stderr).not.toContain('a fault of this program');
  return stderr;
}

export function write(folder: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Rows of a table, without its header. */
export const rows = (...path: string[]): string[][] =>
  readFileSync(join(...path), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));
export const structures = (...path: string[]) => parseStructureFile(readFileSync(join(...path), 'utf8'), join(...path));
