/** The register of random streams: no two are the same, and no number lies outside of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { STREAM } from '../src/index.ts';

const packages = fileURLToPath(new URL('../../', import.meta.url));

it('gives every use a number of its own', () => {
  const numbers = Object.values(STREAM);
  expect(new Set(numbers).size).toBe(numbers.length);
});

it('keeps the numbers by which runs are resumed', () => {
  expect(STREAM).toMatchObject({
    clusterOrder: 0x6f726465,
    clusterMember: 0x6d656d62,
    crop: 0x63726f70,
    pack: 0x7061636b,
    mask: 0x6d61736b,
    maskScheme: 0x73636865,
    dropout: 0x64726f70,
    rnaOrder: 0x66696e65,
    headDropout: 0x68656164,
    lowRankTerms: 0x6c6f7261,
    heldOut: 0x68656c64,
    foldGroups: 1,
    ribosomeLoadSplit: 2,
    structureValidation: 3,
    familyNoise: 4,
  });
});

it('is the only place where a stream has a number', () => {
  const sources = readdirSync(packages, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\/src(\/|$)/.test(entry.parentPath) && entry.name.endsWith('.ts'))
    .filter(({ parentPath }) => !parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name));
  expect(sources.length).toBeGreaterThan(100);
  const own = sources.filter((path) =>
    /(RandomStream|deriveKey)\(\w+, *\d|const \w*STREAM\w* = \d/.test(readFileSync(path, 'utf8')),
  );
  expect(own.map((path) => path.slice(packages.length))).toEqual([]);
});
