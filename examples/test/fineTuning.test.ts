/** Fine-tuning on a table in the application's Train view, as a person does it, in Chromium, to a model that predicts. */
import { parse } from 'csv-parse/sync';
import type { Locator, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTab } from './chromium.ts';
import {
  browser,
  closeApplication,
  download,
  openApplication,
  overflow,
  seriousFaults,
  served,
  tabTo,
} from './app/tools.ts';

const SOON = { timeout: 240_000 };

/** RNAs of a length whose share of G and C is the number to learn, and whose first letter is the class. */
const RNAS = Array.from({ length: 40 }, (_, k) => {
  const sequence = Array.from(
    { length: 12 },
    (__, i) => ((i * 7 + k * 5) % 13 < k % 13 ? 'GC' : 'AU')[(i + k) % 2]!,
  ).join('');
  return { id: `r${k}`, sequence, gc: [...sequence].filter((letter) => 'GC'.includes(letter)).length / 12 };
});
const TABLE = `name,seq,gc,family\n${RNAS.map(({ id, sequence, gc }) => `${id},${sequence},${gc.toFixed(4)},${gc > 0.5 ? 'rich' : 'poor'}\n`).join('')}`;

let tab: Page;
let complaints: string[];

const address = '#/train?task=table';
const button = (name: string): Locator => tab.getByRole('button', { name, exact: true });
const status = (): Promise<string | null> => tab.locator('.toolbar').getByRole('status').textContent();
const step = async (): Promise<number> =>
  Number(await tab.getByRole('progressbar', { name: 'Steps done' }).getAttribute('value'));
const openTable = (name: string, text: string): Promise<void> =>
  tab.getByLabel('Open a table…').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
const figure = (term: string | RegExp): Promise<string | null> =>
  tab.locator('dl.figures > div').filter({ hasText: term }).locator('dd').textContent();

describe('fine-tuning on a table', () => {
  beforeAll(async () => {
    await openApplication();
    const context = await browser.newContext({ acceptDownloads: true });
    ({ tab, complaints } = await openTab(context, `${served.url}${address}`));
  }, 600_000);
  afterAll(closeApplication);

  test('says what a table lacks, and guesses what its columns are', async () => {
    expect(await button('Fine-tune').isDisabled()).toBe(true);
    await openTable('twice.csv', 'seq,gc,gc\nACGU,1,2\n');
    await expect.poll(() => tab.getByRole('alert').textContent(), SOON).toMatch(/twice\.csv:1: two columns .*"gc"/);
    await openTable('wrong.csv', 'seq,gc\nACGU,1\nACGU\n');
    await expect.poll(() => tab.getByRole('alert').textContent(), SOON).toMatch(/^wrong\.csv:3: /);
    await openTable('mine.csv', TABLE);
    await expect.poll(() => tab.getByText('40 rows').count(), SOON).toBe(1);
    expect(await tab.getByLabel('Column of the sequences').inputValue()).toBe('seq');
    expect(await tab.getByLabel('What is learnt').inputValue()).toBe('regression');
    expect(await tab.getByRole('checkbox', { name: /^gc/ }).isChecked()).toBe(true);
    expect(await tab.getByRole('checkbox', { name: /^family.*2 different texts/ }).isChecked()).toBe(false);
    await tab.setViewportSize({ width: 360, height: 740 });
    expect(await overflow(tab)).toBe(0);
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      expect(await seriousFaults(tab)).toEqual([]);
    }
    await tab.setViewportSize({ width: 1280, height: 900 });
    await tab.emulateMedia({ colorScheme: 'light' });
  });

  test('learns numbers by keyboard alone, stops, is loaded again, resumes, and predicts what it learnt', async () => {
    await tabTo(tab, tab.getByLabel('What is trained'));
    await tab.keyboard.press('ArrowDown');
    for (const [label, value] of [
      ['Epochs', '30'],
      ['Learning rate', '0.01'],
      ['RNAs a step', '12'],
    ] as const) {
      await tabTo(tab, tab.getByLabel(label));
      await tab.keyboard.press('Control+a');
      await tab.keyboard.insertText(value);
    }
    await tabTo(tab, button('Fine-tune'));
    await tab.keyboard.press('Enter');
    await expect.poll(step, SOON).toBeGreaterThan(27);
    await tabTo(tab, button('Stop'));
    await tab.keyboard.press('Enter');
    await expect.poll(status, SOON).toBe('stopped');

    await tab.reload();
    const kept = tab.getByRole('region', { name: 'Runs kept in this browser' });
    await kept.waitFor(SOON);
    expect(await kept.textContent()).toMatch(/regression, step \d+ of 90/);
    await button('Resume regression').click();
    await expect.poll(status, SOON).toBe('done, 90 steps');
    for (const title of ['Loss', 'Held out: r2'])
      await expect
        .poll(
          () =>
            tab
              .getByRole('img', { name: new RegExp(`^${title}`) })
              .locator('desc')
              .textContent(),
          SOON,
        )
        .toMatch(/ at step 90/);
    const best = (await figure('Best held-out r2'))!;
    // The share of letters is easy to learn; a model that has learnt nothing has 0.
    expect(Number(best.split(',')[0])).toBeGreaterThan(0.6);
    const bestStep = Number(/step (\d+)$/.exec(best)![1]);

    await tab.getByRole('link', { name: 'Predict with it' }).waitFor(SOON);
    expect(await tab.locator('strong').allTextContents()).toContain(`regression, step ${bestStep}`);
    await tab.getByRole('link', { name: 'Predict with it' }).click();
    await tab.getByLabel('Sequences').fill('id,sequence\nrich,GCGCGCGCGCGC\npoor,AUAUAUAUAUAU\n');
    await button('Predict').click();
    await tab.getByRole('region', { name: 'Predictions' }).first().waitFor(SOON);
    const rows: Record<string, string>[] = parse((await download(tab, 'CSV')).bytes, { columns: true });
    const [rich, poor] = rows.map((row) => Number(row['predicted(gc)']));
    expect(rich! - poor!).toBeGreaterThan(0.4);
    expect(complaints).toEqual([]);
  });

  test('learns classes, and goes on with a model that is kept', async () => {
    await tab.goto(`${served.url}${address}&model=builtin`);
    await openTable('mine.tsv', TABLE.replaceAll(',', '\t'));
    await tab.getByLabel('What is learnt').selectOption('classification');
    await tab.getByRole('radio', { name: /^family/ }).check();
    await tab.getByLabel('What is trained').selectOption('head');
    await tab.getByLabel('Epochs').fill('2');
    await tab.getByLabel('RNAs a step').fill('12');
    await button('Fine-tune').click();
    await expect.poll(status, SOON).toBe('done, 6 steps');
    await tab.getByRole('link', { name: 'Predict with it' }).waitFor(SOON);
    expect(await figure(/Best held-out/)).toMatch(/^[01]\.\d{3}, step \d+$/);

    // The model of the run before is trained further, on a table of other columns it is refused.
    const named = await tab.getByLabel('Model to begin with').locator('option').allTextContents();
    const before = named.find((name) => name.startsWith('classification, step '));
    expect(before).toBeDefined();
    await tab.getByLabel('Model to begin with').selectOption(before!);
    await tab.getByRole('radio', { name: /^gc/ }).check();
    await button('Fine-tune').click();
    await expect.poll(() => tab.getByRole('alert').textContent(), SOON).toMatch(/mine\.tsv/);
    await expect.poll(status, SOON).toBe('failed');
    expect(complaints).toEqual([]);
  });
});
