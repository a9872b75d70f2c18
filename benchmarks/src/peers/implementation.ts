/**
 * What each library's file provides, and what they share: the peers' packages
 * (installed in benchmarks/peers, apart from all others), WebGPU in Node as a
 * browser offers it, and the wait that leaves the processor to the driver.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { requestAdapter, sleepingWait } from '@rna/tensor/node';
import { create } from 'webgpu';
import type { Arrays, PeerCase } from './cases.ts';

export interface Implementation {
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Makes a case ready to run: inputs resident, whatever is compiled compiled. Throws Unsupported where the library has
   * no way to do it.
   */
  prepare(peerCase: PeerCase, inputs: Arrays): Promise<Workload>;
}

export interface Workload {
  /** Does the case so many times, leaves results where they are, and waits until the last is done. */
  run(runs: number): Promise<void>;
  /** Does the case once and gives its results under the names and in the layouts of `outputShapes`. */
  results(): Promise<Arrays>;
  dispose(): void;
}

/** A case that a library cannot do. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported';
}

const peers = new URL('../../peers/package.json', import.meta.url);

/**
 * A peer's package as the types that its caller uses; the packages' own are not there where peers are not installed.
 */
export function requirePeer(name: string): unknown {
  return createRequire(peers)(name);
}

/** A file of a peer's package; not every package lets itself be asked for its manifest. */
export function peerFile(name: string, file: string): string {
  return fileURLToPath(new URL(`node_modules/${name}/${file}`, peers));
}

export function peerVersion(name: string): string {
  return (JSON.parse(readFileSync(peerFile(name, 'package.json'), 'utf8')) as { version: string }).version;
}

// Held for the life of the process: Node crashes when what create() returned is collected.
let gpu: GPU | undefined;

/** Puts `navigator.gpu` in place, on the adapter that @rna/tensor uses. */
export async function provideWebGpu(): Promise<void> {
  await requestAdapter();
  gpu = create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
}

export { sleepingWait };
