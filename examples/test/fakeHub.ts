/**
 * A hub of models on this machine, for the application's tests: its list of files, its files by range, and what it was
 * asked. It can be told to hold back the rest of a file, as a slow connection does.
 */
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeHub {
  readonly url: string;
  /** The ranges that were asked of weights, '' for a whole file. */
  readonly asked: string[];
  /** Sends so many bytes of a file of weights and no more, until it is set to Infinity. */
  most: number;
  /** What the hub says the digest of weights is, where it is not the right one. */
  digest: string | undefined;
  /** Bytes that files have, by model and name, where there are fewer: the rest are zeros. */
  claimed: ReadonlyMap<string, number>;
  readonly close: () => Promise<void>;
}

/** Serves models by name, each with its files. */
export async function openFakeHub(models: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>): Promise<FakeHub> {
  const held = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', 'range');
    response.setHeader('access-control-expose-headers', 'accept-ranges, content-range, etag');
    const path = new URL(request.url!, 'http://hub').pathname;
    const [, listed] = /^\/api\/models\/(.+)\/tree\/main$/.exec(path) ?? [];
    const [, model, file] = /^\/(.+)\/resolve\/main\/(.+)$/.exec(path) ?? [];
    if (listed !== undefined && models.has(listed)) {
      const files = [...models.get(listed)!].map(([name, bytes]) => ({
        type: 'file',
        path: name,
        size: bytes.length,
        oid: createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'),
        ...(name.endsWith('.safetensors') && {
          lfs: {
            oid: hub.digest ?? createHash('sha256').update(bytes).digest('hex'),
            size: hub.claimed.get(`${listed}/${name}`) ?? bytes.length,
          },
        }),
      }));
      response.setHeader('content-type', 'application/json').end(JSON.stringify(files));
      return;
    }
    const bytes = models.get(model ?? '')?.get(file ?? '');
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { range = '' } = request.headers;
    const [, from = '0', to = String(bytes.length - 1)] = /^bytes=(\d+)-(\d+)?$/.exec(range) ?? [];
    const part = new Uint8Array(Number(to) + 1 - Number(from));
    part.set(bytes.subarray(Number(from), Number(to) + 1));
    response.writeHead(range === '' ? 200 : 206, {
      'accept-ranges': 'bytes',
      'content-length': part.length,
      ...(range !== '' && { 'content-range': `bytes ${from}-${to}/${bytes.length}` }),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const isDownload = file!.endsWith('.safetensors') && !/-\d/.test(range);
    if (isDownload) hub.asked.push(range);
    if (!isDownload || part.length <= hub.most) response.end(part);
    else {
      held.add(response);
      response.write(part.subarray(0, hub.most));
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const hub: FakeHub = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    asked: [],
    most: Infinity,
    digest: undefined,
    claimed: new Map(),
    close: () =>
      new Promise((resolve) => {
        for (const response of held) response.destroy();
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return hub;
}
