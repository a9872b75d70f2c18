/** `rna embed` against the numbers of the reference implementations. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packTokens } from '@rna/model';
import { tokenize } from '@rna/structure';
import { describe, expect, test } from 'vitest';
import { withEncoder, withModel } from '../src/models/loadModel.ts';
import {
  configText,
  difference,
  fasta,
  modelFixture,
  modelFolder,
  rna,
  rnaProcess,
  temporaryFolder,
  tensors,
  type Values,
} from './harness.ts';

const TOLERANCE = 3e-5;

// With ambiguity codes, lower case, T and U, a single nucleotide, and letters that no alphabet has.
const {
  batch: { seqs: mixed },
} = JSON.parse(readFileSync(new URL('../../structure/test/fixtures/tokens.json', import.meta.url), 'utf8')) as {
  batch: { seqs: string[] };
};

/** The rows [length + 2, width] of each of the mixed sequences in the oracle's padded [6, longest, width]. */
async function mixedRows(model: string, name: string): Promise<Float32Array[]> {
  const { shape, values } = (await tensors(modelFixture(`oracle/${model}/forward.safetensors`))).get(`mixed.${name}`)!;
  const [, longest, width] = shape;
  return mixed.map((sequence, s) =>
    values.subarray(s * longest! * width!, (s * longest! + sequence.length + 2) * width!),
  );
}

/** Runs `rna embed` on the mixed sequences and reads the file. */
async function embedMixed(folder: string, model: string, ...options: string[]): Promise<Map<string, Values>> {
  const out = join(folder, 'out.safetensors');
  const { code, stderr, stdout } = await rna(
    'embed',
    model,
    fasta(folder, mixed),
    '--out',
    out,
    '--allow-unknown',
    ...options,
  );
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: '' });
  return tensors(out);
}

describe.each(['rinalmo-A', 'rinalmo-B'])('%s', (model) => {
  test("representations, logits and attentions are the reference's", async () => {
    const folder = temporaryFolder();
    const found = await embedMixed(folder, modelFolder(folder, model), '--logits', '--attentions');
    const [representations, logits] = [await mixedRows(model, 'representation'), await mixedRows(model, 'logits')];
    const {
      shape: [, layers, heads, longest],
      values: maps,
    } = (await tensors(modelFixture(`oracle/${model}/forward.safetensors`))).get('mixed.attentions')!;
    expect([...found.keys()].sort()).toEqual(mixed.flatMap((_, s) => [`s${s}`, `s${s}.attentions`, `s${s}.logits`]));
    for (const [s, { length }] of mixed.entries()) {
      const tokens = length + 2;
      expect(found.get(`s${s}`)!.shape[0]).toBe(tokens);
      expect(difference(found.get(`s${s}`)!.values, representations[s]!)).toBeLessThan(TOLERANCE);
      expect(found.get(`s${s}.logits`)!.shape).toEqual([tokens, 22]);
      expect(difference(found.get(`s${s}.logits`)!.values, logits[s]!)).toBeLessThan(TOLERANCE);
      const { shape, values } = found.get(`s${s}.attentions`)!;
      expect(shape).toEqual([layers, heads, tokens, tokens]);
      const expected = values.map((_, at) => {
        const [map, query, key] = [Math.floor(at / tokens ** 2), Math.floor(at / tokens) % tokens, at % tokens];
        return maps[((s * layers! * heads! + map) * longest! + query) * longest! + key]!;
      });
      expect(difference(values, expected)).toBeLessThan(TOLERANCE);
    }
  });
});

test('packed together, in small packs and one by one, the numbers are the same', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'rinalmo-A');
  const together = await embedMixed(folder, model);
  for (const budget of ['1', '24', '40']) {
    for (const [name, { values }] of await embedMixed(folder, model, '--tokens', budget)) {
      expect(difference(values, together.get(name)!.values), `${name} with ${budget} tokens`).toBeLessThan(1e-5);
    }
  }
});

