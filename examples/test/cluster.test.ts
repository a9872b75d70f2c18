/** The examples for clusters call commands that there are, and the Slurm script joins to the bytes of one process. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { program } from '../../packages/cli/src/main.ts';

const folder = fileURLToPath(new URL('../cluster/', import.meta.url));
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');
