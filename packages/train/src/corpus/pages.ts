/**
 * A stream of bytes in pages, each followed by its checksum, so that any range
 * of it can be read and trusted without the rest. A section of a corpus is
 * three such streams. Pages that were read stay in a small cache; those that
 * stand side by side are fetched together.
 */
import type { ByteSource } from '@rna/model';
import { CorpusError } from './corpus.ts';
import { HASH_BYTES, hash128, hex } from './hash.ts';

/** Bytes of a page with its checksum. Entries of 4 and 12 bytes never straddle two pages. */
export const PAGE_BYTES = 65536;
const PAYLOAD = PAGE_BYTES - HASH_BYTES;
const CACHED_PAGES = 32;
const PAGES_PER_READ = 64;

/** Where a stream stands in a file. */
export interface PagedStream {
  /** Where its first page begins in the file. */
  readonly offset: number;
  /** Without the checksums. */
  readonly bytes: number;
  /** Hash of all checksums in a row, hex: what stands for the content. */
  readonly chain: string;
}

const pageCount = (bytes: number): number => Math.ceil(bytes / PAYLOAD);

/** Bytes that a stream takes in the file. */
export const fileBytes = ({ bytes }: Pick<PagedStream, 'bytes'>): number => bytes + pageCount(bytes) * HASH_BYTES;

// The page's number is part of the checksum, so that a page in another's place is found.
const checksum = (payload: Uint8Array, page: number): Uint8Array => hash128(payload, page);

/** The hash of all checksums so far and the next one. */
function createChain() {
  const link = new Uint8Array(2 * HASH_BYTES);
  return {
    add(sum: Uint8Array): void {
      link.set(sum, HASH_BYTES);
      link.set(hash128(link));
    },
    text: (): string => hex(link.subarray(0, HASH_BYTES)),
  };
}

/** Cuts what is appended into pages, which `emit` gets one by one and may keep. */
export function createPageWriter(emit: (page: Uint8Array) => void) {
  const chain = createChain();
  let page = new Uint8Array(PAGE_BYTES);
  let [filled, bytes, count] = [0, 0, 0];
  const flush = (): void => {
    const sum = checksum(page.subarray(0, filled), count++);
    page.set(sum, filled);
    chain.add(sum);
    emit(page.subarray(0, filled + HASH_BYTES));
    page = new Uint8Array(PAGE_BYTES);
    filled = 0;
  };
  return {
    bytes: (): number => bytes,
    append(part: Uint8Array): void {
      bytes += part.byteLength;
      for (let at = 0; at < part.byteLength;) {
        const take = Math.min(PAYLOAD - filled, part.byteLength - at);
        page.set(part.subarray(at, at + take), filled);
        filled += take;
        at += take;
        if (filled === PAYLOAD) flush();
      }
    },
    finish(): Omit<PagedStream, 'offset'> {
      if (filled > 0) flush();
      return { bytes, chain: chain.text() };
    },
  };
}

export interface PageReader {
  /** The bytes start … end − 1 of each range. Throws a CorpusError where a page is damaged. */
  read(ranges: readonly (readonly [start: number, end: number])[]): Promise<Uint8Array[]>;
  /**
   * All payloads in order, each checked, and the chain in the end; nothing is cached. Throws a CorpusError for the
   * first damage.
   */
  scan(): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Reads a stream of `source`. `what` is its name in errors, such as "structured data". */
export function openPages(source: ByteSource, { offset, bytes, chain }: PagedStream, what: string): PageReader {
  const cache = new Map<number, Promise<Uint8Array>>();
  const pages = pageCount(bytes);

  const fetchRun = async (first: number, count: number): Promise<Uint8Array[]> => {
    const end = Math.min((first + count) * PAYLOAD, bytes);
    const run = await source.read(offset + first * PAGE_BYTES, end - first * PAYLOAD + count * HASH_BYTES);
    return Array.from({ length: count }, (_, k) => {
      const page = run.subarray(k * PAGE_BYTES, (k + 1) * PAGE_BYTES);
      const payload = page.subarray(0, page.byteLength - HASH_BYTES);
      const sum = checksum(payload, first + k);
      if (sum.some((byte, i) => byte !== page[payload.byteLength + i])) {
        const at = offset + (first + k) * PAGE_BYTES;
        throw new CorpusError(
          source.name,
          `damaged: block ${first + k + 1} of ${pages} of the ${what} (bytes ${at} to ${at + page.byteLength - 1}) does not match its checksum; ` +
            'copy or download the file again, or build the corpus anew',
        );
      }
      return payload;
    });
  };

  const remember = (page: number, payload: Promise<Uint8Array>): void => {
    cache.set(page, payload);
    if (cache.size > CACHED_PAGES) cache.delete(cache.keys().next().value!);
    // What failed is asked for again next time; who asked now is told by the promise itself.
    payload.catch(() => {
      if (cache.get(page) === payload) cache.delete(page);
    });
  };

  /** The payloads of `wanted`, ascending. */
  const load = async (wanted: readonly number[]): Promise<Map<number, Uint8Array>> => {
    const loading = new Map<number, Promise<Uint8Array>>();
    const missing: number[] = [];
    for (const page of wanted) {
      const cached = cache.get(page);
      if (cached === undefined) missing.push(page);
      else {
        loading.set(page, cached);
        // The last that is used is the last to go.
        cache.delete(page);
        cache.set(page, cached);
      }
    }
    for (let k = 0; k < missing.length;) {
      const first = missing[k]!;
      let count = 1;
      while (count < PAGES_PER_READ && missing[k + count] === first + count) count++;
      const run = fetchRun(first, count);
      for (let page = first; page < first + count; page++) {
        const payload = run.then((payloads) => payloads[page - first]!);
        loading.set(page, payload);
        remember(page, payload);
      }
      k += count;
    }
    return new Map(await Promise.all([...loading].map(async ([page, payload]) => [page, await payload] as const)));
  };

  return {
    async read(ranges) {
      const wanted = new Set<number>();
      for (const [start, end] of ranges) {
        if (!(start >= 0 && start <= end && end <= bytes))
          throw new CorpusError(
            source.name,
            `damaged: bytes ${start} to ${end} of the ${what} were asked for, but it has ${bytes}; build the corpus anew`,
          );
        for (let page = Math.floor(start / PAYLOAD); page * PAYLOAD < end; page++) wanted.add(page);
      }
      const loaded = await load([...wanted].sort((a, b) => a - b));
      return ranges.map(([start, end]) => {
        const first = Math.floor(start / PAYLOAD);
        if (end <= (first + 1) * PAYLOAD)
          return start === end
            ? new Uint8Array()
            : loaded.get(first)!.subarray(start - first * PAYLOAD, end - first * PAYLOAD);
        const joined = new Uint8Array(end - start);
        for (let at = start; at < end;) {
          const page = Math.floor(at / PAYLOAD);
          const part = loaded.get(page)!.subarray(at - page * PAYLOAD, end - page * PAYLOAD);
          joined.set(part, at - start);
          at += part.byteLength;
        }
        return joined;
      });
    },
    async *scan() {
      const found = createChain();
      for (let page = 0; page < pages; page += PAGES_PER_READ) {
        for (const [k, payload] of (await fetchRun(page, Math.min(PAGES_PER_READ, pages - page))).entries()) {
          found.add(checksum(payload, page + k));
          yield payload;
        }
      }
      if (found.text() !== chain)
        throw new CorpusError(
          source.name,
          `damaged: the ${what} is not what the file's table says; copy or download the file again, or build the corpus anew`,
        );
    },
  };
}
