/**
 * One file from a hub that is not trusted more than it has to be: no more bytes
 * than it announced, no slower than a person would wait, redirects over https
 * to public hosts alone, and the digest that the hub gives. What was received
 * is kept under the version's name, so that a later attempt goes on there.
 */
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { constants, createReadStream, existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { CheckpointError } from '@rna/model';
import type { Progress } from '../progress.ts';
import { withFileLock } from './fileLock.ts';

/** Fewer than `bytes` within `seconds` end an attempt. */
export interface Patience {
  readonly seconds: number;
  readonly bytes: number;
}

export interface Download {
  /** The model's name, which errors begin with. */
  readonly model: string;
  /** The file's name, for messages. */
  readonly file: string;
  /** The hub; redirects may stay there whatever its protocol is. */
  readonly endpoint: URL;
  readonly url: string;
  /** Where the file is to be. */
  readonly path: string;
  /** What a file of its kind may have at most, whatever the hub announces. */
  readonly maxBytes: number;
  readonly patience?: Patience;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the download; what has arrived is kept. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a person should know and no error says. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** What a person without a network should do. */
  readonly advice: string;
}

interface RemoteFile {
  /** SHA-256 of a large file, SHA-1 that git gives a blob of a small one, or whatever a mirror has; '' without. */
  readonly etag: string;
  readonly size: number | undefined;
}

const ATTEMPTS = 5;
const REDIRECTS = 5;
const PATIENCE: Patience = { seconds: 30, bytes: 30 * 1024 };
/** A hub that asks for a longer wait is not waited for. */
const LONGEST_WAIT_SECONDS = 300;

/** Makes sure that a file is there; false if the hub does not have it. Several processes may ask at once. */
export async function download(wanted: Download): Promise<boolean> {
  const { path } = wanted;
  if (existsSync(path)) return true;
  return withFileLock(`${path}.lock`, async () => {
    if (existsSync(path)) return true;
    const remote = await inspect(wanted);
    if (remote === undefined) return false;
    // Bytes of another version must not be continued, so the version is in the name.
    const version = createHash('sha256').update(remote.etag).digest('hex').slice(0, 16);
    const partial = `${path}.${version}.partial`;
    await receiveAll(wanted, remote, partial);
    await check(wanted, remote, partial);
    await rename(partial, path);
    return true;
  });
}

/** Asks for a file's version and size without its bytes. Large files answer with a redirect that carries both. */
async function inspect(wanted: Download): Promise<RemoteFile | undefined> {
  let found: Response;
  const isLarge = ({ headers }: Response): boolean => headers.has('x-linked-etag');
  try {
    found = await request(wanted, { method: 'HEAD', stopAt: isLarge });
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(wanted.model, `cannot reach the hub (${reason(cause)}). ${wanted.advice}`, { cause });
  }
  // The hub answers 401 to names that it does not know, and 403 to models behind a licence form.
  if ([401, 403, 404].includes(found.status)) return undefined;
  const { headers } = found;
  if (!found.ok && !isLarge(found)) throw httpError(wanted, found);
  const length = headers.get('x-linked-size') ?? (isLarge(found) ? null : headers.get('content-length'));
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '');
  const size = length === null ? undefined : Number(length);
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0 && size <= wanted.maxBytes)) {
    throw new CheckpointError(
      wanted.model,
      `the hub announces ${String(length).slice(0, 30)} bytes for ${wanted.file}; ${wanted.maxBytes} at most are fetched`,
    );
  }
  return { etag: etag.toLowerCase(), size };
}

/** Fills `partial` with the whole file, however often the connection breaks while it makes progress. */
async function receiveAll(wanted: Download, remote: RemoteFile, partial: string): Promise<void> {
  const enough = (wanted.patience ?? PATIENCE).bytes;
  for (let attempts = ATTEMPTS; ;) {
    // Without a size or a version there is no telling what the bytes are that are there.
    const canGoOn = remote.size !== undefined && remote.etag !== '';
    const before = canGoOn ? await sizeOf(partial) : 0;
    if (before > 0 && before >= remote.size!) return;
    try {
      await receive(wanted, remote, partial, before);
      const after = await sizeOf(partial);
      if (remote.size === undefined || after >= remote.size) return;
      throw new Error(`the connection closed after ${after} of ${remote.size} bytes`);
    } catch (cause) {
      wanted.signal?.throwIfAborted();
      if (cause instanceof CheckpointError || isOfFileSystem(cause)) throw cause;
      const progressed = canGoOn && (await sizeOf(partial)) >= before + enough;
      attempts = progressed ? ATTEMPTS : attempts - 1;
      if (attempts === 0) {
        throw new CheckpointError(
          wanted.model,
          `the download of ${wanted.file} broke off (${reason(cause)}). Ask for it again: it goes on where it stopped`,
          { cause },
        );
      }
      await sleep(progressed ? 0 : 0.25 * 2 ** (ATTEMPTS - attempts));
    }
  }
}

