/**
 * One run in Node and in Chromium, on the same driver, through the same
 * script: the same log and the same checkpoints to the byte, also where the run
 * was stopped, loaded again, or moved from one to the other on the way.
 */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRun } from '@rna/cli/runs';
import { openDevice } from '@rna/tensor/node';
import { checkpointName, runPretraining } from '@rna/train';
import { unzipSync, zipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openChromium, openTab, servePage, type ServedPage } from './chromium.ts';
import type { harness as pageHarness } from './page/harness.ts';
import { config, data, fields, readCorpus, splitCorpus } from './tinyRun.ts';

declare const harness: typeof pageHarness;

type Files = ReadonlyMap<string, Buffer>;

const corpus = splitCorpus(readFileSync(new URL('./fixtures/short.dbn', import.meta.url), 'utf8'));
const LAST = `checkpoints/${checkpointName(config.train.steps)}`;
const KEPT = ['config.json', 'model.safetensors', 'optimizer.safetensors', 'trainer.json'].map(
  (name) => `${LAST}/${name}`,
);

let folder: string;
let served: ServedPage;
let browser: Browser;
let context: BrowserContext;
/** The run in Node from the first step to the last. */
let whole: Files;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rna-runs-'));
  [served, browser] = [await servePage(fileURLToPath(new URL('./page', import.meta.url))), await openChromium()];
  context = await browser.newContext();
  whole = await runInNode('whole');
}, 120_000);
afterAll(async () => {
  await browser.close();
  await served.close();
  await rm(folder, { recursive: true });
});

describe('the same bits', () => {
  test('in Node and in Chromium, over 50 steps', async () => {
    const { tab, complaints } = await openTab(context, served.url);
    await start(tab, 'whole');
    await tab.evaluate(() => harness.next('finished'));
    expectSame(await filesOf(tab, 'whole'));
    expect(complaints).toEqual([]);
    await tab.close();
  });

  test('after a reload in the middle, and on in Node', async () => {
    const { tab } = await openTab(context, served.url);
    await start(tab, 'reloaded');
    await tab.evaluate((name) => harness.next('saved', name), checkpointName(20));
    await tab.reload();
    await tab.evaluate(() => {
      harness.send({ type: 'resume', run: 'reloaded' });
    });
    await tab.evaluate((name) => harness.next('saved', name), checkpointName(40));
    const archive = unzipSync(Buffer.from(await tab.evaluate(() => harness.pack('reloaded')), 'base64'));
    await tab.close();
    for (const [name, bytes] of Object.entries(archive)) await write(join(folder, 'fromBrowser', name), bytes);
    expectSame(await runInNode('fromBrowser'));
  });

  test('when begun in Node', async () => {
    const begun = await runInNode('begun', 26);
    const archive = zipSync(Object.fromEntries([...begun].map(([name, bytes]) => [`begun/${name}`, bytes])));
    const { tab } = await openTab(context, served.url);
    await tab.evaluate(
      async ({ base64, texts, files }) => {
        const finished = harness.next('finished');
        const choice = {
          train: harness.file(files.train[0]!, texts.train),
          validation: harness.file(files.validation[0]!, texts.validation),
        };
        harness.send({ type: 'import', run: 'fromNode', archive: await harness.archive(base64), corpus: choice });
        await finished;
      },
      { base64: Buffer.from(archive).toString('base64'), texts: corpus, files: data },
    );
    expectSame(await filesOf(tab, 'fromNode'));
    await tab.close();
  });

  test('when the GPU process is killed on the way', async () => {
    const { tab } = await openTab(context, served.url);
    const cdp = await browser.newBrowserCDPSession();
    await start(tab, 'killed');
    const notes = [];
    for (const checkpoint of [20, 40].map(checkpointName)) {
      await tab.evaluate((name) => harness.next('saved', name), checkpoint);
      const note = tab.evaluate(() => harness.next('note'));
      await cdp.send('Browser.crashGpuProcess');
      notes.push(await note);
    }
    await tab.evaluate(() => harness.next('finished'));
    expect(notes).toMatchObject(
      [20, 40].map((step) => ({
        text: expect.stringMatching(`the device was lost.*from ${checkpointName(step)}`) as string,
      })),
    );
    expectSame(await filesOf(tab, 'killed'));
    await tab.close();
  });
});

/** Trains in a folder, or goes on there; `stopAfter` throws the run over as an interrupt would. */
async function runInNode(name: string, stopAfter = Infinity): Promise<Files> {
  const run = await openRun(join(folder, name));
  try {
    await runPretraining({
      config,
      openDevice: () => openDevice(),
      store: run.store,
      log: run.log,
      train: readCorpus(corpus.train),
      validation: readCorpus(corpus.validation),
      onProgress: ({ step }) => {
        if (step >= stopAfter) throw new Error('stopped');
      },
    });
  } catch (error) {
    if (!(error instanceof Error && error.message === 'stopped')) throw error;
  } finally {
    run.close();
  }
  const paths = (await readdir(join(folder, name), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      paths.map(async (path) => [path.slice(join(folder, name).length + 1), await readFile(path)] as const),
    ),
  );
}

async function start(tab: Page, run: string): Promise<void> {
  await tab.evaluate(
    ({ name, texts, files, settings }) => {
      const choice = {
        train: harness.file(files.train[0]!, texts.train),
        validation: harness.file(files.validation[0]!, texts.validation),
      };
      harness.send({ type: 'start', run: name, config: settings, corpus: choice });
    },
    { name: run, texts: corpus, files: data, settings: fields },
  );
}

const filesOf = async (tab: Page, run: string): Promise<Files> =>
  new Map(
    Object.entries(await tab.evaluate((name) => harness.files(name), run)).map(([name, text]) => [
      name,
      Buffer.from(text, 'base64'),
    ]),
  );

/** The log line by line, and every file of the last checkpoint to the byte. */
function expectSame(files: Files): void {
  const lines = (of: Files): string[] => of.get('log.jsonl')!.toString().split('\n');
  expect(lines(files)).toEqual(lines(whole));
  expect(lines(whole).filter((line) => line.includes('"loss"')).length).toBeGreaterThan(50);
  expect([...whole.keys()].filter((name) => name.startsWith(LAST)).sort()).toEqual(KEPT);
  for (const name of KEPT) expect(files.get(name)?.equals(whole.get(name)!), `${name} is the same`).toBe(true);
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}
