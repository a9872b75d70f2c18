import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  configJson,
  encoderParameters,
  isHubName,
  memorySink,
  openModel,
  PRESETS,
  readFloat32,
  writeModel,
  writeSafetensors,
} from '@rna/model';
import { fetchHubModel, hubCacheDir, type HubOptions } from '../src/node/hub.ts';
import { openModelFiles } from '../src/node/modelFiles.ts';

/** Addresses of names, in place of the network's. */
const names = vi.hoisted(() => new Map<string, string>());
vi.mock('node:dns/promises', () => ({
  lookup: (name: string) => {
    const address = names.get(name);
    return address === undefined
      ? Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`))
      : Promise.resolve([{ address, family: 4 }]);
  },
}));

const NAME = 'some-lab/rinalmo-nano';
const config = new TextEncoder().encode(configJson(PRESETS['rinalmo-nano']));
const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const gitSha1 = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex');

let server: Server;
let endpoint: string;
let cacheDir: string;
let requests: string[];
let files: Map<string, Uint8Array>;
/** Called before a GET is answered; true if it has answered itself. */
let interfere: (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array) => boolean;
let headers: (bytes: Uint8Array, file: string) => Record<string, string>;

/** Answers like the hub: large files redirect to another path, with their size and hash beside the redirect. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '' } = request;
  requests.push(`${method} ${url.split('/').at(-1)} ${request.headers.range ?? ''}`.trim());
  const [, stored, file] = /^(\/storage)?\/some-lab\/rinalmo-nano\/resolve\/main\/(.+)$/.exec(url) ?? [];
  const bytes = file === undefined ? undefined : files.get(file);
  if (file === undefined || bytes === undefined) return void response.writeHead(404).end();
  if (stored === undefined && file.endsWith('.safetensors')) {
    return void response
      .writeHead(302, { location: `/storage${url}`, etag: '"pointer"', ...headers(bytes, file) })
      .end();
  }
  const own = stored === undefined ? { etag: `"${gitSha1(bytes)}"` } : {};
  if (method === 'HEAD') return void response.writeHead(200, { 'content-length': bytes.byteLength, ...own }).end();
  if (interfere(request, response, bytes)) return;
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const part = bytes.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': part.byteLength,
    ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
    ...own,
  });
  response.end(part);
}

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'rna-hub-'));
  requests = [];
  files = new Map([
    ['config.json', config],
    ['model.safetensors', weights],
  ]);
  interfere = () => false;
  headers = (bytes) => ({ 'x-linked-size': String(bytes.byteLength), 'x-linked-etag': `"${sha256(bytes)}"` });
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(cacheDir, { recursive: true });
});

const cached = async (): Promise<string[]> => (await readdir(join(cacheDir, NAME))).sort();
/** Sends `count` bytes of what was asked for, then drops the connection. */
const cutAfter = (count: number, response: ServerResponse, bytes: Uint8Array, from = 0): true => {
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': bytes.byteLength - from,
    ...(from > 0 && { 'content-range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
  });
  // A reset connection takes unread bytes with it, so they get a moment to arrive.
  response.write(bytes.subarray(from, from + count), () => setTimeout(() => response.destroy(), 250));
  return true;
};
const isWeights = (request: IncomingMessage): boolean => request.url?.endsWith('model.safetensors') === true;

describe('download', () => {
  test('fetches config and weights with progress, and a second time nothing', async () => {
    const received: number[] = [];
    const onProgress: HubOptions['onProgress'] = (progress) => {
      if (progress.file === 'model.safetensors') received.push(progress.received);
    };
    const folder = await fetchHubModel(NAME, { endpoint, cacheDir, onProgress });
    expect(folder).toBe(join(cacheDir, NAME));
    expect(await cached()).toEqual(['config.json', 'model.safetensors']);
    expect(received.at(-1)).toBe(weights.byteLength);
    const before = requests.length;
    await fetchHubModel(NAME, { endpoint: 'http://127.0.0.1:1', cacheDir });
    expect(requests.length).toBe(before);
  });

  test('goes on after a dropped connection, where it stopped', async () => {
    let drops = 0;
    interfere = (request, response, bytes) => {
      if (!isWeights(request) || drops === 3) return false;
      drops++;
      return cutAfter(50_000, response, bytes, Number(/\d+/.exec(request.headers.range ?? '0')));
    };
    await fetchHubModel(NAME, { endpoint, cacheDir });
    const ranges = requests.filter((line) => /^GET model\.safetensors bytes/.test(line));
    // Each is asked for twice, before and after the redirect.
    expect([...new Set(ranges)]).toEqual(
      [50_000, 100_000, 150_000].map((from) => `GET model.safetensors bytes=${from}-`),
    );
    expect(await cached()).toEqual(['config.json', 'model.safetensors']);
  });

  test('goes on in a later run, where it stopped', async () => {
    // What an earlier run leaves: some bytes of this very version.
    const version = createHash('sha256').update(sha256(weights)).digest('hex').slice(0, 16);
    await mkdir(join(cacheDir, NAME), { recursive: true });
    await writeFile(join(cacheDir, NAME, `model.safetensors.${version}.partial`), weights.subarray(0, 123_456));
    await fetchHubModel(NAME, { endpoint, cacheDir });
    expect(requests.filter((line) => line.startsWith('GET model.safetensors'))).toContain(
      'GET model.safetensors bytes=123456-',
    );
    expect(requests).not.toContain('GET model.safetensors');
    expect(await cached()).toEqual(['config.json', 'model.safetensors']);
  });

  test('starts over where the server knows no ranges', async () => {
    let first = true;
    interfere = (request, response, bytes) => {
      if (!isWeights(request)) return false;
      if (first) {
        first = false;
        return cutAfter(50_000, response, bytes);
      }
      response.writeHead(200, { 'content-length': bytes.byteLength }).end(bytes);
      return true;
    };
    await fetchHubModel(NAME, { endpoint, cacheDir });
    expect(await cached()).toEqual(['config.json', 'model.safetensors']);
  });

  test('refuses wrong hashes, and keeps nothing of them', async () => {
    headers = (bytes) => ({ 'x-linked-size': String(bytes.byteLength), 'x-linked-etag': `"${'0'.repeat(64)}"` });
    await expect(fetchHubModel(NAME, { endpoint, cacheDir })).rejects.toThrow(
      /has the sha256 [0-9a-f]{64} instead of 0{64}/,
    );
    expect(await cached()).toEqual(['config.json']);
  });

  test('an unknown model, a model without weights, a failing hub', async () => {
    await expect(fetchHubModel('some-lab/other', { endpoint, cacheDir })).rejects.toThrow(
      `some-lab/other: no such model on ${endpoint}`,
    );
    files.delete('model.safetensors');
    await expect(fetchHubModel(NAME, { endpoint, cacheDir })).rejects.toThrow(
      'has none of model.safetensors, model.safetensors.index.json, pytorch_model.bin',
    );
    files.set('model.safetensors', weights);
    interfere = (_, response) => {
      response.writeHead(500).end();
      return true;
    };
    await expect(fetchHubModel(NAME, { endpoint, cacheDir })).rejects.toThrow(/the hub answered 500/);
  });

  test('offline, the error says what to fetch and where to put it', async () => {
    const failing = fetchHubModel(NAME, { endpoint: 'http://127.0.0.1:1', cacheDir });
    await expect(failing).rejects.toThrow(/cannot reach the hub \(.+\)/);
    await expect(failing).rejects.toThrow(`  http://127.0.0.1:1/${NAME}/resolve/main/model.safetensors\n`);
    await expect(failing).rejects.toThrow(`put the files into\n  ${join(cacheDir, NAME)}\n`);
  });
});

