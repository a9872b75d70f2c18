/**
 * Keeps the page's files in this browser, so that it opens without a network after the first visit. The page itself is
 * asked of its server each time, and taken from here where that does not answer; its parts have names that change with
 * their contents, so those that are kept are never out of date.
 */

/** What the types of pages lack of a service worker. */
interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Extendable) => void): void;
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
}
const scope = self as unknown as Scope;

/** Written in by the build: what is kept, and a name that changes with it. */
declare const KEPT_FILES: readonly string[];
declare const KEPT_VERSION: string;

const PREFIX = 'rna-app-';
const CACHE = PREFIX + KEPT_VERSION;
const PAGE = './';
/** Servers that answer other sites otherwise say so; these requests are all of this site. */
const ANY: CacheQueryOptions = { ignoreVary: true };

scope.addEventListener('install', (event) => {
  const keep = async (): Promise<void> => {
    await (await caches.open(CACHE)).addAll([PAGE, ...KEPT_FILES]);
    await scope.skipWaiting();
  };
  event.waitUntil(keep());
});

scope.addEventListener('activate', (event) => {
  const tidy = async (): Promise<void> => {
    const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await scope.clients.claim();
  };
  event.waitUntil(tidy());
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  // What a person fetches from elsewhere is none of its business, and a kept file is no answer to who asks for a part.
  const isOurs = request.method === 'GET' && request.url.startsWith(scope.registration.scope);
  if (!isOurs || request.headers.has('range')) return;
  event.respondWith(request.mode === 'navigate' ? page(request) : part(request));
});

async function page(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(CACHE)).match(PAGE, ANY);
    if (kept === undefined) throw error;
    return kept;
  }
}

async function part(request: Request): Promise<Response> {
  return (await (await caches.open(CACHE)).match(request, ANY)) ?? fetch(request);
}
