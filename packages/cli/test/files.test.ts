import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFileSource, writeAtomically } from '../src/files/files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rna-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a file is read by range', async () => {
  const path = join(folder, 'x.bin');
  await writeFile(
    path,
    Uint8Array.from({ length: 100 }, (_, i) => i),
  );
  const source = await openFileSource(path);
  expect(source.size).toBe(100);
  expect([...(await source.read(97, 3))]).toEqual([97, 98, 99]);
  expect([...(await source.read(100, 0))]).toEqual([]);
  await expect(source.read(97, 4)).rejects.toThrow(`${path}: ends at byte 100, but 101 were expected`);
  await source.close();
});

test('a written file is whole, and replaces the old one only then', async () => {
  const path = join(folder, 'out.bin');
  await writeFile(path, 'old');
  await writeAtomically(path, async (sink) => {
    await sink.write(new Uint8Array([1, 2]));
    expect(await readFile(path, 'utf8')).toBe('old');
    await sink.write(new Uint8Array([3]));
  });
  expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  expect(await readdir(folder)).toEqual(['out.bin']);
});

test('a failed write leaves nothing behind', async () => {
  const path = join(folder, 'out.bin');
  const failing = writeAtomically(path, async (sink) => {
    await sink.write(new Uint8Array(10));
    throw new Error('record 7 is bad');
  });
  await expect(failing).rejects.toThrow('record 7 is bad');
  expect(await readdir(folder)).toEqual([]);
  await writeFile(path, 'old');
  await expect(writeAtomically(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await readFile(path, 'utf8')).toBe('old');
});
