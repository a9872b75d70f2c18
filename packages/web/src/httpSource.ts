/** A file that is served, read by ranges: of a corpus of gigabytes only what is needed crosses the network. */
import { checkRange, type ByteSource } from '@rna/model';

/** Asks a server for a file. Rejects, naming the address, where it is not there or cannot be read by range. */
export async function httpSource(url: string): Promise<ByteSource> {
  const head = await request(url, { method: 'HEAD' });
  const size = Number(head.headers.get('content-length') ?? NaN);
  // Without ranges, or where the length is that of a compressed answer, a whole file is read once and kept.
  if (
    head.headers.get('accept-ranges') !== 'bytes' ||
    head.headers.has('content-encoding') ||
    !Number.isInteger(size)
  ) {
    const blob = await (await request(url)).blob();
    return ranged(
      url,
      blob.size,
      async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    );
  }
  return rangedHttpSource(url, size);
}

/** A file of a known size on a server that keeps to ranges; nothing is asked before the first read. */
export function rangedHttpSource(url: string, size: number): ByteSource {
  return ranged(url, size, async (offset, length) => {
    if (length === 0) return new Uint8Array(0);
    const answer = await request(url, { headers: { range: `bytes=${offset}-${offset + length - 1}` } });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (answer.status === 206 && bytes.byteLength === length) return bytes;
    throw new Error(
      `${url}: ${length} bytes from ${offset} were asked for, and the server sent ${bytes.byteLength} with status ${answer.status}; it changed the file, or does not keep to ranges`,
    );
  });
}

function ranged(url: string, size: number, read: ByteSource['read']): ByteSource {
  const source: ByteSource = {
    name: url,
    size,
    async read(offset, length) {
      checkRange(source, offset, length);
      return read(offset, length);
    },
  };
  return source;
}

async function request(url: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (cause) {
    throw new Error(
      `${url} cannot be reached: the address is wrong, the server is down, or it lets no other site read it (CORS)`,
      { cause },
    );
  }
  if (!answer.ok) throw new Error(`${url}: the server answered ${answer.status} ${answer.statusText}`);
  return answer;
}
