/** Set-up's choice of a driver, for machines of every kind. */
import { expect, test } from 'vitest';
import { roadsToDriver, roadsToFasterDriver, type DriverFacts } from '../scripts/setup/driverPlan.ts';

const debian12: DriverFacts = {
  platform: 'linux',
  architecture: 'x64',
  debian: '12',
  apt: true,
  root: true,
  noNpm: undefined,
  chosen: false,
};
const slow = { name: 'llvmpipe: Mesa 25.0.7', slow: true };
const fast = { name: 'llvmpipe: Mesa 26.1.6', slow: false };

const open = (facts: DriverFacts): string[] =>
  roadsToDriver(facts)
    .filter(({ closed }) => closed === undefined)
    .map(({ road }) => road);

test('a machine without a driver gets one by apt, without root in a folder, else from npm', () => {
  expect(open(debian12)).toEqual(['apt', 'unpacked', 'npm']);
  expect(open({ ...debian12, root: false })).toEqual(['unpacked', 'npm']);
  expect(open({ ...debian12, apt: false })).toEqual(['npm']);
  expect(roadsToDriver({ ...debian12, apt: false, noNpm: 'musl' }).map(({ closed }) => closed)).toEqual([
    'this system has no apt',
    'this system has no apt',
    'musl',
  ]);
  // What is put into a folder would not be used.
  expect(open({ ...debian12, chosen: true })).toEqual(['apt']);
});

test.each([
  ['Debian 13 as root', { debian: '13' }, ['apt', 'unpacked']],
  ['Debian 13 without root', { debian: '13', root: false }, ['unpacked']],
  ['Debian 13 on ARM', { debian: '13', root: false, architecture: 'arm64' }, ['unpacked']],
  ['Debian 12 as root', {}, ['own libc']],
  ['Debian 12 without root', { root: false }, ['own libc']],
  ['Debian 12 on ARM', { architecture: 'arm64' }, ['own libc']],
  ['Debian 12 on a processor whose loader is not known', { architecture: 'riscv64' }, []],
  ['Debian 11', { debian: '11' }, []],
  ['another Linux', { debian: undefined }, []],
  ['macOS', { platform: 'darwin', debian: undefined, apt: false }, []],
  ['a machine whose user chose a driver', { chosen: true }, []],
  ['a machine without apt', { apt: false }, []],
] satisfies [string, Partial<DriverFacts>, string[]][])(
  '%s: where a slow driver is replaced from',
  (_, facts, roads) => {
    expect(roadsToFasterDriver({ ...debian12, ...facts }, slow)).toEqual(roads);
  },
);

test.each(['12', '13'])('Debian %s with a GPU or a fast driver keeps what it has', (debian) => {
  expect(roadsToFasterDriver({ ...debian12, debian }, fast)).toEqual([]);
});
