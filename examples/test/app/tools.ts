/** What the tests of the application share: one browser and one built page for all of them, and what a person does. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { Browser, BrowserContext, Locator, Page } from 'playwright';
import { openChromium, servePage, type ServedPage } from '../chromium.ts';

export let served: ServedPage;
export let browser: Browser;

export async function openApplication(): Promise<void> {
  [served, browser] = await Promise.all([
    servePage(fileURLToPath(new URL('../../../packages/app', import.meta.url))),
    openChromium(),
  ]);
}

export async function closeApplication(): Promise<void> {
  await browser.close();
  await served.close();
}

export interface Downloaded {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Presses the button of a file and gives the file. */
export async function download(tab: Page, name: string): Promise<Downloaded> {
  const downloading = tab.waitForEvent('download');
  await tab.getByRole('button', { name, exact: true }).click();
  const file = await downloading;
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

/** Rules that axe-core finds broken and calls serious or critical. */
export async function seriousFaults(tab: Page): Promise<string[]> {
  // The page's own policy allows no script from elsewhere; the debugging protocol is not bound by it.
  await tab.evaluate(axe.source);
  const { violations } = await tab.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'] }),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

/** Presses the tabulator until an element has the focus. */
export async function tabTo(tab: Page, target: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await tab.keyboard.press('Tab');
  }
  throw new Error(`the tabulator does not reach ${target.toString()}`);
}

/** Pixels that the page is wider than the window. */
export const overflow = (tab: Page): Promise<number> =>
  tab.locator('html').evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);

/** A context in which a script runs before a worker's own; init scripts do not reach workers. */
export async function contextWith(worker: RegExp, script: string): Promise<BrowserContext> {
  // A service worker's requests pass by a route.
  const context = await browser.newContext({ serviceWorkers: 'block' });
  await context.route(worker, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: `${script}\n${await answer.text()}` });
  });
  return context;
}
