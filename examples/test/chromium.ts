/**
 * Chromium for the tests, on SwiftShader, and a page built and served as it
 * would be published. The project in vitest.config.ts says which browser.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright';
import { build, preview } from 'vite';

export interface ServedPage {
  readonly url: string;
  /** Where the built files lie. */
  readonly folder: string;
  readonly close: () => Promise<void>;
}

/** Builds the page of a folder into a temporary one and serves it. */
export async function servePage(root: string): Promise<ServedPage> {
  const outDir = await mkdtemp(join(tmpdir(), 'rna-page-'));
  const settings = { root, logLevel: 'error', base: './', worker: { format: 'es' } } as const;
  // As it is published: by the environment of tests the page would take itself for one of the development server.
  const environment = process.env.NODE_ENV;
  process.env.NODE_ENV = 'production';
  try {
    await build({ ...settings, build: { outDir, emptyOutDir: true, target: 'esnext' } });
  } finally {
    process.env.NODE_ENV = environment;
  }
  const server = await preview({ ...settings, build: { outDir }, preview: { host: '127.0.0.1', port: 0 } });
  return {
    url: server.resolvedUrls!.local[0]!,
    folder: outDir,
    async close() {
      await server.close();
      await rm(outDir, { recursive: true });
    },
  };
}

export async function openChromium(): Promise<Browser> {
  const executablePath = process.env['CHROME_PATH'];
  if (executablePath === undefined)
    throw new Error('CHROME_PATH is not set; run these tests as a project: npx vitest run --project examples');
  return chromium.launch({
    executablePath,
    args: [
      '--enable-unsafe-webgpu',
      '--headless=new',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // After two crashes in two minutes it would give no adapter for a while.
      '--disable-domain-blocking-for-3d-apis',
    ],
  });
}

/** A tab of its own, with what a person would find in its console. */
export async function openTab(context: BrowserContext, url: string): Promise<{ tab: Page; complaints: string[] }> {
  const tab = await context.newPage();
  // Where a machine does other work beside, a page takes long to answer.
  tab.setDefaultTimeout(120_000);
  const complaints: string[] = [];
  tab.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  tab.on('pageerror', (error) => {
    complaints.push(String(error));
  });
  await tab.goto(url);
  return { tab, complaints };
}
