/** What can go wrong with models, and the way on that the application then has: each trouble in a tab of its own. */
import { configJson, encoderMappings, PRESETS, writtenLayout } from '@rna/model';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openTab } from '../chromium.ts';
import { openFakeHub, type FakeHub } from '../fakeHub.ts';
import { tinyModel } from '../tinyModel.ts';
import { browser, contextWith, expectReadable, served, SOON } from './tools.ts';

const TINY = 'lab/tiny';
const GIGA = 'lab/giga';
const MODEL_WORKER = /modelWorker.*\.js$/;

let hub: FakeHub;
let context: BrowserContext;
let tab: Page;

const address = (view: string, settings: Readonly<Record<string, string>> = {}): string =>
  `${served.url}#/${view}?${new URLSearchParams(settings).toString()}`;
const alert = (): Promise<string | null> => tab.getByRole('alert').first().textContent();

async function open(into: BrowserContext | Promise<BrowserContext>, url: string): Promise<void> {
  context = await into;
  ({ tab } = await openTab(context, url));
}

/** Looks for a model on the hub. */
async function look(name: string): Promise<void> {
  await tab.getByRole('button', { name: 'Look' }).click();
  await tab.getByRole('region', { name: `Found: ${name}` }).waitFor(SOON);
}

describe('what goes wrong', () => {
  beforeAll(async () => {
    const giga = gigaModel();
    hub = await openFakeHub(
      new Map([
        [TINY, await tinyModel()],
        [GIGA, giga.files],
      ]),
    );
    hub.claimed = giga.bytes;
  });
  afterEach(async () => {
    await context.close();
  });
  afterAll(async () => {
    await hub.close();
  });

  test('a model that is not here can be fetched, and one that is for something else is not run', async () => {
    await open(browser.newContext(), address('score', { model: 'lab/elsewhere', fasta: 'ACGUACGU' }));
    await expect.poll(alert, SOON).toMatch(/not in this browser.*lab\/elsewhere/s);
    await tab.getByRole('link', { name: 'Get the model' }).click();
    expect(await tab.getByLabel('Name', { exact: true }).inputValue()).toBe('lab/elsewhere');
    await tab.goto(address('embed', { fasta: '>a\nACGU\n>b\nAC8\n' }));
    await expect.poll(alert, SOON).toMatch(/cannot be read.*sequences:4: .*8/s);
    await tab.goto(address('predict', { model: 'builtin', fasta: 'ACGUACGU' }));
    await expect.poll(alert, SOON).toMatch(/predicts base pairs, which the Fold view shows/);
    await expectReadable(tab);
  });

  test.each([
    ['WebGPU', `Object.defineProperty(WorkerNavigator.prototype, 'gpu', { value: undefined });`, /no WebGPU.*Chrome/s],
    [
      'an adapter',
      `GPU.prototype.requestAdapter = () => Promise.resolve(null);`,
      /no adapter that it may use.*driver/s,
    ],
  ])('without %s the engines still fold', async (_, script, message) => {
    await open(contextWith(MODEL_WORKER, script), address('embed', { fasta: 'ACGUACGU' }));
    await expect.poll(alert, SOON).toMatch(message);
    await tab.getByRole('link', { name: 'Fold with an engine' }).click();
    await tab.getByRole('heading', { name: 'Fold RNA' }).waitFor(SOON);
    expect(await tab.getByRole('radio', { name: /^CONTRAfold/ }).isChecked()).toBe(true);
  });

  test('an RNA that the adapter has not the memory for is too long, and said with its length', async () => {
    // An adapter that binds a megabyte at most cannot run 1,000 nucleotides.
    const small = `Object.defineProperty(GPUSupportedLimits.prototype, 'maxStorageBufferBindingSize', { value: 2 ** 20 });`;
    await open(contextWith(MODEL_WORKER, small), address('embed', { fasta: `>long\n${'ACGU'.repeat(250)}\n` }));
    await expect.poll(alert, SOON).toMatch(/too long.*“long”: 1000 nucleotides.*Shorter sequences/s);
  });

  test('a lost adapter is opened anew by the next try', async () => {
    // The first device is gone as soon as it is there.
    const losing = `
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (wanted) {
        const device = await request.call(this, wanted);
        if ((await (await fetch('/lose')).text()) === 'yes') device.destroy();
        return device;
      };`;
    const lossy = await contextWith(MODEL_WORKER, losing);
    let isFirst = true;
    await lossy.route('**/lose', async (route) => {
      await route.fulfill({ body: isFirst ? 'yes' : 'no' });
      isFirst = false;
    });
    await open(lossy, address('embed', { fasta: 'GGGGCGAAAGCCCC' }));
    await expect.poll(alert, SOON).toMatch(/adapter was lost.*opens it anew/s);
    await tab.getByRole('button', { name: 'Try again' }).click();
    await tab.getByText('A map takes 4 RNAs at least').waitFor(SOON);
  });

  test('a model that does not fit is said so before it is fetched', async () => {
    await open(browser.newContext(), address('models', { name: GIGA, hub: hub.url }));
    await look(GIGA);
    const text = (await tab.getByRole('region', { name: `Found: ${GIGA}` }).textContent())!;
    expect(text).toMatch(/RiNALMo, 33 layers of 1280/);
    // A software adapter has two gigabytes.
    expect(text).toMatch(/32 bits2\.\d GB does not fit.*8 bits[67]\d\d MB fits/s);
  });

  test('a model that outgrows the adapter’s memory is said so, with the way on', async () => {
    // Half a megabyte in place of two gigabytes.
    const poor = await contextWith(MODEL_WORKER, '', (body) => body.replace(/memoryBudget:[^,}]*/, 'memoryBudget:5e5'));
    await open(poor, address('embed', { fasta: 'GGGGCGAAAGCCCC' }));
    await expect.poll(alert, SOON).toMatch(/adapter has too little memory.*Weights of 8 bits take a quarter/s);
    await tab.getByRole('button', { name: 'Try again' }).waitFor(SOON);
  });

  test('a full storage stops a download, which goes on when there is room', async () => {
    await open(browser.newContext(), address('models', { name: TINY, hub: hub.url }));
    await tab.getByText(/^This site takes/).waitFor(SOON);
    await look(TINY);
    const protocol = await context.newCDPSession(tab);
    const { origin } = new URL(served.url);
    const { usage } = await protocol.send('Storage.getUsageAndQuota', { origin });
    await protocol.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 100_000 });
    await tab.getByRole('button', { name: /^Download/ }).click();
    await expect.poll(alert, SOON).toMatch(/storage is full.*does not fit.*delete runs or models/s);
    await expectReadable(tab);
    await tab.getByRole('link', { name: 'See what is kept here' }).click();
    await tab.getByRole('button', { name: `Go on with ${TINY}` }).waitFor(SOON);
    await protocol.send('Storage.overrideQuotaForOrigin', { origin });
    await tab.getByRole('button', { name: `Go on with ${TINY}` }).click();
    await tab.getByText('Files and checksums').waitFor(SOON);
    expect(await tab.getByRole('alert').count()).toBe(0);
  });
});

/** RiNALMo giga as a hub has it, up to the first of its weights: names and shapes are all that is read before a download. */
function gigaModel(): { readonly files: ReadonlyMap<string, Uint8Array>; readonly bytes: ReadonlyMap<string, number> } {
  const config = PRESETS['rinalmo-giga'];
  const tensors: Record<string, { dtype: 'F32'; shape: number[]; data_offsets: [number, number] }> = {};
  let end = 0;
  const mappings = encoderMappings(config, writtenLayout('rinalmo', 'official')!, false);
  for (const { name, shape } of mappings.flatMap(({ sources }) => sources)) {
    const start = end;
    end += shape.reduce((product, size) => product * size, 4);
    tensors[name] = { dtype: 'F32', shape: [...shape], data_offsets: [start, end] };
  }
  const header = new TextEncoder().encode(JSON.stringify(tensors));
  const file = new Uint8Array(8 + header.byteLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  file.set(header, 8);
  const files = new Map([
    ['config.json', new TextEncoder().encode(configJson(config))],
    ['model.safetensors', file],
  ]);
  return { files, bytes: new Map([[`${GIGA}/model.safetensors`, file.byteLength + end]]) };
}
