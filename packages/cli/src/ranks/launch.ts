/**
 * How this process was started: alone, or as one of several that speak MPI. The
 * launcher's variables say so before a library is loaded, and which one to load.
 */
import { fstatSync } from 'node:fs';
import { UsageError } from '../commandLine/errors.ts';

export interface Launch {
  /** As a person calls it. */
  readonly by: string;
  /** Which library's launcher it is, where that is known. */
  readonly kind?: 'Open MPI' | 'MPICH';
  /** Processes, where the launcher says how many. */
  readonly size?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What started this process as one of several; undefined where nothing did. Throws a UsageError where a scheduler
 * started several that cannot find each other.
 */
export function launchOf(environment: Environment = process.env): Launch | undefined {
  const count = (name: string): { readonly size?: number } => {
    const size = Number(environment[name]);
    return Number.isInteger(size) && size > 0 ? { size } : {};
  };
  if (environment['OMPI_COMM_WORLD_SIZE'] !== undefined)
    return { by: "Open MPI's mpirun", kind: 'Open MPI', ...count('OMPI_COMM_WORLD_SIZE') };
  const ofStep = count('SLURM_STEP_NUM_TASKS');
  if (environment['PMIX_RANK'] !== undefined) return { by: 'srun or prun (PMIx)', ...ofStep };
  if (environment['PMI_RANK'] !== undefined)
    return { by: "MPICH's mpirun, or srun (PMI)", kind: 'MPICH', ...count('PMI_SIZE') };
  if ((ofStep.size ?? 1) > 1 && environment['SLURM_PROCID'] !== undefined)
    throw new UsageError(
      `srun started ${ofStep.size} processes that do not know of each other: start them by srun --mpi=pmix (for Open MPI) or srun --mpi=pmi2 (for MPICH); srun --mpi=list shows what this Slurm has`,
    );
  return undefined;
}

/**
 * Throws a UsageError where the launcher speaks with its processes by a descriptor that this one does not have: what
 * stands between the two, such as npx, hands none on, and the library would end in a crash.
 */
export function requireLauncher(environment: Environment = process.env): void {
  const descriptor = environment['PMI_FD'];
  if (descriptor === undefined || isSocket(Number(descriptor))) return;
  throw new UsageError(
    "MPICH's launcher cannot be heard here, since npx closes what it speaks by: put the command itself in the place of npx rna, such as node_modules/.bin/rna",
  );
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}

const LIBRARIES = {
  'Open MPI':
    process.platform === 'darwin'
      ? ['libmpi.40.dylib', '/opt/homebrew/lib/libmpi.dylib', '/usr/local/lib/libmpi.dylib']
      : ['libmpi.so.40', 'libmpi.so'],
  MPICH:
    process.platform === 'darwin'
      ? ['libmpi.12.dylib', '/opt/homebrew/lib/libmpi.dylib', '/usr/local/lib/libmpi.dylib']
      : ['libmpich.so.12', 'libmpi.so.12', 'libmpi.so'],
} as const;

/** The files of the library to try, in this order: what `RNA_MPI` names alone, else those that fit the launcher. */
export function librariesFor({ kind }: Launch, environment: Environment = process.env): readonly string[] {
  const named = environment['RNA_MPI'];
  if (named !== undefined && named !== '') return [named];
  return kind === undefined ? [...LIBRARIES['Open MPI'], ...LIBRARIES.MPICH] : LIBRARIES[kind];
}
