/** The application's 3D view as a person uses it, in Chromium, built and served as it would be published. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright';
import {
  Encoder,
  loadParameters,
  loadRhoFold,
  memorySource,
  openModel,
  openRhoFold,
  openTensorFile,
  parseConfig,
  predictRhoFold,
  predictsChains,
  predictTertiary,
} from '@rna/model';
import { helixModel, readMmcif, readPdb, rnaChains, writeMmcif, writePdb, type RnaChain } from '@rna/structure';
import { openDevice } from '@rna/tensor/node';
import type { Device } from '@rna/tensor';
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
import { tinyRhoFold, tinyTertiary } from './tinyTertiary.ts';

const SEQUENCE = 'GGCGAAAGCC';
/** What RhoFold's tiny form has positions for. */
const SHORT = 'GGACUUCGGUCAC';
const SOON = { timeout: 120_000 };

let tab: Page;
let complaints: string[];
let device: Device;
let files: ReadonlyMap<string, Uint8Array>;

const address = (settings: Readonly<Record<string, string>> = {}): string =>
  `${served.url}#/3d?${new URLSearchParams(settings).toString()}`;
const button = (name: string | RegExp): Locator => tab.getByRole('button', { name, exact: true });
const isThere = (what: Locator): Promise<void> => what.waitFor(SOON);
const card = (id: string): Locator => tab.getByRole('region', { name: id, exact: true });
const readout = (): Promise<string | null> => tab.locator('.nucleotide .readout').textContent();
/** Which nucleotides are marked in a drawing, from 1. */
const markedIn = (parts: string): Promise<number[]> =>
  tab
    .locator(parts)
    .evaluateAll((all) => all.flatMap((each, at) => (each.classList.contains('marked') ? [at + 1] : [])));
/** What the console says, but for what the driver says of these tests' reading the viewer's pixels. */
const ownComplaints = (): string[] => complaints.filter((text) => !text.includes('GPU stall due to ReadPixels'));
/** The picture that the viewer has drawn: how many of its pixels are not those of the background. */
const drawnPixels = (): Promise<number> =>
  tab.locator('.solid canvas').evaluate((canvas: HTMLCanvasElement) => {
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext('2d')!;
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, copy.width, copy.height);
    return data.filter((value, at) => at % 4 === 3 && value > 0).length;
  });

