import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFileSource, writeAtomically, makeFolder, partialFolder } from '../src/files/files.ts';
import { fileNames } from '../src/files/outputPaths.ts';

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
  await expect(source.read(97, 4)).rejects.toThrow(`${path}: bytes 97 to 101 were asked for, but the file has 100`);
  // Nothing is allocated for a claim.
  await expect(source.read(0, 2 ** 50)).rejects.toThrow(`${path}: bytes 0 to 1125899906842624 were asked for`);
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

test('what a killed process left of an output goes with the next run of the same output, and nothing else does', async () => {
  const child = spawn(process.execPath, ['--eval', '']);
  await once(child, 'exit');
  const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  const partial = (output: string, machine: string, pid: number): string =>
    `.${output}.${machine}-${pid}-0123abcd.partial`;
  const dead = partial('out.bin', host, child.pid!);
  const left = [dead, partial('out.bin', '00000000', 7)];
  const kept = [
    partial('other.bin', host, child.pid!),
    partial('out.bin', host, process.pid),
    partial('out.bin', '11111111', 7),
    '.out.bin.0123456789ab.partial',
  ];
  for (const name of [...left, ...kept]) await writeFile(join(folder, name), 'half');
  const longAgo = new Date(Date.now() - 48 * 3_600_000);
  await utimes(join(folder, left[1]!), longAgo, longAgo);
  await writeAtomically(join(folder, 'out.bin'), (sink) => sink.write(new Uint8Array(1)));
  expect((await readdir(folder)).sort()).toEqual([...kept, 'out.bin'].sort());
});

test('a folder of parts is found again by its output', async () => {
  const child = spawn(process.execPath, ['--eval', '']);
  await once(child, 'exit');
  const own = await partialFolder(join(folder, 'c.corpus'));
  const name = own.slice(folder.length + 1);
  expect(name).toMatch(new RegExp(`^\\.c\\.corpus\\.[0-9a-f]{8}-${process.pid}-[0-9a-f]{8}\\.partial$`));
  const elsewhere = await mkdtemp(join(folder, 'x'));
  const dead = join(elsewhere, name.replace(`-${process.pid}-`, `-${child.pid}-`));
  await mkdir(dead);
  await writeFile(join(dead, 'bucket-0'), 'half');
  await rm(await partialFolder(join(elsewhere, 'c.corpus')), { recursive: true });
  expect(await readdir(elsewhere)).toEqual([]);
});

test('folders are made with those above them, and the one at fault is named', async () => {
  await makeFolder(join(folder, 'a', 'b'));
  await makeFolder(join(folder, 'a', 'b'));
  expect(await readdir(join(folder, 'a'))).toEqual(['b']);
  const file = join(folder, 'a', 'file');
  await writeFile(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST', path: file });
  await expect(makeFolder(join(file, 'c'))).rejects.toMatchObject({ code: 'ENOTDIR', path: join(file, 'c') });
});

test('no two records are written to one file, nor to one that is written beside another', () => {
  const plan = ['a/b', 'a', 'a.sample-2'].map((id, k) => ({ id, file: 'x.fa', line: k + 1, length: 4 }));
  expect([...fileNames(plan)]).toEqual([
    ['a/b', 'a_b'],
    ['a', 'a'],
    ['a.sample-2', 'a.sample-2'],
  ]);
  const beside = (name: string): string[] => [`${name}.sample-1`, `${name}.sample-2`];
  expect(() => fileNames(plan, beside)).toThrow(
    'x.fa:3: record "a.sample-2" and the one on line 2 would both be written to files named "a.sample-2"; rename',
  );
  expect(() => fileNames([{ id: 'a:b', file: 'x.fa', line: 9, length: 1 }, ...plan])).toThrow('files named "a_b"');
});
