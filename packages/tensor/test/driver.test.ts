import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  cacheFolder,
  driverFolder,
  driverRecordFile,
  driverSource,
  fasterNode,
  forgetForeignDriver,
  giveUpPrivateDriver,
  graphicsDevices,
  isFastMesa,
  nodeOf,
  ownLibcFolder,
  preferredManifest,
  usePreferredDriver,
  usePrivateDriver,
} from '../src/node/driver.ts';

describe.runIf(process.platform === 'linux')('the private driver', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rna-driver-test-'));
    vi.stubEnv('XDG_CACHE_HOME', folder);
    vi.stubEnv('VK_DRIVER_FILES', undefined);
    vi.stubEnv('VK_ICD_FILENAMES', undefined);
    vi.stubEnv('RNA_DRIVER', undefined);
    vi.stubEnv('RNA_NODE', undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const record = (content: unknown, of = driverFolder()): void => {
    mkdirSync(of, { recursive: true });
    writeFileSync(driverRecordFile(of), JSON.stringify(content));
  };
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  afterEach(() => {
    said.length = 0;
  });
  const withOwnLibc = (script: string, preferredWith: readonly string[] = graphicsDevices()): void => {
    record({ name: 'fast', icd: join(ownLibcFolder(), 'icd.json'), libraries: [], preferredWith }, ownLibcFolder());
    mkdirSync(dirname(nodeOf()));
    writeFileSync(nodeOf(), script, { mode: 0o755 });
  };

  test('is none where set-up wrote no record', () => {
    expect(cacheFolder()).toBe(join(folder, 'rna'));
    expect(usePrivateDriver()).toBeUndefined();
  });

  test('is pointed out to the Vulkan loader', () => {
    record({ name: 'a driver', icd: '/somewhere/icd.json', libraries: [] });
    expect(usePrivateDriver()).toBe('a driver');
    expect(process.env['VK_DRIVER_FILES']).toBe('/somewhere/icd.json');
  });

  test("gives way to the user's own choice", () => {
    record({ name: 'a driver', icd: '/somewhere/icd.json', libraries: [] });
    vi.stubEnv('VK_DRIVER_FILES', '/other/icd.json');
    expect(usePrivateDriver()).toBeUndefined();
    expect(process.env['VK_DRIVER_FILES']).toBe('/other/icd.json');
  });

  test('whose files are gone or whose record is damaged is an error that says what to do', () => {
    record({ name: 'a driver', icd: '/somewhere/icd.json', libraries: ['/nowhere/libx.so'] });
    expect(() => usePrivateDriver()).toThrow(/\/nowhere\/libx\.so cannot be loaded; delete .*npm run setup/);
    record({ name: 'a driver' });
    expect(() => usePrivateDriver()).toThrow(/driver\.json is no driver record; delete/);
  });

  test("goes before the machine's own if set-up says so, as long as the graphics devices are the same", () => {
    const icd = join(driverFolder(), 'icd.json');
    record({ name: 'a driver', icd, libraries: [] });
    expect(usePreferredDriver(say)).toBeUndefined();
    record({ name: 'a driver', icd, libraries: [], preferredWith: ['/dev/dri/renderD999'] });
    expect(usePreferredDriver(say)).toBeUndefined();
    record({ name: 'a driver', icd, libraries: [], preferredWith: graphicsDevices() });
    expect(preferredManifest()).toBe(icd);
    expect(usePreferredDriver(say)).toBe('a driver');
    expect(driverSource()).toBe('private');
    expect(usePreferredDriver(say)).toBeUndefined();
    expect(said).toEqual([]);
  });

  test('that goes before the machine’s own and cannot be loaded is told and left out', () => {
    record({ name: 'a driver', icd: '/i.json', libraries: ['/nowhere/libx.so'], preferredWith: graphicsDevices() });
    expect(usePreferredDriver(say)).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/libx\.so cannot be loaded.*the machine's own driver is used/)]);
    expect(driverSource()).toBe('machine');
  });

  test('with a C library of its own is started by its own Node', () => {
    expect(fasterNode(say)).toBeUndefined();
    withOwnLibc('#!/bin/sh\n');
    expect(fasterNode(say)).toBe(nodeOf());
    expect(process.env['RNA_NODE']).toBe(process.execPath);
    expect(said).toEqual([]);
    vi.stubEnv('VK_DRIVER_FILES', join(ownLibcFolder(), 'icd.json'));
    expect(fasterNode(say)).toBe(nodeOf());
  });

  test.each([
    ['VK_DRIVER_FILES', '/other/icd.json'],
    ['VK_ICD_FILENAMES', '/other/icd.json'],
    ['RNA_DRIVER', 'system'],
  ])('gives way to %s=%s', (name, value) => {
    withOwnLibc('#!/bin/sh\n');
    record({ name: 'a driver', icd: '/i.json', libraries: [], preferredWith: graphicsDevices() });
    vi.stubEnv(name, value);
    expect(fasterNode(say)).toBeUndefined();
    expect(usePreferredDriver(say)).toBeUndefined();
    expect(usePrivateDriver()).toBeUndefined();
  });

  test('gives way to a graphics device that was not there at set-up', () => {
    withOwnLibc('#!/bin/sh\n', ['/dev/dri/renderD999']);
    expect(fasterNode(say)).toBeUndefined();
  });

  test('whose Node does not start is told and left out', () => {
    withOwnLibc('#!/bin/sh\necho "libc.so.6: no such file" >&2\nexit 127\n');
    expect(fasterNode(say)).toBeUndefined();
    rmSync(nodeOf());
    expect(fasterNode(say)).toBeUndefined();
    expect(said).toEqual([
      expect.stringMatching(/does not start \(libc\.so\.6: no such file\) and is left out; `npm run setup`/),
      expect.stringMatching(/does not start \(spawnSync .* ENOENT\)/),
    ]);
  });

  test('that gives no adapter is taken out of the environment, and is told', () => {
    vi.stubEnv('VK_DRIVER_FILES', '/other/icd.json');
    expect(giveUpPrivateDriver(say)).toBe(false);
    vi.stubEnv('VK_DRIVER_FILES', join(ownLibcFolder(), 'icd.json'));
    expect(giveUpPrivateDriver(say)).toBe(true);
    expect(process.env['VK_DRIVER_FILES']).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/driver-own-libc\/icd\.json gives no adapter and is left out/)]);
  });

  test('of a process with another C library is forgotten in one without', () => {
    vi.stubEnv('VK_DRIVER_FILES', '/other/icd.json');
    forgetForeignDriver();
    expect(process.env['VK_DRIVER_FILES']).toBe('/other/icd.json');
    vi.stubEnv('VK_DRIVER_FILES', join(ownLibcFolder(), 'icd.json'));
    forgetForeignDriver();
    expect(process.env['VK_DRIVER_FILES']).toBeUndefined();
  });
});

test.each([
  ['llvmpipe: Mesa 26.1.6-1~bpo13+1 (LLVM 19.1.7)', true],
  ['llvmpipe: Mesa 27.0.0 (LLVM 22)', true],
  ['llvmpipe: Mesa 26.0.9', false],
  ['llvmpipe: Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6) 0.0.1', false],
  ['SwiftShader driver-5.0.0', false],
])('%s is a fast Mesa: %s', (description, fast) => {
  expect(isFastMesa(description)).toBe(fast);
});
