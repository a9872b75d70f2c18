/**
 * Readers of data for the fuzzer: vectors in every format that `rna embed` writes, JSON lines, RDAT, MMseqs2's tables,
 * a corpus, and what is kept beside other files, the index of a FASTA file and folded pairs: those are read as they
 * were written or made anew.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memorySink, memorySource, writeCsv, writeNpy, type ByteSink, type Vectors } from '@rna/model';
import type { RandomStream } from '@rna/kernels';
import { parseRdat, readMmseqs } from '@rna/structure';
import { corpusRecords, openCorpus, verifyCorpus } from '@rna/train';
import { buildCorpus } from '../../src/commands/corpus/build.ts';
import { openPriorCache } from '../../src/folding/priorCache.ts';
import { indexPath, openFastaIndex, openRecords } from '../../src/input/fastaIndex.ts';
import { readTable } from '../../src/input/tables.ts';
import { readVectors } from '../../src/tables/readVectors.ts';
import { writeParquet } from '../../src/tables/vectorFile.ts';
import type { Reader } from './engine.ts';
import { collected, placed, quietly } from './fileReaders.ts';
import { drawStructures } from './recordReaders.ts';

/** Eight small sets of vectors in a format, written before the fuzzer asks for one: writers are asynchronous. */
async function vectorReader(
  ending: string,
  write: (sink: ByteSink, vectors: Vectors) => Promise<void>,
  isNamed: boolean,
): Promise<Reader> {
  const files = await Promise.all(
    Array.from({ length: 8 }, async (_, file) => {
      const width = 1 + (file % 4);
      const rows = Array.from({ length: 1 + (file % 3) }, (__, row) =>
        Float32Array.from({ length: width }, (___, column) => (row - column * file) / 8),
      );
      const ids = rows.map((__, row) => (isNamed ? `r${file}_${row}` : String(row + 1)));
      const sink = memorySink();
      await write(sink, { ids, shape: [width], rows: each(rows) });
      return { bytes: sink.bytes(), expected: rows.map((row, at) => ({ id: ids[at], vector: [...row] })) };
    }),
  );
  const draw = (random: RandomStream) => files[random.below(files.length)]!;
  return {
    name: `vectors${ending}`,
    make: draw,
    spoil(random) {
      const { bytes } = draw(random);
      // A table that ends early has fewer rows; no cell of one is a word.
      return ending === '.csv'
        ? Buffer.from(
            Buffer.from(bytes)
              .toString()
              .replace(/[^,\n]+\n$/, 'x\n'),
          )
        : bytes.subarray(0, Math.ceil(bytes.length / 3));
    },
    read: async (bytes) =>
      (await readVectors(placed(`a${ending}`, bytes))).map(({ id, vector }) => ({ id, vector: [...vector] })),
    check(read) {
      const vectors = read as { id: string; vector: number[] }[];
      const length = vectors[0]?.vector.length ?? 0;
      return length > 0 && vectors.every(({ vector }) => vector.length === length && vector.every(Number.isFinite))
        ? undefined
        : 'vectors of several lengths, of none, or with a value that is not finite';
    },
  };
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  for (const item of items) yield await Promise.resolve(item);
}

const jsonLines: Reader = {
  name: 'JSON lines',
  make(random) {
    const rows = drawStructures(random).map(({ id, sequence }) => ({ id, sequence, label: random.below(1000) / 8 }));
    return {
      bytes: Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')),
      expected: rows.map(({ id, sequence, label }) => [id, sequence, String(label)]),
    };
  },
  spoil: (random) => Buffer.from(`${Buffer.from(jsonLines.make(random).bytes).toString()}{"sequence": "ACGU"`),
  read: (bytes) =>
    collected(readTable(placed('a.jsonl', bytes), { required: ['sequence', 'label'] }), (row) => [
      row.optional('id'),
      row.cell('sequence'),
      row.cell('label'),
    ]),
};

const rdat: Reader = {
  name: 'RDAT',
  make(random) {
    const sequence = Array.from({ length: 1 + random.below(12) }, () => 'ACGU'[random.below(4)]!).join('');
    const rows = Array.from({ length: 1 + random.below(3) }, () =>
      Array.from(sequence, () => random.below(99) / 8 + 0.125),
    );
    const lines = [
      'RDAT_VERSION 0.34',
      'NAME drawn',
      `SEQUENCE ${sequence}`,
      'OFFSET 0',
      `SEQPOS ${Array.from(sequence, (letter, at) => `${letter}${at + 1}`).join(' ')}`,
      'ANNOTATION\tmodifier:1M7',
      ...rows.map((row, at) => `REACTIVITY:${at + 1} ${row.join(' ')}`),
      '',
    ];
    return { bytes: Buffer.from(lines.join('\n')), expected: rows.map((values) => ['1M7', sequence, values]) };
  },
  // A value less than there are positions.
  spoil: (random) =>
    Buffer.from(
      Buffer.from(rdat.make(random).bytes)
        .toString()
        .replace(/ \S+\n$/, '\n'),
    ),
  async read(bytes) {
    const rows = await parseRdat([Buffer.from(bytes).toString()], 'a.rdat');
    return rows.map(({ modifier, sequence, values }) => [
      modifier,
      sequence,
      [...values].map((value) => (Number.isFinite(value) ? value : String(value))),
    ]);
  },
  check(rows) {
    const wrong = (rows as [string, string, unknown[]][]).find(
      ([, sequence, values]) => sequence.length !== values.length,
    );
    return wrong && `${wrong[2].length} values of ${wrong[1].length} nucleotides`;
  },
};

