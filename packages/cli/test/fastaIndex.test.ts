/** The index of a FASTA file against a reader of the whole: ranges of records are its records, in any packing. */
import { readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, deflateRawSync, crc32 } from 'node:zlib';
import { parseFasta, type FastaRecord } from '@rna/structure';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { indexPath, nucleotidesOf, openFastaIndex, openRecords, RECORDS_PER_GROUP } from '../src/input/fastaIndex.ts';
import { shardRange } from '../src/shards/shard.ts';
import { temporaryFolder } from './harness.ts';

/** BGZF as the SAM specification has it: gzip members with their size in an extra field, and an empty one at the end. */
function bgzf(text: Uint8Array, blockBytes: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at <= text.length; at += blockBytes) {
    // Behind the last byte stands the empty block.
    const piece = text.subarray(at, at + blockBytes);
    const packed = deflateRawSync(piece);
    const header = Buffer.from('1f8b08040000000000ff0600424302000000', 'hex');
    header.writeUInt16LE(header.length + packed.length + 8 - 1, 16);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(crc32(piece), 0);
    trailer.writeUInt32LE(piece.length, 4);
    parts.push(header, packed, trailer);
  }
  return Buffer.concat(parts);
}

const records = async (chunks: AsyncIterable<string> | Iterable<string>, firstLine = 1): Promise<FastaRecord[]> => {
  const all: FastaRecord[] = [];
  for await (const record of parseFasta(chunks, { file: 'x', firstLine })) all.push(record);
  return all;
};

const letters = fc.string({ unit: fc.constantFrom('A', 'c', 'G', 'U', 'n', '-'), minLength: 1, maxLength: 30 });
/** Texts of FASTA in all the ways that people write it. */
const texts = fc
  .record({
    sequences: fc.array(fc.array(letters, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 }),
    end: fc.constantFrom('\n', '\r\n', '\r'),
    blank: fc.boolean(),
    comment: fc.boolean(),
    mark: fc.boolean(),
    finalEnd: fc.boolean(),
    title: fc.constantFrom('', ' made > for a test', '\tµ and ;'),
  })
  .map(({ sequences, end, blank, comment, mark, finalEnd, title }) => {
    const lines = sequences.flatMap((parts, k) => [
      ...(comment ? ['; > no header'] : []),
      `>${k % 2 === 0 ? '' : ' '}r${k}${title}`,
      ...(blank ? ['', ...parts, ' '] : parts),
    ]);
    return `${mark ? '\uFEFF' : ''}${lines.join(end)}${finalEnd ? end : ''}`;
  });

test('the shards of a file are its records, each once and in order, for any number of shards', async () => {
  const folder = temporaryFolder();
  let file = 0;
  await fc.assert(
    fc.asyncProperty(texts, fc.nat(11), fc.constantFrom(0, 7, 64), async (text, shards, blockBytes) => {
      const path = join(folder, `${file++}.fasta`);
      const bytes = Buffer.from(text);
      writeFileSync(path, blockBytes === 0 ? bytes : bgzf(bytes, blockBytes));
      const whole = await records([text]);
      await openFastaIndex(path);
      // The second time it is read from its file.
      const index = await openFastaIndex(path);
      expect(index.records).toBe(whole.length);
      expect(index.nucleotides).toBe(whole.reduce((sum, { sequence }) => sum + sequence.length, 0));
      const of = 1 + (shards % whole.length);
      const found: FastaRecord[] = [];
      for (let k = 1; k <= of; k++) {
        const range = shardRange({ index: k, of }, index.records);
        const { firstLine, text: part } = await openRecords(index, range);
        const own = await records(part(), firstLine);
        expect(own).toHaveLength(range.count);
        expect(await nucleotidesOf(index, range)).toBe(own.reduce((sum, { sequence }) => sum + sequence.length, 0));
        found.push(...own);
      }
      expect(found).toEqual(whole);
    }),
    { numRuns: 60 },
  );
});

test('a range that begins and ends inside of groups of the index', async () => {
  const path = join(temporaryFolder(), 'many.fasta');
  const count = 3 * RECORDS_PER_GROUP + 5;
  const text = Array.from({ length: count }, (_, k) => `>r${k}\n${'ACGU'.repeat(1 + (k % 5))}\nGG\n`).join('');
  writeFileSync(path, text);
  const whole = await records([text]);
  const index = await openFastaIndex(path);
  for (const [first, size] of [
    [0, 1],
    [RECORDS_PER_GROUP - 1, 2],
    [RECORDS_PER_GROUP, RECORDS_PER_GROUP],
    [300, count - 300],
    [count - 1, 1],
  ] as const) {
    const { firstLine, text: part } = await openRecords(index, { first, count: size });
    expect(await records(part(), firstLine)).toEqual(whole.slice(first, first + size));
  }
});

test('an index of another content is made anew, and so is a damaged one', async () => {
  const path = join(temporaryFolder(), 'a.fasta');
  writeFileSync(path, '>a\nACGU\n>b\nACGU\n');
  const first = await openFastaIndex(path);
  const { mtimeMs } = statSync(indexPath(path));
  utimesSync(indexPath(path), 1, 1);
  expect(await openFastaIndex(path)).toEqual(first);
  expect(statSync(indexPath(path)).mtimeMs).toBeLessThan(mtimeMs);
  writeFileSync(path, '>a\nACGU\n>b\nACGG\n');
  expect((await openFastaIndex(path)).sha256).not.toBe(first.sha256);
  const size = readFileSync(indexPath(path)).length;
  truncateSync(indexPath(path), size - 8);
  expect((await openFastaIndex(path)).records).toBe(2);
  expect(readFileSync(indexPath(path)).length).toBe(size);
});

test('what has no index is refused, with what to do', async () => {
  const folder = temporaryFolder();
  const refusal = async (content: string | Uint8Array): Promise<string> => {
    const path = join(folder, 'x.fasta');
    writeFileSync(path, content);
    return openFastaIndex(path).then(
      () => 'nothing',
      (error: unknown) => (error as Error).message,
    );
  };
  expect(await refusal(gzipSync('>a\nACGU\n'))).toMatch(/ordinary gzip.*gunzip -k.*bgzip/);
  expect(await refusal(Buffer.from('\uFEFF>a\nACGU\n', 'utf16le'))).toMatch(/UTF-16.*iconv/);
  expect(await refusal('')).toMatch(/no record in the file/);
  expect(await refusal('>a\nACGU\n>b\nA\n>a again\nACGU\n')).toMatch(
    /x\.fasta:5: a second record has the id "a" .*line 1/,
  );
  expect(await refusal(bgzf(Buffer.from('>a\nACGU\n>b\nACGU\n'), 8).subarray(0, 70))).toMatch(/BGZF block at byte 3\d/);
});
