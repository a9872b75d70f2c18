import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheFolder, driverRecordFile, usePrivateDriver } from '../src/node/driver.ts';

describe.runIf(process.platform === 'linux')('the private driver', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rna-driver-test-'));
    vi.stubEnv('XDG_CACHE_HOME', folder);
    vi.stubEnv('VK_DRIVER_FILES', undefined);
    vi.stubEnv('VK_ICD_FILENAMES', undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const record = (content: unknown): void => {
    mkdirSync(dirname(driverRecordFile()), { recursive: true });
    writeFileSync(driverRecordFile(), JSON.stringify(content));
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
});