describe('a hub that does harm', () => {
  const fetchModel = (options: HubOptions = {}): Promise<string> =>
    fetchHubModel(NAME, { endpoint, cacheDir, ...options });
  const redirects = (location: string): void => {
    headers = () => ({ location });
  };

  test('sends more than it announced, or without an end', async () => {
    let sent = 0;
    interfere = (request, response) => {
      if (!isWeights(request)) return false;
      response.writeHead(200);
      const more = (): void => {
        if (response.destroyed) return;
        sent += 100_000;
        response.write(Buffer.alloc(100_000), () => setImmediate(more));
      };
      more();
      return true;
    };
    await expect(fetchModel()).rejects.toThrow(
      `${NAME}: the hub sends more of model.safetensors than the 300000 bytes that it announced; nothing of it was kept`,
    );
    expect(sent).toBeLessThan(50_000_000);
    expect(await cached()).toEqual(['config.json']);
  });

  test.each(['-5', '1e99', 'many', '999999999999999'])('announces %s bytes', async (size) => {
    headers = (bytes) => ({ 'x-linked-size': size, 'x-linked-etag': `"${sha256(bytes)}"` });
    await expect(fetchModel()).rejects.toThrow(`${NAME}: the hub announces ${size} bytes for model.safetensors`);
  });

  test('announces a config of 100 MB', async () => {
    files.set('config.json', new Uint8Array(100_000_000));
    await expect(fetchModel()).rejects.toThrow(
      'announces 100000000 bytes for config.json; 16777216 at most are fetched',
    );
  });

  test('is too slow', async () => {
    interfere = (request, response, bytes) => {
      if (!isWeights(request)) return false;
      response.writeHead(200, { 'content-length': bytes.byteLength });
      let at = 0;
      const drip = setInterval(() => {
        if (response.destroyed) clearInterval(drip);
        else response.write(bytes.subarray(at, ++at));
      }, 50);
      return true;
    };
    await expect(fetchModel({ patience: { seconds: 0.3, bytes: 1000 } })).rejects.toThrow(
      /the download of model\.safetensors broke off \(less than 1000 bytes came in 0\.3 s\)/,
    );
  });

  test('answers nothing', async () => {
    server.removeAllListeners('request');
    await expect(fetchModel({ patience: { seconds: 0.2, bytes: 1 } })).rejects.toThrow(
      /cannot reach the hub \(.*timeout/,
    );
  });

  test.each([
    ['http://example.com/weights', 'an address that is not https'],
    ['ftp://example.com/weights', 'an address that is not https'],
    ['file:///etc/passwd', 'an address that is not https'],
    ['https://127.0.0.1/weights', 'this machine or its network'],
    ['https://localhost:9/weights', 'this machine or its network'],
    ['https://[::1]/weights', 'this machine or its network'],
    ['https://[::ffff:127.0.0.1]/weights', 'this machine or its network'],
    ['https://0x7f.1/weights', 'this machine or its network'],
    ['https://169.254.169.254/latest', 'this machine or its network'],
    ['https://db.internal/weights', 'this machine or its network'],
  ])('redirects to %s', async (location, why) => {
    redirects(location);
    await expect(fetchModel()).rejects.toThrow(`${NAME}: the hub redirects to "${location}", ${why}; refused`);
  });

  test('redirects to a name that stands for this machine', async () => {
    names.set('public.example.com', '127.0.0.1');
    redirects('https://public.example.com/weights');
    await expect(fetchModel()).rejects.toThrow('"https://public.example.com/weights", this machine or its network');
  });

  test('redirects to nonsense, and in a circle', async () => {
    redirects('http://[nonsense');
    await expect(fetchModel()).rejects.toThrow('the hub redirects to "http://[nonsense", which is no address');
    redirects(`/some-lab/rinalmo-nano/resolve/main/model.safetensors`);
    await expect(fetchModel()).rejects.toThrow(/redirects more than 5 times/);
  });

  test('is busy, and says for how long', async () => {
    let busy = 3;
    interfere = (request, response) => {
      if (!isWeights(request) || busy === 0) return false;
      response.writeHead(busy-- % 2 === 0 ? 503 : 429, { 'retry-after': '0' }).end();
      return true;
    };
    await fetchModel();
    expect(busy).toBe(0);
    expect(await cached()).toEqual(['config.json', 'model.safetensors']);
  });

  test('is busy for longer than anybody waits', async () => {
    interfere = (_, response) => {
      response.writeHead(429, { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }).end();
      return true;
    };
    await expect(fetchModel()).rejects.toThrow(/the hub is busy \(429\) and asks to wait 3[56]\d\d s/);
  });

  test('a digest in capitals is compared all the same', async () => {
    headers = (bytes) => ({
      'x-linked-size': String(bytes.byteLength),
      'x-linked-etag': `"${sha256(bytes).toUpperCase()}"`,
    });
    await fetchModel();
    await rm(join(cacheDir, NAME), { recursive: true });
    headers = (bytes) => ({ 'x-linked-size': String(bytes.byteLength), 'x-linked-etag': `"${'AB'.repeat(32)}"` });
    await expect(fetchModel()).rejects.toThrow(/has the sha256 [0-9a-f]{64} instead of (ab){32}/);
  });

  test('bytes of a version without a digest are not gone on with', async () => {
    headers = (bytes) => ({ 'x-linked-size': String(bytes.byteLength), 'x-linked-etag': '' });
    const version = createHash('sha256').update('').digest('hex').slice(0, 16);
    await mkdir(join(cacheDir, NAME), { recursive: true });
    await writeFile(join(cacheDir, NAME, `model.safetensors.${version}.partial`), new Uint8Array(1000));
    await fetchModel();
    expect(await readFile(join(cacheDir, NAME, 'model.safetensors'))).toEqual(Buffer.from(weights));
  });

  test('a link in place of a partial file is not followed', async () => {
    const version = createHash('sha256').update(sha256(weights)).digest('hex').slice(0, 16);
    const mine = join(cacheDir, 'mine.txt');
    await writeFile(mine, 'my own');
    await mkdir(join(cacheDir, NAME), { recursive: true });
    await symlink(mine, join(cacheDir, NAME, `model.safetensors.${version}.partial`));
    await expect(fetchModel()).rejects.toThrow(/\.partial is a symbolic link, which is not followed; remove it/);
    expect(await readFile(mine, 'utf8')).toBe('my own');
  });

  test('an address that is none', async () => {
    await expect(fetchModel({ endpoint: 'my hub' })).rejects.toThrow(
      `${NAME}: HF_ENDPOINT is "my hub"; expected the address of a hub`,
    );
  });
});

test('four at once fetch each file once', async () => {
  const folders = await Promise.all(Array.from({ length: 4 }, () => fetchHubModel(NAME, { endpoint, cacheDir })));
  expect(new Set(folders)).toEqual(new Set([join(cacheDir, NAME)]));
  expect(requests.filter((line) => line === 'GET config.json')).toHaveLength(1);
  expect(await cached()).toEqual(['config.json', 'model.safetensors']);
});

test("a killed process's lock is taken away", async () => {
  await mkdir(join(cacheDir, NAME), { recursive: true });
  const lock = join(cacheDir, NAME, 'config.json.lock');
  await writeFile(lock, 'somebody');
  const old = new Date(Date.now() - 60_000);
  await utimes(lock, old, old);
  await fetchHubModel(NAME, { endpoint, cacheDir });
  expect(await cached()).toEqual(['config.json', 'model.safetensors']);
});

test('weights of PyTorch where there are no others, in one file and in shards', async () => {
  files.set('pytorch_model.bin', weights).delete('model.safetensors');
  await fetchHubModel(NAME, { endpoint, cacheDir });
  expect(await cached()).toEqual(['config.json', 'pytorch_model.bin']);
  await rm(join(cacheDir, NAME), { recursive: true });
  files.delete('pytorch_model.bin');
  const index = { weight_map: { a: 'pytorch_model-1.bin' } };
  files.set('pytorch_model.bin.index.json', new TextEncoder().encode(JSON.stringify(index)));
  files.set('pytorch_model-1.bin', weights);
  await fetchHubModel(NAME, { endpoint, cacheDir });
  expect(await cached()).toEqual(['config.json', 'pytorch_model-1.bin', 'pytorch_model.bin.index.json']);
});

describe('models by name', () => {
  test('cache folder and hub names', () => {
    expect(hubCacheDir({ XDG_CACHE_HOME: '/c' })).toBe('/c/rna/hub');
    expect(hubCacheDir({ XDG_CACHE_HOME: '/c', RNA_HUB_CACHE: '/r' })).toBe('/r');
    expect(['multimolecule/rinalmo-giga', 'a/b.c'].map(isHubName)).toEqual([true, true]);
    expect(['rinalmo', '../x', 'a/..', 'a/b/c', '/a/b'].map(isHubName)).toEqual([false, false, false, false, false]);
  });

  const nano = async (): Promise<Uint8Array> => {
    const sink = memorySink();
    const sizes = new Map<string, number>();
    for (const [name, shape] of encoderParameters(PRESETS['rinalmo-nano']))
      sizes.set(
        name,
        shape.reduce((a, b) => a * b),
      );
    await writeModel(sink, {
      config: PRESETS['rinalmo-nano'],
      scheme: 'port',
      lmHead: false,
      read: (name) => Promise.resolve(new Float32Array(sizes.get(name)!)),
    });
    return sink.bytes();
  };

  test('from the hub, from a folder, from a file with a config beside it or without', async () => {
    files.set('model.safetensors', await nano());
    const opened = await openModelFiles(NAME, { endpoint, cacheDir });
    expect((await openModel(opened.tensors, opened.config)).config).toEqual(PRESETS['rinalmo-nano']);
    await opened.close();

    const folder = join(cacheDir, NAME);
    const weightsPath = join(folder, 'model.safetensors');
    for (const path of [folder, weightsPath]) {
      const local = await openModelFiles(path);
      expect(local.config).toEqual(PRESETS['rinalmo-nano']);
      await local.close();
    }
    const apart = join(cacheDir, 'apart.json');
    await writeFile(apart, configJson(PRESETS['ssr-lm-s']));
    const other = await openModelFiles(weightsPath, { configPath: apart });
    expect(other.config?.model).toBe('ssr-lm');
    await other.close();
    await rm(join(folder, 'config.json'));
    const bare = await openModelFiles(weightsPath);
    expect(bare.config).toBeUndefined();
    expect((await openModel(bare.tensors)).config).toEqual(PRESETS['rinalmo-nano']);
    await bare.close();
  });

  test('in shards', async () => {
    const shard = async (name: string, value: number): Promise<Uint8Array> => {
      const sink = memorySink();
      await writeSafetensors(sink, [
        { name, dtype: 'F32', shape: [1], data: () => Promise.resolve(new Float32Array([value])) },
      ]);
      return sink.bytes();
    };
    files.delete('model.safetensors');
    files.set('model-1.safetensors', await shard('a', 1)).set('model-2.safetensors', await shard('b', 2));
    files.set(
      'model.safetensors.index.json',
      new TextEncoder().encode(JSON.stringify({ weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' } })),
    );
    const { tensors, close } = await openModelFiles(NAME, { endpoint, cacheDir });
    expect(await readFloat32(tensors.tensors.get('b')!)).toEqual(new Float32Array([2]));
    await close();
    const before = requests.length;
    await (await openModelFiles(NAME, { endpoint, cacheDir })).close();
    expect(requests.length).toBe(before);
    await rm(join(cacheDir, NAME, 'model-2.safetensors'));
    await expect(openModelFiles(join(cacheDir, NAME))).rejects.toThrow(
      /model-2\.safetensors: no such file, though the index names it/,
    );
  });

  test('what is neither', async () => {
    await expect(openModelFiles('rinalmo-giga')).rejects.toThrow(
      'rinalmo-giga: no such file or folder, and neither builtin nor the name of a hub model',
    );
    await expect(openModelFiles(cacheDir)).rejects.toThrow(
      'the folder has none of model.safetensors, model.safetensors.index.json, pytorch_model.bin',
    );
  });
});
