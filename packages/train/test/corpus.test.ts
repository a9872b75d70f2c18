import { memorySink, memorySource, type ByteSource } from '@rna/model';
import { partnersFromPairs } from '@rna/structure';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CorpusError,
  RECORD_KINDS,
  type Corpus,
  type CorpusInput,
  type CorpusRecord,
  type RecordKind,
} from '../src/corpus/corpus.ts';
import { hash128, hex } from '../src/corpus/hash.ts';
import { corpusRecords, memoryCorpus, openCorpus, verifyCorpus } from '../src/corpus/reader.ts';
import { compareKeys, CORPUS_LETTERS, encodeRecord } from '../src/corpus/record.ts';
import { writeCorpus } from '../src/corpus/writer.ts';

/** The bytes of a corpus file, written as the command writes it. */
async function written(inputs: readonly CorpusInput[]): Promise<Uint8Array> {
  const records = inputs.map(encodeRecord).sort((a, b) => compareKeys(a.key, b.key));
  const sink = memorySink();
  await writeCorpus(sink, {
    sections: (kind) => records.filter((record) => record.kind === kind),
    spool: () => {
      const pages: Uint8Array[] = [];
      return Promise.resolve({
        write: (page) => {
          pages.push(page);
          return Promise.resolve();
        },
        read: () => pages,
      });
    },
  });
  return sink.bytes();
}

const open = async (inputs: readonly CorpusInput[]) => openCorpus(memorySource('test.corpus', await written(inputs)));

async function allRecords(corpus: Corpus, kind: RecordKind): Promise<CorpusRecord[]> {
  const records: CorpusRecord[] = [];
  for await (const part of corpusRecords(corpus, kind)) records.push(...part);
  return records;
}

async function contents(corpus: Corpus) {
  return Promise.all(
    RECORD_KINDS.map(async (kind) => {
      const { clusters } = corpus.sections[kind];
      const { offsets, lengths } = await corpus.clusters(kind, 0, clusters);
      return { kind, offsets, lengths, records: await allRecords(corpus, kind) };
    }),
  );
}

const letters = (length: number) =>
  fc.string({ unit: fc.constantFrom(...CORPUS_LETTERS), minLength: length, maxLength: length });
/** Any set of disjoint pairs, crossing or not. */
const anyPartners = (length: number) =>
  fc.shuffledSubarray(Array.from({ length }, (_, i) => i)).map((positions) => {
    const pairs: [number, number][] = [];
    for (let k = 0; k + 1 < positions.length; k += 2) pairs.push([positions[k]!, positions[k + 1]!]);
    return partnersFromPairs(pairs, length);
  });
const anyRecord: fc.Arbitrary<CorpusInput> = fc
  .tuple(
    fc.integer({ min: 1, max: 300 }),
    fc.constantFrom(...RECORD_KINDS),
    fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }),
  )
  .chain(([length, kind, cluster]) =>
    fc
      .record({
        sequence: letters(length),
        partners: kind === 'structured' ? anyPartners(length) : fc.constant(undefined),
      })
      .map(({ sequence, partners }) => ({
        kind,
        sequence,
        ...(partners && { partners }),
        ...(cluster !== undefined && { cluster }),
      })),
  );
const anyRecords = fc.array(anyRecord, { maxLength: 12 });

describe('hash128', () => {
  it('is MurmurHash3_x86_128, by the verification value of its author', () => {
    const key = Uint8Array.from({ length: 256 }, (_, i) => i);
    const hashes = new Uint8Array(256 * 16);
    for (let i = 0; i < 256; i++) hashes.set(hash128(key.subarray(0, i), 256 - i), 16 * i);
    expect(new DataView(hash128(hashes).buffer).getUint32(0, true)).toBe(0xb3ece62a);
  });
});

