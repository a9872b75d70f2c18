import { afterEach, describe, expect, test, vi } from 'vitest';
import { openFolder, StorageFullError } from '../src/opfs.ts';
import { openPartedFile, PART_BYTES } from '../src/models/keptFile.ts';
import { keepModel, resumeModel } from '../src/models/keepModel.ts';
import { deleteModel, keptBytes, readRecord } from '../src/models/modelRecord.ts';

const at = (offset: number): number => (offset * 7919) & 255;
const bytesFrom = (start: number, length: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => at(start + i));
const digest = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a file in parts of any length is read by range as one, and gone on with', async () => {
  const folder = await openFolder('test-parts');
  await (await openPartedFile(folder, 'record.json')).clear();
  const file = await openPartedFile(folder, 'record.json');
  const lengths = [PART_BYTES, 10, 1, 1000];
  for (const length of lengths) await file.add(bytesFrom(file.size, length));
  const size = PART_BYTES + 1011;
  expect(file.size).toBe(size);
  const again = await openPartedFile(folder, 'record.json');
  expect(again.size).toBe(size);
  const source = again.source('x');
  for (const [offset, length] of [
    [0, 4],
    [PART_BYTES - 3, 20],
    [PART_BYTES + 10, 1],
    [size - 1, 1],
    [size, 0],
  ] as const)
    expect(await source.read(offset, length)).toEqual(bytesFrom(offset, length));
  await expect(source.read(size, 1)).rejects.toThrow('the file has');
  await again.clear();
  expect((await openPartedFile(folder, 'record.json')).size).toBe(0);
});

describe('a model', () => {
  const content = bytesFrom(0, 300_000);
  const url = 'https://hub.example/weights.bin';
  afterEach(async () => {
    vi.unstubAllGlobals();
    await deleteModel('lab/x');
  });

  /** A server that sends so many bytes and then nothing, and keeps to ranges or does not. */
  function serve(most: number, ranges: boolean): string[] {
    const asked: string[] = [];
    vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
      const range = new Headers(init.headers).get('range') ?? '';
      asked.push(range);
      const from = ranges ? Number(/\d+/.exec(range)?.[0] ?? 0) : 0;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(content.slice(from, Math.max(from, most)));
          if (most >= content.length) controller.close();
          init.signal?.addEventListener('abort', () => {
            controller.error(init.signal?.reason);
          });
        },
      });
      return Promise.resolve(new Response(body, { status: from > 0 ? 206 : 200 }));
    });
    return asked;
  }
  const offer = async () => ({
    name: 'lab/x',
    origin: 'a test',
    adapterOf: 'lab/y',
    files: [{ name: 'weights.bin', from: url, bytes: content.length, sha256: await digest(content) }],
  });

  async function pausedAt(received: number): Promise<void> {
    const pause = new AbortController();
    const keeping = keepModel(await offer(), {
      signal: pause.signal,
      onProgress(progress) {
        if (progress.received >= received) pause.abort();
      },
    });
    expect(await failureOf(keeping)).toBe(pause.signal.reason);
  }

  test.each([true, false])('goes on where it was paused, from a server that knows ranges: %s', async (ranges) => {
    serve(100_000, ranges);
    await pausedAt(100_000);
    const record = (await readRecord('lab/x'))!;
    expect([await keptBytes(record), record.files[0]!.isWhole]).toEqual([100_000, false]);
    const asked = serve(Infinity, ranges);
    expect((await resumeModel('lab/x')).files[0]).toMatchObject({ isWhole: true, sha256: await digest(content) });
    expect(asked).toEqual(['bytes=100000-']);
  });

  test('is deleted only when nobody fetches it, and waited for by a second call', async () => {
    serve(100_000, true);
    const pause = new AbortController();
    let second: Promise<unknown> | undefined;
    const first = keepModel(await offer(), {
      signal: pause.signal,
      onProgress({ received }) {
        if (received < 100_000 || second !== undefined) return;
        second = offer().then((same) => keepModel(same));
        void expect(deleteModel('lab/x'))
          .rejects.toThrow('is being fetched')
          .finally(() => {
            serve(Infinity, true);
            pause.abort();
          });
      },
    });
    expect(await failureOf(first)).toBe(pause.signal.reason);
    expect(await second).toMatchObject({ files: [{ isWhole: true }] });
  });

  test('that the disk has no room for is said so, and goes on when there is', async () => {
    serve(Infinity, true);
    // oxlint-disable-next-line typescript/unbound-method -- called with the stream that it is asked of
    const { write } = FileSystemWritableFileStream.prototype;
    const full = vi.spyOn(FileSystemWritableFileStream.prototype, 'write').mockImplementation(function (
      this: FileSystemWritableFileStream,
      chunk,
    ) {
      // Small files find room in what the disk has left.
      const isSmall = chunk instanceof Uint8Array && chunk.byteLength < 1000;
      return isSmall ? write.call(this, chunk) : Promise.reject(new DOMException('', 'QuotaExceededError'));
    });
    await expect(keepModel(await offer())).rejects.toThrow(StorageFullError);
    await expect(resumeModel('lab/x')).rejects.toThrow(/weights\.bin does not fit.*delete runs or models/);
    full.mockRestore();
    expect((await resumeModel('lab/x')).files[0]!.isWhole).toBe(true);
  });
});
