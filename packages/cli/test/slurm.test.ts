/**
 * A real Slurm on this machine: arrays of sharded work of which a task is killed and another is requeued join to what
 * one process writes, and ranks that srun starts train to its bits. Left out where Slurm's daemons and munge are not
 * installed (on Debian `apt-get install slurm-wlm`) and where the tests are not run as root.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fasta, rna, temporaryFolder } from './harness.ts';
import { appears, canStartSlurm, finished, requeue, startSlurm, statesOf, type Slurm } from './slurm.ts';
import { filesUnder, rnas, RUN_ITSELF, structures, tinyModel } from './training.ts';

const example = fileURLToPath(new URL('../../../examples/cluster/shards.sbatch', import.meta.url));
const program = fileURLToPath(new URL('../bin/rna.js', import.meta.url));
const SHARDS = 3;
/** How srun tells its processes of each other, and the library that listens to it. */
const LIBRARIES = [
  ['pmix', 'libmpi.so.40'],
  ['pmi2', 'libmpich.so.12'],
] as const;

/** A folder for commands that has `rna`, as the jobs of a cluster find it. */
function withRna(folder: string): string {
  const command = join(folder, 'rna');
  writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(command, 0o755);
  return `${folder}${delimiter}${process.env['PATH'] ?? ''}`;
}

/** The process that works on a shard, by the name of its hidden folder. */
function workerOf(out: string, shard: number): number | undefined {
  const prefix = `.shard-${String(shard).padStart(5, '0')}-of`;
  const folder = `${out}.shards`;
  const [hidden] = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(prefix)) : [];
  return hidden === undefined ? undefined : Number(/-(\d+)-[0-9a-f]+\.partial$/.exec(hidden)![1]);
}

/** An array of the work on all shards. */
const submit = (slurm: Slurm, folder: string, log: string, script: string, ...variables: string[]): Promise<string> =>
  slurm.run(
    'sbatch',
    ...['--parsable', '--requeue', `--array=1-${SHARDS}`, '--cpus-per-task=1', '--mem=0', '--open-mode=append'],
    ...['--output', log, `--export=ALL,PATH=${withRna(folder)},SHARDS=${SHARDS},${variables.join(',')}`, script],
  );

describe.skipIf(!canStartSlurm)('under a real Slurm', { timeout: 600_000 }, () => {
  test('arrays with a task killed and one requeued join to what one process writes', async () => {
    const slurm = await startSlurm(temporaryFolder());
    const folder = temporaryFolder();
    const sequence = 'GGGAAACCCUUUAGCGCAUAUGCUAGCAUUACGGCAUAUCGGAUCUAGCAUCGAUUAC';
    const records = Array.from({ length: 24 }, (_, k) => sequence.slice(k % 20).repeat(3));
    const input = fasta(folder, records);

    // Structures, by a script of one line: a task's process is killed in the middle, as by a machine that goes down.
    const out = join(folder, 'x.dbn');
    const script = join(folder, 'structures.sbatch');
    writeFileSync(
      script,
      '#!/bin/sh\nexec rna structures "$INPUT" --jobs 1 --out "$OUT" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS"\n',
    );
    const log = join(folder, 'structures.log');
    const job = await submit(slurm, folder, log, script, `INPUT=${input}`, `OUT=${out}`);
    let worker: number | undefined;
    await appears(
      () => (worker = workerOf(out, 2)) !== undefined,
      () => (existsSync(log) ? readFileSync(log, 'utf8') : 'no task has begun'),
    );
    process.kill(worker!, 'SIGKILL');
    await appears(
      async () => (await statesOf(slurm, `${job}_2`)).join() === 'FAILED',
      () => 'the task did not fail',
    );
    await requeue(slurm, `${job}_2`);

    // Vectors, by the script of the examples: a task is requeued while it runs, as when it has to make room.
    const means = join(folder, 'means.npy');
    const embedLog = join(folder, 'embed.log');
    const second = await submit(slurm, folder, embedLog, example, `INPUT=${input}`, `OUT=${means}`);
    await appears(
      () => workerOf(means, 1) !== undefined,
      () => (existsSync(embedLog) ? readFileSync(embedLog, 'utf8') : 'no task has begun'),
    );
    await requeue(slurm, `${second}_1`);

    await finished(slurm, job, log);
    expect(await rna('shards', 'status', out, '--missing')).toMatchObject({ code: 0, stdout: '' });
    await finished(slurm, second, embedLog);
    expect(await rna('shards', 'status', means, '--missing')).toMatchObject({ code: 0, stdout: '' });
    for (const name of [out, means]) expect(await rna('shards', 'merge', name)).toMatchObject({ code: 0 });
    const whole = { dbn: join(folder, 'whole.dbn'), npy: join(folder, 'whole.npy') };
    expect(await rna('structures', input, '--jobs', '1', '--out', whole.dbn)).toMatchObject({ code: 0 });
    expect(await rna('embed', input, '--pool', 'mean', '--out', whole.npy)).toMatchObject({ code: 0 });
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(whole.dbn, 'utf8'));
    expect(readFileSync(means).equals(readFileSync(whole.npy))).toBe(true);
    expect(readdirSync(`${out}.shards`)).toHaveLength(SHARDS);
  });

  test('two ranks that srun starts have the bits of one process, by PMIx and by PMI2', async ({ skip }) => {
    const slurm = await startSlurm(temporaryFolder());
    const started = (type: string, ...argv: string[]) =>
      spawnSync('srun', ['-n2', `--mpi=${type}`, '--kill-on-bad-exit', ...argv], { env: slurm.env, encoding: 'utf8' });
    // Debian's plugin for PMIx wants the package libpmix-dev, and a library may be missing: what is there is tried.
    const loaded = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' }).stdout;
    const types = LIBRARIES.flatMap(([type, library]) =>
      loaded.includes(library) && started(type, 'true').status === 0 ? [type] : [],
    );
    skip(types.length === 0, "srun's plugins and the MPI libraries here do not fit");
    const folder = temporaryFolder();
    const train = structures(folder, 'train.dbn', rnas.slice(0, 8));
    const run = (out: string): string[] => [
      ...['pretrain', ...tinyModel, '--out', join(folder, out), '--data.train', train, '--seed', '3'],
      ...['--batch.maxTokens', '60', '--batch.rows', '2', '--batch.accumulation', '2'],
      ...['--train.steps', '2', '--train.shards', '2'],
    ];
    expect(await rna(...run('whole'))).toMatchObject({ code: 0 });
    const bits = (out: string): [string, string][] =>
      [...filesUnder(join(folder, out))].filter(([path]) => !RUN_ITSELF.has(path));
    // Each compiles kernels anew: both are for npm run test:full.
    for (const type of process.env['RNA_MATRIX'] === 'full' ? types : types.slice(0, 1)) {
      const { status, stderr } = started(type, process.execPath, program, ...run(type));
      expect(status, stderr).toBe(0);
      expect(stderr).toContain('2 ranks share the work');
      expect(bits(type)).toEqual(bits('whole'));
    }
  });
});
