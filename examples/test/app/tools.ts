/** What the tests of the application share: one browser and one built page for all of them, and what a person does. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { Browser, BrowserContext, Locator, Page } from 'playwright';
import { expect } from 'vitest';
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

/** Machines that do other work beside are slow. */
export const SOON = { timeout: 90_000 };

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

/** Rules that axe-core finds broken and calls serious or critical: of all of its rules, or of those that are named. */
export async function seriousFaults(tab: Page, rules?: string[]): Promise<string[]> {
  // The page's own policy allows no script from elsewhere; the debugging protocol is not bound by it.
  await tab.evaluate(axe.source);
  const { violations } = await tab.evaluate(
    (runOnly) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
        resultTypes: ['violations'],
        ...(runOnly && { runOnly }),
      }),
    rules,
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

/** What every state of a view has to be: no wider than a phone, and without a serious fault in either colour. */
export async function expectReadable(tab: Page): Promise<void> {
  await tab.setViewportSize({ width: 360, height: 740 });
  expect(await overflow(tab)).toBe(0);
  await tab.emulateMedia({ colorScheme: 'light' });
  expect(await seriousFaults(tab)).toEqual([]);
  await tab.emulateMedia({ colorScheme: 'dark' });
  // What the other rules look at has no colour.
  expect(await seriousFaults(tab, ['color-contrast', 'link-in-text-block'])).toEqual([]);
  await tab.emulateMedia({ colorScheme: 'light' });
  await tab.setViewportSize({ width: 1280, height: 720 });
}

/** A context in which a script runs before a worker's own; init scripts do not reach workers. */
export async function contextWith(
  worker: RegExp,
  script: string,
  change: (body: string) => string = (body) => body,
): Promise<BrowserContext> {
  // A service worker's requests pass by a route.
  const context = await browser.newContext({ serviceWorkers: 'block' });
  await context.route(worker, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: `${script}\n${change(await answer.text())}` });
  });
  return context;
}
