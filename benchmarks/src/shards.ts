/**
 * The suite `shards`: what a file of sequences takes that is shared out. Times
 * are processor time of the command with its start, so that other work on the
 * machine does not count, and memory is the most that the process held: `plan`
 * of a million records for the first time and with its index there, a shard
 * that is opened in their middle and folded, and embeddings by the built-in
 * model of one shard with fewer records and of one with more.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '@rna/kernels';
import { RNA } from './rnaCommand.ts';
import type { Report } from './report.ts';
import { makeRow } from './rows.ts';

const RECORDS = 1_000_000;
const LENGTHS = { shortest: 60, longest: 140 };
/** Records of the shards that are embedded. */
const EMBEDDED = [1000, 4000];
const SEED = 20241201;

/** Runs every case whose name matches. */
export async function benchmarkShards(filter: RegExp, report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'rna-bench-shards-'));
  const input = join(folder, 'rnas.fasta');
  const plan = ['shards', 'plan', input, '--shards', '1000'];
  const of = RECORDS / 10;
  const cases: readonly (readonly [name: string, args: readonly string[]])[] = [
    ['plan, 1,000,000 records, the first time', plan],
    ['plan, 1,000,000 records, its index there', plan],
    [
      'a shard of 10 records in the middle of 1,000,000, structures',
      ['structures', input, '--jobs', '1', '--out', join(folder, 'x.dbn'), '--shard', `${of / 2}/${of}`],
    ],
    ...EMBEDDED.map(
      (records) =>
        [
          `a shard of ${records.toLocaleString('en')} records of 1,000,000, embed --pool mean`,
          ['embed', input, '--pool', 'mean', '--out', join(folder, `${records}.npy`)].concat(
            '--shard',
            `2/${RECORDS / records}`,
          ),
        ] as const,
    ),
  ];
  const asked = cases.filter(([name]) => filter.test(name));
  if (asked.length === 0) return;
  try {
    await pipeline(records(), createWriteStream(input));
    // The others have an index as well.
    if (!asked.includes(cases[0]!)) await usageOf(plan, folder);
    for (const [name, args] of asked) {
      const { ms, peakBytes } = await usageOf(args, folder);
      const statistics = { medianMs: ms, minMs: ms, maxMs: ms, samples: 1, runs: 1 };
      report.row(makeRow('shards', name, 'rna', statistics, { flops: 0 }, { peakBytes }));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Pieces of one long random sequence, so that a million of them are made in seconds. */
function* records(): Generator<string> {
  const random = new RandomStream(SEED);
  const letters = Array.from({ length: 2 ** 20 }, () => 'ACGU'[random.below(4)]!).join('');
  const lengths = LENGTHS.longest - LENGTHS.shortest;
  const together = 1000;
  for (let first = 0; first < RECORDS; first += together)
    yield Array.from({ length: together }, (_, k) => {
      const number = first + k;
      const length = LENGTHS.shortest + (number % lengths);
      const from = (number * 7919) % (letters.length - LENGTHS.longest);
      return `>r${number}\n${letters.slice(from, from + length)}\n`;
    }).join('');
}

interface Usage {
  /** Processor time. */
  readonly ms: number;
  /** The most that was resident at once. */
  readonly peakBytes: number;
}

/** Runs an `rna` command to its end. */
async function usageOf(args: readonly string[], folder: string): Promise<Usage> {
  const file = join(folder, 'usage.json');
  const hook = fileURLToPath(new URL('./usage.js', import.meta.url));
  const child = spawn(process.execPath, ['--import', hook, RNA, ...args], {
    stdio: ['ignore', 'ignore', 2],
    env: { ...process.env, RNA_BENCH_USAGE: file },
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`rna ${args.join(' ')} ended with ${code}`));
    });
  });
  return JSON.parse(await readFile(file, 'utf8')) as Usage;
}
