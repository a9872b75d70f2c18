/**
 * The ranks of a run over MPI: what `@rna/train` asks of them, the waiting, and
 * how a command that several processes run together ends. A rank that waits
 * looks at its messages again and again for a moment, since those under way
 * move only then, and after that every few milliseconds, so that waiting for
 * a slower rank takes next to nothing of a core.
 */
import { availableParallelism, cpus, hostname } from 'node:os';
import { writeSync } from 'node:fs';
import { DeviceLostError } from '@rna/tensor';
import { gatherValues, type Ranks } from '@rna/train';
import { CommandError, describeFailure, EXIT } from '../commandLine/errors.ts';
import { note, onlyErrors } from '../commandLine/terminal.ts';
import { launchOf, librariesFor, requireLauncher } from './launch.ts';
import type { Mpi, Request } from './mpi.ts';

/** Nothing else uses it. */
const ENDING = 32_767;

/** For how long after something has happened there is no pause, and how long pauses are then, at first and later. */
const BUSY_MS = 2;
const PAUSES_MS = [1, 4] as const;
const SHORT_PAUSES_MS = 100;

/** Bytes of a message at most: those of a longer one that is under way show that it is by arriving one by one. */
const SEGMENT = 2 ** 19;

/** How long a rank that failed waits for the others, which may have failed alike. */
const PATIENCE_MS = 3000;

export interface MpiRanks extends Ranks {
  /** The library's name and version. */
  readonly library: string;
}

/**
 * Runs `work` with the ranks that this process is one of; with undefined where it is alone. Of several, all but the
 * first are silent but for errors of their own. Work that fails on all ranks alike is an error of the first; where it
 * fails on some, they say so and end the others, with exit code 75, at which a scheduler tries again.
 */
export async function withRanks<T>(work: (ranks: MpiRanks | undefined) => Promise<T>): Promise<T> {
  const launch = launchOf();
  if (launch === undefined || launch.size === 1) return work(undefined);
  requireLauncher();
  const { openMpi } = await import('./mpi.ts');
  const mpi = openMpi(librariesFor(launch));
  if (launch.size !== undefined && launch.size !== mpi.size)
    throw new CommandError(
      `${launch.by} started ${launch.size} processes, but ${mpi.version} knows of ${mpi.size}: the library is not the launcher's; name the right one by RNA_MPI=FILE`,
    );
  if (mpi.size === 1) {
    try {
      return await work(undefined);
    } finally {
      mpi.finalize();
    }
  }
  const ranks: MpiRanks = { ...mpiRanks(mpi), library: mpi.version };
  if (ranks.rank > 0) onlyErrors();
  // A rank's threads, and a software driver's, would take turns there: several times slower.
  if (availableParallelism() === 1 && cpus().length > 1)
    note(`${launch.by} has bound each process to one core; mpirun --bind-to none lets them have all`);
  let result: T;
  try {
    result = await work(ranks);
  } catch (error) {
    throw await failed(mpi, ranks, error);
  }
  const failures = await ends(ranks, null);
  mpi.finalize();
  // A rank that failed has said why.
  if (failures.some((failure) => failure !== null)) throw new FailedRankError('another rank failed');
  return result;
}

/** Another process has said what is wrong. */
class FailedRankError extends Error {
  override readonly name = 'FailedRankError';
}

/** The error that this process is to end with, once all are known to have ended; else ends all processes. */
async function failed(mpi: Mpi, ranks: Ranks, error: unknown): Promise<unknown> {
  const { message, exitCode } = describeFailure(error);
  const lost = isLoss(error);
  const all = lost ? undefined : await Promise.race([ends(ranks, message), pause(PATIENCE_MS)]);
  if (all !== undefined) {
    mpi.finalize();
    return ranks.rank === 0 || all[0] === null ? error : new FailedRankError('rank 0 says why', { cause: error });
  }
  // At once, since the next call ends this process too.
  writeSync(
    2,
    `${message}\nrna: this was rank ${ranks.rank} of ${ranks.size}, on ${hostname()}; the others are ended\n`,
  );
  mpi.abort(exitCode === EXIT.failure ? EXIT.again : exitCode);
  return error;
}

const isLoss = (error: unknown): boolean =>
  error instanceof Error && (error instanceof DeviceLostError || isLoss(error.cause));

/** What each rank ended with, once all have: a message, or null where all went well. */
const ends = (ranks: Ranks, message: string | null): Promise<(string | null)[]> => gatherValues(ranks, message, ENDING);

const pause = (ms: number): Promise<undefined> =>
  new Promise((resolve) => {
    setTimeout(() => {
      resolve(undefined);
    }, ms).unref();
  });

interface Exchange {
  requests: Request[];
  readonly done: () => void;
}

function mpiRanks(mpi: Mpi): Ranks {
  let underWay: Exchange[] = [];
  // When something last happened; undefined while nobody waits.
  let since: number | undefined;
  const poll = (): void => {
    let moved = false;
    for (const exchange of underWay) {
      const open = exchange.requests.filter((request) => !mpi.test(request));
      moved ||= open.length < exchange.requests.length;
      exchange.requests = open;
      if (open.length === 0) exchange.done();
    }
    underWay = underWay.filter(({ requests }) => requests.length > 0);
    if (underWay.length === 0) {
      since = undefined;
      return;
    }
    const now = performance.now();
    if (moved) since = now;
    const waited = now - since!;
    if (waited < BUSY_MS) setImmediate(poll);
    else setTimeout(poll, waited < SHORT_PAUSES_MS ? PAUSES_MS[0] : PAUSES_MS[1]);
  };
  const segments = (way: typeof mpi.send, arrays: readonly Uint8Array[], tag: number): Request[] =>
    arrays.flatMap((bytes, other) =>
      other === mpi.rank
        ? []
        : Array.from({ length: Math.ceil(bytes.byteLength / SEGMENT) }, (_, i) =>
            way(bytes.subarray(i * SEGMENT, (i + 1) * SEGMENT), other, tag),
          ),
    );
  return {
    size: mpi.size,
    rank: mpi.rank,
    exchange(channel, outgoing, incoming) {
      const requests = [
        ...segments((...message) => mpi.receive(...message), incoming, channel),
        ...segments((...message) => mpi.send(...message), outgoing, channel),
      ];
      if (requests.length === 0) return Promise.resolve();
      return new Promise((resolve) => {
        underWay.push({ requests, done: resolve });
        const idle = since === undefined;
        since = performance.now();
        if (idle) poll();
      });
    },
  };
}
