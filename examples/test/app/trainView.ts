/** The application's Train view as a person uses it, by mouse and by keyboard. */
import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import { unzipSync } from 'fflate';
import type { Locator, Page } from 'playwright';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTab } from '../chromium.ts';
import * as tools from './tools.ts';
import { browser, overflow, seriousFaults, served } from './tools.ts';

let tab: Page;
let complaints: string[];

const status = (): Locator => tab.locator('.toolbar').getByRole('status');
const tabTo = (target: Locator): Promise<void> => tools.tabTo(tab, target);
const step = async (): Promise<number> =>
  Number(await tab.getByRole('progressbar', { name: 'Steps done' }).getAttribute('value'));
const corpusFile = fileURLToPath(new URL('../fixtures/short.dbn', import.meta.url));

describe('the Train view', () => {
  beforeEach(async () => {
    ({ tab, complaints } = await openTab(await browser.newContext(), `${served.url}#/train`));
  });
  afterEach(async () => {
    await tab.context().close();
  });

  test('trains from a chosen file, pauses, goes on, is loaded again, resumes and gives the run out', async () => {
    await tab.getByLabel('a file of mine').check();
    await tab.getByLabel('Training RNAs').setInputFiles(corpusFile);
    await tab.getByLabel('Held-out RNAs').setInputFiles(corpusFile);
    await tab.getByRole('spinbutton', { name: 'Steps' }).fill('60');
    await tab.getByLabel('Name of the run').fill('mine');
    await tab.getByRole('button', { name: 'Train', exact: true }).click();
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(3);

    await tab.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => status().textContent()).toBe('paused');
    // The step at hand may still end, and the page draws a moment later.
    await tab.waitForTimeout(1500);
    const paused = await step();
    await tab.waitForTimeout(1500);
    expect(await step()).toBe(paused);
    await tab.getByRole('button', { name: 'Go on', exact: true }).click();
    await expect.poll(() => tab.getByText('step 25', { exact: true }).count(), { timeout: 60_000 }).toBe(1);

    await tab.reload();
    await tab.getByRole('button', { name: 'Resume mine' }).click();
    await expect.poll(() => status().textContent(), { timeout: 120_000 }).toBe('done, 60 steps');
    for (const title of ['Loss', 'Held out: accuracy', 'Gradient norm', 'Learning rate']) {
      // Plots are drawn a moment after the figures.
      await expect
        .poll(
          () =>
            tab
              .getByRole('img', { name: new RegExp(`^${title}`) })
              .locator('desc')
              .textContent(),
          { timeout: 10_000 },
        )
        .toMatch(/ at step 60/);
    }

    const downloading = tab.waitForEvent('download');
    await tab.getByRole('button', { name: 'Download checkpoint' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('mine.zip');
    const files = unzipSync(await readFile(await download.path()));
    expect(Object.keys(files).sort()).toEqual([
      'checkpoints/step-000000060/config.json',
      'checkpoints/step-000000060/model.safetensors',
      'checkpoints/step-000000060/optimizer.safetensors',
      'checkpoints/step-000000060/trainer.json',
      'config.yaml',
      'log.jsonl',
    ]);
    expect(
      new TextDecoder()
        .decode(files['log.jsonl'])
        .trim()
        .split('\n')
        .filter((line) => line.includes('learningRate')),
    ).toHaveLength(60);

    await tab.getByRole('button', { name: 'Keep mine as a model' }).click();
    await expect
      .poll(() => tab.locator('.results').textContent(), { timeout: 30_000 })
      .toMatch(/mine, step 60.*SSR-LM, 2 layers of 32: embeds, scores mutations/);
    expect(complaints).toEqual([]);
  });

  test('is used by keyboard alone: begins, stops and deletes a run', async () => {
    await tab.setViewportSize({ width: 360, height: 740 });
    expect(await overflow(tab)).toBe(0);
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      expect(await seriousFaults(tab)).toEqual([]);
    }
    tab.on('dialog', (dialog) => void dialog.accept());
    const press = async (name: string, role: 'button' | 'radio' = 'button'): Promise<void> => {
      await tabTo(tab.getByRole(role, { name, exact: true }));
      await tab.keyboard.press('Enter');
    };
    await press('Train');
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(1);
    await press('Stop');
    await expect.poll(() => status().textContent(), { timeout: 60_000 }).toBe('stopped');
    await press('Delete tiny');
    await expect.poll(() => tab.getByRole('button', { name: 'Delete tiny' }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('says in which line a file is wrong', async () => {
    await tab.getByLabel('a file of mine').check();
    await tab
      .getByLabel('Training RNAs')
      .setInputFiles({ name: 'wrong.dbn', mimeType: 'text/plain', buffer: Buffer.from('>a\nGGGAAACCC\n(((...))\n') });
    await tab.getByRole('button', { name: 'Train', exact: true }).click();
    await expect.poll(() => tab.getByRole('alert').textContent()).toMatch(/wrong\.dbn:3/);
    await expect.poll(() => status().textContent()).toBe('failed');
  });

  test('says what to do where there is no WebGPU', async () => {
    const context = await browser.newContext();
    await context.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined });
    });
    const page = await context.newPage();
    await page.goto(`${served.url}#/train`);
    await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/no WebGPU.*Chrome/s);
    await context.close();
  });
});
