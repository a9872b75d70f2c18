/**
 * The application's views that run models, as a person uses them: a model is looked at, fetched from a hub with a pause
 * and a reload between, and embeds, predicts and scores what the reference implementation says. One tab goes through
 * all of it, since a model that is loaded and kernels that are compiled stay.
 */
import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import type { Locator, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTab } from '../chromium.ts';
import { openFakeHub, type FakeHub } from '../fakeHub.ts';
import { oracle, tinyModel } from '../tinyModel.ts';
import { browser, contextWith, download, overflow, seriousFaults, served, tabTo } from './tools.ts';

const NAME = 'lab/splice-tiny';
/** Bytes of the weights that come before the hub holds the rest back. */
const PART = 200_000;

let hub: FakeHub;
let weights: Uint8Array;
let tab: Page;
let complaints: string[];

const address = (view: string, settings: Readonly<Record<string, string>> = {}): string =>
  `${served.url}#/${view}?${new URLSearchParams(settings).toString()}`;
const button = (name: string | RegExp): Locator => tab.getByRole('button', { name, exact: true });
const results = (): Locator => tab.locator('.results');
const alert = (): Promise<string | null> => tab.getByRole('alert').first().textContent();
/** Machines that do other work beside are slow. */
const SOON = { timeout: 90_000 };
const isThere = (what: Locator): Promise<void> => what.waitFor({ timeout: 90_000 });
const fastaOf = (rnas: readonly { readonly sequence: string }[]): string =>
  rnas.map(({ sequence }, at) => `>r${at} group${at % 2}\n${sequence}\n`).join('');

/** Rows of a CSV file by their columns. */
const rowsOf = (bytes: Buffer): Record<string, string>[] => parse(bytes, { columns: true, relax_column_count: false });

async function run(verb: string, fasta: string): Promise<void> {
  await tab.getByLabel('Sequences').fill(fasta);
  await button(verb).click();
}

