/**
 * `rna info --ranks`: what the processes of a run over ranks see, and how fast
 * they exchange, as gradients are: a piece of an array to each, and a piece of
 * each to all.
 */
import { availableParallelism, cpus, hostname } from 'node:os';
import { gatherValues, type Ranks } from '@rna/train';
import { UsageError } from '../../commandLine/errors.ts';
import { writeResult } from '../../commandLine/terminal.ts';
import { packageVersion } from '../../commandLine/version.ts';
import { withDevice } from '../../models/loadModel.ts';
import { withRanks, type MpiRanks } from '../../ranks/ranks.ts';
import { textTable } from '../../report/table.ts';

/** Bytes of the array that is exchanged, at first to set up the ways, then to be timed. */
const SIZES = [2 ** 20, 2 ** 25] as const;
const TIMES = 5;

/** Throws a UsageError where this process is alone, and what opening a device throws. */
export async function showRanks(json: boolean): Promise<void> {
  await withRanks(async (ranks) => {
    if (ranks === undefined)
      throw new UsageError(
        '--ranks is for several processes: start them by mpirun, as mpirun -np 2 npx rna info --ranks',
      );
    const seen = await gatherValues(
      ranks,
      await withDevice((device) => Promise.resolve(ownFacts(device.adapter.info))),
    );
    const exchange = await measured(ranks);
    if (ranks.rank > 0) return;
    const facts = { library: ranks.library, ranks: seen, exchange };
    await writeResult(json ? `${JSON.stringify(facts, null, 2)}\n` : asText(facts));
  });
}

const ownFacts = ({ vendor, architecture, device, description }: GPUAdapterInfo) => ({
  host: hostname(),
  process: process.pid,
  cores: { usable: availableParallelism(), all: cpus().length },
  adapter: [vendor, architecture, device].filter((part) => part !== '').join(' '),
  driver: description,
  version: packageVersion(),
});

/** The exchange of one array, as the gradients of a step: sums of pieces would stand between its two halves. */
async function measured(ranks: Ranks) {
  const everyRank = Array.from({ length: ranks.size }, (_, rank) => rank);
  const times: number[] = [];
  const busy = process.cpuUsage();
  for (const [i, bytes] of [SIZES[0], ...Array.from({ length: TIMES }, () => SIZES[1])].entries()) {
    const [own, all] = [new Uint8Array(bytes).fill(ranks.rank + 1), new Uint8Array(bytes)];
    const size = bytes / ranks.size;
    const pieces = (array: Uint8Array): Uint8Array[] =>
      everyRank.map((rank) => array.subarray(Math.floor(rank * size), Math.floor((rank + 1) * size)));
    const piece = pieces(own)[ranks.rank]!;
    await gatherValues(ranks, null);
    const begun = performance.now();
    await ranks.exchange(
      1,
      pieces(own),
      everyRank.map(() => new Uint8Array(piece.byteLength)),
    );
    await ranks.exchange(
      1,
      everyRank.map(() => piece),
      pieces(all),
    );
    if (i > 0) times.push((performance.now() - begun) / 1000);
    const wrong = pieces(all).findIndex(
      (each, rank) => rank !== ranks.rank && !Buffer.alloc(each.byteLength, rank + 1).equals(each),
    );
    if (wrong >= 0) throw new Error(`what rank ${wrong} sent did not arrive as it was sent`);
  }
  const { user, system } = process.cpuUsage(busy);
  // The slowest rank counts: the others wait for it.
  const slowest = (await gatherValues(ranks, times)).reduce((worst, each) =>
    worst.map((time, i) => Math.max(time, each[i]!)),
  );
  const seconds = slowest.sort((a, b) => a - b)[Math.floor(TIMES / 2)]!;
  const sent = (2 * SIZES[1] * (ranks.size - 1)) / ranks.size;
  return {
    /** Of the array, and what a rank sends of it and takes. */
    arrayBytes: SIZES[1],
    sentBytes: sent,
    /** The median, of `samples`. */
    seconds,
    fastest: slowest[0]!,
    slowest: slowest.at(-1)!,
    samples: TIMES,
    bytesPerSecond: sent / seconds,
    /** Of this rank, with filling and checking the arrays. */
    processorSeconds: (user + system) / 1e6,
  };
}

type Facts = {
  readonly library: MpiRanks['library'];
  readonly ranks: readonly ReturnType<typeof ownFacts>[];
  readonly exchange: Awaited<ReturnType<typeof measured>>;
};

function asText({ library, ranks, exchange: { arrayBytes, seconds, bytesPerSecond } }: Facts): string {
  const column = (header: string, align: 'left' | 'right' = 'left') => ({ header, group: '', align });
  const table = textTable({
    caption: `${ranks.length} ranks, ${library}`,
    columns: [
      column('rank', 'right'),
      column('host'),
      column('cores', 'right'),
      column('adapter'),
      column('driver'),
      column('rna'),
    ],
    rowHeaders: 1,
    rows: ranks.map(({ host, cores, adapter, driver, version }, rank) => [
      String(rank),
      host,
      `${cores.usable} of ${cores.all}`,
      adapter,
      driver,
      version,
    ]),
  });
  return `${table}\nan array of ${arrayBytes / 2 ** 20} MiB is exchanged in ${(1000 * seconds).toFixed(1)} ms: each rank sends and takes ${(bytesPerSecond / 1e9).toFixed(2)} GB/s\n`;
}
