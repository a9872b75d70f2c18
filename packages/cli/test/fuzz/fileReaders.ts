/**
 * Readers of files for the fuzzer: FASTA packed as it may be, tables, clusters,
 * constraints and parameters of folding, the file of `rna contacts`, and
 * `rna corpus build`, which may leave a whole corpus or nothing.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parseFoldingConstraint, parseFoldingParameters } from '@rna/structure';
import { corpusRecords, openCorpus, verifyCorpus } from '@rna/train';
import { readContacts } from '../../src/commands/contacts/file.ts';
import { buildCorpus } from '../../src/commands/corpus/build.ts';
import { readClusters } from '../../src/commands/corpus/clusters.ts';
import { readTable } from '../../src/input/tables.ts';
import { withFasta } from '../../src/input/fastaInput.ts';
import { openFileSource } from '../../src/files/files.ts';
import type { Reader } from './engine.ts';
import { drawStructures, RECORD_READERS, recordProblem } from './recordReaders.ts';

const folder = join(tmpdir(), `rna-fuzz-${process.pid}-${process.hrtime.bigint()}`);
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes an input where it can be read by name. */
export function placed(name: string, bytes: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

export async function collected<T, U>(items: AsyncIterable<T>, shown: (item: T) => U): Promise<U[]> {
  const all: U[] = [];
  for await (const item of items) all.push(shown(item));
  return all;
}

const fasta = RECORD_READERS.find(({ name }) => name === 'fasta')!;

const packed: Reader = {
  name: 'packed FASTA',
  make(random) {
    const { bytes, expected } = fasta.make(random);
    const text = Buffer.from(bytes);
    const cut = random.below(text.length);
    const forms = [
      () => text,
      () => gzipSync(text),
      () => Buffer.concat([gzipSync(text.subarray(0, cut)), gzipSync(text.subarray(cut))]),
      () => Buffer.from(`\uFEFF${text.toString()}`, 'utf16le'),
      () => Buffer.from(text.toString().replaceAll('\n', '\r')),
    ];
    return { bytes: forms[random.below(forms.length)]!(), expected };
  },
  spoil(random) {
    const bytes = gzipSync(fasta.make(random).bytes);
    return bytes.subarray(0, bytes.length - 1 - random.below(bytes.length - 12));
  },
  read: (bytes) =>
    withFasta(placed('a.fa', bytes), {}, (input) =>
      collected(input.records(), ({ id, sequence }) => ({ id, sequence })),
    ),
  check: (records) => recordProblem((records as object[]).map((record) => ({ line: 1, droppedPairs: 0, ...record }))),
};

const table: Reader = {
  name: 'table',
  make(random) {
    const delimiter = [',', ';', '\t'][random.below(3)]!;
    const rows = drawStructures(random).map(({ id, sequence }) => [id, sequence, String(random.below(1000) / 10)]);
    const text = [['id', 'sequence', 'label'], ...rows]
      .map((row) => row.map((cell) => (random.below(3) === 0 ? `"${cell}"` : cell)).join(delimiter))
      .join(['\n', '\r\n'][random.below(2)]);
    return { bytes: Buffer.from(text), expected: rows };
  },
  read: (bytes) =>
    collected(readTable(placed('a.csv', bytes), { required: ['sequence', 'label'] }), (row) => [
      row.optional('id'),
      row.cell('sequence'),
      row.cell('label'),
    ]),
};

const clusters: Reader = {
  name: 'clusters',
  make(random) {
    const ids = drawStructures(random).map(({ id }) => id);
    return { bytes: Buffer.from(ids.map((id) => `${ids[0]!}\t${id}\n`).join('')), expected: ids.length };
  },
  spoil(random) {
    const text = Buffer.from(clusters.make(random).bytes).toString();
    return Buffer.from(`${text}${text.split('\n')[0]!}\n`);
  },
  read: async (bytes) => (await readClusters(placed('a.tsv', bytes))).members,
};

const constraint: Reader = {
  name: 'folding constraint',
  make: (random) => ({ bytes: Buffer.from(Array.from({ length: 12 }, () => '.x|'[random.below(3)]!).join('')) }),
  spoil: (random) => Buffer.from(`${'.'.repeat(random.below(11))}(`.padEnd(12, '.')),
  read(bytes) {
    const text = Buffer.from(bytes).toString();
    return Promise.resolve().then(() => parseFoldingConstraint(text, 'GGGGAAAACCCC') && text.length);
  },
  check: (length) => (length === 12 ? undefined : `${String(length)} characters for 12 nucleotides`),
};

const parameters = readFileSync(
  new URL('../../../builtin/engines/contrafold/contrafold.params.complementary', import.meta.url),
);
const foldingParameters: Reader = {
  name: 'folding parameters',
  make: () => ({ bytes: parameters }),
  spoil: (random) => parameters.subarray(0, 1 + random.below(parameters.length >> 1)),
  read(bytes) {
    const text = Buffer.from(bytes).toString();
    return Promise.resolve().then(() => Object.keys(parseFoldingParameters(text, 'a.params')).length > 0);
  },
};

const contacts: Reader = {
  name: 'contacts',
  make: (random) => ({
    bytes: Buffer.from(
      JSON.stringify({
        format: 'rna contacts',
        version: 1,
        model: { name: 'm', digest: 'a'.repeat(64), layers: 2, heads: 1 },
        separation: 6,
        penalty: 1,
        violation: 0,
        iterations: 3,
        intercept: -1.5,
        weights: [[random.below(9)], [0.5]],
        seed: random.below(9),
        rnas: [{ id: 'a', sequence: 'GGAACC', structure: '((..))' }],
      }),
    ),
  }),
  spoil: (random) =>
    Buffer.from(
      Buffer.from(contacts.make(random).bytes)
        .toString()
        .replace('((..))', ['((..)', '((...)', '((..)x'][random.below(3)]!),
    ),
  read: async (bytes) => (await readContacts(placed('contacts.json', bytes))).rnas.length,
};

const corpus: Reader = {
  name: 'corpus build',
  cost: 30,
  make: (random) => ({ bytes: RECORD_READERS.find(({ name }) => name === 'dot-bracket')!.make(random).bytes }),
  spoil: (random) => RECORD_READERS.find(({ name }) => name === 'dot-bracket')!.spoil!(random),
  async read(bytes) {
    const out = join(folder, 'a.corpus');
    const input = placed('a.dbn', bytes);
    rmSync(out, { force: true });
    await quietly(() => buildCorpus({ out, ncrna: [input], other: [], json: true }));
    const source = await openFileSource(out);
    try {
      const { records } = await verifyCorpus(source, () => undefined);
      const read = await collected(corpusRecords(await openCorpus(source), 'structured'), (each) => each.length);
      return records === read.reduce((sum, each) => sum + each, 0);
    } finally {
      await source.close();
    }
  },
  check: (isWhole) => (isWhole === true ? undefined : 'not all records of the corpus are structured'),
  leftovers() {
    const files = readdirSync(folder);
    const partial = files.filter((file) => file.includes('partial'));
    return partial.length > 0 ? partial.join(', ') : undefined;
  },
};

/** How many works of `quietly` are under way: modules of readers load side by side. */
let quiet = 0;
const streams = [process.stdout, process.stderr] as const;
const writes = streams.map((stream) => stream.write.bind(stream));

/** Runs a command's work without what it prints. */
export async function quietly<T>(work: () => Promise<T>): Promise<T> {
  if (quiet++ === 0)
    for (const stream of streams)
      stream.write = (_text: unknown, ...rest: unknown[]): boolean => {
        const done = rest.at(-1);
        if (typeof done === 'function') (done as () => void)();
        return true;
      };
  try {
    return await work();
  } finally {
    if (--quiet === 0)
      streams.forEach((stream, k) => {
        stream.write = writes[k]!;
      });
  }
}

export const FILE_READERS: readonly Reader[] = [
  packed,
  table,
  clusters,
  constraint,
  foldingParameters,
  contacts,
  corpus,
];