test.each(['weights_multimolecule', 'weights_multimolecule_v26'])(
  "the port's names (%s) give the reference's numbers",
  async (weights) => {
    const folder = temporaryFolder();
    const found = await embedMixed(folder, modelFolder(folder, 'rinalmo-A', weights), '--logits');
    for (const [s, rows] of (await mixedRows('rinalmo-A', 'representation')).entries())
      expect(difference(found.get(`s${s}`)?.values, rows)).toBeLessThan(TOLERANCE);
    for (const [s, rows] of (await mixedRows('rinalmo-A', 'logits')).entries())
      expect(difference(found.get(`s${s}.logits`)?.values, rows)).toBeLessThan(TOLERANCE);
  },
);

test.each([
  ['0', 'embedding'],
  ['1', 'block0'],
  ['3', 'block2'],
])("--layer %s is the reference's %s, with and without the rest of the pass", async (layer, name) => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'rinalmo-A');
  const expected = await mixedRows('rinalmo-A', name);
  const logits = await mixedRows('rinalmo-A', 'logits');
  for (const options of [[], ['--logits'], ['--attentions']]) {
    const found = await embedMixed(folder, model, '--layer', layer, ...options);
    for (const [s, rows] of expected.entries()) {
      expect(difference(found.get(`s${s}`)?.values, rows)).toBeLessThan(TOLERANCE);
      if (options[0] === '--logits')
        expect(difference(found.get(`s${s}.logits`)?.values, logits[s]!)).toBeLessThan(TOLERANCE);
    }
  }
});

test('--pool gives the <cls> row, or the mean over the nucleotides alone', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'rinalmo-A');
  const dim = 64;
  const rows = await mixedRows('rinalmo-A', 'representation');
  const [cls, mean] = [
    await embedMixed(folder, model, '--pool', 'cls'),
    await embedMixed(folder, model, '--pool', 'mean'),
  ];
  for (const [s, values] of rows.entries()) {
    expect(cls.get(`s${s}`)!.shape).toEqual([dim]);
    expect(difference(cls.get(`s${s}`)!.values, values.subarray(0, dim))).toBeLessThan(TOLERANCE);
    const nucleotides = values.length / dim - 2;
    const expected = Array.from({ length: dim }, (_, column) => {
      let sum = 0;
      for (let i = 1; i <= nucleotides; i++) sum += values[i * dim + column]! / nucleotides;
      return sum;
    });
    expect(difference(mean.get(`s${s}`)!.values, expected)).toBeLessThan(TOLERANCE);
  }
});

// The oracle's sequences have <mask> tokens, which no FASTA can hold. The encoder itself is held to them by the model
// package.
test.each(['ssrlm-A', 'ssrlm-B'])('%s under the LLaMA names gives what its encoder gives', async (name) => {
  const folder = temporaryFolder();
  const out = join(folder, 'out.safetensors');
  const sequences = ['ACGUACGUUA', 'G', 'AUNNRYKMSWBDHVI-GGCC'.repeat(4)];
  const model = modelFolder(folder, name);
  expect(await rna('embed', model, fasta(folder, sequences), '--out', out, '--logits')).toMatchObject({
    code: 0,
    stderr: '',
  });
  const found = await tensors(out);
  await withModel(model, {}, (opened) =>
    withEncoder(opened, async (encoder) => {
      for (const [s, sequence] of sequences.entries()) {
        const representation = encoder.forward(packTokens([tokenize(sequence)]));
        expect(difference(found.get(`s${s}`)?.values, await representation.read())).toBeLessThan(1e-5);
        expect(difference(found.get(`s${s}.logits`)?.values, await encoder.logits(representation).read())).toBeLessThan(
          1e-5,
        );
      }
    }),
  );
});

test('a model is a folder, a file with a config beside it, or a file with --config', async () => {
  const folder = temporaryFolder();
  const expected = await embedMixed(folder, modelFolder(folder, 'rinalmo-A'));
  const bare = join(folder, 'bare');
  mkdirSync(bare);
  writeFileSync(join(bare, 'weights.bin'), readFileSync(modelFixture('oracle/rinalmo-A/weights_official.safetensors')));
  writeFileSync(join(folder, 'sizes.json'), configText('rinalmo-A'));
  const withOption = await embedMixed(folder, join(bare, 'weights.bin'), '--config', join(folder, 'sizes.json'));
  writeFileSync(join(bare, 'config.json'), configText('rinalmo-A'));
  const withNeighbour = await embedMixed(folder, join(bare, 'weights.bin'));
  expect([...withOption]).toEqual([...expected]);
  expect([...withNeighbour]).toEqual([...expected]);
});