const mmseqs: Reader = {
  name: 'MMseqs2',
  make(random) {
    const ids = drawStructures(random).map(({ id }) => id);
    return {
      bytes: Buffer.from(`query\ttarget\tfident\n${ids.map((id) => `${id}\tt\t0.5\n`).join('')}`),
      expected: ids.map((id) => [id, 0.5]),
    };
  },
  spoil: (random) => Buffer.from(`${Buffer.from(mmseqs.make(random).bytes).toString()}x\ty\t1.5\n`),
  read: (bytes) => Promise.resolve().then(() => [...readMmseqs(Buffer.from(bytes).toString(), 'a.m8')]),
  check: (hits) =>
    (hits as [string, number][]).every(([, identity]) => identity >= 0 && identity <= 1)
      ? undefined
      : 'an identity that is no part of 1',
};

const folder = mkdtempSync(join(tmpdir(), 'rna-fuzz-data-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

const DBN = ['>a\nGGGAAACCC\n(((...)))\n', '>b\nGGAACC\n((..))\n>c\nACGUACGU\n........\n'];

/** Corpora that were built once; of a corpus every byte is known by its digests. */
async function corpusReader(): Promise<Reader> {
  const corpora: { bytes: Uint8Array; expected: unknown }[] = [];
  const readAll = async (bytes: Uint8Array): Promise<unknown> => {
    const source = memorySource('a.corpus', bytes);
    await verifyCorpus(source, () => undefined);
    return (await collected(corpusRecords(await openCorpus(source), 'structured'), (part) => part)).flat();
  };
  for (const [at, text] of DBN.entries()) {
    const [input, out] = [join(folder, `${at}.dbn`), join(folder, `${at}.corpus`)];
    writeFileSync(input, text);
    await quietly(() => buildCorpus({ out, ncrna: [input], other: [], json: true }));
    const bytes = readFileSync(out);
    corpora.push({ bytes, expected: await readAll(bytes) });
  }
  return {
    name: 'corpus',
    cost: 2,
    make: (random) => corpora[random.below(corpora.length)]!,
    // One bit anywhere.
    spoil(random) {
      const bytes = Uint8Array.from(corpora[random.below(corpora.length)]!.bytes);
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return bytes;
    },
    read: readAll,
  };
}

/** The index of one file, whatever is in it: what is read through it is always that file. */
async function indexReader(): Promise<Reader> {
  const path = join(folder, 'indexed.fasta');
  writeFileSync(path, Array.from({ length: 600 }, (_, k) => `>r${k}\n${'ACGU'.repeat(1 + (k % 3))}\n`).join(''));
  const readThrough = async (): Promise<unknown> => {
    const index = await openFastaIndex(path);
    const { firstLine, text } = await openRecords(index, { first: 300, count: 2 });
    const parts = await collected(text(), (part) => part);
    return [index.records, index.nucleotides, index.sha256, firstLine, parts.join('')];
  };
  const expected = await readThrough();
  const bytes = readFileSync(indexPath(path));
  return {
    name: 'FASTA index',
    cost: 5,
    make: () => ({ bytes, expected }),
    async read(damaged) {
      writeFileSync(indexPath(path), damaged);
      return readThrough();
    },
    check: (read) =>
      JSON.stringify(read) === JSON.stringify(expected) ? undefined : `read other records: ${JSON.stringify(read)}`,
  };
}

/** Folded pairs: those that were written, or none. */
async function pairsReader(): Promise<Reader> {
  const cache = openPriorCache(join(folder, 'pairs'), { contrafold: 'parameters' }, () => undefined);
  const sequence = 'GGGGAAAACCCC';
  await cache.write('contrafold', sequence, {
    i: Uint32Array.of(0, 1),
    j: Uint32Array.of(11, 10),
    probability: Float32Array.of(0.5, 0.25),
  });
  const [path] = readdirSync(join(folder, 'pairs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pairs'))
    .map((name) => join(folder, 'pairs', name));
  const bytes = readFileSync(path!);
  const expected = [
    [0, 1],
    [11, 10],
    [0.5, 0.25],
  ];
  return {
    name: 'folded pairs',
    make: () => ({ bytes, expected }),
    async read(damaged) {
      writeFileSync(path!, damaged);
      const pairs = await cache.read('contrafold', sequence);
      return pairs === undefined ? 'none' : [[...pairs.i], [...pairs.j], [...pairs.probability]];
    },
    check: (read) =>
      read === 'none' || JSON.stringify(read) === JSON.stringify(expected)
        ? undefined
        : 'other pairs than were written',
  };
}

export const DATA_READERS: readonly Reader[] = [
  await vectorReader('.npy', writeNpy, false),
  await vectorReader('.csv', writeCsv, true),
  await vectorReader('.parquet', (sink, vectors) => writeParquet(sink, vectors, new Map([['model', 'm']])), true),
  jsonLines,
  rdat,
  mmseqs,
  await corpusReader(),
  await indexReader(),
  await pairsReader(),
];
