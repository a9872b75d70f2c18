/**
 * A Slurm of one node for a test: munged, slurmctld and slurmd, started by hand as root in a folder of their own, on
 * ports that are free, and ended with the test. Nothing of the machine's own Slurm, where there is one, is touched.
 */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const DAEMONS = ['munged', 'slurmctld', 'slurmd'] as const;
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin'];

const fileOf = (daemon: string): string | undefined =>
  FOLDERS.map((folder) => join(folder, daemon)).find((path) => existsSync(path));

/** Whether a test can start a Slurm here. Set-up installs none. */
export const canStartSlurm =
  process.platform === 'linux' && process.getuid?.() === 0 && DAEMONS.every((name) => fileOf(name) !== undefined);

export interface Slurm {
  /** What its commands need to find it. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs one of its commands and gives what that printed. Throws where it fails. */
  readonly run: (command: string, ...args: readonly string[]) => Promise<string>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });

/** Waits until something holds, and throws with what `explain` says where it does not in five minutes. */
export async function appears(holds: () => boolean | Promise<boolean>, explain: () => string): Promise<void> {
  for (const end = Date.now() + 300_000; !(await holds()); await new Promise((resolve) => setTimeout(resolve, 50)))
    if (Date.now() > end) throw new Error(explain());
}

const execute = promisify(execFile);

/** Starts it, with more places for tasks than the machine has cores, and ends it with the test. */
export async function startSlurm(folder: string): Promise<Slurm> {
  const key = join(folder, 'munge.key');
  writeFileSync(key, randomBytes(128), { mode: 0o600 });
  // Munge refuses a socket in a folder that others may not enter.
  chmodSync(folder, 0o755);
  for (const name of ['state', 'spool']) mkdirSync(join(folder, name));
  const [host] = hostname().split('.');
  const config = join(folder, 'slurm.conf');
  const socket = join(folder, 'munge.socket');
  writeFileSync(
    config,
    [
      'ClusterName=test',
      `SlurmctldHost=${host}(127.0.0.1)`,
      'SlurmUser=root',
      'SlurmdUser=root',
      `SlurmctldPort=${await freePort()}`,
      `SlurmdPort=${await freePort()}`,
      'AuthType=auth/munge',
      `AuthInfo=socket=${socket}`,
      `StateSaveLocation=${join(folder, 'state')}`,
      `SlurmdSpoolDir=${join(folder, 'spool')}`,
      `SlurmctldPidFile=${join(folder, 'slurmctld.pid')}`,
      `SlurmdPidFile=${join(folder, 'slurmd.pid')}`,
      // Tasks that are done are known for as long as the test asks.
      'MinJobAge=3600',
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_CPU',
      'SchedulerParameters=sched_interval=1,batch_sched_delay=1',
      'SlurmdParameters=config_overrides',
      `NodeName=${host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=65536 State=UNKNOWN`,
      'PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP',
      '',
    ].join('\n'),
  );
  const env = { ...process.env, SLURM_CONF: config };
  const children: ChildProcess[] = [];
  onTestFinished(async () => {
    // Where the test failed, tasks may still run, and would outlive the daemons.
    spawnSync('scancel', ['--signal=KILL', '--full', '--me'], { env });
    spawnSync('scancel', ['--me'], { env });
    for (const child of children.reverse()) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    }
  });
  const logs: string[] = [];
  const start = (daemon: (typeof DAEMONS)[number], ...args: string[]): void => {
    const child = spawn(fileOf(daemon)!, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => logs.push(text.toString()));
    children.push(child);
  };
  start(
    'munged',
    ...['--foreground', '--force', `--key-file=${key}`, `--socket=${socket}`],
    ...['pid', 'log', 'seed'].map((name) => `--${name}-file=${join(folder, `munge.${name}`)}`),
  );
  await appears(
    () => existsSync(socket),
    () => logs.join(''),
  );
  start('slurmctld', '-D', '-f', config);
  start('slurmd', '-D', '-f', config, '-N', host!);
  const slurm: Slurm = {
    env,
    run: async (command, ...args) => (await execute(command, args, { env, cwd: folder })).stdout.trim(),
  };
  await appears(
    () => spawnSync('sinfo', ['-h', '-o', '%T'], { env, encoding: 'utf8' }).stdout.trim() === 'idle',
    () => logs.join(''),
  );
  return slurm;
}

/** The states of a job's tasks. */
export async function statesOf({ run }: Slurm, job: string): Promise<readonly string[]> {
  return [...(await run('scontrol', 'show', 'job', job)).matchAll(/JobState=(\w+)/g)].map(([, state]) => state!);
}

/** Has a task run again at once, which Slurm does two minutes later by itself. */
export async function requeue(slurm: Slurm, task: string): Promise<void> {
  await slurm.run('scontrol', 'requeue', task);
  // What is said to it while its processes are ended is lost.
  await appears(
    async () => (await statesOf(slurm, task)).join() === 'PENDING',
    () => `${task} is not pending`,
  );
  await slurm.run('scontrol', 'update', `jobid=${task}`, 'starttime=now');
}

/** Waits until all tasks of a job are done. Throws with their states and what they have printed to the file. */
export async function finished(slurm: Slurm, job: string, log: string): Promise<void> {
  let states: readonly string[] = [];
  await appears(
    async () => (states = await statesOf(slurm, job)).every((state) => state === 'COMPLETED'),
    () => `${states.join(', ')}\n${existsSync(log) ? readFileSync(log, 'utf8') : 'no task has begun'}`,
  );
}
