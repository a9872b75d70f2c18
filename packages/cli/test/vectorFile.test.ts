/** `rna embed` into the files of data analysis, and what it says of numbers that overflow. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { memorySink, writeCsv, writeNpy } from '@rna/model';
import { describe, expect, test } from 'vitest';
import { writeParquet } from '../src/tables/vectorFile.ts';
import { enlarge, fasta, modelFolder, rna, structureModelFolder, temporaryFolder, tensors } from './harness.ts';

const SEQUENCES = ['GGGAAACCC', 'ACGU', 'GG'];

/** Shape and values of a `.npy`, read as NumPy's format description says. */
function readNpy(bytes: Buffer): { shape: number[]; values: Float32Array } {
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0]));
  const end = 10 + bytes.readUInt16LE(8);
  expect(end % 64).toBe(0);
  const header = bytes.toString('latin1', 10, end);
  const [, descr, shape] = /^\{'descr': '(<f4)', 'fortran_order': False, 'shape': \(([\d, ]+)\), \} *\n$/.exec(header)!;
  expect(descr).toBe('<f4');
  const data = bytes.subarray(end);
  return {
    shape: shape!.split(',').map(Number).filter(Boolean),
    values: Float32Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(4 * i)),
  };
}

async function embed(folder: string, name: string, ...options: string[]): Promise<string> {
  const model = join(folder, 'rinalmo-A-weights_official');
  const out = join(folder, name);
  const result = await rna('embed', model, join(folder, 'input.fasta'), '--out', out, ...options);
  expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
  return out;
}

test('the same means in .npy, .csv, .parquet and .safetensors', async () => {
  const folder = temporaryFolder();
  modelFolder(folder, 'rinalmo-A');
  fasta(folder, SEQUENCES);
  const expected = await tensors(await embed(folder, 'x.safetensors', '--pool', 'mean'));
  const rows = SEQUENCES.map((_, s) => expected.get(`s${s}`)!.values);

  const npy = readNpy(readFileSync(await embed(folder, 'x.npy', '--pool', 'mean')));
  expect(npy.shape).toEqual([3, 64]);
  expect(npy.values).toEqual(Float32Array.from(rows.flatMap((row) => [...row])));

  const csv = readFileSync(await embed(folder, 'x.csv', '--pool', 'mean'));
  const table = parse<Record<string, string>>(csv, { columns: true });
  expect(table.map(({ id }) => id)).toEqual(['s0', 's1', 's2']);
  expect(table.map((row) => Float32Array.from({ length: 64 }, (_, e) => Number(row[`e${e}`])))).toEqual(rows);

  const parquet = readFileSync(await embed(folder, 'x.PARQUET', '--pool', 'mean'));
  const file = parquet.buffer.slice(parquet.byteOffset, parquet.byteOffset + parquet.byteLength);
  const objects = await parquetReadObjects({ file });
  expect(objects.map(({ id }) => id as string)).toEqual(['s0', 's1', 's2']);
  expect(objects.map((row) => Float32Array.from({ length: 64 }, (_, e) => row[`e${e}`] as number))).toEqual(rows);
  expect(parquetMetadata(file).key_value_metadata).toContainEqual({ key: 'pool', value: 'mean' });
});

test('every token in one .npy where the lengths are equal', async () => {
  const folder = temporaryFolder();
  modelFolder(folder, 'rinalmo-A');
  fasta(folder, ['ACGU', 'GGCC']);
  const expected = await tensors(await embed(folder, 'x.safetensors'));
  const { shape, values } = readNpy(readFileSync(await embed(folder, 'x.npy')));
  expect(shape).toEqual([2, 6, 64]);
  expect(values).toEqual(Float32Array.from(['s0', 's1'].flatMap((id) => [...expected.get(id)!.values])));
});

describe('what is refused', () => {
  test.each([
    [
      ['x.txt'],
      2,
      /x\.txt: the ending says the format; give a name that ends in \.safetensors, \.npy, \.csv or \.parquet/,
    ],
    [['x'], 2, /the ending says the format/],
    [['x.csv'], 2, /x\.csv: \.csv holds one vector a record; give --pool mean/],
    [['x.parquet', '--pool', 'mean', '--logits'], 2, /\.parquet holds one array, so --logits needs/],
    [['x.npy', '--attentions'], 2, /\.npy holds one array, so --attentions needs/],
    [['x.npy'], 1, /input\.fasta.*record "s1" has 4 nucleotides and the first 9/],
  ])('--out %s', async ([name, ...options], code, message) => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'rinalmo-A');
    const result = await rna('embed', model, fasta(folder, SEQUENCES), '--out', join(folder, name!), ...options);
    expect(result.code).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(readdirSync(folder).sort()).toEqual(['input.fasta', 'rinalmo-A-weights_official']);
  });
});

