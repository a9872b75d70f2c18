/**
 * Runs over ranks as people start them, by mpirun: to the bits of one process, also killed in mid-step and gone on with
 * by another number; refused where ranks differ. Needs Open MPI, which set-up installs where it can; TCP alone, MPICH
 * and the fine-tuning of heads are for `npm run test:full`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { launchOf, librariesFor, requireLauncher } from '../src/ranks/launch.ts';
import { fasta, rna, temporaryFolder, type Result } from './harness.ts';
import { prepared } from './tertiaryRun.ts';
import { filesUnder, readLog, rnas, RUN_ITSELF, structures, tinyModel } from './training.ts';

const program = fileURLToPath(new URL('../bin/rna.js', import.meta.url));

/** Whether `npm run test:full` runs. */
const fullMatrix = process.env['RNA_MATRIX'] === 'full';

/** The launcher of a library, by what it says of itself. */
const launcher = (names: readonly string[], says: RegExp): string | undefined =>
  names.find((name) => says.test(spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout ?? ''));

const openMpi = launcher(['mpirun.openmpi', 'mpirun'], /Open MPI/);
const mpich = launcher(['mpirun.mpich', 'mpirun'], /HYDRA/);

/** Some processes of one command line each: their number, their variables and arguments. */
type Part = readonly [size: number, argv: readonly string[], env?: Readonly<Record<string, string>>];

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** One part is a command. Of several each process takes its own by its rank: `mpirun` of Open MPI 5.0.7 dies of colons. */
function commandLine(parts: readonly Part[], options: readonly string[]): string[] {
  const words = parts.map(([, argv, env = {}]) => [
    'env',
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...[process.execPath, program, ...argv],
  ]);
  const size = parts.reduce((sum, [each]) => sum + each, 0);
  let first = 0;
  const cases = parts.map(([each], i) => {
    first += each;
    return `if [ "$OMPI_COMM_WORLD_RANK" -lt ${first} ]; then exec ${words[i]!.map(quoted).join(' ')}; fi`;
  });
  return [...options, '-np', String(size), ...(parts.length === 1 ? words[0]! : ['sh', '-c', cases.join('\n')])];
}

/** Several processes begin at once, each of which compiles kernels, beside whatever else the machine does. */
const PATIENCE = 1_200_000;

const OPEN_MPI_OPTIONS = ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'];

interface Started {
  readonly result: Promise<Result>;
  /** The ranks' processes, those of this machine that the launcher started. */
  readonly processes: () => number[];
}

function start(command: string, args: readonly string[]): Started {
  const child = spawn(command, args, { env: { ...process.env, RNA_DEBUG: '' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (part: Buffer) => {
      texts[stream] += part.toString();
    });
  return {
    result: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({ code: code ?? -1, ...texts });
      });
    }),
    processes: () =>
      // Any of the launcher's threads may have started one.
      readdirSync(`/proc/${child.pid}/task`)
        .flatMap((thread) => readFileSync(`/proc/${child.pid}/task/${thread}/children`, 'utf8').split(' '))
        .map(Number)
        .filter((pid) => pid > 0)
        .sort((a, b) => a - b),
  };
}

const underMpi = (...parts: readonly Part[]): Started => start(openMpi!, commandLine(parts, OPEN_MPI_OPTIONS));

/**
 * A run in four shards with all at once that could tell ranks apart: dropout, accumulation, clipping, a scaled loss, the
 * moving average, recomputation, and the last steps of an epoch short.
 */
function shardedRun(folder: string, out: string): string[] {
  const train = structures(folder, 'train.dbn', rnas.slice(4));
  const validation = structures(folder, 'validation.dbn', rnas.slice(0, 4));
  const config = join(folder, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({
      seed: 5,
      data: { train: [train], validation: [validation] },
      batch: { maxTokens: 70, rows: 5, accumulation: 5 },
      optimizer: { learningRate: 0.01, warmupSteps: 5, maxGradientNorm: 1 },
      train: { steps: 9, shards: 4, ema: 0.9, precision: 'f16', recompute: true },
      run: { evaluateEvery: 5, checkpointEvery: 3 },
    }),
  );
  return ['pretrain', config, ...tinyModel, '--out', out];
}

const bitsOf = (run: string): Map<string, string> =>
  new Map([...filesUnder(run)].filter(([path]) => !RUN_ITSELF.has(path)));

