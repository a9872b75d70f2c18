/** Chains of coordinate files: alone, in folders, by lists; what is left out is said, what is bad is named. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { helixModel, writeMmcif, writePdb, type WrittenChain } from '@rna/structure';
import { beforeEach, expect, test, vi } from 'vitest';
import { readChains, readChainSet } from '../src/input/chainFiles.ts';
import { temporaryFolder } from './harness.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../structure/test/fixtures/tertiary/${name}`, import.meta.url));
const FILTERS = { shortest: 16, longest: 256, resolution: 4, statedResolution: false };

const chain = (id: string, sequence: string): WrittenChain => ({
  id,
  ...helixModel(sequence, new Int32Array(sequence.length).fill(-1)),
});
const HAIRPIN = 'GGGCCUUUUGGCCCAAAA';

let folder: string;
let notes: string[];
beforeEach(() => {
  folder = temporaryFolder();
  notes = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    notes.push(String(text));
    return true;
  });
});
const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test('files of both formats, gzipped ones and folders by name', async () => {
  write('b.pdb', writePdb([chain('A', HAIRPIN)]));
  write('c.cif', writeMmcif([chain('X', HAIRPIN), chain('Y', 'ACGU')], 'c'));
  cpSync(fixture('rp16_native.pdb.gz'), join(folder, 'a.pdb.gz'));
  const chains = await readChains([folder]);
  expect(chains.map(({ id }) => id)).toEqual(['a', 'b', 'c_X', 'c_Y']);
  expect(chains.map(({ chain: { sequence } }) => sequence).slice(1)).toEqual([HAIRPIN, HAIRPIN, 'ACGU']);
});

test('a list names files beside it, and chains of them', async () => {
  mkdirSync(join(folder, 'in'));
  write('in/c.cif', writeMmcif([chain('X', HAIRPIN), chain('Y', 'ACGU')], 'c'));
  write('b.pdb', writePdb([chain('A', 'GGGG')]));
  const list = write('all.txt', '# two files\nb.pdb\n\nin/c.cif Y # one chain of it\n');
  expect((await readChains([list])).map(({ id }) => id)).toEqual(['b', 'c_Y']);
  await expect(readChains([write('bad.txt', 'b.pdb\nin/c.cif Z\n')])).rejects.toThrow(
    /bad\.txt:2: .*in\/c\.cif has no RNA chain "Z"; its RNA chains are X, Y/,
  );
  await expect(readChains([write('gone.txt', '\nd.pdb\n')])).rejects.toThrow(/gone\.txt:2: there is no file .*d\.pdb/);
  await expect(readChains([write('odd.txt', 'b.pdb\nrnas.fasta\n')])).rejects.toThrow(
    /odd\.txt:2: "rnas\.fasta" is no coordinate file/,
  );
  await expect(readChains([write('none.txt', '# nothing\n')])).rejects.toThrow(/none\.txt: the list names no file/);
});

test('a bad file is named with its line, a folder without one as such', async () => {
  const text = writePdb([chain('A', HAIRPIN)]);
  const lines = text.split('\n');
  lines[4] = `${lines[4]!.slice(0, 30)}    here${lines[4]!.slice(38)}`;
  await expect(readChains([write('bad.pdb', lines.join('\n'))])).rejects.toThrow(/bad\.pdb:5: /);
  mkdirSync(join(folder, 'empty'));
  await expect(readChains([join(folder, 'empty')])).rejects.toThrow(/has no file of structures in space \(\.pdb/);
  await expect(readChains([join(folder, 'x.doc')])).rejects.toThrow(/x\.doc: no such file/);
});

test('a residue that no table knows is masked, and named with its line', async () => {
  const text = writePdb([chain('A', HAIRPIN)]).replaceAll(/^(ATOM.{13}) {2}G A {3}2/gm, '$1ZZZ A   2');
  const [{ chain: read } = { chain: undefined }] = await readChains([write('odd.pdb', text)]);
  expect(read!.sequence).toBe(`GN${HAIRPIN.slice(2)}`);
  expect(Array.from(read!.mask).slice(23, 46).some(Boolean)).toBe(false);
  expect(notes.join('')).toMatch(/1 nucleotide of unknown base is masked \(ZZZ\), the first ZZZ A2 in .*odd\.pdb:24/);
});

test('the set is filtered, with one chain of each sequence or cluster', async () => {
  const other = `${HAIRPIN}G`;
  for (const [name, sequence] of [
    ['a', HAIRPIN],
    ['b', HAIRPIN],
    ['c', other],
    ['d', 'ACGU'],
  ] as const)
    write(`${name}.pdb`, writePdb([chain('A', sequence)]));
  const ids = async (clusters?: string) => (await readChainSet([folder], FILTERS, clusters)).map(({ id }) => id);
  expect(await ids()).toEqual(['a', 'c']);
  expect(notes.join('')).toMatch(/2 of 4 chains; left out: 1 for their length, 1 of a cluster or sequence/);
  const clusters = write('rna_cluster.tsv', 'a\ta\na\tc_A\n');
  // c is the longest of its cluster; b is in no cluster, and so in one of its own.
  expect(await ids(clusters)).toEqual(['b', 'c']);
  expect(notes.join('')).toMatch(/2 of 4 chains are not in .*rna_cluster\.tsv, as b/);
  await expect(ids(write('x_cluster.tsv', 'x\ty\n'))).rejects.toThrow(/names none of the 4 chains/);
  await expect(ids(write('y_cluster.tsv', 'a a\n'))).rejects.toThrow(
    /y_cluster\.tsv:1: not "representative<TAB>member"/,
  );
  await expect(readChainSet([folder], { ...FILTERS, longest: 3 }, undefined)).rejects.toThrow(
    /none of 4 chains passes the filters/,
  );
});

test('one chain in both formats has one sequence', async () => {
  const [pdb, cif] = await readChains([fixture('4qln_15-19.pdb'), fixture('4qln_15-19.cif')]);
  expect(pdb!.chain.sequence).toBe(cif!.chain.sequence);
});
