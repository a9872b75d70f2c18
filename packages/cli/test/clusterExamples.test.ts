/** The examples for clusters: their commands are there, and the Slurm script's shards join to what one process writes. */
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { program } from '../src/main.ts';
import { fasta, rna, temporaryFolder } from './harness.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/cluster/${name}`, import.meta.url));

test.each(['shards.sbatch', 'Snakefile', 'shards.nf', 'job.yaml', 'README.md'])(
  '%s names commands as they are',
  (name) => {
    const commands = [...readFileSync(example(name), 'utf8').matchAll(/(?<![\w.-])rna (embed|shards \w+)([^\n]*)/g)];
    const called = new Set(commands.map(([, command]) => command!));
    expect([...called].sort()).toEqual(expect.arrayContaining(['embed', 'shards merge', 'shards plan']) as string[]);
    for (const [, path, rest] of commands) {
      const command = path!
        .split(' ')
        .reduce((parent, word) => parent.commands.find((each) => each.name() === word)!, program());
      expect(command, path).toBeDefined();
      for (const [option] of rest!.split('rna ')[0]!.matchAll(/(?<=\s)--[a-z][\w-]*/g))
        expect(
          command.options.map(({ long }) => long),
          `${path!} in ${name}`,
        ).toContain(option);
    }
  },
);

test('tasks of the Slurm script, as Slurm would start them', async () => {
  const folder = temporaryFolder();
  const input = fasta(folder, ['GGGGAAAACCCC', 'ACGUAC', 'GGCGAAAGCC']);
  const command = join(folder, 'rna');
  const bin = fileURLToPath(new URL('../bin/rna.js', import.meta.url));
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`);
  chmodSync(command, 0o755);
  const out = join(folder, 'means.npy');
  const env = { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}` };
  const task = (id: string): Promise<number | null> =>
    new Promise((resolve, reject) => {
      const own = { ...env, INPUT: input, OUT: out, SHARDS: '2', SLURM_ARRAY_TASK_ID: id };
      spawn('bash', [example('shards.sbatch')], { env: own, stdio: 'ignore' })
        .on('error', reject)
        .on('close', resolve);
    });
  expect(await Promise.all([task('1'), task('2')])).toEqual([0, 0]);
  expect(await rna('shards', 'merge', out)).toMatchObject({ code: 0 });
  const whole = join(folder, 'whole.npy');
  expect(await rna('embed', input, '--out', whole, '--pool', 'mean')).toMatchObject({ code: 0 });
  expect(readFileSync(out).equals(readFileSync(whole))).toBe(true);
});
