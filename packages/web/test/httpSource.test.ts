/** Files over HTTP, from servers that keep to ranges, ignore them, or fail. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { httpSource } from '../src/httpSource.ts';

const content = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
let server: Server | undefined;
let bytesSent = 0;
afterEach(() => {
  server?.close();
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  bytesSent = 0;
  const made = (server = createServer(answer));
  await new Promise<void>((resolve) => {
    made.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${String((made.address() as AddressInfo).port)}/corpus`;
}

/** Answers as a server of files does. `changes` is what it does to the bytes of a range. */
function ranges(changes: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (request.method === 'HEAD')
      response.writeHead(200, { 'accept-ranges': 'bytes', 'content-length': content.length }).end();
    else {
      const body = changes(content.subarray(Number(from), Number(to) + 1));
      bytesSent += body.length;
      response.writeHead(206, { 'content-length': body.length }).end(body);
    }
  };
}

describe('httpSource', () => {
  it('reads what is asked for and no more', async () => {
    const source = await httpSource(await serve(ranges()));
    expect(source.size).toBe(1000);
    expect(await source.read(990, 10)).toEqual(content.slice(990));
    expect(await source.read(7, 3)).toEqual(content.slice(7, 10));
    expect(await source.read(5, 0)).toEqual(new Uint8Array(0));
    expect(bytesSent).toBe(13);
    await expect(source.read(995, 6)).rejects.toThrow('bytes 995 to 1001 were asked for');
  });

  it('reads a file whole where the server has no ranges', async () => {
    const source = await httpSource(
      await serve((request, response) => {
        if (request.method === 'GET') bytesSent += content.length;
        response
          .writeHead(200, { 'content-length': content.length })
          .end(request.method === 'HEAD' ? undefined : content);
      }),
    );
    for (const offset of [0, 500, 900])
      expect(await source.read(offset, 100)).toEqual(content.slice(offset, offset + 100));
    expect(bytesSent).toBe(1000);
  });

  it('says what a server did wrong', async () => {
    const short = await httpSource(await serve(ranges((bytes) => bytes.subarray(1))));
    await expect(short.read(0, 10)).rejects.toThrow(
      /10 bytes from 0 were asked for, and the server sent 9 with status 206/,
    );
    server?.close();
    const missing = await serve((_, response) => {
      response.writeHead(404, 'Not Found').end();
    });
    await expect(httpSource(missing)).rejects.toThrow(`${missing}: the server answered 404 Not Found`);
    server?.close();
    await expect(httpSource('http://127.0.0.1:1/corpus')).rejects.toThrow('cannot be reached');
  });
});