test('stdin is read like a file, and nothing is left behind', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'rinalmo-A');
  const spools = join(folder, 'tmp');
  mkdirSync(spools);
  const [file, piped] = [join(folder, 'file.safetensors'), join(folder, 'piped.safetensors')];
  const text = readFileSync(fasta(folder, mixed), 'utf8');
  expect(
    await rnaProcess(['embed', model, '-', '-o', piped, '--allow-unknown'], { stdin: text, env: { TMPDIR: spools } }),
  ).toMatchObject({ code: 0, stdout: '' });
  expect(await rna('embed', model, join(folder, 'input.fasta'), '-o', file, '--allow-unknown')).toMatchObject({
    code: 0,
  });
  expect(readFileSync(piped)).toEqual(readFileSync(file));
  expect(readdirSync(spools).filter((name) => name.startsWith('rna-'))).toEqual([]);
});

test('ids that look like numbers or have odd characters keep their names and their order', async () => {
  const folder = temporaryFolder();
  const out = join(folder, 'out.safetensors');
  const ids = ['10', '9', 'a|b/c', 'é"\\', 'constructor', '__proto__'];
  const input = fasta(folder, ids.map((id, i) => `>${id}\n${'A'.repeat(i + 1)}\n`).join(''));
  expect(await rna('embed', modelFolder(folder, 'rinalmo-A'), input, '--out', out)).toMatchObject({ code: 0 });
  const found = await tensors(out);
  expect([...found.keys()].sort()).toEqual([...ids].sort());
  for (const [i, id] of ids.entries()) expect(found.get(id)!.shape).toEqual([i + 3, 64]);
});

test('attention maps made in several passes are those of one', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'rinalmo-A');
  const input = fasta(folder, ['GGCA'.repeat(75), 'ACGU']);
  const out = join(folder, 'out.safetensors');
  expect(await rna('embed', model, input, '--out', out, '--attentions', '--logits')).toMatchObject({ code: 0 });
  const expected = await tensors(out);
  // An eighth of it holds one block's four maps of 302 x 302.
  process.env['RNA_MEMORY_BUDGET'] = '16';
  try {
    expect(await rna('embed', model, input, '--out', out, '--attentions', '--logits')).toMatchObject({
      code: 0,
      stderr: '',
    });
  } finally {
    delete process.env['RNA_MEMORY_BUDGET'];
  }
  expect([...(await tensors(out))]).toEqual([...expected]);
});

test('a pack that exceeds the memory budget is run in parts, a record that does is named', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'rinalmo-A');
  const out = join(folder, 'out.safetensors');
  const sequences = Array.from({ length: 24 }, (_, i) => 'GGCA'.repeat(20 + i));
  expect(await rna('embed', model, fasta(folder, sequences), '--out', out)).toMatchObject({ code: 0 });
  const expected = await tensors(out);
  process.env['RNA_MEMORY_BUDGET'] = '3';
  try {
    expect(await rna('embed', model, fasta(folder, sequences), '--out', out)).toMatchObject({ code: 0, stderr: '' });
    for (const [name, { values }] of await tensors(out))
      expect(difference(values, expected.get(name)!.values)).toBeLessThan(1e-5);
    const long = fasta(folder, `>short\nACGU\n>long\n${'ACGU'.repeat(2000)}\n`, 'long.fasta');
    const failed = await rna('embed', model, long, '--out', join(folder, 'none.safetensors'), '--window', '8000');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`rna: ${long}:3: record "long" of 8000 nucleotides cannot be run on this adapter`);
    expect(existsSync(join(folder, 'none.safetensors'))).toBe(false);
    const windows = await rna('embed', model, long, '--out', out, '--pool', 'mean');
    expect(windows, windows.stderr).toMatchObject({ code: 0 });
    // On a busy machine it takes so long that progress is told.
    expect(windows.stderr).toMatch(
      /^rna: 1 of 2 records are too long to be run whole; they are run in windows of \d+ nucleotides every \d+, and their rows are averaged; the first is "long" with 8000\n(rna: embed: .*\n)*$/,
    );
  } finally {
    delete process.env['RNA_MEMORY_BUDGET'];
  }
});
