/** What benchmarks that are made of `rna` commands share: running one, and keeping settings and results in a folder. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '@rna/kernels';

/** The command's file. */
export const RNA = fileURLToPath(new URL('../../packages/cli/bin/rna.js', import.meta.url));
const DRAW_STREAM = 0x64726177;

/** Runs an `rna` command, its progress on stderr; returns its stdout if asked. */
export function rna(args: readonly string[], capture = false): Promise<string> {
  process.stderr.write(`\n$ rna ${args.join(' ')}\n`);
  const child = spawn(process.execPath, [RNA, ...args], { stdio: ['ignore', capture ? 'pipe' : 2, 2] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  // Interrupted with us: the command keeps what it has, and so the next call goes on.
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(text);
      else
        reject(
          new Error(
            `rna ${args[0]} ended with ${signal ?? `exit code ${code}`}; what it did is kept, the same command goes on`,
          ),
        );
    });
  });
}

export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.partial`, text);
  await rename(`${path}.partial`, path);
}

/** The JSON that a command printed, from `file` if it was run before. */
export async function resultOf(file: string, args: readonly string[]): Promise<unknown> {
  if (!existsSync(file)) await writeWhole(file, await rna(args, true));
  return JSON.parse(await readFile(file, 'utf8'));
}

/** A folder keeps one comparison: its runs must not be of different data or sizes. */
export async function checkSettings(file: string, settings: object): Promise<void> {
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (!existsSync(file)) await writeWhole(file, text);
  else if ((await readFile(file, 'utf8')) !== text)
    throw new Error(
      `${file}: the comparison in this folder has other settings; choose another --out, or give the same`,
    );
}

/** A random order of the records, cut to `most`: the same for the same records. */
export const draw = <T>(records: readonly T[], most = records.length): T[] =>
  new RandomStream(0, DRAW_STREAM).shuffle([...records]).slice(0, most);

/** Numbers of an option. Throws an Error for others. */
export function natural(text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value > 0)) throw new Error(`'${text}' must be a positive whole number`);
  return value;
}
