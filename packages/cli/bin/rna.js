#!/usr/bin/env node
/**
 * The `rna` command. In a checkout it runs from source, through tsx; in a
 * published package, which has no source, from the build. In this process, so
 * that signals and exit codes are the command's own, unless there is a faster
 * driver that only a Node on another C library can load (see runNode.js).
 */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runNode } from './runNode.js';

const source = new URL('../src/main.ts', import.meta.url);
const fromSource = existsSync(source);
if (fromSource) {
  const { register } = await import('tsx/esm/api');
  register();
}
const { fasterNode } = await import('@rna/tensor/driver');
const faster = fasterNode((line) => {
  process.stderr.write(`${line}\n`);
});
if (faster !== undefined) {
  runNode(faster, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
} else {
  /** @type {{ main: (argv: string[]) => Promise<number> }} */
  const { main } = await import(fromSource ? source.href : new URL('../dist/main.js', import.meta.url).href);
  process.exitCode = await main(process.argv.slice(2));
}
