/** `--weights`, `--activations` and `train.precision`: what is kept in fewer bits on the device, and what comes out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memorySource, openSafetensors } from '@rna/model';
import { expect, test } from 'vitest';
import { difference, fasta, modelFolder, rna, temporaryFolder, tensors } from './harness.ts';
import { readLog, rnas, structures, tinyModel } from './training.ts';

test('rna embed --weights int8 and int4 are near f32, are not f32, and say so in the file', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'rinalmo-A');
  const input = fasta(folder, ['ACGUACGUUA', 'GGGGAAAACCCC']);
  const embed = async (name: string, ...options: string[]) => {
    const out = join(folder, name);
    expect(await rna('embed', model, input, '--out', out, '--logits', ...options)).toMatchObject({
      code: 0,
      stderr: '',
    });
    return tensors(out);
  };
  const full = await embed('full.safetensors');
  for (const [weights, least, most] of [
    ['int8', 1e-4, 0.5],
    ['int4', 1e-2, 6],
  ] as const) {
    const packed = await embed(`${weights}.safetensors`, '--weights', weights);
    for (const [name, { values }] of full) {
      const off = difference(packed.get(name)!.values, values);
      expect(off, name).toBeGreaterThan(least);
      expect(off, name).toBeLessThan(most);
    }
    const { metadata } = await openSafetensors(
      memorySource(weights, new Uint8Array(readFileSync(join(folder, `${weights}.safetensors`)))),
    );
    expect([metadata.get('weights'), metadata.get('activations')]).toEqual([weights, 'f32']);
  }
});

test('f16 is near f32, or refused where the adapter has none', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'ssrlm-A');
  const [out, input] = [join(folder, 'half.safetensors'), fasta(folder, ['ACGUACGUUA'])];
  const { code, stderr } = await rna('embed', model, input, '--out', out, '--weights', 'f16', '--activations', 'f16');
  if (code !== 0) {
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/is to be stored as f16, but this adapter .* has no shader-f16; use f32/) as string,
    });
    return;
  }
  const full = join(folder, 'full.safetensors');
  expect(await rna('embed', model, input, '--out', full)).toMatchObject({ code: 0 });
  const [half, expected] = [(await tensors(out)).get('s0')!.values, (await tensors(full)).get('s0')!.values];
  expect(difference(half, expected)).toBeGreaterThan(1e-5);
  expect(difference(half, expected)).toBeLessThan(0.05);
});

test('an unknown precision is wrong usage', async () => {
  const { code, stderr } = await rna('fold', 'model', 'rnas.fasta', '--weights', 'int2');
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining('Allowed choices are f32, f16, int8, int4') as string,
  });
});

test('rna pretrain and finetune in f16 lower the loss, or are refused where the adapter has none', async () => {
  const folder = temporaryFolder();
  const data = structures(folder, 'train.dbn', rnas.slice(0, 6));
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const half = ['--train.precision', 'f16', '--optimizer.learningRate', '0.02'];
  const pretrained = await rna(
    'pretrain',
    ...tinyModel,
    ...half,
    '--out',
    first,
    '--data.train',
    data,
    '--train.steps',
    '6',
    '--batch.rows',
    '2',
    '--optimizer.warmupSteps',
    '0',
  );
  if (pretrained.code !== 0) {
    expect(pretrained.stderr).toMatch(/is to be stored as f16, but this adapter .* has no shader-f16; use f32/);
    return;
  }
  const finetuned = await rna(
    'finetune',
    'secondary-structure',
    ...half,
    '--model.checkpoint',
    join(first, 'model'),
    '--out',
    second,
    '--data.train',
    data,
    '--data.validation',
    data,
    '--head.convDim',
    '8',
    '--head.blocks',
    '1',
    '--train.epochs',
    '1',
  );
  expect(finetuned, finetuned.stderr).toMatchObject({ code: 0 });
  for (const run of [first, second]) {
    const losses = readLog(run).flatMap((entry) => ('loss' in entry ? [entry.loss] : []));
    expect(losses).toHaveLength(6);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  }
  // The originals are saved, not their copies.
  const weights = (await tensors(join(first, 'model', 'model.safetensors'))).values();
  expect(
    [...weights].some(({ values }) =>
      values.some((value) => Math.abs(value) > 2 ** -10 && (value * 2 ** 24) % 2 ** 4 !== 0),
    ),
  ).toBe(true);
});
