/** The application's Fold view as a person uses it, in Chromium, built and served as it would be published. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import type { Locator, Page } from 'playwright';
import { parseStructureFile } from '@rna/structure';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTab } from '../chromium.ts';
import * as tools from './tools.ts';
import { browser, contextWith, expectReadable, overflow, served } from './tools.ts';

let tab: Page;
let complaints: string[];

// Two hairpins that any method folds so; the first is short, since SwiftShader is slow.
const HAIRPIN = { sequence: 'GGGGCGAAAGCCCC', structure: '(((((....)))))' };
const PAIR_OF_HAIRPINS = `>one\n${HAIRPIN.sequence}\n>two\nAAGGGGCCUUCGGGCCCCAA\n`;

const address = (settings: Readonly<Record<string, string>>): string =>
  `${served.url}#/fold?${new URLSearchParams(settings).toString()}`;
const status = (): Locator => tab.locator('.progress').getByRole('status');
const isDone = (): Promise<void> =>
  expect.poll(() => status().textContent(), { timeout: 90_000 }).toMatch(/ folded\.$/);
const letters = async (): Promise<string[]> =>
  (await tab.getByRole('region', { name: 'Sequence and dot-bracket' }).textContent())!.split('\n');
const drawing = (): Locator => tab.locator('.drawing svg');

const download = (name: string): Promise<tools.Downloaded> => tools.download(tab, name);
const seriousFaults = (): Promise<string[]> => tools.seriousFaults(tab);
const tabTo = (target: Locator): Promise<void> => tools.tabTo(tab, target);
/** The worker that folds. */
const FOLDING = /foldWorker.*\.js$/;

