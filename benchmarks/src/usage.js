/**
 * Loaded by a process before its program (`node --import`): at its end it leaves in a file what processor time and
 * memory it took, which Node does not tell of its children.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

const file = process.env['RNA_BENCH_USAGE'];
if (isMainThread && file !== undefined)
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    writeFileSync(file, JSON.stringify({ ms: (userCPUTime + systemCPUTime) / 1000, peakBytes: 1024 * maxRSS }));
  });