describe('a corpus', () => {
  it('gives back any records, with their clusters together', async () => {
    await fc.assert(
      fc.asyncProperty(anyRecords, async (inputs) => {
        const text = ({ sequence, partners }: CorpusInput) => `${sequence} ${partners?.join(' ') ?? '-'}`;
        const clusterOf = new Map(inputs.map((input) => [text(input), input.cluster]));
        for (const { kind, offsets, lengths, records } of await contents(await open(inputs))) {
          const ours = inputs.filter((input) => input.kind === kind);
          expect(records.map(text).sort()).toEqual(ours.map(text).sort());
          expect([...lengths]).toEqual(records.map(({ sequence }) => sequence.length));
          const named = new Set(ours.flatMap(({ cluster }) => cluster ?? []));
          expect(offsets.length - 1).toBe(named.size + ours.filter(({ cluster }) => cluster === undefined).length);
          expect(offsets.at(-1)).toBe(ours.length);
          if (clusterOf.size < inputs.length) return;
          offsets.forEach((end, c) => {
            if (c > 0)
              expect(
                new Set(records.slice(offsets[c - 1], end).map((record) => clusterOf.get(text(record)))).size,
              ).toBe(1);
          });
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is the same in memory, and whatever the order of its records', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyRecords.chain((records) =>
          fc.tuple(fc.constant(records), fc.shuffledSubarray(records, { minLength: records.length })),
        ),
        async ([records, shuffled]) => {
          const [file, memory] = [await open(records), memoryCorpus(shuffled)];
          expect(memory.digest).toBe(file.digest);
          expect(memory.sections).toEqual(file.sections);
          expect(await contents(memory)).toEqual(await contents(file));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('has another digest if anything is different', () => {
    const record: CorpusInput = {
      sequence: 'GGGAAAUCCC',
      partners: partnersFromPairs(
        [
          [0, 9],
          [1, 8],
        ],
        10,
      ),
    };
    const variants: CorpusInput[][] = [
      [record],
      [record, record],
      [{ sequence: record.sequence }],
      [{ sequence: record.sequence, kind: 'other' }],
      [{ ...record, partners: partnersFromPairs([[0, 9]], 10) }],
      [{ ...record, sequence: 'GGGAAAUCCA' }],
      [
        { sequence: 'GGGA', cluster: 'a' },
        { sequence: 'CCCA', cluster: 'a' },
      ],
      [
        { sequence: 'GGGA', cluster: 'a' },
        { sequence: 'CCCA', cluster: 'b' },
      ],
      [],
    ];
    expect(new Set(variants.map((inputs) => memoryCorpus(inputs).digest)).size).toBe(variants.length);
  });

  it('cleans as the papers do: upper case, T as U, no gaps, ambiguity codes kept', async () => {
    const corpus = memoryCorpus([
      {
        sequence: 'g-gtTN-rii',
        partners: partnersFromPairs(
          [
            [0, 9],
            [1, 8],
            [2, 7],
          ],
          10,
        ),
      },
    ]);
    expect(await corpus.records('structured', [0])).toEqual([
      {
        sequence: 'GGUUNRII',
        partners: partnersFromPairs(
          [
            [0, 7],
            [1, 5],
          ],
          8,
        ),
      },
    ]);
  });

  it.each([
    [{ sequence: 'ACX' }, '"X" at position 3 is not a nucleotide code'],
    [{ sequence: '--' }, 'a sequence without a letter'],
    [{ sequence: 'ACGU', partners: Int32Array.of(-1) }, '1 partners for 4 letters'],
    [{ sequence: 'AC', partners: Int32Array.of(1, -1) }, 'position 1 is paired with 2, but 2 with none'],
    [{ sequence: 'AC', kind: 'structured' as const }, 'of kind "structured" needs partners'],
    [
      { sequence: 'AC', kind: 'other' as const, partners: Int32Array.of(1, 0) },
      'of kind "other" may not have partners',
    ],
  ])('refuses %j', (input, message) => {
    expect(() => memoryCorpus([input])).toThrow(message);
  });

  it('counts what its sections hold', () => {
    const { statistics } = memoryCorpus([
      {
        sequence: 'GGGAAAUCCC',
        partners: partnersFromPairs(
          [
            [0, 8],
            [1, 9],
            [2, 7],
          ],
          10,
        ),
        cluster: 'a',
      },
      { sequence: 'ACG', partners: new Int32Array(3).fill(-1), cluster: 'a' },
      { sequence: 'A', partners: Int32Array.of(-1) },
    ]).table.sections.structured;
    expect(statistics).toMatchObject({
      nucleotides: 14,
      shortest: 1,
      longest: 10,
      letters: { A: 5, C: 4, G: 4, U: 1 },
      largestCluster: 2,
      clusterSizes: [1, 1],
      pairs: 3,
      crossingPairs: 1,
      recordsWithPseudoknots: 1,
    });
    expect(statistics.lengths.reduce((sum, n) => sum + n)).toBe(3);
  });
});

describe('a corpus of many blocks', () => {
  // 9,000 records of about 40 letters: two blocks of entries, three of data.
  const inputs = Array.from({ length: 9000 }, (_, i): CorpusInput => {
    const sequence = Array.from(
      { length: 30 + (i % 21) },
      (_unused, k) => CORPUS_LETTERS[(Math.imul(i + 1, 40503 + 17 * k) >>> 13) & 15]!,
    ).join('');
    return { sequence, cluster: `c${i % 3000}` };
  });
  const corpus = memoryCorpus(inputs);

  it('gives by number what it gives in order', async () => {
    const all = await allRecords(corpus, 'ncrna');
    expect(all.length).toBe(9000);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(8999), { maxLength: 30 }), async (numbers) => {
        expect(await corpus.records('ncrna', numbers)).toEqual(numbers.map((number) => all[number]));
      }),
      { numRuns: 30 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(3000), fc.nat(3000), async (a, b) => {
        const [first, end] = [Math.min(a, b), Math.max(a, b)];
        const { offsets, lengths } = await corpus.clusters('ncrna', first, end - first);
        expect([...lengths]).toEqual(all.slice(offsets[0], offsets.at(-1)).map(({ sequence }) => sequence.length));
      }),
      { numRuns: 20 },
    );
  });

  it('reads little to open, and neighbours at once', async () => {
    const bytes = await written(inputs);
    const reads: number[] = [];
    const whole = memorySource('test.corpus', bytes);
    const counting: ByteSource = {
      ...whole,
      read: (offset, length) => {
        reads.push(length);
        return whole.read(offset, length);
      },
    };
    const opened = await openCorpus(counting);
    expect(reads.reduce((sum, length) => sum + length)).toBeLessThan(5000);
    reads.length = 0;
    await opened.records(
      'ncrna',
      Array.from({ length: 9000 }, (_, i) => i),
    );
    expect(reads.length).toBe(2);
    await opened.records('ncrna', [17, 8000]);
    expect(reads.length).toBe(2);
  });

  it('asks again for a block that could not be read', async () => {
    const whole = memorySource('test.corpus', await written(inputs));
    let isDown = false;
    const opened = await openCorpus({
      ...whole,
      read: (offset, length) =>
        isDown ? Promise.reject(new Error('the network is down')) : whole.read(offset, length),
    });
    isDown = true;
    await expect(opened.records('ncrna', [5])).rejects.toThrow('the network is down');
    isDown = false;
    expect(await opened.records('ncrna', [5])).toHaveLength(1);
  });

  it('refuses numbers that it does not have', async () => {
    await expect(corpus.records('ncrna', [9000])).rejects.toThrow(
      'record 9000 was asked for, but section "ncrna" has 9000',
    );
    await expect(corpus.clusters('ncrna', 2999, 2)).rejects.toThrow('section "ncrna" has 3000');
  });
});

describe('damage', () => {
  it('is found, whichever byte is flipped', async () => {
    const bytes = await written([
      {
        sequence: 'GGGAAAUCCCA',
        partners: partnersFromPairs(
          [
            [0, 8],
            [1, 9],
            [2, 7],
          ],
          11,
        ),
      },
      { sequence: 'ACGU' },
      { sequence: 'ACGUN', cluster: 'a' },
      { sequence: 'GGG', kind: 'other' },
    ]);
    await verifyCorpus(memorySource('test.corpus', bytes));
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 1 << (at % 8);
      await expect(verifyCorpus(memorySource('test.corpus', damaged)), `byte ${at}`).rejects.toBeInstanceOf(
        CorpusError,
      );
    }
  });

  it('is named by file and block, when the block is read', async () => {
    const bytes = await written(
      Array.from({ length: 4000 }, (_, i) => ({
        sequence: `ACGU${i.toString(4).replace(/\d/g, (digit) => 'ACGU'[Number(digit)]!)}`.padEnd(60, 'G'),
      })),
    );
    bytes[16 + 48 + 65536 + 100]! ^= 4;
    const corpus = await openCorpus(memorySource('rna.corpus', bytes));
    expect(await corpus.records('ncrna', [0])).toHaveLength(1);
    await expect(corpus.records('ncrna', [3000])).rejects.toThrow(
      /^rna\.corpus: damaged: block 2 of 2 of the ncrna data \(bytes 65600 to \d+\) does not match its checksum; copy or download the file again, or build the corpus anew$/,
    );
  });

  it.each([
    ['a text', new TextEncoder().encode('>a\nACGUACGUACGUACGU\n'), 'not a corpus'],
    ['nothing', new Uint8Array(), 'not a corpus: it has 0 bytes'],
  ])('is refused as no corpus: %s', async (_, bytes, message) => {
    await expect(openCorpus(memorySource('x', bytes))).rejects.toThrow(message);
  });

  it('is found where the file was cut off or grew', async () => {
    const bytes = await written([{ sequence: 'ACGU' }]);
    for (let size = 16; size < bytes.length; size++)
      await expect(openCorpus(memorySource('x', bytes.slice(0, size)))).rejects.toBeInstanceOf(CorpusError);
    await expect(openCorpus(memorySource('x', Uint8Array.of(...bytes, 0)))).rejects.toThrow('cut off or damaged');
  });

  it('names a version that is not read', async () => {
    const bytes = await written([]);
    bytes[8] = 7;
    await expect(openCorpus(memorySource('x', bytes))).rejects.toThrow(
      'a corpus of version 7, but version 1 is read here',
    );
  });
});

it('hex is two digits a byte', () => {
  expect(hex(Uint8Array.of(0, 15, 255))).toBe('000fff');
});