describe('the Fold view', () => {
  beforeEach(async () => {
    ({ tab, complaints } = await openTab(await browser.newContext({ acceptDownloads: true }), served.url));
  });
  afterEach(async () => {
    await tab.context().close();
  });

  test('folds pasted RNAs by an engine, and gives them out in every format', async () => {
    await tab.getByLabel('Sequences').fill(PAIR_OF_HAIRPINS);
    await tab.getByRole('radio', { name: /^CONTRAfold/ }).check();
    await tab.getByRole('button', { name: 'Fold', exact: true }).click();
    await isDone();
    expect(await letters()).toEqual([HAIRPIN.sequence, HAIRPIN.structure]);
    await expect.poll(() => drawing().locator('title').first().textContent()).toBe('Structure of one');

    const { name, bytes } = await download('Everything (ZIP)');
    expect(name).toBe('structures.zip');
    const files = Object.entries(unzipSync(bytes)).map(
      ([file, data]) => [file, new TextDecoder().decode(data)] as const,
    );
    expect(files.map(([file]) => file).sort()).toEqual(
      ['one', 'two'].flatMap((id) =>
        ['bpseq', 'ct', 'dbn', 'pairs.tsv', 'r2dt.json', 'svg'].map((each) => `${id}.${each}`),
      ),
    );
    for (const [file, text] of files.filter(([file]) => /^one\.(?:dbn|ct|bpseq)$/.test(file))) {
      const [record] = parseStructureFile(text, file);
      expect([record!.sequence, [...record!.partners]]).toEqual([
        HAIRPIN.sequence,
        [13, 12, 11, 10, 9, -1, -1, -1, -1, 4, 3, 2, 1, 0],
      ]);
    }
    const contents = Object.fromEntries(files);
    expect(contents['one.svg']).toMatch(/^<\?xml[^]*<svg[^]*Structure of one/);
    expect(contents['one.pairs.tsv']).toMatch(/^i\tj\tp\n(?:\d+\t\d+\t[\d.e-]+\n)+$/);
    expect(JSON.parse(contents['one.r2dt.json']!)).toHaveProperty('rnaComplexes');

    const single = await download('Dot-bracket');
    expect([single.name, single.bytes.toString()]).toEqual(['one.dbn', contents['one.dbn']]);
    expect(complaints).toEqual([]);
  });

  test('folds by the built-in model, and the address brings the view back', async () => {
    await tab.goto(address({ method: 'builtin', view: 'matrix', fasta: `>h\n${HAIRPIN.sequence}\n` }));
    await isDone();
    expect(await letters()).toEqual([HAIRPIN.sequence, HAIRPIN.structure]);
    expect(await tab.getByRole('radio', { name: /^Built-in/ }).isChecked()).toBe(true);
    // G1 pairs with C14: from the upper right corner down the other diagonal.
    const matrix = tab.getByRole('application', { name: /^Pair probabilities of h/ });
    await matrix.focus();
    await tab.keyboard.press('ArrowDown');
    await tab.keyboard.press('ArrowLeft');
    expect(await tab.locator('.readout').textContent()).toMatch(/^G2 – C13: p = (?:0\.\d\d|1\.00), in the structure$/);
    expect(complaints).toEqual([]);
  });

  test('compares two engines, and what is changed in the view is in the address', async () => {
    await tab.goto(address({ method: 'contrafold', against: 'eternafold', fasta: PAIR_OF_HAIRPINS }));
    await isDone();
    await expect.poll(() => drawing().textContent()).toMatch(/5 pairs in both.*0 only in CONTRAfold/s);
    expect(await letters()).toHaveLength(3);
    await tab.getByRole('button', { name: /^two/ }).click();
    await tab.getByRole('button', { name: 'Arcs' }).click();
    await expect.poll(() => drawing().locator('title').first().textContent()).toBe('Structure of two');
    await tab.getByLabel('Sequences').fill(`>known\n${HAIRPIN.sequence}\n.((((....)))).\n`);
    await tab.getByLabel('Compare with').selectOption('nothing');
    await tab.getByRole('button', { name: 'Fold', exact: true }).click();
    await expect.poll(() => drawing().textContent()).toMatch(/4 pairs in both.*1 only in CONTRAfold/s);
    await tab.goBack();
    await isDone();
    await tab.getByRole('button', { name: /^two/ }).click();
    const there = tab.url();
    const { tab: second } = await openTab(await browser.newContext(), there);
    tab = second;
    await isDone();
    expect(await tab.getByRole('button', { name: 'Arcs' }).getAttribute('aria-pressed')).toBe('true');
    await expect.poll(() => drawing().locator('title').first().textContent()).toBe('Structure of two');
  });

  test('is used by keyboard alone, zooms, cancels, and has no serious fault for axe-core', async () => {
    expect(await seriousFaults()).toEqual([]);
    await tabTo(tab.getByLabel('Sequences'));
    await tab.keyboard.insertText(HAIRPIN.sequence);
    await tabTo(tab.getByRole('radio', { name: /^Built-in/ }));
    await tab.keyboard.press('ArrowDown');
    await tabTo(tab.getByRole('button', { name: 'Fold', exact: true }));
    await tab.keyboard.press('Enter');
    await isDone();
    await tabTo(tab.getByRole('group', { name: /^Structure of RNA/ }));
    const width = async (): Promise<number> => Number((await drawing().getAttribute('viewBox'))!.split(' ')[2]);
    const whole = await width();
    await tab.keyboard.press('+');
    await expect.poll(width).toBeCloseTo(whole / 1.25);
    await tab.keyboard.press('0');
    await expect.poll(width).toBe(whole);
    await tab.setViewportSize({ width: 360, height: 740 });
    for (const picture of ['Matrix', 'Structure']) {
      await tab.getByRole('button', { name: picture, exact: true }).click();
      expect(await overflow(tab)).toBe(0);
    }
    await expectReadable(tab);

    await tab.getByLabel('Sequences').fill(`>long\n${'GGGAUUACACCAUUGC'.repeat(150)}\n`);
    await tab.getByRole('button', { name: 'Fold', exact: true }).click();
    await tab.getByRole('button', { name: 'Cancel' }).click();
    await expect.poll(() => status().textContent()).toMatch(/^Cancelled/);
    expect(await tab.getByRole('button', { name: 'Fold', exact: true }).isEnabled()).toBe(true);
    expect(complaints).toEqual([]);
  });

  test('says in which line of which file something is wrong, and goes there', async () => {
    await tab
      .getByLabel('Open a file…')
      .setInputFiles({ name: 'mine.fa', mimeType: 'text/plain', buffer: Buffer.from('>a\nACGU\n>b\nAC8\n') });
    await tab.getByRole('radio', { name: /^CONTRAfold/ }).check();
    await tab.getByRole('button', { name: 'Fold', exact: true }).click();
    await expect.poll(() => tab.getByRole('alert').textContent()).toMatch(/cannot be read.*mine\.fa:4: .*8/s);
    await tab.getByRole('button', { name: 'Go to line 4' }).click();
    const selected = await tab
      .getByLabel('Sequences')
      .evaluate((field: HTMLTextAreaElement) => field.value.slice(field.selectionStart, field.selectionEnd));
    expect(selected).toBe('AC8');
  });

  test('shows ids with markup as text, and leaves out what is too long', async () => {
    const id = '<img/src=x/onerror=document.title="harmed">';
    await tab.goto(
      address({ method: 'contrafold', fasta: `>${id}\n${HAIRPIN.sequence}\n>long\n${'ACGU'.repeat(2500)}\n` }),
    );
    await expect.poll(() => status().textContent(), { timeout: 30_000 }).toMatch(/1 left out/);
    await expect.poll(() => drawing().locator('title').first().textContent()).toBe(`Structure of ${id}`);
    expect(await tab.getByRole('heading', { level: 2 }).textContent()).toBe(id);
    expect(await tab.locator('img').count()).toBe(0);
    expect((await download('CT')).name).toBe('_img_src=x_onerror=document.title=_harmed__.ct');
    await tab.getByRole('button', { name: /^long/ }).click();
    await expect
      .poll(() => tab.locator('.complaint').textContent())
      .toMatch(/sequences:3: .*10000 nucleotides are too long/);
    // Were there a way in, the page's policy would still run no script that is not the site's.
    await tab.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "harmed"';
      document.body.append(script);
    });
    expect(complaints.join()).toMatch(/Content Security Policy/);
    expect(await tab.title()).toBe('Fold · @rna');
  });

  test('offers the engines where there is no WebGPU, and never blocks the page for long', async () => {
    const context = await contextWith(
      FOLDING,
      `Object.defineProperty(WorkerNavigator.prototype, 'gpu', { value: undefined });`,
    );
    const many = Array.from({ length: 50 }, (_, k) => `>r${k}\n${'GGGAUUACGCCAUAGC'.repeat(6)}\n`).join('');
    const { tab: without } = await openTab(context, address({ method: 'builtin', fasta: many }));
    await tab.context().close();
    tab = without;
    await expect.poll(() => tab.getByRole('alert').textContent()).toMatch(/no WebGPU.*Chrome/s);
    const longest = await longestTask(async () => {
      await tab.getByRole('button', { name: 'Fold with CONTRAfold' }).click();
      await isDone();
      await expect.poll(() => drawing().locator('title').first().textContent()).toBe('Structure of r0');
    });
    console.log(`the page's longest task while 50 RNAs were folded: ${longest.toFixed(1)} ms of processor time`);
    expect(longest).toBeGreaterThan(0);
    // It takes 20 to 45, the more the busier the machine is.
    expect(longest).toBeLessThan(50);
  });

  test('a lost adapter is said, and the next try has another', { timeout: 120_000 }, async () => {
    await tab.context().close();
    // The first device is gone as soon as it is there.
    const context = await contextWith(
      FOLDING,
      `
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (wanted) {
      const device = await request.call(this, wanted);
      if ((await (await fetch('/lose')).text()) === 'yes') device.destroy();
      return device;
    };`,
    );
    let isFirst = true;
    await context.route('**/lose', (route) => {
      const body = isFirst ? 'yes' : 'no';
      isFirst = false;
      return route.fulfill({ body });
    });
    ({ tab } = await openTab(context, address({ method: 'builtin', fasta: HAIRPIN.sequence })));
    await expect.poll(() => tab.getByRole('alert').textContent(), { timeout: 60_000 }).toMatch(/adapter was lost/);
    await tab.getByRole('button', { name: 'Try again' }).click();
    await isDone();
    expect((await letters())[1]).toBe(HAIRPIN.structure);
  });

  test('the first view is small', async () => {
    const folder = served.folder;
    const page = await readFile(join(folder, 'index.html'), 'utf8');
    const first = [...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path!);
    expect(first.length).toBeGreaterThan(1);
    const sizes = await Promise.all(first.map(async (path) => gzipSync(await readFile(join(folder, path))).length));
    const total = sizes.reduce((sum, size) => sum + size, gzipSync(page).length);
    console.log(`the first view of the application: ${Math.round(total / 1000)} kB compressed`);
    expect(total).toBeLessThan(250_000);
    // The model is fetched when it is asked for.
    const assets = await readdir(join(folder, 'assets'));
    const model = assets.find((name) => /^model-.*\.safetensors$/.test(name));
    expect((await stat(join(folder, 'assets', model!))).size).toBeGreaterThan(1_500_000);
  });
});

/**
 * Milliseconds of processor time of the longest task on the page's main thread during `work`. The long-task entries of
 * the page itself are in wall time, in which other processes of the machine count.
 */
async function longestTask(work: () => Promise<void>): Promise<number> {
  await browser.startTracing(tab, { categories: ['disabled-by-default-devtools.timeline', 'devtools.timeline'] });
  let trace: Buffer;
  try {
    await work();
  } finally {
    trace = await browser.stopTracing();
  }
  interface TraceEvent {
    readonly name: string;
    readonly pid: number;
    readonly tid: number;
    /** Microseconds of processor time. */
    readonly tdur?: number;
    readonly args?: { readonly name?: string };
  }
  const { traceEvents } = JSON.parse(trace.toString()) as { readonly traceEvents: readonly TraceEvent[] };
  const place = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const main = new Set(
    traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain').map(place),
  );
  const tasks = traceEvents.filter((event) => event.name === 'RunTask' && main.has(place(event)));
  return Math.max(0, ...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
}