async function receive(wanted: Download, remote: RemoteFile, partial: string, have: number): Promise<void> {
  const { file, model, maxBytes } = wanted;
  const watch = watchRate(wanted.patience ?? PATIENCE);
  try {
    const response = await request(wanted, {
      signal: wanted.signal === undefined ? watch.signal : AbortSignal.any([watch.signal, wanted.signal]),
      ...(have > 0 && { headers: { range: `bytes=${have}-` } }),
    });
    if (!response.ok || response.body === null) throw httpError(wanted, response);
    // A server that knows no ranges starts again from the first byte.
    const resumed =
      response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`) === true;
    const limit = remote.size ?? maxBytes;
    let received = resumed ? have : 0;
    const handle = await openPartial(partial, resumed, model);
    try {
      for await (const part of response.body) {
        const { byteLength } = part as Uint8Array;
        received += byteLength;
        if (received > limit) {
          throw new CheckpointError(
            model,
            `the hub sends more of ${file} than the ${limit} bytes that ${remote.size === undefined ? 'are fetched at most' : 'it announced'}; nothing of it was kept`,
          );
        }
        await handle.writeFile(part as Uint8Array);
        watch.count(byteLength);
        wanted.onProgress?.({ file, received, total: remote.size });
      }
      await handle.sync();
    } finally {
      await handle.close();
      if (received > limit) await rm(partial, { force: true });
    }
  } finally {
    watch.stop();
  }
}

/** Aborts what takes its signal as soon as too little arrived for too long. */
function watchRate({ seconds, bytes }: Patience) {
  const controller = new AbortController();
  let received = 0;
  const timer = setInterval(() => {
    if (received < bytes) controller.abort(new Error(`less than ${bytes} bytes came in ${seconds} s`));
    received = 0;
  }, 1000 * seconds);
  return {
    signal: controller.signal,
    count: (more: number): void => {
      received += more;
    },
    stop: (): void => {
      clearInterval(timer);
    },
  };
}

/** The file to go on with or to begin; what a link of that name points to must not be written. */
async function openPartial(partial: string, goOn: boolean, model: string) {
  const { O_WRONLY, O_CREAT, O_APPEND, O_TRUNC } = constants;
  // Windows has no such flag.
  const noFollow = (constants as { O_NOFOLLOW?: number }).O_NOFOLLOW ?? 0;
  try {
    return await open(partial, O_WRONLY | O_CREAT | noFollow | (goOn ? O_APPEND : O_TRUNC), 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw new CheckpointError(model, `${partial} is a symbolic link, which is not followed; remove it`, {
      cause: error,
    });
  }
}

/** The hub's ETag is a file's SHA-256 where it is large, else the SHA-1 that git gives a blob. */
async function check({ model, file, onNote }: Download, { etag, size }: RemoteFile, partial: string): Promise<void> {
  const received = await sizeOf(partial);
  const problems: string[] = [];
  if (size !== undefined && received !== size) problems.push(`has ${received} bytes instead of ${size}`);
  const algorithm = /^[0-9a-f]{64}$/.test(etag) ? 'sha256' : /^[0-9a-f]{40}$/.test(etag) ? 'sha1' : undefined;
  if (algorithm === undefined)
    onNote?.(`${model}: the hub gives no digest of ${file}, so its bytes could not be checked`);
  if (problems.length === 0 && algorithm !== undefined) {
    const hash = createHash(algorithm);
    if (algorithm === 'sha1') hash.update(`blob ${received}\0`);
    for await (const part of createReadStream(partial)) hash.update(part as Uint8Array);
    const digest = hash.digest('hex');
    if (digest !== etag) problems.push(`has the ${algorithm} ${digest} instead of ${etag}`);
  }
  if (problems.length === 0) return;
  await rm(partial);
  throw new CheckpointError(model, `the downloaded ${file} ${problems.join(' and ')}; it was deleted, fetch it again`);
}

interface RequestOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** A redirect that is an answer of its own. */
  readonly stopAt?: (response: Response) => boolean;
}

/** An answer after redirects, asked for again where the hub is busy. */
async function request(
  wanted: Download,
  { method = 'GET', stopAt, headers, signal }: RequestOptions,
): Promise<Response> {
  let { url } = wanted;
  let [hops, attempts] = [0, ATTEMPTS];
  const { seconds } = wanted.patience ?? PATIENCE;
  for (;;) {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      // Compression on the way would make sizes and ranges those of other bytes.
      headers: { 'accept-encoding': 'identity', ...headers },
      signal: signal ?? AbortSignal.timeout(1000 * seconds),
    });
    if ([429, 503].includes(response.status) && --attempts > 0) {
      await response.body?.cancel();
      await waitFor(wanted, response, ATTEMPTS - attempts);
      continue;
    }
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null || stopAt?.(response)) return response;
    await response.body?.cancel();
    if (++hops > REDIRECTS) {
      throw new CheckpointError(wanted.model, `${wanted.url} redirects more than ${REDIRECTS} times`);
    }
    url = await redirectTarget(wanted, location, url);
  }
}

/** Where a redirect leads. Throws a CheckpointError unless that is the hub itself, or a public host over https. */
async function redirectTarget({ model, endpoint }: Download, location: string, from: string): Promise<string> {
  const shown = location.length > 100 ? `${location.slice(0, 100)}…` : location;
  if (!URL.canParse(location, from)) {
    throw new CheckpointError(model, `the hub redirects to "${shown}", which is no address; check HF_ENDPOINT`);
  }
  const target = new URL(location, from);
  if (target.origin === endpoint.origin) return target.href;
  if (target.protocol !== 'https:' || (await isLocal(target.hostname))) {
    const why = target.protocol === 'https:' ? 'this machine or its network' : 'an address that is not https';
    throw new CheckpointError(model, `the hub redirects to "${shown}", ${why}; refused`);
  }
  return target.href;
}

// Loopback, private networks, and addresses of the link (among them the metadata services of clouds).
const LOCAL_NETWORKS = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  LOCAL_NETWORKS.addSubnet(network, bits);
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  LOCAL_NETWORKS.addSubnet(network, bits, 'ipv6');

/** Whether a host is of this machine or its network, by its address or by one that its name stands for. */
async function isLocal(hostname: string): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIP(host) !== 0) return isLocalAddress(host);
  if (!host.includes('.') || /\.(?:localhost|local|internal)$/.test(host)) return true;
  // Behind a proxy there may be no names, and the proxy decides then; a name that is unknown fails in the fetch.
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.some(({ address }) => isLocalAddress(address));
}

const isLocalAddress = (address: string): boolean =>
  LOCAL_NETWORKS.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Waits as long as a busy hub asks for; twice as long each time where it does not say. */
async function waitFor({ model, onNote }: Download, { status, headers }: Response, attempt: number): Promise<void> {
  const asked = headers.get('retry-after');
  const seconds =
    asked === null ? 2 ** (attempt - 1) : /^\d+$/.test(asked) ? Number(asked) : (Date.parse(asked) - Date.now()) / 1000;
  if (seconds > LONGEST_WAIT_SECONDS) {
    throw new CheckpointError(
      model,
      `the hub is busy (${status}) and asks to wait ${Math.round(seconds)} s; try again then`,
    );
  }
  const wait = Number.isFinite(seconds) ? Math.max(0, seconds) : 2 ** (attempt - 1);
  if (wait >= 1) onNote?.(`the hub is busy (${status}); asking again in ${Math.round(wait)} s`);
  await sleep(wait);
}

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

const httpError = ({ model, url }: Download, { status, statusText }: Response): CheckpointError =>
  new CheckpointError(model, `the hub answered ${status} ${statusText} to ${url}; try again later`);

/** A full or read-only disk, say: no attempt will cure it. */
const isOfFileSystem = (error: unknown): boolean =>
  ['open', 'write', 'fsync', 'ftruncate', 'close'].includes((error as NodeJS.ErrnoException).syscall ?? '');

/** Node's fetch hides the useful part of an error in its cause. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : message;
}

const sizeOf = async (path: string): Promise<number> => (existsSync(path) ? (await stat(path)).size : 0);
