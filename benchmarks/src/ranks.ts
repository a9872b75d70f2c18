/**
 * The suite `ranks`: what training over several processes takes on this machine,
 * under Open MPI. `exchange` is an array that goes through two ranks as
 * gradients do, over shared memory and over TCP; `pre-training` is a step of a
 * small model in two shards, by one rank and by two, on a software driver with
 * as many threads in all. `exchangeShare` is what of a step's time is not
 * hidden behind computing. Left out, and said, where there is no Open MPI.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '@rna/kernels';
import { RNA } from './rnaCommand.ts';
import type { Report } from './report.ts';
import { makeRow } from './rows.ts';

const RANKS = 2;
const STEPS = 8;
const MODEL = { preset: 'ssr-lm-s', dim: 256, layers: 4, heads: 8, ffnDim: 1024 };
const BATCH = { maxTokens: 256, rows: 4, accumulation: 2 };
const SEED = 20240612;

type Variables = Readonly<Record<string, string>>;

/** Times every case whose name matches. */
export async function benchmarkRanks(filter: RegExp, report: Report): Promise<void> {
  const mpirun = ['mpirun.openmpi', 'mpirun'].find((name) =>
    spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout?.includes('Open MPI'),
  );
  if (mpirun === undefined) {
    report.skip('ranks', 'rna', 'there is no Open MPI; `node scripts/setup.mjs --mpi` installs it where it can');
    return;
  }
  const under = (
    ranks: number,
    args: readonly string[],
    options: readonly string[] = [],
    env: Variables = {},
  ): Promise<string> =>
    output(
      mpirun,
      ['--allow-run-as-root', '--bind-to', 'none', ...options, '-np', String(ranks), process.execPath, RNA, ...args],
      env,
    );
  for (const [way, options] of [
    ['shared memory', []],
    ['TCP', ['--mca', 'btl', 'tcp,self']],
  ] as const) {
    const name = `exchange, ${RANKS} ranks, ${way}`;
    if (!filter.test(name)) continue;
    const { exchange } = JSON.parse(await under(RANKS, ['info', '--ranks', '--json'], options)) as {
      exchange: { seconds: number; samples: number; fastest: number; slowest: number; sentBytes: number };
    };
    const statistics = {
      medianMs: 1000 * exchange.seconds,
      minMs: 1000 * exchange.fastest,
      maxMs: 1000 * exchange.slowest,
      samples: exchange.samples,
      runs: 1,
    };
    report.row(makeRow('ranks', name, 'rna', statistics, { flops: 0, bytes: exchange.sentBytes }));
  }
  const folder = await mkdtemp(join(tmpdir(), 'rna-bench-ranks-'));
  try {
    const config = await writeConfig(folder);
    for (const ranks of [1, RANKS]) {
      const name = `pre-training, ${ranks} rank${ranks === 1 ? '' : 's'}, ${RANKS} threads in all`;
      if (!filter.test(name)) continue;
      const out = join(folder, String(ranks));
      await under(ranks, ['pretrain', config, '--out', out, '--json'], [], { LP_NUM_THREADS: String(RANKS / ranks) });
      const { tokensPerSecond, exchangeWait } = JSON.parse(
        (await readFile(join(out, 'timings.jsonl'), 'utf8')).trimEnd().split('\n').at(-1)!,
      ) as { tokensPerSecond: number; exchangeWait: number };
      const ms = (1000 * BATCH.maxTokens * BATCH.rows) / tokensPerSecond;
      report.row(
        makeRow(
          'ranks',
          name,
          'rna',
          { medianMs: ms, minMs: ms, maxMs: ms, samples: 1, runs: STEPS - 1 },
          { flops: 0 },
          { tokensPerSecond, exchangeShare: exchangeWait },
        ),
      );
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A config with sequences that each fill a row. */
async function writeConfig(folder: string): Promise<string> {
  const random = new RandomStream(SEED);
  const [train, config] = [join(folder, 'train.fasta'), join(folder, 'config.json')];
  const length = BATCH.maxTokens - 2;
  const record = (name: number): string =>
    `>${name}\n${Array.from({ length }, () => 'ACGU'[random.below(4)]!).join('')}\n`;
  await writeFile(train, Array.from({ length: BATCH.rows * STEPS }, (_, i) => record(i)).join(''));
  await writeFile(
    config,
    JSON.stringify({
      model: MODEL,
      data: { train: [train] },
      batch: BATCH,
      train: { steps: STEPS, shards: RANKS },
      run: { checkpointEvery: STEPS },
    }),
  );
  return config;
}

function output(command: string, args: readonly string[], env: Variables): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 2], env: { ...process.env, ...env } });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(text);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}
