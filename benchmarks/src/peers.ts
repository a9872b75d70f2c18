/**
 * The peer suite: ours and other libraries at the same work, on the same
 * adapter or processor, in one run. Each library has a process of its own; all
 * are started together and take their samples in turns. A library is timed only
 * if its results are right.
 */
import { alternate, calibrate, SAMPLES, statistics, type Sample } from './timing.ts';
import { makeRow, type Row } from './rows.ts';
import type { Report } from './report.ts';
import { inputsOf, PEER_CASES, workOfPeerCase, type PeerCase } from './peers/cases.ts';
import { ensurePeers } from './peers/install.ts';
import { PeerFailure, PeerProcess } from './peers/process.ts';
import { IMPLEMENTATIONS } from './peers/protocol.ts';
import { largestError, reference } from './peers/reference.ts';

/** Largest difference from the reference, relative to its largest value, at which a result still counts as right. */
const TOLERANCE = 1e-3;

interface Contender {
  readonly peer: PeerProcess;
  readonly sample: Sample;
  readonly runs: number;
  readonly error: number;
}

/** Runs the cases that match and returns the versions of the libraries. */
export async function benchmarkPeers(filter: RegExp, report: Report): Promise<Record<string, string>> {
  const cases = PEER_CASES.filter(({ name }) => filter.test(name));
  if (cases.length === 0) return {};
  ensurePeers((line) => {
    report.progress(line);
  });
  const versions: Record<string, string> = {};
  const peers = new Set(IMPLEMENTATIONS.map((name) => new PeerProcess(name)));
  try {
    for (const peer of peers) {
      report.progress(`loading ${peer.implementation}`);
      await guarded(peer, 'every case', peers, report, async () => {
        Object.assign(
          versions,
          (await peer.ask({ do: 'load', implementation: peer.implementation }, 'versions')).versions,
        );
      });
    }
    for (const peerCase of cases) await benchmarkCase(peerCase, peers, report);
    return versions;
  } finally {
    peers.forEach((peer) => {
      peer.end();
    });
  }
}

async function benchmarkCase(peerCase: PeerCase, peers: Set<PeerProcess>, report: Report): Promise<void> {
  const { name } = peerCase;
  report.progress(`${name}: reference in doubles`);
  const expected = reference(peerCase, inputsOf(peerCase));
  const contenders: Contender[] = [];
  const tried = [...peers];
  for (const peer of tried) {
    report.progress(`${name}: ${peer.implementation} prepares`);
    await guarded(peer, name, peers, report, async () => {
      const { results } = await peer.ask({ do: 'prepare', name }, 'results');
      const worst = largestError(results, expected);
      if (worst.error > TOLERANCE)
        throw new PeerFailure(
          `is WRONG: ${worst.name} is off by ${worst.error.toExponential(1)} of its largest value`,
          false,
        );
      const sample: Sample = async (runs) => (await peer.ask({ do: 'sample', runs }, 'time')).ms;
      contenders.push({ peer, sample, runs: await calibrate(sample), error: worst.error });
    });
  }
  report.progress(`${name}: ${SAMPLES} samples each, in turns`);
  // One that dies on the way loses its place; the others are timed again without it.
  for (let ready = contenders; ready.length > 0;) {
    const failed = await timed(peerCase, ready, peers, report);
    ready = failed === undefined ? [] : ready.filter((contender) => contender !== failed);
  }
  for (const peer of tried.filter((each) => peers.has(each))) {
    await guarded(peer, name, peers, report, async () => {
      await peer.ask({ do: 'release' }, 'done');
    });
  }
}

/** Times all contenders and reports their rows, or reports one that failed and returns it. */
async function timed(
  peerCase: PeerCase,
  contenders: readonly Contender[],
  peers: Set<PeerProcess>,
  report: Report,
): Promise<Contender | undefined> {
  let at: Contender | undefined;
  try {
    const times = await alternate(
      contenders.map((contender) => ({
        runs: contender.runs,
        sample: (runs) => {
          at = contender;
          return contender.sample(runs);
        },
      })),
    );
    contenders.forEach(({ peer, runs, error }, i) => {
      report.row(
        makeRow('peers', peerCase.name, peer.implementation, statistics(times[i]!, runs), workOfPeerCase(peerCase), {
          error,
        }),
      );
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof PeerFailure) || at === undefined) throw error;
    drop(at.peer, peerCase.name, error, peers, report);
    return at;
  }
}

async function guarded(
  peer: PeerProcess,
  name: string,
  peers: Set<PeerProcess>,
  report: Report,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof PeerFailure)) throw error;
    drop(peer, name, error, peers, report, name === 'every case');
  }
}

function drop(
  peer: PeerProcess,
  name: string,
  failure: PeerFailure,
  peers: Set<PeerProcess>,
  report: Report,
  forGood = failure.gone,
): void {
  report.skip(name, peer.implementation, failure.message);
  if (forGood && peers.delete(peer)) {
    peer.end();
    if (name !== 'every case') report.skip('the cases after it', peer.implementation, 'its process is gone');
  }
}

export const isWebGpuPeer = (implementation: string): boolean => implementation.endsWith('-webgpu');
/** Libraries whose kernels are JavaScript, WGSL or WebAssembly; onnxruntime-cpu is native code. */
export const isJavaScriptPeer = (implementation: string): boolean =>
  implementation !== 'rna' && implementation !== 'onnxruntime-cpu';

export interface Comparison {
  readonly case: string;
  readonly rna: Row | undefined;
  readonly best: Row | undefined;
  readonly bestWebGpu: Row | undefined;
  readonly bestJavaScript: Row | undefined;
}

/** For each case: ours, and the fastest of each kind of peer. */
export function comparePeers(rows: readonly Row[]): Comparison[] {
  const peers = rows.filter(({ suite }) => suite === 'peers');
  return [...new Set(peers.map((row) => row.case))].map((name) => {
    const fastest = (wanted: (implementation: string) => boolean): Row | undefined =>
      peers.filter((row) => row.case === name && wanted(row.implementation)).sort((a, b) => a.medianMs - b.medianMs)[0];
    return {
      case: name,
      rna: fastest((implementation) => implementation === 'rna'),
      best: fastest((implementation) => implementation !== 'rna'),
      bestWebGpu: fastest(isWebGpuPeer),
      bestJavaScript: fastest(isJavaScriptPeer),
    };
  });
}