const appears = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe.skipIf(openMpi === undefined)('under mpirun of Open MPI', { timeout: PATIENCE }, () => {
  test(
    'four ranks, one killed in mid-step, then two, have the bits of one process',
    { timeout: PATIENCE },
    async () => {
      const folder = temporaryFolder();
      const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
      expect(await rna(...shardedRun(folder, whole))).toMatchObject({ code: 0 });

      const four = underMpi([4, shardedRun(folder, broken)]);
      const log = join(broken, 'log.jsonl');
      const steps = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length : 0);
      await appears(() => steps() > 5);
      const processes = four.processes();
      expect(processes).toHaveLength(4);
      process.kill(processes.at(-1)!, 'SIGKILL');
      // What mpirun makes of a process that was killed: a scheduler may start it again at 137 and at 75.
      expect((await four.result).code).toBe(137);
      expect(readLog(broken).length).toBeLessThan(9 + 3);

      const { code, stdout, stderr } = await underMpi([2, shardedRun(folder, broken)]).result;
      expect(code, stderr).toBe(0);
      expect(stderr).toContain('2 ranks share the work');
      expect(stderr).toContain('resuming from step 3');
      // Said once, by one of them.
      expect(stdout.match(/model of step/g)).toHaveLength(1);
      expect(stderr.match(/held out$/gm)).toHaveLength(1);
      const [expected, actual] = [bitsOf(whole), bitsOf(broken)];
      expect([...actual.keys()]).toEqual([...expected.keys()]);
      for (const [path, bytes] of expected) expect(actual.get(path) === bytes, path).toBe(true);
    },
  );

  test('a rank that would train something else is refused by name, and nothing is written', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'run');
    const argv = shardedRun(folder, out);
    const { code, stderr } = await underMpi([1, argv], [1, [...argv, '--optimizer.learningRate', '0.02']]).result;
    expect(code).toBe(1);
    expect(stderr).toContain('rank 1 differs from rank 0:\n  config.optimizer.learningRate: rank 0 0.01, rank 1 0.02');
    expect(stderr.match(/rank 1 differs/g)).toHaveLength(1);
    expect(existsSync(out)).toBe(false);
  });

  test('a rank that fails alone says so and ends all, with the code at which a scheduler starts them again', async () => {
    const { code, stderr } = await underMpi(
      [1, ['info', '--ranks']],
      [1, ['info', '--ranks'], { RNA_MEMORY_BUDGET: '-1' }],
    ).result;
    expect(stderr).toContain('RNA_MEMORY_BUDGET must be a positive number');
    expect(stderr).toContain('this was rank 1 of 2');
    expect(code).toBe(75);
  });

  test('a rank that waits for another leaves its core to others', async () => {
    const child = fileURLToPath(new URL('./waiting.child.ts', import.meta.url));
    const args = [...OPEN_MPI_OPTIONS, '-np', '2', process.execPath, '--import', 'tsx', child];
    const { code, stdout, stderr } = await start(openMpi!, args).result;
    expect(code, stderr).toBe(0);
    const { ms, coreShare } = JSON.parse(stdout) as { ms: number; coreShare: number };
    expect(ms).toBeGreaterThan(5000);
    // One that looks without a pause takes all of it; here it is a hundredth, and more where the machine is busy.
    expect(coreShare).toBeLessThan(0.2);
  });

  test('rna info --ranks shows each, and times the exchange', async () => {
    const { code, stdout } = await underMpi([2, ['info', '--ranks', '--json']]).result;
    expect(code).toBe(0);
    const { library, ranks, exchange } = JSON.parse(stdout) as {
      library: string;
      ranks: { host: string; driver: string; process: number }[];
      exchange: { sentBytes: number; bytesPerSecond: number };
    };
    expect(library).toContain('Open MPI');
    expect(ranks[1]!.driver).toBe(ranks[0]!.driver);
    expect(ranks[1]!.process).not.toBe(ranks[0]!.process);
    expect(exchange.sentBytes).toBe(2 ** 25);
    expect(exchange.bytesPerSecond).toBeGreaterThan(1e6);
  });

  test('records are shared out, and the first rank joins what all have done', async () => {
    const folder = temporaryFolder();
    const input = fasta(
      folder,
      rnas.slice(0, 7).map(({ sequence }) => sequence),
    );
    const structuresOf = (out: string): string[] => ['structures', input, '--jobs', '1', '--scores', '--out', out];
    const [whole, shared] = [join(folder, 'whole.dbn'), join(folder, 'shared.dbn')];
    expect(await rna(...structuresOf(whole))).toMatchObject({ code: 0 });
    const { code, stderr } = await underMpi([3, structuresOf(shared)]).result;
    expect(code, stderr).toBe(0);
    for (const suffix of ['', '.scores.tsv'])
      expect(readFileSync(`${shared}${suffix}`, 'utf8')).toBe(readFileSync(`${whole}${suffix}`, 'utf8'));
    expect(readdirSync(folder).filter((name) => name.includes('shards'))).toEqual([]);
  });

  test('a bad record of one rank is an error of all, and said once; what has no shards is refused', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, ['GGGGAAAACCCC', 'GGCGAAAGCC', 'ACGX1']);
    const out = join(folder, 'x.dbn');
    const bad = await underMpi([2, ['structures', input, '--jobs', '1', '--out', out]]).result;
    expect(bad.code, bad.stderr).toBe(1);
    expect(bad.stderr.match(/input\.fasta:6/g)).toHaveLength(1);
    expect(existsSync(out)).toBe(false);
    const fold = await underMpi([2, ['fold', '--engine', 'contrafold', input]]).result;
    expect(fold.stderr).toContain('give each a part by --shard');
  });

  test.runIf(fullMatrix)('vectors by two ranks have the bytes of one process', async () => {
    const folder = temporaryFolder();
    const input = fasta(
      folder,
      rnas.map(({ sequence }) => sequence),
    );
    const [whole, shared] = [join(folder, 'whole.npy'), join(folder, 'shared.npy')];
    const vectors = (out: string): string[] => ['embed', input, '--pool', 'mean', '--out', out];
    expect(await rna(...vectors(whole))).toMatchObject({ code: 0 });
    const { code, stderr } = await underMpi([2, vectors(shared)]).result;
    expect(code, stderr).toBe(0);
    expect(readFileSync(shared).equals(readFileSync(whole))).toBe(true);
  });

  test.runIf(fullMatrix)('fine-tuning in three shards on two ranks, with priors and a short last step', async () => {
    const folder = temporaryFolder();
    const train = structures(folder, 'train.dbn', rnas.slice(4));
    const validation = structures(folder, 'validation.dbn', rnas.slice(0, 4));
    const run = (out: string): string[] => [
      ...['finetune', 'secondary-structure', '--data.train', train, '--data.validation', validation],
      ...['--train.epochs', '1', '--train.batchSize', '6', '--train.shards', '3', '--out', out],
    ];
    const [whole, shared] = [join(folder, 'whole'), join(folder, 'shared')];
    expect(await rna(...run(whole))).toMatchObject({ code: 0 });
    const { code, stderr } = await underMpi([2, run(shared)]).result;
    expect(code, stderr).toBe(0);
    expect(bitsOf(shared)).toEqual(bitsOf(whole));
  });

  test.runIf(fullMatrix)('structures in space, whose crops and cycles are drawn, on two ranks', async () => {
    const { folder, run } = prepared();
    const options = ['--head.crop', '11', '--train.batchSize', '2', '--train.shards', '2', '--train.ema', '0.9'];
    expect(await rna(...run('whole', 3, ...options))).toMatchObject({ code: 0 });
    const { code, stderr } = await underMpi([2, run('shared', 3, ...options)]).result;
    expect(code, stderr).toBe(0);
    expect(bitsOf(join(folder, 'shared'))).toEqual(bitsOf(join(folder, 'whole')));
  });

  test.runIf(fullMatrix)('over TCP alone, two ranks have the bits of one process', async () => {
    const folder = temporaryFolder();
    const [whole, shared] = [join(folder, 'whole'), join(folder, 'shared')];
    await rna(...shardedRun(folder, whole));
    const options = [...OPEN_MPI_OPTIONS, '--mca', 'btl', 'tcp,self'];
    const { code } = await start(openMpi!, commandLine([[2, shardedRun(folder, shared)]], options)).result;
    expect(code).toBe(0);
    expect(bitsOf(shared)).toEqual(bitsOf(whole));
  });
});