test('many rows, ids that need quotes, numbers of every size', async () => {
  const values = Float32Array.of(0, -0.1, 1e-38, 3.4e38, 1 / 3, 16777217);
  const count = 2500;
  const ids = Array.from({ length: count }, (_, i) => `a,"${i}"`);
  const vectors = () => ({
    ids,
    shape: [6],
    rows: (async function* () {
      for (let i = 0; i < count; i++) yield await Promise.resolve(values.map((value) => value / (i + 1)));
    })(),
  });
  const [csv, npy, parquet] = [memorySink(), memorySink(), memorySink()];
  await writeCsv(csv, vectors());
  await writeNpy(npy, vectors());
  await writeParquet(parquet, vectors(), new Map());
  const array = readNpy(Buffer.from(npy.bytes())).values;
  expect(array.length).toBe(6 * count);
  const table = parse(Buffer.from(csv.bytes()), { from_line: 2 });
  expect(table.map(([id]) => id)).toEqual(ids);
  expect(Float32Array.from(table.flatMap(([, ...cells]) => cells.map(Number)))).toEqual(array);
  const objects = await parquetReadObjects({ file: parquet.bytes().buffer as ArrayBuffer });
  expect(objects.map(({ id }) => id as string)).toEqual(ids);
  expect(
    Float32Array.from(objects.flatMap((row) => Array.from(values, (_, e) => row[`e${e}`] as number))),
  ).toHaveLength(6 * count);
  expect(objects[count - 1]!['e5']).toBe(Math.fround(16777216 / count));
});

describe('numbers that overflow', () => {
  test('embed names the record and the block, and writes nothing', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'rinalmo-A');
    enlarge(join(model, 'model.safetensors'), 'transformer.blocks.1.transition.2.weight');
    const out = join(folder, 'out.safetensors');
    const { code, stderr } = await rna('embed', model, fasta(folder, SEQUENCES), '--out', out);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /input\.fasta.*record "s0": the numbers overflow in block 2 of 3, so its output is NaN or infinite/,
    );
    expect(stderr).toMatch(/the weights are too large/);
    expect(readdirSync(folder)).not.toContain('out.safetensors');
    const masked = await rna('evaluate', model, join(folder, 'input.fasta'));
    expect(masked).toMatchObject({ code: 1, stdout: '' });
    expect(masked.stderr).toMatch(/input\.fasta:1: record "s0": the numbers overflow in block 2 of 3/);
  });

  test('fold says the same', async () => {
    const folder = temporaryFolder();
    const model = await structureModelFolder(folder, 'rinalmo-A');
    enlarge(join(model, 'model.safetensors'), 'model.encoder.layer.0.attention.output.dense.weight');
    const { code, stderr } = await rna('fold', model, fasta(folder, SEQUENCES));
    expect(code).toBe(1);
    expect(stderr).toMatch(/record "s0": the numbers overflow in block 1 of 3/);
    const known = join(folder, 'known.dbn');
    writeFileSync(known, `>k\n${SEQUENCES[0]!}\n${'.'.repeat(SEQUENCES[0]!.length)}\n`);
    expect((await rna('evaluate', model, known)).stderr).toMatch(/known\.dbn:1: record "k": the numbers overflow in/);
  });

  test('contacts fit says the same, and writes nothing', async () => {
    const folder = temporaryFolder();
    const model = modelFolder(folder, 'rinalmo-A');
    const hairpins = join(folder, 'hairpins.dbn');
    writeFileSync(hairpins, '>h\nGGGGGAAAAACCCCC\n(((((.....)))))\n');
    const contacts = join(folder, 'contacts.json');
    enlarge(join(model, 'model.safetensors'), 'transformer.blocks.0.transition.2.weight');
    const fit = await rna('contacts', 'fit', model, hairpins, '--out', contacts);
    expect(fit).toMatchObject({ code: 1, stdout: '' });
    expect(fit.stderr).toMatch(/hairpins\.dbn:1: record "h": the numbers overflow in block 1 of 3/);
    expect(readdirSync(folder)).not.toContain('contacts.json');
  });
});
