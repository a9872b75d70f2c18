/**
 * Fetches a model into this browser, in a page or in a worker: file by file, each going on where it stopped, checked
 * against the digest that was promised. A model is fetched by one tab at a time.
 */
import { CheckpointError, LARGEST_WEIGHTS } from '@rna/model';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { StorageFullError } from '../opfs.ts';
import { PART_BYTES, type PartedFile } from './keptFile.ts';
import { whatItIs, type ModelOffer } from './modelOffer.ts';
import {
  alone,
  modelFolder,
  openModelFile,
  readRecord,
  removeModel,
  writeRecord,
  type KeptFile,
  type ModelRecord,
} from './modelRecord.ts';
import { openKeptFiles } from './openKeptModel.ts';
import { isWhole } from './wholeness.ts';

/** How much has arrived. */
export interface KeepProgress {
  /** Bytes of all files together; `total` is undefined where a server does not say. */
  readonly received: number;
  readonly total: number | undefined;
  /** The file at hand. */
  readonly file: { readonly name: string; readonly received: number; readonly total: number | undefined };
}

export interface KeepOptions {
  /** Aborting it pauses; what came stays. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: KeepProgress) => void;
}

/** Attempts without a byte after which a broken connection is an error. */
const ATTEMPTS = 4;
/** Milliseconds before an attempt after one that brought nothing, doubled each time. */
const PAUSE = 250;
const NEVER = new AbortController().signal;

/** Keeps an offered model. Rejects with the signal's reason where it is paused. */
export const keepModel = (offer: ModelOffer, options: KeepOptions = {}): Promise<ModelRecord> =>
  alone(offer.name, () => keep(offer, options), options.signal ?? NEVER);

async function keep(offer: ModelOffer, options: KeepOptions): Promise<ModelRecord> {
  const { name, files: offered, ...about } = offer;
  const files = offered.map(({ from, ...file }): KeptFile => ({
    ...file,
    ...(typeof from === 'string' && { url: from }),
    isWhole: false,
  }));
  const known = await readRecord(name);
  if (known !== undefined) {
    const agree = known.files.every((file) => files.some((other) => isSame(file, other)));
    if (isWhole(known) && agree) return known;
    if (isWhole(known))
      throw new CheckpointError(name, 'another model of that name is kept here already; delete it first');
    // What came of another version is no part of this one.
    if (!agree) await removeModel(name);
  }
  const folder = await modelFolder(name);
  const record: ModelRecord = { ...about, name, files };
  await writeRecord(folder, record);
  const blobs = new Map(offered.flatMap(({ name: file, from }) => (typeof from === 'string' ? [] : [[file, from]])));
  try {
    return await goOn(record, folder, blobs, options);
  } catch (error) {
    // A file that was given is not there any more when the page is loaded again, so half of it is of no use.
    if (blobs.size > 0) await removeModel(name);
    throw error;
  }
}

/** Whether what is known of two files is the same, as far as it is known of both. */
function isSame(one: KeptFile, other: KeptFile): boolean {
  const agrees = (key: 'bytes' | 'sha256' | 'gitSha1'): boolean =>
    one[key] === undefined || other[key] === undefined || one[key] === other[key];
  return one.name === other.name && agrees('bytes') && agrees('sha256') && agrees('gitSha1');
}

/** Goes on with a model whose download stopped. */
export const resumeModel = (name: string, options: KeepOptions = {}): Promise<ModelRecord> =>
  alone(
    name,
    async () => {
      const record = await readRecord(name);
      if (record === undefined) throw new CheckpointError(name, 'is not kept here');
      return goOn(record, await modelFolder(name), new Map(), options);
    },
    options.signal ?? NEVER,
  );

async function goOn(
  begun: ModelRecord,
  folder: FileSystemDirectoryHandle,
  blobs: ReadonlyMap<string, Blob>,
  { signal = NEVER, onProgress }: KeepOptions,
): Promise<ModelRecord> {
  let record = begun;
  let before = 0;
  const total = record.files.every(({ bytes }) => bytes !== undefined)
    ? record.files.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
    : undefined;
  for (const [index, file] of begun.files.entries()) {
    if (!file.isWhole) {
      const { name, bytes } = file;
      const whole = await receive(record.name, folder, file, blobs.get(name), signal, (received) => {
        onProgress?.({ received: before + received, total, file: { name, received, total: bytes } });
      });
      record = { ...record, files: record.files.map((each, at) => (at === index ? whole : each)) };
      await writeRecord(folder, record);
    }
    before += record.files[index]!.bytes ?? 0;
  }
  if (record.facts === undefined && record.adapterOf === undefined) {
    record = { ...record, ...(await whatItIs(await openKeptFiles(record))) };
    await writeRecord(folder, record);
  }
  return record;
}

/** The whole of a file, from where it is. */
async function receive(
  model: string,
  folder: FileSystemDirectoryHandle,
  file: KeptFile,
  blob: Blob | undefined,
  signal: AbortSignal,
  onReceived: (received: number) => void,
): Promise<KeptFile> {
  const { name, bytes } = file;
  const kept = await openModelFile(folder, name);
  // Without a size nobody can say what is missing.
  if (bytes === undefined || kept.size > bytes) await kept.clear();
  const digests = startDigests(file);
  for await (const part of kept.parts()) digests.update(part);
  const queue = partQueue(kept, (part) => {
    digests.update(part);
  });
  const most = bytes ?? LARGEST_WEIGHTS;
  onReceived(kept.size);
  for (let attempts = ATTEMPTS; bytes === undefined || queue.size() < bytes;) {
    const from = queue.size();
    try {
      const { body, start } = blob === undefined ? await request(file, from, signal) : streamOf(blob, from);
      // A server that knows no ranges begins with the first byte.
      let skip = from - start;
      const reader = body.getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        signal.throwIfAborted();
        const arrived = next.value.subarray(Math.min(skip, next.value.byteLength));
        skip -= next.value.byteLength - arrived.byteLength;
        if (queue.size() + arrived.byteLength > most)
          throw new CheckpointError(model, `the server sends more of ${name} than the ${most} bytes expected`);
        await queue.add(arrived);
        onReceived(queue.size());
      }
      if (bytes === undefined) break;
      if (queue.size() < bytes) throw new TypeError(`the connection closed after ${queue.size()} of ${bytes} bytes`);
    } catch (error) {
      // What came is kept, where the disk takes it.
      if (!(error instanceof StorageFullError)) await queue.flush();
      signal.throwIfAborted();
      // This is what a connection that breaks or cannot be made gives.
      if (!(error instanceof TypeError)) throw error;
      if (bytes === undefined) {
        await kept.clear();
        throw new CheckpointError(model, `the download of ${name} broke off (${error.message}); fetch it again`, {
          cause: error,
        });
      }
      attempts = queue.size() > from ? ATTEMPTS : attempts - 1;
      if (attempts === 0)
        throw new CheckpointError(
          model,
          `the download of ${name} broke off (${error.message}); what came is kept, and it goes on there the next time`,
          { cause: error },
        );
      const pause = queue.size() > from ? 0 : PAUSE * 2 ** (ATTEMPTS - attempts);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  await queue.flush();
  const { sha256: own, problem } = digests.end();
  if (problem !== undefined) {
    await kept.clear();
    throw new CheckpointError(
      model,
      `${name} ${problem} was promised: it was changed on its way, or is another file; nothing of it was kept`,
    );
  }
  return { ...file, bytes: kept.size, sha256: own, isWhole: true };
}

/** Gathers what arrives into parts of `PART_BYTES`. */
function partQueue(kept: PartedFile, onBytes: (bytes: Uint8Array) => void) {
  const part = new Uint8Array(PART_BYTES);
  let filled = 0;
  const flush = async (): Promise<void> => {
    if (filled === 0) return;
    const bytes = part.slice(0, filled);
    await kept.add(bytes);
    onBytes(bytes);
    filled = 0;
  };
  return {
    size: () => kept.size + filled,
    flush,
    async add(bytes: Uint8Array): Promise<void> {
      for (let at = 0; at < bytes.byteLength;) {
        const taken = bytes.subarray(at, at + PART_BYTES - filled);
        part.set(taken, filled);
        filled += taken.byteLength;
        at += taken.byteLength;
        if (filled === PART_BYTES) await flush();
      }
    },
  };
}

/** The digests that a file has, against those that were promised. */
function startDigests({ sha256: promised, gitSha1, bytes = 0 }: KeptFile) {
  const [own, git] = [sha256.create(), gitSha1 === undefined ? undefined : sha1.create()];
  git?.update(new TextEncoder().encode(`blob ${bytes}\0`));
  return {
    update(part: Uint8Array): void {
      own.update(part);
      git?.update(part);
    },
    end(): { readonly sha256: string; readonly problem?: string } {
      const [digest, blob] = [bytesToHex(own.digest()), git && bytesToHex(git.digest())];
      const problem =
        promised !== undefined && promised !== digest
          ? `has the SHA-256 ${digest}, and ${promised}`
          : gitSha1 !== blob
            ? `has the SHA-1 ${blob!} as git gives it, and ${gitSha1!}`
            : undefined;
      return { sha256: digest, ...(problem !== undefined && { problem }) };
    },
  };
}

interface Arriving {
  readonly body: ReadableStream<Uint8Array>;
  /** The place in the file of its first byte. */
  readonly start: number;
}

const streamOf = (blob: Blob, start: number): Arriving => ({ body: blob.slice(start).stream(), start });

/** The bytes of a file from `at` on, or from its first where the server knows no ranges. */
async function request({ name, url }: KeptFile, at: number, signal: AbortSignal): Promise<Arriving> {
  if (url === undefined)
    throw new CheckpointError(name, 'was given as a file and is not here as a whole; give it again');
  const answer = await fetch(url, { ...(at > 0 && { headers: { range: `bytes=${at}-` } }), signal });
  if (!answer.ok || answer.body === null)
    throw new CheckpointError(name, `the server answered ${answer.status} ${answer.statusText}; try again later`);
  return { body: answer.body, start: answer.status === 206 ? at : 0 };
}