test.runIf(fullMatrix && mpich !== undefined)(
  'with MPICH, three ranks have the bits of one process',
  { timeout: PATIENCE },
  async () => {
    const folder = temporaryFolder();
    const [whole, shared] = [join(folder, 'whole'), join(folder, 'shared')];
    await rna(...shardedRun(folder, whole));
    const { code, stderr } = await start(mpich!, commandLine([[3, shardedRun(folder, shared)]], [])).result;
    expect(code, stderr).toBe(0);
    expect(bitsOf(shared)).toEqual(bitsOf(whole));
  },
);

test('what started a process, and which library that takes, follows from variables', () => {
  expect(launchOf({})).toBeUndefined();
  // A batch script of Slurm without srun is one process.
  expect(launchOf({ SLURM_NTASKS: '4', SLURM_PROCID: '0' })).toBeUndefined();
  expect(launchOf({ OMPI_COMM_WORLD_SIZE: '4', PMIX_RANK: '1' })).toMatchObject({ kind: 'Open MPI', size: 4 });
  expect(launchOf({ PMI_RANK: '0', PMI_SIZE: '2' })).toMatchObject({ kind: 'MPICH', size: 2 });
  expect(launchOf({ PMIX_RANK: '0', SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '0' })).toMatchObject({ size: 8 });
  expect(() => launchOf({ SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '3' })).toThrow('--mpi=pmix');
  expect(() => {
    requireLauncher({ PMI_FD: '1000' });
  }).toThrow('npx');
  requireLauncher({ PMI_RANK: '0' });
  expect(librariesFor({ by: 'mpirun' }, { RNA_MPI: '/opt/libmpi.so' })).toEqual(['/opt/libmpi.so']);
});
