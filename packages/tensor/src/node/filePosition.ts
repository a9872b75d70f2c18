/**
 * The position of an open file, which Node does not let a program set. WASI does (`fd_seek`), with the descriptors 0 to
 * 2 of the process, so a WebAssembly module that hands on this one function stands here, byte by byte.
 */
import type { WASI, WASIOptions } from 'node:wasi';

// The types that are used of WebAssembly: without the DOM's library TypeScript has none of its constructors.
interface WasmConstructors {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}
const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WasmConstructors }).WebAssembly;

const SEEK_SET = 0;

const named = (text: string): number[] => [text.length, ...Buffer.from(text)];
const section = (id: number, ...bytes: number[]): number[] => [id, bytes.length, ...bytes];

// (type (func (param i32 i64 i32 i32) (result i32))), imported as fd_seek and exported as `seek`, beside a memory.
const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...section(1, 1, 0x60, 4, 0x7f, 0x7e, 0x7f, 0x7f, 1, 0x7f),
  ...section(2, 1, ...named('wasi_snapshot_preview1'), ...named('fd_seek'), 0x00, 0),
  ...section(5, 1, 0x00, 1),
  ...section(7, 2, ...named('memory'), 0x02, 0, ...named('seek'), 0x00, 0),
]);

/** Sets the place at which descriptor 0, 1 or 2 reads and writes next, in bytes; false where it cannot be set. */
export function setPosition(descriptor: 0 | 1 | 2, position: number): boolean {
  const wasi = new (loadWasi())({ version: 'preview1' });
  const instance = new Instance(new Module(MODULE), wasi.getImportObject());
  wasi.initialize(instance);
  const seek = instance.exports['seek'] as (fd: number, offset: bigint, from: number, result: number) => number;
  return seek(descriptor, BigInt(position), SEEK_SET, 0) === 0;
}

/** Node's WASI without the warning that it is experimental, which is printed when it is loaded. */
function loadWasi(): new (options: WASIOptions) => WASI {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule('node:wasi').WASI;
  } finally {
    process.emitWarning = emitWarning;
  }
}
