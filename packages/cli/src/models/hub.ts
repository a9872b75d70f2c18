/**
 * Models by hub name: files are downloaded from the Hugging Face hub into a
 * cache folder of this program, by range, resumed where an earlier attempt
 * stopped, and checked against the size and hash that the hub gives. A cached
 * file is used without asking the hub again. `HF_ENDPOINT` names another hub,
 * `RNA_HUB_CACHE` another folder.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CheckpointError, parseShardIndex } from '@rna/model';

export interface HubOptions {
  /** Default: `HF_ENDPOINT`, else the public hub. */
  readonly endpoint?: string;
  /** Default: `RNA_HUB_CACHE`, else `rna/hub` below the user's cache folder. */
  readonly cacheDir?: string;
  /** Called for every part that arrives; `total` is undefined if the hub does not say. */
  readonly onProgress?: (progress: { file: string; received: number; total: number | undefined }) => void;
}

export const CONFIG_FILE = 'config.json';
export const WEIGHTS_FILE = 'model.safetensors';
export const SHARD_INDEX_FILE = 'model.safetensors.index.json';

const PUBLIC_HUB = 'https://huggingface.co';
const ATTEMPTS = 5;
const REDIRECTS = 5;

/** `organisation/model`, both plain names. */
export const isHubName = (name: string): boolean => /^\w[\w.-]*\/\w[\w.-]*$/.test(name);

export function hubCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.RNA_HUB_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rna', 'hub');
}

/**
 * The local folder of a hub model, with its config and weights (or shards).
 * @throws CheckpointError if the hub has no such model, cannot be reached, or gives other bytes than it promises.
 */
export async function fetchHubModel(name: string, options: HubOptions = {}): Promise<string> {
  const endpoint = (options.endpoint ?? process.env.HF_ENDPOINT ?? PUBLIC_HUB).replace(/\/+$/, '');
  const repository: Repository = {
    name,
    folder: join(options.cacheDir ?? hubCacheDir(), ...name.split('/')),
    url: (file) => `${endpoint}/${name}/resolve/main/${file}`,
    onProgress: options.onProgress,
  };
  await mkdir(repository.folder, { recursive: true });
  if (!(await ensure(repository, CONFIG_FILE))) {
    throw new CheckpointError(
      name,
      `no such model on ${endpoint}, or one that is not public; check the spelling (organisation/model)`,
    );
  }
  // A cached index tells that the model is in shards without asking the hub.
  const inShards = existsSync(join(repository.folder, SHARD_INDEX_FILE));
  if (!inShards && (await ensure(repository, WEIGHTS_FILE))) return repository.folder;
  if (!(await ensure(repository, SHARD_INDEX_FILE))) {
    throw new CheckpointError(name, `has neither ${WEIGHTS_FILE} nor ${SHARD_INDEX_FILE} on ${endpoint}`);
  }
  const indexPath = join(repository.folder, SHARD_INDEX_FILE);
  for (const shard of new Set(parseShardIndex(await readFile(indexPath, 'utf8'), indexPath).values())) {
    if (!(await ensure(repository, shard)))
      throw new CheckpointError(name, `${SHARD_INDEX_FILE} names ${shard}, which the hub does not have`);
  }
  return repository.folder;
}

interface Repository {
  readonly name: string;
  readonly folder: string;
  readonly url: (file: string) => string;
  readonly onProgress: HubOptions['onProgress'];
}

interface RemoteFile {
  readonly etag: string;
  readonly size: number | undefined;
}

/** Makes sure that a file is in the cache; false if the hub does not have it. */
async function ensure(repository: Repository, file: string): Promise<boolean> {
  const path = join(repository.folder, file);
  if (existsSync(path)) return true;
  const remote = await inspect(repository, file);
  if (remote === undefined) return false;
  // Bytes of another version must not be continued, so the version is in the name.
  const version = createHash('sha256').update(remote.etag).digest('hex').slice(0, 16);
  const partial = `${path}.${version}.partial`;
  await receiveAll(repository, file, remote, partial);
  await check(repository.name, file, remote, partial);
  await rename(partial, path);
  return true;
}

/** Asks for a file's version and size without its bytes. Large files answer with a redirect that carries both. */
async function inspect(repository: Repository, file: string): Promise<RemoteFile | undefined> {
  let url = repository.url(file);
  for (let hop = 0; hop <= REDIRECTS; hop++) {
    const response = await request(repository, file, url, { method: 'HEAD', redirect: 'manual' });
    // The hub answers 401 to names that it does not know, and 403 to models behind a licence form.
    if ([401, 403, 404].includes(response.status)) return undefined;
    const { headers } = response;
    const location = headers.get('location');
    const linkedEtag = headers.get('x-linked-etag');
    if (location !== null && linkedEtag === null) {
      url = new URL(location, url).href;
      continue;
    }
    if (location === null && !response.ok) throw httpError(repository, file, response);
    const size = headers.get('x-linked-size') ?? (location === null ? headers.get('content-length') : null);
    const etag = (linkedEtag ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '');
    return { etag, size: size === null ? undefined : Number(size) };
  }
  throw new CheckpointError(repository.name, `${repository.url(file)} redirects more than ${REDIRECTS} times`);
}