describe('models', () => {
  beforeAll(async () => {
    const files = await tinyModel();
    weights = files.get('model.safetensors')!;
    hub = await openFakeHub(new Map([[NAME, files]]));
    const context = await browser.newContext({ acceptDownloads: true });
    ({ tab, complaints } = await openTab(context, address('models')));
  });
  afterAll(async () => {
    await tab.context().close();
    await hub.close();
  });

  describe('the Models view', () => {
    test('says what a model is and takes before it is fetched', async () => {
      await tab.getByLabel('Hub', { exact: true }).fill(hub.url);
      await tab.getByLabel('Name', { exact: true }).fill('lab/no-such-model');
      await button('Look').click();
      await expect.poll(alert, SOON).toMatch(/no such model on http.*organisation\/model/);
      await tab.getByLabel('Name', { exact: true }).fill(NAME);
      await button('Look').click();
      const found = tab.getByRole('region', { name: `Found: ${NAME}` });
      await isThere(found);
      const text = (await found.textContent())!;
      expect(text).toMatch(/RiNALMo, 3 layers of 64: embeds, scores mutations, predicts splice sites\./);
      expect(text).toMatch(/165 thousand/);
      expect(text.match(/\d MB fits/g)).toHaveLength(2);
      // Nothing but ranges has been asked of the weights so far.
      expect(hub.asked).toEqual([]);
    });

    test('fetches it, pauses, goes on after a reload where it stopped, and checks the digest', async () => {
      hub.most = PART;
      await button(/^Download/).click();
      await expect
        .poll(() => tab.getByRole('status').allTextContents(), SOON)
        .toContainEqual(expect.stringMatching(/^200 kB/));
      await button(`Pause ${NAME}`).click();
      await isThere(button(`Go on with ${NAME}`));
      expect(await results().textContent()).toMatch(/not here as a whole/);
      await tab.reload();
      hub.most = Infinity;
      await button(`Go on with ${NAME}`).click();
      await isThere(tab.getByText('Files and checksums'));
      expect(hub.asked).toEqual(['', `bytes=${PART}-`]);
      const digest = createHash('sha256').update(weights).digest('hex');
      expect(await results().textContent()).toContain(digest);
      expect(await seriousFaults(tab)).toEqual([]);
    });

    test('keeps nothing of a file that is another than was promised, and takes a model from files', async () => {
      hub.digest = '0'.repeat(64);
      await tab.goto(address('models', { name: NAME, hub: hub.url }));
      tab.once('dialog', (dialog) => void dialog.accept());
      await button(`Delete ${NAME}`).click();
      await expect.poll(() => button(`Delete ${NAME}`).count(), SOON).toBe(0);
      await tab.getByLabel('Hub', { exact: true }).fill(hub.url);
      await tab.getByLabel('Name', { exact: true }).fill(NAME);
      await button('Look').click();
      await button(/^Download/).click();
      await expect.poll(alert, SOON).toMatch(/SHA-256 [0-9a-f]{64}, and 0{64} was promised/);
      tab.once('dialog', (dialog) => void dialog.accept());
      await button(`Delete ${NAME}`).click();
      await expect.poll(() => button(`Delete ${NAME}`).count(), SOON).toBe(0);

      const config = (await tinyModel()).get('config.json')!;
      await tab.getByLabel('From files').check();
      await tab.getByLabel('Choose files…').setInputFiles([
        { name: 'splice <b>tiny</b>.safetensors', mimeType: '', buffer: Buffer.from(weights) },
        { name: 'config.json', mimeType: '', buffer: Buffer.from(config) },
      ]);
      await button('Look').click();
      await button('Keep it').click();
      await isThere(button('Delete splice <b>tiny</b>'));
      expect(await results().locator('b').count()).toBe(0);
    });

    test('fetches from an address, and refuses what is no model', async () => {
      hub.digest = undefined;
      await tab.getByLabel('By an address').check();
      await tab.getByLabel('Address of the weights').fill(`${hub.url}/${NAME}/resolve/main/config.json`);
      await button('Look').click();
      await expect.poll(alert, SOON).toMatch(/cannot be used/);
      await tab.getByLabel('Address of the weights').fill(`${hub.url}/${NAME}/resolve/main/model.safetensors`);
      await button('Look').click();
      await button(/^Download/).click();
      await isThere(button('Delete model'));
      expect(complaints).toEqual([]);
    });
  });

  describe('the Embed view', () => {
    test('gives the vectors of the reference, a map linked to its list, and files', async () => {
      const lengths = ['two', 'single47', 'len130'];
      const rnas = (
        await Promise.all(
          lengths.map((name) => oracle('forward.safetensors', `${name}.tokens`, `${name}.representation`)),
        )
      ).flat();
      await tab.goto(address('embed', { model: 'model' }));
      await run('Embed', fastaOf(rnas));
      await isThere(tab.locator('.map'));
      const { bytes } = await download(tab, 'npy');
      const start = 10 + bytes.readUInt16LE(8);
      const dim = 64;
      expect(bytes.length - start).toBe(4 * dim * rnas.length);
      for (const [at, { sequence, rows }] of rnas.entries())
        for (let d = 0; d < dim; d++) {
          const mean = rows.slice(1, sequence.length + 1).reduce((sum, row) => sum + row[d]!, 0) / sequence.length;
          expect(bytes.readFloatLE(start + 4 * (at * dim + d))).toBeCloseTo(mean, 4);
        }
      const csv = rowsOf((await download(tab, 'CSV')).bytes);
      expect(csv.map(({ id }) => id)).toEqual(rnas.map((_, at) => `r${at}`));
      // Nine digits tell a float32 from all others.
      expect(Math.fround(Number(csv[2]!['e5']))).toBe(bytes.readFloatLE(start + 4 * (2 * dim + 5)));

      expect(await tab.getByLabel('Colour').inputValue()).toBe('column description');
      expect(await tab.locator('.legend').textContent()).toMatch(/group0 \(2\).*group1 \(2\)/);
      await tabTo(tab, button(/^r3/));
      await tab.keyboard.press('Enter');
      expect(await tab.locator('.map .chosen').count()).toBe(1);
      await tab.getByRole('searchbox').fill('group1');
      expect(await tab.getByRole('list', { name: 'RNAs' }).getByRole('listitem').count()).toBe(2);
      expect((await download(tab, 'Map (SVG)')).bytes.toString()).toMatch(/^<\?xml[^]*Embeddings by model/);
      expect(complaints).toEqual([]);
    });

    test.each([
      ['8', 'int8', 1e-5, 0.05],
      ['4', 'int4', 1e-3, 0.5],
    ])(
      'has weights of %s bits near those of 32, and an address that brings the view back',
      async (_, weights, least, most) => {
        const [first] = await oracle('forward.safetensors', 'two.tokens', 'two.representation');
        const { sequence, rows } = first!;
        await tab.goto(address('embed', { model: 'model', weights, fasta: `>one\n${sequence}\n` }));
        await isThere(tab.getByText('A map takes 4 RNAs at least'));
        expect(await tab.getByLabel('Weights').inputValue()).toBe(weights);
        const [row] = rowsOf((await download(tab, 'CSV')).bytes);
        const mean = Array.from(
          { length: 64 },
          (_, d) => rows.slice(1, -1).reduce((sum, each) => sum + each[d]!, 0) / sequence.length,
        );
        const off = mean.map((value, d) => Math.abs(value - Number(row![`e${d}`])));
        expect(Math.max(...off)).toBeGreaterThan(least);
        expect(Math.max(...off)).toBeLessThan(most * Math.max(...mean.map(Math.abs)));
      },
    );
  });

  test('the Predict view gives the probabilities of the reference, of a table with its columns', async () => {
    const rnas = await oracle('splice_head.safetensors', 'tokens', 'logits');
    await tab.goto(address('predict', { model: 'model' }));
    await run(
      'Predict',
      `name,gene,sequence\n${rnas.map(({ sequence }, at) => `s${at},g${at},${sequence}\n`).join('')}`,
    );
    await isThere(tab.getByRole('region', { name: 'Predictions' }).first());
    const rows = rowsOf((await download(tab, 'CSV')).bytes);
    expect(rows.map(({ id, gene }) => [id, gene])).toEqual(rnas.map((_, at) => [`s${at}`, `g${at}`]));
    for (const [at, { rows: logits }] of rnas.entries())
      expect(Number(rows[at]!['probability'])).toBeCloseTo(1 / (1 + Math.exp(-logits[0]![0]!)), 4);
    expect(complaints).toEqual([]);
  });

  test('the Score view gives the differences of the reference’s log-likelihoods, and draws them', async () => {
    const [first] = await oracle('forward.safetensors', 'two.tokens', 'two.logits');
    const { sequence, rows: logits } = first!;
    await tab.goto(address('score', { model: 'model', method: 'wild-type-marginal' }));
    await run('Score', `>wild\n${sequence}\n`);
    await isThere(tab.locator('.drawing svg'));
    const rows = rowsOf((await download(tab, 'CSV')).bytes);
    expect(rows).toHaveLength(3 * sequence.length);
    const id = { A: 5, C: 6, G: 7, U: 8 };
    for (const { position, from, to, score } of rows) {
      const row = logits[Number(position)]!;
      const expected = row[id[to as 'A']]! - row[id[from as 'A']]!;
      expect(from).toBe(sequence[Number(position) - 1]);
      expect(Number(score)).toBeCloseTo(expected, 3);
    }
    expect(await tab.locator('.drawing svg title').first().textContent()).toBe('Single substitutions of wild');

    const [before, after] = ['A', 'C'].map((letter) => (sequence[1] === letter ? 'G' : letter));
    const variant = `${sequence[0]!}${before!}${sequence.slice(2)}`;
    await tab.getByLabel('What is scored').selectOption('variants');
    await run('Score', `>wild\n${sequence}\n>v\n${variant}\n>w\n${sequence[0]!}${after!}${sequence.slice(2)}\n`);
    await isThere(tab.getByRole('heading', { name: 'Variants' }));
    const [one] = rowsOf((await download(tab, 'CSV')).bytes);
    expect(one!['mutations']).toBe(`${sequence[1]!}2${before!}`);
    expect(one!['score']).toBe(rows.find(({ position, to }) => position === '2' && to === before)!['score']);
    expect(complaints).toEqual([]);
  });

  describe('the views of models', () => {
    test('are read by axe-core in both colours, fit a phone, and are used by keyboard alone', async () => {
      for (const view of ['embed', 'predict', 'score', 'models']) {
        await tab.goto(address(view, { model: 'model' }));
        await isThere(tab.getByRole('heading', { level: 1 }));
        await tab.setViewportSize({ width: 360, height: 740 });
        expect(await overflow(tab)).toBe(0);
        for (const colorScheme of ['light', 'dark'] as const) {
          await tab.emulateMedia({ colorScheme });
          expect(await seriousFaults(tab)).toEqual([]);
        }
        await tab.setViewportSize({ width: 1280, height: 720 });
        await tabTo(tab, tab.locator('main input, main textarea').first());
      }
    });

    test('say what is wrong, and have a way on', async () => {
      await tab.goto(address('score', { model: 'lab/elsewhere', fasta: 'ACGUACGU' }));
      await expect.poll(alert, SOON).toMatch(/not in this browser.*lab\/elsewhere/s);
      await tab.getByRole('link', { name: 'Get the model' }).click();
      expect(await tab.getByLabel('Name', { exact: true }).inputValue()).toBe('lab/elsewhere');
      await tab.goto(address('embed', { model: 'model', fasta: '>a\nACGU\n>b\nAC8\n' }));
      await expect.poll(alert, SOON).toMatch(/cannot be read.*sequences:4: .*8/s);
      await tab.goto(address('predict', { model: 'builtin', fasta: 'ACGUACGU' }));
      await expect.poll(alert, SOON).toMatch(/predicts base pairs, which the Fold view shows/);

      const context = await contextWith(
        /modelWorker.*\.js$/,
        `Object.defineProperty(WorkerNavigator.prototype, 'gpu', { value: undefined });`,
      );
      const { tab: without } = await openTab(context, address('embed', { fasta: 'ACGUACGU' }));
      await expect.poll(() => without.getByRole('alert').textContent(), SOON).toMatch(/no WebGPU.*Chrome/s);
      await without.getByRole('link', { name: 'Fold with an engine' }).click();
      await isThere(without.getByRole('heading', { name: 'Fold RNA' }));
      await context.close();

      // An adapter that binds a megabyte at most cannot run 1,000 nucleotides.
      const small = await contextWith(
        /modelWorker.*\.js$/,
        `Object.defineProperty(GPUSupportedLimits.prototype, 'maxStorageBufferBindingSize', { value: 2 ** 20 });`,
      );
      const { tab: narrow } = await openTab(small, address('embed', { fasta: `>long\n${'ACGU'.repeat(250)}\n` }));
      await expect
        .poll(() => narrow.getByRole('alert').textContent(), SOON)
        .toMatch(/too long.*“long”: 1000 nucleotides/s);
      await small.close();
    });
  });
});
