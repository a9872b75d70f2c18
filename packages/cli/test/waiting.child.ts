/**
 * Two ranks under mpirun, of which the second comes late to an exchange: the first says what share of a core it took
 * while it waited, as JSON on stdout.
 */
import { gatherValues } from '@rna/train';
import { withRanks } from '../src/ranks/ranks.ts';

const LATE_MS = 8_000;

await withRanks(async (ranks) => {
  if (ranks === undefined) throw new Error('mpirun starts this twice');
  await gatherValues(ranks, 'here');
  if (ranks.rank > 0) await new Promise((resolve) => setTimeout(resolve, LATE_MS));
  const before = process.cpuUsage();
  const begin = performance.now();
  await gatherValues(ranks, 'late');
  const ms = performance.now() - begin;
  const { user, system } = process.cpuUsage(before);
  if (ranks.rank === 0) process.stdout.write(`${JSON.stringify({ ms, coreShare: (user + system) / 1000 / ms })}\n`);
});
