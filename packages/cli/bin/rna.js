#!/usr/bin/env node
/**
 * The `rna` command. In a checkout it runs from source, through tsx; in a
 * published package, which has no source, from the build. No child process, so
 * signals and exit codes are the command's own.
 */
import { existsSync } from 'node:fs';
import process from 'node:process';

const source = new URL('../src/main.ts', import.meta.url);
const fromSource = existsSync(source);
if (fromSource) {
  const { register } = await import('tsx/esm/api');
  register();
}
/** @type {{ main: (argv: string[]) => Promise<number> }} */
const { main } = await import(fromSource ? source.href : new URL('../dist/main.js', import.meta.url).href);
process.exitCode = await main(process.argv.slice(2));
