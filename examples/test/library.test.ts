/** The page of examples/library in Chromium: the built-in model, and a model of a hub, which is kept. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { builtinFiles } from '@rna/builtin';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openChromium, openTab, servePage, type ServedPage } from './chromium.ts';

let served: ServedPage;
let browser: Browser;
beforeAll(async () => {
  [served, browser] = [
    await servePage(fileURLToPath(new URL('../library/page', import.meta.url))),
    await openChromium(),
  ];
}, 60_000);
afterAll(async () => {
  await browser.close();
  await served.close();
});

const HUB = 'https://hub.example';

test('the page folds by the built-in model, and by one of a hub, which it fetches once', async () => {
  const context = await browser.newContext();
  const files = new Map([
    ['config.json', await readFile(builtinFiles.config)],
    ['model.safetensors', await readFile(builtinFiles.weights)],
  ]);
  const asked: string[] = [];
  await context.route(`${HUB}/**`, async (route) => {
    const name = route.request().url().split('/').at(-1)!;
    asked.push(name);
    const headers = { 'access-control-allow-origin': '*' };
    if (name !== 'main') return route.fulfill({ headers, body: files.get(name)! });
    const list = [...files].map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.byteLength,
      oid: 'f'.repeat(40),
      lfs: { size: bytes.byteLength, oid: createHash('sha256').update(bytes).digest('hex') },
    }));
    return route.fulfill({ headers, json: list });
  });
  const fold = async (query: string): Promise<void> => {
    const { tab, complaints } = await openTab(context, `${served.url}${query}`);
    await tab.getByRole('button', { name: 'Fold' }).click();
    await expect
      .poll(() => tab.getByRole('status').textContent(), { timeout: 90_000 })
      .toBe('GGGGAAAACCCC\n((((....))))');
    expect(complaints).toEqual([]);
    await tab.close();
  };
  await fold('');
  expect(asked).toEqual([]);
  const fromHub = `?model=some-lab/builtin-copy&hub=${HUB}`;
  await fold(fromHub);
  expect(asked).toEqual(['main', 'config.json', 'model.safetensors']);
  asked.length = 0;
  await fold(fromHub);
  expect(asked).toEqual([]);
  await context.close();
});