async function keep(
  name: string,
  given: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<void> {
  await tab.goto(`${served.url}#/models`);
  await tab.getByLabel('From files').check();
  await tab
    .getByLabel('Choose files…')
    .setInputFiles(given.map((file) => ({ name: file.name, mimeType: '', buffer: Buffer.from(file.bytes) })));
  await button('Look').click();
  await isThere(tab.getByRole('region', { name: `Found: ${name}` }).getByText('predicts structures in space'));
  await button('Keep it').click();
  await isThere(button(`Delete ${name}`));
}

/** Largest difference in Å between a chain's atoms and coordinates of all slots. */
const apart = ({ coordinates, mask }: RnaChain, others: ArrayLike<number>): number =>
  coordinates.reduce(
    (most, value, at) => (mask[Math.floor(at / 3)] === 1 ? Math.max(most, Math.abs(value - others[at]!)) : most),
    0,
  );

describe('the 3D view', () => {
  beforeAll(async () => {
    [files, device] = await Promise.all([tinyTertiary(), openDevice()]);
    await openApplication();
    const context = await browser.newContext({ acceptDownloads: true });
    ({ tab, complaints } = await openTab(context, address()));
  }, 600_000);
  afterAll(async () => {
    device.destroy();
    await closeApplication();
  });

  test('without a model it says where there are some, and opens a file', async () => {
    await isThere(tab.getByText('No structure yet'));
    await isThere(tab.getByText('No model here predicts structures in 3D.'));
    expect(await button('Predict').isDisabled()).toBe(true);
    expect(await seriousFaults(tab)).toEqual([]);

    const open = (name: string, text: string): Promise<void> =>
      tab.getByLabel('Open a structure…').setInputFiles({ name, mimeType: '', buffer: Buffer.from(text) });
    await open('none.pdb', 'HETATM    1  O   HOH A   1       0.000   0.000   0.000  1.00  0.00           O  \nEND\n');
    await expect.poll(() => tab.getByRole('alert').textContent(), SOON).toMatch(/^none\.pdb:1: there is no RNA/);

    // Two strands, of which the second is shorter.
    const partners = Int32Array.of(9, 8, 7, -1, -1, -1, -1, 2, 1, 0);
    const helix = helixModel(SEQUENCE, partners);
    const shifted = { ...helixModel('GGGAAACC', Int32Array.of(7, 6, -1, -1, -1, -1, 1, 0)) };
    const second = {
      ...shifted,
      coordinates: shifted.coordinates.map((value, at) => (at % 3 === 0 ? value + 60 : value)),
    };
    await open(
      'mine.cif',
      writeMmcif(
        [
          { id: 'A', ...helix },
          { id: 'B', ...second },
        ],
        'mine',
      ),
    );
    await isThere(card('mine.cif, chain A'));
    expect(await card('mine.cif, chain A').textContent()).toMatch(/10 nucleotides · 3 base pairs/);
    expect(
      await card('mine.cif, chain A')
        .getByRole('region', { name: /dot-bracket/ })
        .textContent(),
    ).toBe(`${SEQUENCE}\n(((....)))`);
    await expect.poll(drawnPixels, SOON).toBeGreaterThan(500);
    await tab.getByLabel('Chain that is linked').selectOption('mine.cif, chain B');
    await isThere(card('mine.cif, chain B'));
    expect(ownComplaints()).toEqual([]);
  });

  test('predicts what the library predicts, and gives it as PDB and mmCIF', async () => {
    await keep(
      'tertiary',
      [...files].map(([name, bytes]) => ({ name, bytes })),
    );
    await tab.getByRole('link', { name: '3D', exact: true }).last().click();
    await tab.getByLabel('Sequences').fill(`>one\n${SEQUENCE}\n>two\nGGGAAACCC\n`);
    await tab.getByLabel('Recycles').fill('2');
    await button('Predict').click();
    await isThere(tab.getByRole('navigation', { name: 'Structures' }));
    await isThere(card('one'));
    const trust = tab.getByRole('region', { name: 'What the model can be trusted for' });
    expect(await trust.textContent()).toMatch(
      /12 chains.*for no others.*3 chains held out.*0\.438.*plDDT is the lDDT/s,
    );
    expect(await card('one').textContent()).toMatch(/10 nucleotides · mean plDDT 0\.\d\d · .* · 3 cycles/);

    const model = await openModel(
      await openTensorFile(memorySource('x', files.get('tertiary.safetensors')!)),
      parseConfig(new TextDecoder().decode(files.get('config.json')), 'config.json'),
    );
    const { task } = model;
    if (!predictsChains(task)) throw new Error('no head');
    const encoder = new Encoder(device, model.config, await loadParameters(device, model, 'f32'));
    const expected = await predictTertiary({ encoder, task, parameters: encoder.parameters }, SEQUENCE, {
      recycles: 2,
    });
    const pdb = await download(tab, 'PDB');
    expect(pdb.name).toBe('one.pdb');
    const [chain] = rnaChains(readPdb(pdb.bytes.toString(), 'one.pdb'));
    expect(chain!.sequence).toBe(SEQUENCE);
    expect(apart(chain!, expected.coordinates)).toBeLessThan(0.01);
    // B-factors have two decimals.
    expect(chain!.bFactors[1]).toBeCloseTo(100 * expected.plddt[0]!, 0);
    const cif = await download(tab, 'mmCIF');
    expect(apart(rnaChains(readMmcif(cif.bytes.toString(), 'one.cif'))[0]!, chain!.coordinates)).toBe(0);
    await expect.poll(drawnPixels, SOON).toBeGreaterThan(500);
    expect(ownComplaints()).toEqual([]);
  });

  test('marks the nucleotide that the pointer or the slider is at in all figures', async () => {
    const bars = '.bars > path';
    await isThere(tab.locator(bars).first());
    await tab.locator(bars).nth(4).hover();
    await expect.poll(readout).toMatch(/^A5, plDDT 0\.\d\d, /);
    expect(await markedIn('.nucleotides > g')).toContain(5);
    expect(await markedIn(bars)).toContain(5);
    await tab.locator('.nucleotides > g').nth(1).hover();
    await expect.poll(readout).toMatch(/^G2/);
    expect(await markedIn(bars)).toContain(2);
    const map = tab.getByRole('img', { name: 'Distances within one' });
    const box = (await map.boundingBox())!;
    await map.hover({ position: { x: (box.width * 7.5) / 10, y: (box.height * 2.5) / 10 } });
    await expect.poll(readout).toMatch(/^C3, .*; to G8 (?:\d+\.\d Å|about 39 Å or more)$/);
    await tab.mouse.move(0, 0);

    await tabTo(tab, tab.getByRole('slider', { name: 'Nucleotide' }));
    await tab.keyboard.press('End');
    await expect.poll(readout).toMatch(/^C10/);
    expect(await markedIn(bars)).toContain(10);
    await tab.keyboard.press('ArrowLeft');
    await expect.poll(readout).toMatch(/^C9/);

    // Keys turn the structure: another picture is drawn.
    const solid = tab.getByRole('group', { name: /^Structure of one in 3D/ });
    await tabTo(tab, solid);
    const before = await solid.screenshot();
    await tab.keyboard.press('ArrowRight');
    await expect.poll(async () => before.equals(await solid.screenshot()), SOON).toBe(false);
    expect(ownComplaints()).toEqual([]);
  });

  test('has no serious fault for axe-core, fits a phone, and its address brings it back', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      expect(await seriousFaults(tab)).toEqual([]);
    }
    await tab.setViewportSize({ width: 360, height: 740 });
    expect(await overflow(tab)).toBe(0);
    await tab.setViewportSize({ width: 1280, height: 900 });
    expect(new URLSearchParams(tab.url().split('?')[1]).get('recycles')).toBe('2');
    await tab.goto(
      address({ model: 'tertiary', samples: '3', seed: '4', recycles: '0', fasta: `>back\n${SEQUENCE}\n` }),
    );
    await isThere(card('back'));
    expect(await card('back').textContent()).toMatch(/1 cycle · sample \d of 3/);
    expect(ownComplaints()).toEqual([]);
  });

  test('runs RhoFold’s own file', async () => {
    await keep('RhoFold_tiny', [{ name: 'RhoFold_tiny.safetensors', bytes: tinyRhoFold() }]);
    await tab.goto(address({ model: 'RhoFold_tiny', recycles: '1', fasta: `>r\n${SHORT}\n` }));
    await isThere(card('r'));
    expect(await tab.locator('.results').last().textContent()).toMatch(/RhoFold’s authors trained it/);
    const rhoFold = await loadRhoFold(
      device,
      await openRhoFold(await openTensorFile(memorySource('RhoFold.pt', tinyRhoFold()))),
    );
    const expected = await predictRhoFold(rhoFold, SHORT, { recycles: 1 });
    const [chain] = rnaChains(readPdb((await download(tab, 'PDB')).bytes.toString(), 'r.pdb'));
    expect(apart(chain!, expected.coordinates)).toBeLessThan(0.01);
    expect(ownComplaints()).toEqual([]);
  });

  test('says what is wrong, leaves out what is too long, and cancels', async () => {
    const alert = (): Promise<string | null> => tab.getByRole('alert').first().textContent();
    await tab.goto(address({ model: 'tertiary', fasta: '>a\nACNU\n' }));
    await expect.poll(alert, SOON).toMatch(/sequences:1: nucleotide 3 of “a” is N, which has no atoms/);
    await tab.goto(address({ model: 'builtin', fasta: '>a\nACGU\n' }));
    await expect.poll(alert, SOON).toMatch(/predicts no structures in space/);
    const id = '<img/src=x/onerror=document.title="harmed">';
    await tab.goto(address({ model: 'tertiary', samples: '30', fasta: `>${id}\n${SEQUENCE}\n>b\nACGU\n` }));
    await button('Cancel').click();
    await expect.poll(() => tab.locator('.results').last().textContent(), SOON).toMatch(/Cancelled/);
    await tab.goto(address({ model: 'tertiary', samples: '1', fasta: `>${id}\n${SEQUENCE}\n` }));
    await isThere(card(id));
    expect((await download(tab, 'mmCIF')).name).toBe('_img_src=x_onerror=document.title=_harmed__.cif');
    expect([await tab.locator('img').count(), await tab.title()]).toEqual([0, '3D · @rna']);
    expect(ownComplaints()).toEqual([]);
  });

  test('shows all else where the browser draws nothing in 3D', async () => {
    const context = await browser.newContext();
    await context.addInitScript(() => {
      const { prototype } = HTMLCanvasElement;
      const own = Object.getOwnPropertyDescriptor(prototype, 'getContext')!.value as (...args: unknown[]) => unknown;
      Object.defineProperty(prototype, 'getContext', {
        value(this: HTMLCanvasElement, kind: string, ...others: unknown[]) {
          return kind.includes('webgl') ? null : own.call(this, kind, ...others);
        },
      });
    });
    const { tab: without } = await openTab(context, address());
    const helix = helixModel(SEQUENCE, Int32Array.of(9, 8, 7, -1, -1, -1, -1, 2, 1, 0));
    await without
      .getByLabel('Open a structure…')
      .setInputFiles({ name: 'a.pdb', mimeType: '', buffer: Buffer.from(writePdb([{ id: 'A', ...helix }])) });
    await expect.poll(() => without.getByRole('alert').textContent(), SOON).toMatch(/cannot be shown in 3D: .*WebGL/);
    await without.locator('.nucleotides > g').first().waitFor(SOON);
    await context.close();
  });

  test('the viewer is a part of its own, with its licences', async () => {
    const assets = await readdir(join(served.folder, 'assets'));
    const viewer = assets.filter((name) => /^3Dmol-min.*\.js$/.test(name));
    expect(viewer).toHaveLength(1);
    expect(await readFile(join(served.folder, 'index.html'), 'utf8')).not.toContain(viewer[0]);
    expect(await readFile(join(served.folder, 'licences/packages.md'), 'utf8')).toMatch(
      /3dmol[^]*David Koes|3dmol[^]*University of Pittsburgh/,
    );
    expect(await readFile(join(served.folder, 'licences/pako.txt'), 'utf8')).toMatch(
      /Vitaly Puzrin and Andrei Tuputcyn/,
    );
  });
});
