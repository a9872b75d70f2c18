import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { commands } from 'vitest/browser';
import { deleteModel, openModel, savedModels } from '../src/browser/index.ts';
import { builtinTests, checkFineTuned, fineTuned, type FineTuned } from './expected.ts';

const bytes = async (path: string): Promise<Uint8Array> =>
  Uint8Array.from(atob(await commands.readFile(path, 'base64')), (c) => c.charCodeAt(0));

builtinTests({ open: openModel, bytes });

describe('a hub', () => {
  const HUB = 'https://hub.example';
  const NAME = 'some-lab/families';
  const fetched: string[] = [];
  let model: FineTuned;
  let files: Map<string, Uint8Array>;
  let list: object[];
  /** Answers in place of the fake where it is given. */
  let interfere: ((path: string, range: string | null) => Response | undefined) | undefined;

  const hex = (buffer: ArrayBuffer): string =>
    [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const digest = async (algorithm: string, ...parts: Uint8Array[]): Promise<string> =>
    hex(await crypto.subtle.digest(algorithm, await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer()));

  beforeAll(async () => {
    model = await fineTuned(bytes);
    const real = fetch;
    vi.stubGlobal('fetch', (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
      const address = input instanceof Request ? input.url : String(input);
      if (!address.startsWith(HUB)) return real(input, init);
      return Promise.resolve(answer(address.slice(HUB.length), init));
    });
  });
  afterAll(() => {
    vi.unstubAllGlobals();
  });

  function answer(path: string, init?: RequestInit): Response {
    const range = new Headers(init?.headers).get('range');
    fetched.push(`${path.slice(path.lastIndexOf('/') + 1)} ${range ?? ''}`.trim());
    const own = interfere?.(path, range);
    if (own !== undefined) return own;
    if (path === `/api/models/${NAME}/tree/main`) return Response.json(list);
    const content = files.get(path.replace(`/${NAME}/resolve/main/`, ''));
    if (content === undefined) return new Response('', { status: 404 });
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    return new Response(content.slice(from), { status: from > 0 ? 206 : 200 });
  }

  beforeEach(async () => {
    await deleteModel(NAME);
    fetched.length = 0;
    interfere = undefined;
    files = new Map([
      ['config.json', model.config],
      ['model.safetensors', model.weights],
    ]);
    const blob = new TextEncoder().encode(`blob ${model.config.byteLength}\0`);
    list = [
      { type: 'directory', path: 'pictures', oid: '0' },
      { type: 'file', path: 'README.md', size: 3, oid: 'f'.repeat(40) },
      {
        type: 'file',
        path: 'config.json',
        size: model.config.byteLength,
        oid: await digest('SHA-1', blob, model.config),
      },
      {
        type: 'file',
        path: 'model.safetensors',
        size: 134,
        oid: 'f'.repeat(40),
        lfs: { oid: await digest('SHA-256', model.weights), size: model.weights.byteLength },
      },
    ];
  });

  test('gives a model, which is kept', async () => {
    const received = new Map<string, number>();
    const opened = await openModel(NAME, { hub: HUB, onProgress: (p) => received.set(p.file, p.received) });
    await checkFineTuned(opened, model);
    opened.dispose();
    expect(received).toEqual(
      new Map([
        ['config.json', model.config.byteLength],
        ['model.safetensors', model.weights.byteLength],
      ]),
    );
    const saved = (await savedModels()).filter(({ name }) => name === NAME);
    expect(saved).toEqual([{ name: NAME, bytes: model.config.byteLength + model.weights.byteLength }]);
    fetched.length = 0;
    (await openModel(NAME, { hub: HUB })).dispose();
    expect(fetched).toEqual([]);
    await deleteModel(NAME);
    expect((await savedModels()).map(({ name }) => name)).not.toContain(NAME);
  });

  test('whose bytes are others than it lists is refused, and nothing of them is kept', async () => {
    files.set(
      'model.safetensors',
      model.weights.map((byte, i) => (i === 5000 ? byte ^ 1 : byte)),
    );
    await expect(openModel(NAME, { hub: HUB })).rejects.toThrow(/SHA-256 [0-9a-f]{64}, and [0-9a-f]{64} was promised/);
    expect((await savedModels()).find(({ name }) => name === NAME)?.bytes).toBe(model.config.byteLength);
    files.set('model.safetensors', new Uint8Array([...model.weights, 0]));
    await expect(openModel(NAME, { hub: HUB })).rejects.toThrow('sends more of model.safetensors than');
  });

  test('is asked again where the connection breaks', async () => {
    let breaks = 2;
    interfere = (path) => {
      if (!path.endsWith('.safetensors') || breaks-- <= 0) return undefined;
      return new Response(model.weights.slice(0, 1000));
    };
    (await openModel(NAME, { hub: HUB })).dispose();
    expect(fetched.filter((line) => line.startsWith('model.safetensors')).length).toBe(3);
  });

  test.each([
    [(): Response => new Response('', { status: 401 }), 'no such model on https://hub.example'],
    [(): Response => new Response('<html>'), 'does not answer as a hub'],
    [(): Response => new Response('', { status: 500 }), 'answered 500'],
    [(): Response => Response.json([{ type: 'file', path: 'model.safetensors', size: 1e15, oid: '' }]), 'announces'],
    [(): Response => Response.json([{ type: 'file', path: 'model.safetensors', size: 1, oid: '' }]), 'no digest'],
    [(): Response => Response.json([]), 'has none of'],
  ])('that does not list the model is said so: %#', async (response, message) => {
    interfere = (path) => (path.startsWith('/api/') ? response() : undefined);
    await expect(openModel(NAME, { hub: HUB })).rejects.toThrow(message);
  });

  test('an opening that was ended says so', async () => {
    const controller = new AbortController();
    interfere = (path) => {
      if (path.endsWith('.safetensors')) controller.abort(new Error('enough'));
      return path.endsWith('.safetensors') ? new Response(new Uint8Array(10)) : undefined;
    };
    await expect(openModel(NAME, { hub: HUB, signal: controller.signal })).rejects.toThrow('enough');
  });
});

test('the files that a person picked are a model', async () => {
  const model = await fineTuned(bytes);
  const file = (name: string, content: Uint8Array): File => new File([content as Uint8Array<ArrayBuffer>], name);
  const opened = await openModel([file('config.json', model.config), file('families.safetensors', model.weights)]);
  await checkFineTuned(opened, model);
  opened.dispose();
  await expect(openModel([file('config.json', model.config)])).rejects.toThrow('holds no weights');
});

test('an address where nothing is, is refused', async () => {
  await expect(openModel('https://hub.invalid/model/')).rejects.toThrow('cannot be reached');
});
