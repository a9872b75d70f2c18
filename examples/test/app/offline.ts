/** The application without a network, after the first visit: as it is published, with its service worker. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTab } from '../chromium.ts';
import { browser, served, SOON } from './tools.ts';

describe('the page after the first visit', () => {
  let context: BrowserContext;
  let tab: Page;
  let complaints: string[];
  beforeAll(async () => {
    context = await browser.newContext();
    ({ tab, complaints } = await openTab(context, served.url));
    await tab.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    // From the next visit on its requests go through the service worker.
    await tab.reload();
    expect(await tab.evaluate(() => navigator.serviceWorker.controller?.state)).toBe('activated');
  });
  afterAll(async () => {
    await context.close();
  });

  test('gets from the network what is no whole file of the page', async () => {
    const model = (await readdir(join(served.folder, 'assets'))).find((name) => /^model-.*\.safetensors$/.test(name));
    const answer = await tab.evaluate(async (address) => {
      const part = await fetch(address, { headers: { range: 'bytes=8-17' }, cache: 'no-store' });
      return { status: part.status, bytes: (await part.arrayBuffer()).byteLength };
    }, `${served.url}assets/${model!}`);
    expect(answer).toEqual({ status: 206, bytes: 10 });
    expect(complaints).toEqual([]);
  });

  test.each(['contrafold', 'builtin'])('folds without a network, by %s', async (method) => {
    await context.setOffline(true);
    try {
      const query = new URLSearchParams({ method, fasta: '>offline\nGGGGCGAAAGCCCC\n' }).toString();
      // Another address than before the `#`, so the page itself is loaded again.
      await tab.goto(`${served.url}?${method}#/fold?${query}`);
      await expect
        .poll(() => tab.getByRole('region', { name: 'Sequence and dot-bracket' }).textContent(), SOON)
        .toMatch(/\(\(\(\(\(\.\.\.\.\)\)\)\)\)/);
      await expect
        .poll(() => tab.locator('.drawing svg title').first().textContent(), SOON)
        .toBe('Structure of offline');
    } finally {
      await context.setOffline(false);
    }
  });
});
