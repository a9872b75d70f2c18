/** `rna map`: vectors read from every kind of file, clusters, and what is written of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memorySink, writeCsv, writeNpy } from '@rna/model';
import { describe, expect, test } from 'vitest';
import { readVectors } from '../src/tables/readVectors.ts';
import { writeParquet } from '../src/tables/vectorFile.ts';
import { fasta, modelFolder, rna, temporaryFolder } from './harness.ts';
import { all, parse } from './pageReader.ts';

/** Three groups round the corners of a triangle: 6, 5 and 4 points in 3 dimensions. */
const corners = [
  [0, 0, 0],
  [10, 0, 1],
  [0, 10, 2],
] as const;
const group = [...'000000111112222'].map(Number);
const points = group.map((g, i) => Float32Array.from(corners[g]!, (value, d) => value + 0.5 * Math.sin(7 * i + 3 * d)));
const ids = points.map((_, i) => `r${i}`);

async function* rows(): AsyncGenerator<Float32Array, void, undefined> {
  for (const point of points) yield await Promise.resolve(point);
}
const vectors = () => ({ ids, shape: [3], rows: rows() });

describe('readVectors', () => {
  test.each([
    ['npy', writeNpy],
    ['csv', writeCsv],
    [
      'parquet',
      (sink: Parameters<typeof writeNpy>[0], what: Parameters<typeof writeNpy>[1]) =>
        writeParquet(sink, what, new Map()),
    ],
  ] as const)('reads what rna embed writes: .%s', async (ending, write) => {
    const path = join(temporaryFolder(), `v.${ending}`);
    const sink = memorySink();
    await write(sink, vectors());
    writeFileSync(path, sink.bytes());
    const read = await readVectors(path);
    expect(read.map(({ vector }) => [...vector])).toEqual(points.map((point) => [...point]));
    expect(read.map(({ id }) => id)).toEqual(ending === 'npy' ? points.map((_, i) => String(i + 1)) : ids);
  });

  test('says what is wrong with a file', async () => {
    const folder = temporaryFolder();
    const write = (name: string, content: string | Uint8Array): string => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    };
    await expect(readVectors(write('a.npy', 'no array'))).rejects.toThrow(/a\.npy: this is no \.npy file/);
    await expect(readVectors(write('a.csv', 'id,e0\nx,1\ny,two\n'))).rejects.toThrow(/a\.csv:3: column 2 is "two"/);
    await expect(readVectors(write('a.parquet', 'PAR1'))).rejects.toThrow(/expected a Parquet file/);
    const sink = memorySink();
    await writeNpy(sink, vectors());
    await expect(readVectors(write('cut.npy', sink.bytes().subarray(0, 140)))).rejects.toThrow(
      /its shape asks for 180/,
    );
  });
});

describe('rna map', () => {
  test('vectors and labels to a page, a drawing and a table', async () => {
    const folder = temporaryFolder();
    const input = join(folder, 'v.csv');
    writeFileSync(input, `id,a,b,c\n${points.map((point, i) => `r${i},${[...point].join(',')}\n`).join('')}`);
    const labels = join(folder, 'labels.csv');
    writeFileSync(labels, `id,family\n${ids.map((id, i) => `${id},family ${group[i]!}\n`).join('')}`);
    const out = ['html', 'svg', 'tsv'].map((ending) => join(folder, `m.${ending}`));
    const result = await rna('map', input, '--labels', labels, '--column', 'family', '--out', out.join(','));
    expect(result.stderr).toContain('3 clusters');
    expect(result.code).toBe(0);
    const page = parse(readFileSync(out[0]!, 'utf8'));
    expect(all(page, 'figure svg')).toHaveLength(4);
    expect(all(page, 'tbody tr').map((row) => row.textContent.slice(0, 13))).toEqual([
      '16family 0 6r',
      '25family 1 5r',
      '34family 2 4r',
    ]);
    expect(readFileSync(out[1]!, 'utf8')).toContain('coloured by family');
    const lines = readFileSync(out[2]!, 'utf8').trimEnd().split('\n');
    expect(lines[0]).toBe('id\tumap1\tumap2\ttsne1\ttsne2\tcluster\tfamily');
    expect(lines.slice(1).map((line) => line.split('\t').at(5))).toEqual(group.map((g) => String(g + 1)));
    expect(
      lines.slice(1).every((line) =>
        line
          .split('\t')
          .slice(1, 5)
          .every((cell) => Number.isFinite(Number(cell))),
      ),
    ).toBe(true);
  });

  test('embeds sequences with the model named', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, ['GGGAAACCC', 'GGGAAACCCA', 'ACGU', 'GG', 'UUUUUUUU', 'CCCCAAAA']);
    const { code, stdout } = await rna('map', input, '--model', modelFolder(folder, 'rinalmo-A'), '--clusters', '2');
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(7);
  });

  test('refuses what gives no map', async () => {
    const folder = temporaryFolder();
    const few = join(folder, 'few.csv');
    writeFileSync(few, 'id,a\nx,1\ny,2\n');
    const other = join(folder, 'other.csv');
    writeFileSync(other, 'id,label\nz,1\n');
    const input = join(folder, 'v.csv');
    writeFileSync(input, `id,a,b,c\n${points.map((point, i) => `r${i},${[...point].join(',')}\n`).join('')}`);
    for (const [argv, code, message] of [
      [[few], 1, '2 RNAs are too few'],
      [[input, '--labels', other], 1, 'none of its ids'],
      [[input, '--model', 'x'], 2, 'leave out --model'],
      [[input, '--out', 'map.png'], 2, 'must end in .html, .svg, .tsv'],
      [[input, '--clusters', '99'], 2, 'there are 15 RNAs'],
    ] as const) {
      const result = await rna('map', ...argv);
      expect(result.stderr).toContain(message);
      expect(result.code).toBe(code);
    }
  });
});
