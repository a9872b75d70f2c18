/** A few hundred inputs for each reader; `npm run fuzz` tries thousands. */
import { describe, expect, test } from 'vitest';
import { fuzzOne, type Fault, type Reader } from './engine.ts';
import { READERS } from './readers.ts';

const INPUTS = 200;

test.each(READERS.map((reader) => [reader.name, reader] as const))('%s', async (_, reader) => {
  const faults: Fault[] = [];
  for (let index = 0; index < INPUTS / (reader.cost ?? 1); index++) {
    const fault = await fuzzOne(reader, READERS, 1, index);
    if (fault !== undefined) faults.push(fault);
  }
  expect(faults).toEqual([]);
});

describe('the fuzzer finds', () => {
  const careless = (read: (text: string) => unknown, more: Partial<Reader> = {}): Reader => ({
    name: 'careless',
    make: () => ({ bytes: Buffer.from('7'), expected: 7 }),
    read: (bytes) => Promise.resolve().then(() => read(Buffer.from(bytes).toString())),
    ...more,
  });
  const kinds = async (reader: Reader): Promise<string[]> => {
    const found = new Set<string>();
    for (let index = 0; index < 20; index++) {
      const fault = await fuzzOne(reader, READERS, 1, index, {
        base: reader.cost ?? 2000,
        perByte: 0,
        memory: 2 ** 22,
      });
      if (fault !== undefined) found.add(fault.kind);
    }
    return [...found].sort();
  };

  test.each<[string, Reader, string[]]>([
    [
      'an error that is none of the domain',
      careless((text) => new Array<number>(Number(text))),
      ['crash', 'wrong acceptance'],
    ],
    [
      'time',
      careless(
        () => {
          for (const start = process.cpuUsage(); process.cpuUsage(start).user < 60_000;);
          return 7;
        },
        { cost: 30 },
      ),
      ['hang'],
    ],
    ['memory', careless(() => kept.push(new Uint8Array(2 ** 23).fill(1)) && 7), ['memory']],
    ['what is read wrong', careless(() => 8), ['wrong acceptance']],
    ['what should be refused', careless(() => 7, { spoil: () => Buffer.from('8') }), ['wrong acceptance']],
    ['what depends on the parts', careless(() => calls++), ['wrong acceptance']],
    ['what is left', careless(() => 7, { leftovers: () => 'a.partial' }), ['partial output']],
  ])('%s', async (_, reader, expected) => {
    expect(await kinds(reader)).toEqual(expected);
    kept.length = 0;
  });
});

const kept: Uint8Array[] = [];
let calls = 0;
