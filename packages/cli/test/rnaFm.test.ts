/**
 * RNA-FM at the command line: the published container and a folder of the port, embedded as the oracle has it,
 * converted and back, scored, fine-tuned, and RNAs beyond its positions refused with their line.
 */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFloat32 } from '@rna/model';
import { expect, test } from 'vitest';
import { openModelFiles } from '@rna/inference/node';
import { difference, fasta, modelFixture, rna, temporaryFolder, tensors } from './harness.ts';
import { rnas, structures } from './training.ts';

const published = modelFixture('oracle/rnafm/tiny.pth');

/** The port's file in the hub's layout. */
function portFolder(folder: string): string {
  const path = join(folder, 'port');
  mkdirSync(path);
  cpSync(modelFixture('oracle/rnafm/port.config.json'), join(path, 'config.json'));
  cpSync(modelFixture('oracle/rnafm/port.safetensors'), join(path, 'model.safetensors'));
  return path;
}

/** The oracle's batch as text: its authors' scripts upper-case and map T to U first. */
const SEQUENCES = ['GGGTGCGATCATACCAGC', 'a', 'CGAUUCNCGUUCCC--RYA'];

test("embed gives the reference's rows of the published file and of the port", async () => {
  const folder = temporaryFolder();
  const input = fasta(folder, SEQUENCES);
  const { shape, values } = (await tensors(modelFixture('oracle/rnafm/numbers.safetensors'))).get(
    'batch.out.representation',
  )!;
  const [, longest = 0, width = 0] = shape;
  for (const [i, model] of [published, portFolder(folder)].entries()) {
    const out = join(folder, `${i}.safetensors`);
    expect(await rna('embed', model, input, '--out', out, '--logits')).toEqual({ code: 0, stdout: '', stderr: '' });
    const found = await tensors(out);
    SEQUENCES.forEach((sequence, s) => {
      const from = s * longest * width;
      const rows = values.subarray(from, from + (sequence.length + 2) * width);
      expect(difference(found.get(`s${s}`)!.values, rows)).toBeLessThan(3e-4);
      expect(found.get(`s${s}.logits`)!.shape).toEqual([sequence.length + 2, 25]);
    });
  }
});

test('convert to a folder, to the port and back keeps every tensor', async () => {
  const folder = temporaryFolder();
  const [official, port, back] = [join(folder, 'official'), join(folder, 'as-port'), join(folder, 'back.pt')];
  const first = await rna('convert', published, official, '--to', 'official');
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toContain('(rna-fm, official names)');
  expect(await rna('convert', official, port)).toMatchObject({ code: 0 });
  expect(await rna('convert', port, back)).toMatchObject({ code: 0 });
  const values = async (path: string): Promise<Map<string, Float32Array>> => {
    const files = await openModelFiles(path);
    const found = new Map<string, Float32Array>();
    for (const [name, tensor] of files.tensors.tensors) found.set(name, await readFloat32(tensor));
    await files.close();
    return found;
  };
  const [source, whole, again] = [await values(published), await values(official), await values(back)];
  for (const [name, expected] of source) {
    if (name.includes('contact_head')) continue;
    const own = name.replace('encoder.encoder.', '');
    expect(whole.get(own), name).toEqual(expected);
    // The port has one row for the four tokens that no text holds.
    const known = expected.length % 25 === 0 ? [0, (20 * expected.length) / 25] : [0, expected.length];
    expect(again.get(own)!.subarray(...known), name).toEqual(expected.subarray(...known));
  }
  expect(await rna('convert', published, join(folder, 'x'), '--to', 'llama')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is a rna-fm model; give official or port') as unknown,
  });
});

