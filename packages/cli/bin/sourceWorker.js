/**
 * A worker thread that runs from source, which Node does not read by itself:
 * the first argument is the URL of its module. See src/threads/startWorker.ts.
 * To load the source takes a second of processor time, so tests compile the
 * modules once, into the folder that `RNA_WORKERS` names (test/workers.setup.ts).
 */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const module = process.argv[2] ?? '';
const source = new URL('../src/', import.meta.url).href;
const compiled = process.env['RNA_WORKERS'];
const file =
  compiled !== undefined && module.startsWith(source)
    ? `${compiled}/${module.slice(source.length).replace(/\.ts$/, '.mjs')}`
    : undefined;
if (file !== undefined && existsSync(file)) {
  await import(pathToFileURL(file).href);
} else {
  const { register } = await import('tsx/esm/api');
  register();
  await import(module);
}
