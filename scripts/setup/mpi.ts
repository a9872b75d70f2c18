/**
 * The Open MPI of the tests of training over ranks: found where the machine has
 * one, else installed by apt as root. Only `npm test` needs it, and goes without
 * where it cannot be had.
 */
import { spawnSync } from 'node:child_process';
import { withApt } from './apt.ts';
import { isOnPath, type Say } from './run.ts';

/** Returns the launcher's name and version; installs Open MPI where there is none. Throws with the reason it cannot. */
export function ensureMpi(say: Say): string {
  const present = findMpi();
  if (present !== undefined) return present;
  if (!isOnPath('apt-get')) throw new Error('there is no Open MPI, and this system has no apt; install it by hand');
  if (process.getuid?.() !== 0)
    throw new Error('there is no Open MPI, and installing it needs root (apt-get install openmpi-bin libopenmpi3)');
  say('installing Open MPI by apt for the tests of training over ranks …');
  withApt((apt) => {
    apt.install('openmpi-bin');
  });
  const installed = findMpi();
  if (installed === undefined) throw new Error('openmpi-bin was installed by apt, but there is no mpirun of it');
  return installed;
}

function findMpi(): string | undefined {
  for (const name of ['mpirun.openmpi', 'mpirun']) {
    const line = spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? '';
    if (line.includes('Open MPI')) return line;
  }
  return undefined;
}