/** Fills `partial` with the whole file, however often the connection breaks while it makes progress. */
async function receiveAll(repository: Repository, file: string, remote: RemoteFile, partial: string): Promise<void> {
  let attempts = ATTEMPTS;
  for (;;) {
    // Without a size there is no telling whether what is there is already all.
    const before = remote.size === undefined ? 0 : await sizeOf(partial);
    if (remote.size !== undefined && before >= remote.size) return;
    try {
      await receive(repository, file, remote, partial, before);
      const after = await sizeOf(partial);
      if (remote.size === undefined || after >= remote.size) return;
      throw new Error(`the connection closed after ${after} of ${remote.size} bytes`);
    } catch (cause) {
      if (cause instanceof CheckpointError) throw cause;
      const progressed = (await sizeOf(partial)) > before;
      attempts = progressed ? ATTEMPTS : attempts - 1;
      if (attempts === 0) {
        throw new CheckpointError(
          repository.name,
          `the download of ${file} broke off (${reason(cause)}). Run the command again: it goes on where it stopped`,
          { cause },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, progressed ? 0 : 250 * 2 ** (ATTEMPTS - attempts)));
    }
  }
}

async function receive(
  repository: Repository,
  file: string,
  remote: RemoteFile,
  partial: string,
  have: number,
): Promise<void> {
  const url = repository.url(file);
  const response = await request(repository, file, url, have > 0 ? { headers: { range: `bytes=${have}-` } } : {});
  if (!response.ok || response.body === null) throw httpError(repository, file, response);
  // A server that knows no ranges starts again from the first byte.
  const resumed =
    response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`) === true;
  let received = resumed ? have : 0;
  const handle = await open(partial, resumed ? 'a' : 'w');
  try {
    for await (const part of response.body) {
      await handle.writeFile(part as Uint8Array);
      received += (part as Uint8Array).byteLength;
      repository.onProgress?.({ file, received, total: remote.size });
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The hub's ETag is a file's SHA-256 where it is large, else the SHA-1 that git gives a blob. */
async function check(name: string, file: string, { etag, size }: RemoteFile, partial: string): Promise<void> {
  const received = await sizeOf(partial);
  const problems: string[] = [];
  if (size !== undefined && received !== size) problems.push(`has ${received} bytes instead of ${size}`);
  const algorithm = /^[0-9a-f]{64}$/.test(etag) ? 'sha256' : /^[0-9a-f]{40}$/.test(etag) ? 'sha1' : undefined;
  if (problems.length === 0 && algorithm !== undefined) {
    const hash = createHash(algorithm);
    if (algorithm === 'sha1') hash.update(`blob ${received}\0`);
    for await (const part of createReadStream(partial)) hash.update(part as Uint8Array);
    const digest = hash.digest('hex');
    if (digest !== etag) problems.push(`has the ${algorithm} ${digest} instead of ${etag}`);
  }
  if (problems.length === 0) return;
  await rm(partial);
  throw new CheckpointError(name, `the downloaded ${file} ${problems.join(' and ')}; it was deleted, fetch it again`);
}

interface RequestOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly redirect?: 'manual';
  readonly headers?: Readonly<Record<string, string>>;
}

async function request(
  repository: Repository,
  file: string,
  url: string,
  { method = 'GET', ...init }: RequestOptions,
): Promise<Response> {
  try {
    // Compression on the way would make sizes and ranges those of other bytes.
    return await fetch(url, { ...init, method, headers: { 'accept-encoding': 'identity', ...init.headers } });
  } catch (cause) {
    if (method !== 'HEAD') throw cause;
    throw new CheckpointError(
      repository.name,
      `cannot reach the hub (${reason(cause)}). Without a network, fetch\n` +
        `${[CONFIG_FILE, file === CONFIG_FILE ? WEIGHTS_FILE : file].map((each) => `  ${repository.url(each)}`).join('\n')}\n` +
        `elsewhere and put the files into\n  ${repository.folder}\nor name a local folder as the model`,
      { cause },
    );
  }
}

const httpError = (repository: Repository, file: string, response: Response): CheckpointError =>
  new CheckpointError(
    repository.name,
    `the hub answered ${response.status} ${response.statusText} to ${repository.url(file)}; try again later`,
  );

/** Node's fetch hides the useful part of an error in its cause. */
function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : message;
}

const sizeOf = async (path: string): Promise<number> => (existsSync(path) ? (await stat(path)).size : 0);
