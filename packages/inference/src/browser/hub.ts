/**
 * Models by hub name in a browser. The hub's list of a model's files says what
 * there is, how large and with which digest; files are downloaded into the
 * browser's private storage, gone on with where they broke off, and checked. A
 * model that is there is used without asking the hub again.
 */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import {
  CheckpointError,
  CONFIG_FILE,
  isShardIndex,
  LARGEST_WEIGHTS,
  LIMITS,
  parseShardIndex,
  PUBLIC_HUB,
  WEIGHTS_FILES,
  type ByteSource,
} from '@rna/model';
import type { OpenOptions } from '../opening.ts';
import { openKeptFile, PART_BYTES, type KeptFile } from './storage.ts';

/** Failures in a row after which a download is given up. */
const ATTEMPTS = 5;

/** A file as the hub lists it. */
interface ListedFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of a large file; of a small one the SHA-1 that git gives a blob. Hexadecimal digits. */
  readonly digest: string;
  readonly algorithm: 'sha256' | 'git';
}

/** The files of a model: `file` gives one by its name, downloaded where it has to be. */
export interface HubModel {
  readonly names: readonly string[];
  readonly file: (name: string) => Promise<ByteSource>;
}

type HubOptions = Pick<OpenOptions, 'hub' | 'onProgress' | 'signal'>;

/**
 * What a hub has of a model.
 * @throws CheckpointError where it has no such model, cannot be reached, or sends other bytes than it lists.
 */
export async function openHubModel(name: string, options: HubOptions): Promise<HubModel> {
  const hub = (options.hub ?? PUBLIC_HUB).replace(/\/+$/, '');
  const files = await listFiles(name, hub, options);
  return {
    names: files.map(({ path }) => path),
    file: (path) => {
      const listed = files.find((each) => each.path === path);
      if (listed === undefined) throw new CheckpointError(name, `the hub has no file ${path} of it`);
      return download(name, `${hub}/${name}/resolve/main/${path}`, listed, options);
    },
  };
}

/** Names of the files that hold the weights: one, or an index with its shards. */
export async function weightsOf(name: string, { names, file }: HubModel): Promise<readonly [string, ...string[]]> {
  const weights = WEIGHTS_FILES.find((each) => names.includes(each));
  if (weights === undefined || !names.includes(CONFIG_FILE))
    throw new CheckpointError(name, `the hub has no ${CONFIG_FILE} or none of ${WEIGHTS_FILES.join(', ')} of it`);
  if (!isShardIndex(weights)) return [weights];
  const index = await file(weights);
  const text = new TextDecoder().decode(await index.read(0, index.size));
  return [weights, ...new Set(parseShardIndex(text, `${name}/${weights}`).values())];
}

async function listFiles(name: string, hub: string, { signal }: HubOptions): Promise<ListedFile[]> {
  const address = `${hub}/api/models/${name}/tree/main`;
  const answer = await request(name, address, signal && { signal });
  // The hub answers 401 to names that it does not know, and 403 to models behind a licence form.
  if ([401, 403, 404].includes(answer.status)) {
    throw new CheckpointError(
      name,
      `no such model on ${hub}, or one that is not public; check the spelling (organisation/model)`,
    );
  }
  if (!answer.ok) throw httpError(name, address, answer);
  const entries: unknown = await answer.json().catch(() => undefined);
  if (!Array.isArray(entries))
    throw new CheckpointError(name, `${address} is no list of files; check the hub's address`);
  return entries.flatMap((entry: unknown): ListedFile[] => {
    const { type, path, size, oid, lfs } = entry as Readonly<Record<string, unknown>>;
    if (type !== 'file' || typeof path !== 'string') return [];
    const large = lfs as { readonly oid?: unknown; readonly size?: unknown } | undefined;
    const [bytes, digest] = large === undefined ? [size, oid] : [large.size, large.oid];
    const algorithm = large === undefined ? 'git' : 'sha256';
    const most = path.endsWith('.json') ? LIMITS.jsonBytes : LARGEST_WEIGHTS;
    if (!WANTED.test(path)) return [];
    if (!Number.isSafeInteger(bytes) || (bytes as number) < 0 || (bytes as number) > most) {
      throw new CheckpointError(
        name,
        `the hub announces ${String(bytes)} bytes for ${path}; ${most} at most are fetched`,
      );
    }
    if (typeof digest !== 'string' || !(algorithm === 'git' ? /^[0-9a-f]{40}$/i : /^[0-9a-f]{64}$/i).test(digest))
      throw new CheckpointError(name, `the hub lists no digest of ${path}, so it could not be checked`);
    return [{ path, size: bytes as number, digest: digest.toLowerCase(), algorithm }];
  });
}

