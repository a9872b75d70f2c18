/**
 * Fetches a model into this browser: file by file, each going on where it stopped, checked against the digest that was
 * promised. It runs in a worker, since only there a file can be written in place, which is what lets a download that
 * was paused, or whose tab was closed, go on.
 */
import { CheckpointError, LARGEST_WEIGHTS } from '@rna/model';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { fullDisk } from '../opfs.ts';
import type { ModelOffer } from './modelOffer.ts';
import { deleteModel, modelFolder, readRecord, writeRecord, type KeptFile, type ModelRecord } from './modelRecord.ts';
import { isWhole } from './wholeness.ts';

export interface KeepOptions {
  /** Aborting it pauses; what came stays. */
  readonly signal?: AbortSignal;
  /** Bytes of all files together; `total` is undefined where a server does not say. */
  readonly onProgress?: (received: number, total: number | undefined) => void;
}

/** Attempts without a byte after which a broken connection is an error. */
const ATTEMPTS = 3;
/** Bytes that are read again at a time to go on with a digest. */
const PART = 2 ** 22;

/** The part of a worker's file handle that is used; the types of pages lack it. */
interface SyncHandle {
  getSize(): number;
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

/** Keeps an offered model. Rejects with the signal's reason where it is paused. */
export async function keepModel(offer: ModelOffer, options: KeepOptions = {}): Promise<ModelRecord> {
  const known = await readRecord(offer.name);
  if (known !== undefined && isWhole(known))
    throw new CheckpointError(offer.name, 'a model of that name is kept here already; delete it first');
  const { name, origin, facts, adapterOf } = offer;
  const record: ModelRecord = {
    name,
    origin,
    ...(facts && { facts }),
    ...(adapterOf !== undefined && { adapterOf }),
    files: offer.files.map(({ name: file, from, bytes, sha256: digest }) => ({
      name: file,
      ...(bytes !== undefined && { bytes }),
      ...(digest !== undefined && { sha256: digest }),
      ...(typeof from === 'string' && { url: from }),
      isWhole: false,
    })),
  };
  const folder = await modelFolder(name);
  await writeRecord(folder, record);
  const blobs = new Map(
    offer.files.flatMap(({ name: file, from }) => (typeof from === 'string' ? [] : [[file, from]])),
  );
  try {
    return await goOn(record, folder, blobs, options);
  } catch (error) {
    // A file that was given is not there any more when the page is loaded again, so half of it is of no use.
    if (blobs.size > 0) await deleteModel(name);
    throw error;
  }
}

/** Goes on with a model whose download stopped. */
export async function resumeModel(name: string, options: KeepOptions = {}): Promise<ModelRecord> {
  const record = await readRecord(name);
  if (record === undefined) throw new CheckpointError(name, 'is not kept here');
  return goOn(record, await modelFolder(name), new Map(), options);
}

async function goOn(
  begun: ModelRecord,
  folder: FileSystemDirectoryHandle,
  blobs: ReadonlyMap<string, Blob>,
  { signal, onProgress }: KeepOptions,
): Promise<ModelRecord> {
  let record = begun;
  let before = 0;
  const total = record.files.every(({ bytes }) => bytes !== undefined)
    ? record.files.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
    : undefined;
  for (const [index, file] of begun.files.entries()) {
    if (!file.isWhole) {
      const whole = await receive(record.name, folder, file, blobs.get(file.name), signal, (received) => {
        onProgress?.(before + received, total);
      });
      record = { ...record, files: record.files.map((each, at) => (at === index ? whole : each)) };
      await writeRecord(folder, record);
    }
    before += record.files[index]!.bytes ?? 0;
  }
  return record;
}

/** The whole of a file, from where it is. */
async function receive(
  model: string,
  folder: FileSystemDirectoryHandle,
  file: KeptFile,
  blob: Blob | undefined,
  signal: AbortSignal | undefined,
  onReceived: (received: number) => void,
): Promise<KeptFile> {
  const handle = await openHandle(model, folder, file.name);
  try {
    let hash = sha256.create();
    let at = 0;
    const restart = (): void => {
      handle.truncate(0);
      hash = sha256.create();
      at = 0;
    };
    for (const size = handle.getSize(), part = new Uint8Array(PART); at < size;) {
      const length = handle.read(part, { at });
      hash.update(part.subarray(0, length));
      at += length;
    }
    const most = file.bytes ?? LARGEST_WEIGHTS;
    if (at > most || file.bytes === undefined) restart();
    onReceived(at);
    for (let attempts = ATTEMPTS; at < (file.bytes ?? Infinity);) {
      const from = at;
      try {
        const stream = blob === undefined ? await request(file, at, signal, restart) : blob.slice(at).stream();
        const reader = stream.getReader();
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          signal?.throwIfAborted();
          if (at + next.value.byteLength > most)
            throw new CheckpointError(model, `the server sends more of ${file.name} than the ${most} bytes expected`);
          handle.write(next.value, { at });
          hash.update(next.value);
          at += next.value.byteLength;
          onReceived(at);
        }
        if (file.bytes === undefined) break;
        if (at < file.bytes) throw new Error(`the connection closed after ${at} of ${file.bytes} bytes`);
      } catch (error) {
        signal?.throwIfAborted();
        // Only a broken connection is worth another attempt.
        if (error instanceof CheckpointError || error instanceof DOMException) throw error;
        attempts = at > from ? ATTEMPTS : attempts - 1;
        if (attempts === 0)
          throw new CheckpointError(
            model,
            `the download of ${file.name} broke off (${error instanceof Error ? error.message : String(error)}); what came is kept, and it can go on`,
            { cause: error },
          );
        await new Promise((resolve) => {
          setTimeout(resolve, at > from ? 0 : 500 * (ATTEMPTS - attempts));
        });
      }
    }
    handle.flush();
    const digest = bytesToHex(hash.digest());
    if (file.sha256 !== undefined && digest !== file.sha256) {
      handle.truncate(0);
      throw new CheckpointError(
        model,
        `${file.name} has the SHA-256 ${digest}, and ${file.sha256} was promised: it was changed on its way, or is another file; nothing of it was kept`,
      );
    }
    return { ...file, bytes: at, sha256: digest, isWhole: true };
  } catch (error) {
    throw fullDisk(error, file.name);
  } finally {
    handle.close();
  }
}

async function openHandle(model: string, folder: FileSystemDirectoryHandle, name: string): Promise<SyncHandle> {
  const file = (await folder.getFileHandle(name, { create: true })) as FileSystemFileHandle & {
    createSyncAccessHandle(): Promise<SyncHandle>;
  };
  try {
    return await file.createSyncAccessHandle();
  } catch (cause) {
    throw new CheckpointError(model, `${name} is being written by another tab; close it there, or wait for it`, {
      cause,
    });
  }
}

/** The bytes of a file from `at` on, or all of them after `restart` where the server knows no ranges. */
async function request(
  { name, url }: KeptFile,
  at: number,
  signal: AbortSignal | undefined,
  restart: () => void,
): Promise<ReadableStream<Uint8Array>> {
  if (url === undefined)
    throw new CheckpointError(name, 'was given as a file and is not here as a whole; give it again');
  const answer = await fetch(url, { ...(at > 0 && { headers: { range: `bytes=${at}-` } }), ...(signal && { signal }) });
  if (!answer.ok || answer.body === null)
    throw new CheckpointError(name, `the server answered ${answer.status} ${answer.statusText}`);
  if (at > 0 && answer.status !== 206) restart();
  return answer.body;
}
