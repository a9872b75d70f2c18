/**
 * MPI through its C functions, of Open MPI or of MPICH and those with its
 * binary interface (Intel MPI, MVAPICH, Cray). They differ in what a handle is:
 * the address of an object of the library, or a number; a symbol tells which
 * library it is, as in MPI.jl. Only what does not block is used, but for the
 * beginning and the end: a call that waits would take a core, and the event
 * loop, on which Dawn needs to be polled.
 */
import koffi, { type LibraryHandle } from 'koffi';
import { CommandError } from '../commandLine/errors.ts';

/** A message on its way. */
export interface Request {
  /** Where the library keeps its handle, which must not move. */
  readonly handle: BigInt64Array;
  /** Kept until the message has arrived, though nothing here reads it. */
  readonly bytes: Uint8Array;
}

export interface Mpi {
  readonly size: number;
  readonly rank: number;
  /** The library and its version, in a line. */
  readonly version: string;
  send(bytes: Uint8Array, to: number, tag: number): Request;
  receive(bytes: Uint8Array, from: number, tag: number): Request;
  /** Whether the message has arrived, or was taken; once that is so it must not be asked of again. */
  test(request: Request): boolean;
  /** The end, which waits for all other processes. */
  finalize(): void;
  /** Ends all processes; the launcher exits with the code. */
  abort(code: number): void;
}

interface Flavour {
  readonly handle: 'uintptr_t' | 'int';
  readonly world: bigint | number;
  readonly bytes: bigint | number;
  /** MPI_STATUS_IGNORE. */
  readonly noStatus: bigint;
}

/** As declared below: arguments that are pointers take typed arrays, null or an address. */
type Call = (...args: (bigint | number | BigInt64Array | Int32Array | Uint8Array | null)[]) => number;

const LONGEST_VERSION = 8192;

/**
 * Loads the first of the libraries that can be, and begins. Throws a CommandError that names them where none can be
 * loaded.
 */
export function openMpi(files: readonly string[]): Mpi {
  // UCX, which MPICH sends by, would put hooks into the memory of this process and crash it, and take its signals.
  process.env['UCX_MEM_EVENTS'] ??= 'n';
  process.env['UCX_ERROR_SIGNALS'] ??= '';
  const library = load(files);
  const { handle, world, bytes: byte, noStatus } = flavourOf(library);
  const call = (name: string, ...types: string[]): Call => library.func(name, 'int', types) as Call;
  const pointer = 'void *';
  const [initialize, sizeOf, rankOf, versionOf, isend, irecv, test, finalize, abort] = [
    call('MPI_Init', pointer, pointer),
    call('MPI_Comm_size', handle, pointer),
    call('MPI_Comm_rank', handle, pointer),
    call('MPI_Get_library_version', pointer, pointer),
    call('MPI_Isend', pointer, 'int', handle, 'int', 'int', handle, pointer),
    call('MPI_Irecv', pointer, 'int', handle, 'int', 'int', handle, pointer),
    call('MPI_Test', pointer, pointer, 'uintptr_t'),
    call('MPI_Finalize'),
    call('MPI_Abort', handle, 'int'),
  ];
  // The library ends all processes where a call fails, but for the first.
  if (initialize(null, null) !== 0) throw new CommandError('MPI_Init failed');
  const number = new Int32Array(new ArrayBuffer(4));
  const asked = (ask: (into: Int32Array) => void): number => {
    ask(number);
    return number[0]!;
  };
  const text = new Uint8Array(LONGEST_VERSION);
  const length = asked((into) => versionOf(text, into));
  const version = new TextDecoder().decode(text.subarray(0, length)).split('\n')[0]!.replace(/\0/g, '').trim();
  const begin =
    (way: Call) =>
    (bytes: Uint8Array, other: number, tag: number): Request => {
      // Not one that lies among the engine's objects, which move.
      const request = { handle: new BigInt64Array(new ArrayBuffer(8)), bytes };
      way(bytes, bytes.byteLength, byte, other, tag, world, request.handle);
      return request;
    };
  return {
    size: asked((into) => sizeOf(world, into)),
    rank: asked((into) => rankOf(world, into)),
    version,
    send: begin(isend),
    receive: begin(irecv),
    test: (request) => asked((into) => test(request.handle, into, noStatus)) !== 0,
    finalize: () => {
      finalize();
    },
    abort: (code) => {
      abort(world, code);
    },
  };
}

function load(files: readonly string[]): LibraryHandle {
  const faults: string[] = [];
  for (const file of files) {
    try {
      // The parts that Open MPI loads later look for its symbols among all that is loaded.
      return koffi.load(file, { global: true });
    } catch (error) {
      faults.push(`  ${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new CommandError(
    `this process was started as one of several, but no MPI library can be loaded:\n${faults.join('\n')}\ninstall Open MPI or MPICH, the one whose mpirun it is, or name the library's file by RNA_MPI=FILE`,
  );
}

function flavourOf(library: LibraryHandle): Flavour {
  const object = (name: string): bigint => koffi.address(library.symbol(name));
  let world: bigint;
  try {
    world = object('ompi_mpi_comm_world');
  } catch {
    // Constants of the common binary interface of MPICH and those that follow it.
    return { handle: 'int', world: 0x44000000, bytes: 0x4c00010d, noStatus: 1n };
  }
  return { handle: 'uintptr_t', world, bytes: object('ompi_mpi_byte'), noStatus: 0n };
}