/** What a model may be read from; a hub has pictures and other formats beside it. */
const WANTED = /^[\w][\w.-]*\.(?:json|safetensors|bin)$/;

async function download(name: string, address: string, listed: ListedFile, options: HubOptions): Promise<ByteSource> {
  const { path, size } = listed;
  const shown = `${name}/${path}`;
  const kept = await openKeptFile(name, path, listed.digest.slice(0, 16));
  if (kept.complete && kept.size === size) return kept.source(shown);
  for (let attempts = ATTEMPTS; kept.size < size;) {
    const before = kept.size;
    try {
      await receive(name, address, listed, kept, options);
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (cause instanceof CheckpointError || !(cause instanceof TypeError)) throw cause;
      attempts = kept.size > before ? ATTEMPTS : attempts - 1;
      if (attempts === 0) {
        throw new CheckpointError(
          name,
          `the download of ${path} broke off (${cause.message}). Ask for it again: it goes on where it stopped`,
          { cause },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** (ATTEMPTS - attempts)));
    }
  }
  if ((await digestOf(listed, kept)) !== listed.digest || kept.size !== size) {
    await kept.clear();
    throw new CheckpointError(name, `the downloaded ${path} is not what the hub lists; it was deleted, fetch it again`);
  }
  await kept.finish();
  return kept.source(shown);
}

/** Receives what is missing of a file, part by part. Rejects with a TypeError where the connection breaks. */
async function receive(
  name: string,
  address: string,
  { path, size }: ListedFile,
  kept: KeptFile,
  { onProgress, signal }: HubOptions,
): Promise<void> {
  const have = kept.size;
  const answer = await request(name, address, {
    ...(signal && { signal }),
    ...(have > 0 && { headers: { range: `bytes=${have}-` } }),
  });
  if (!answer.ok || answer.body === null) throw httpError(name, address, answer);
  // A server that knows no ranges begins with the first byte, which is left out up to what is there.
  let skip = answer.status === 206 ? 0 : have;
  let received = have;
  const part = new Uint8Array(Math.min(PART_BYTES, size - have));
  let filled = 0;
  const reader = answer.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      let bytes = value.subarray(Math.min(skip, value.byteLength));
      skip -= value.byteLength - bytes.byteLength;
      received += bytes.byteLength;
      if (received > size)
        throw new CheckpointError(name, `the hub sends more of ${path} than the ${size} bytes that it lists`);
      while (bytes.byteLength > 0) {
        const taken = Math.min(bytes.byteLength, part.byteLength - filled);
        part.set(bytes.subarray(0, taken), filled);
        filled += taken;
        bytes = bytes.subarray(taken);
        if (filled === part.byteLength || kept.size + filled === size) {
          await kept.add(part.slice(0, filled));
          filled = 0;
        }
      }
      onProgress?.({ file: path, received, total: size });
    }
  } finally {
    await reader.cancel().catch(() => undefined); // A connection that broke has nothing left to be cancelled.
  }
  if (kept.size < size) throw new TypeError(`the connection closed after ${received} of ${size} bytes`);
}

async function digestOf({ algorithm }: ListedFile, kept: KeptFile): Promise<string> {
  const hash = algorithm === 'git' ? sha1.create() : sha256.create();
  if (algorithm === 'git') hash.update(new TextEncoder().encode(`blob ${kept.size}\0`));
  for await (const part of kept.parts()) hash.update(part);
  return bytesToHex(hash.digest());
}

async function request(name: string, address: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (cause) {
    init.signal?.throwIfAborted();
    if (init.headers !== undefined) throw cause;
    throw new CheckpointError(name, `${new URL(address).origin} cannot be reached; check the connection`, { cause });
  }
}

const httpError = (name: string, address: string, { status, statusText }: Response): CheckpointError =>
  new CheckpointError(name, `the hub answered ${status} ${statusText} to ${address}; try again later`);