test('RNAs beyond the last position are refused with their line before any work, or run in windows', async () => {
  const folder = temporaryFolder();
  const input = fasta(folder, ['ACGU', 'A'.repeat(61)]);
  const message = `${input}:3: record "s1" has 61 nucleotides, and the model has positions for 60; cut it into parts of at most 60`;
  for (const argv of [
    ['score', published, input, '--scan'],
    ['embed', published, input, '--attentions', '--out', join(folder, 'maps.safetensors')],
  ]) {
    const { code, stderr } = await rna(...argv);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) as unknown });
  }
  // Rows of windows are averaged, so those of an embedding have no such end.
  const embedded = await rna('embed', published, input, '--out', join(folder, 'a.safetensors'));
  expect(embedded.code).toBe(0);
  expect(embedded.stderr).toContain('they are run in windows of 60 nucleotides every 30');
  const tooLong = await rna('embed', published, input, '--out', join(folder, 'b.safetensors'), '--window', '61');
  expect(tooLong).toMatchObject({ code: 2, stderr: expect.stringContaining('give at most 60') as unknown });
  const wild = fasta(folder, `mutant\nA1C\n`, 'variants.csv');
  expect(await rna('score', published, wild, '--wild-type', 'A'.repeat(61))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      'a sequence of 63 tokens is longer than the 62 that the model has positions for',
    ) as unknown,
  });
});

test('masked nucleotides are scored, cropped to its positions', async () => {
  const folder = temporaryFolder();
  const file = structures(folder, 'some.dbn', rnas);
  const result = await rna('evaluate', published, file, '--json');
  expect(result).toMatchObject({ code: 0 });
  const long = rnas.filter(({ sequence }) => sequence.length > 60).length;
  expect(long).toBeGreaterThan(0);
  expect(result.stderr).toContain(`${long} RNAs are cropped to 60 nucleotides (the model has positions for no more)`);
  expect(JSON.parse(result.stdout)).toMatchObject({ masking: 'mlm', maxTokens: 62 });
});

test('a run is not begun with rows or RNAs beyond its positions', async () => {
  const folder = temporaryFolder();
  const corpus = structures(folder, 'corpus.dbn', rnas);
  const sizes = ['--model.dim', '16', '--model.ffnDim', '24', '--model.heads', '2', '--model.layers', '1'];
  const out = join(folder, 'run');
  expect(
    await rna(
      'pretrain',
      ...['--model.preset', 'rna-fm', ...sizes, '--data.train', corpus, '--out', out],
      ...['--batch.maxTokens', '2048', '--batch.rows', '1', '--train.steps', '1'],
    ),
  ).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('batch.maxTokens is 2048, but rna-fm has positions for 1024 tokens') as unknown,
  });
  expect(
    await rna(
      'finetune',
      'secondary-structure',
      ...['--model.checkpoint', published, '--data.train', corpus, '--out', join(folder, 'other')],
    ),
  ).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/corpus\.dbn:\d+: record ".*" has \d+ nucleotides, and the model has/) as unknown,
  });
});

test('fine-tuned for structures it folds, and its folder is a model', async () => {
  const folder = temporaryFolder();
  const short = rnas.filter(({ sequence }) => sequence.length <= 60);
  const [train, held] = [
    structures(folder, 'train.dbn', short.slice(0, 4)),
    structures(folder, 'held.dbn', short.slice(4, 6)),
  ];
  const run = join(folder, 'run');
  const tuned = await rna(
    'finetune',
    'secondary-structure',
    ...['--model.checkpoint', published, '--out', run, '--data.train', train, '--data.validation', held],
    ...['--head.convDim', '8', '--head.blocks', '1', '--train.epochs', '1', '--train.batchSize', '2'],
  );
  expect(tuned, tuned.stderr).toMatchObject({ code: 0 });
  const model = join(run, 'model');
  expect(JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'))).toMatchObject({
    model_type: 'rnafm',
    vocab_size: 25,
    max_position_embeddings: 64,
    task_head: { task: 'secondary-structure' },
  });
  const folded = await rna(
    'fold',
    model,
    fasta(
      folder,
      short.slice(0, 2).map(({ sequence }) => sequence),
    ),
  );
  expect(folded, folded.stderr).toMatchObject({ code: 0 });
  expect(folded.stdout.trimEnd().split('\n')).toHaveLength(6);
  const all = structures(folder, 'all.dbn', rnas);
  const scored = await rna('evaluate', model, all);
  expect(scored, scored.stderr).toMatchObject({ code: 0 });
  expect(scored.stderr).toContain('they are run in windows of 60 nucleotides every 30');
});
