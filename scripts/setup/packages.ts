/** What unpacked packages of a distribution hold. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

export const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));

export function one(files: readonly string[], pattern: RegExp): string {
  const found = files.find((file) => pattern.test(file));
  if (found === undefined) throw new Error(`the packages hold no file like ${String(pattern)}`);
  return found;
}

/** Mesa's version by the names of the package files. */
export function mesaVersion(archives: readonly string[]): string {
  const names = archives.map((file) => basename(file));
  return names.flatMap((name) => /^mesa-vulkan-drivers_([\d.]+)/.exec(name)?.[1] ?? [])[0] ?? 'of unknown version';
}
