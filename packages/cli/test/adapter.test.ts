/**
 * Adapters on the command line: trained with low-rank terms, opened with their base by every command, the same as the
 * merged model.
 */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memorySink, writeSafetensors } from '@rna/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rna, tensors } from './harness.ts';
import { rnas, structures, tinyModel } from './training.ts';

let base: string;
let pretrained: string;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'rna-adapter-'));
  const out = join(base, 'pretrained');
  expect(
    await rna(
      'pretrain',
      ...tinyModel,
      '--out',
      out,
      '--data.train',
      structures(base, 'corpus.dbn', rnas.slice(4)),
      '--train.steps',
      '1',
      '--batch.rows',
      '1',
    ),
  ).toMatchObject({ code: 0 });
  pretrained = join(out, 'model');
});
afterAll(() => {
  rmSync(base, { recursive: true });
});

test('an adapter is a model that names its base', async () => {
  const [train, validation] = [
    structures(base, 'train.dbn', rnas.slice(0, 4)),
    structures(base, 'validation.dbn', rnas.slice(6, 8)),
  ];
  const tune = async (save: string): Promise<string> => {
    const out = join(base, save);
    const result = await rna(
      'finetune',
      'secondary-structure',
      '--model.checkpoint',
      pretrained,
      '--out',
      out,
      '--data.train',
      train,
      '--data.validation',
      validation,
      '--head.convDim',
      '8',
      '--head.blocks',
      '1',
      '--train.epochs',
      '1',
      '--train.batchSize',
      '2',
      '--optimizer.learningRate',
      '0.02',
      '--model.lora.rank',
      '2',
      '--model.save',
      save,
    );
    expect(result, result.stderr).toMatchObject({ code: 0 });
    return join(out, 'model');
  };
  const [merged, adapter] = [await tune('merged'), await tune('adapter')];
  expect(readdirSync(merged).sort()).toEqual(['config.json', 'model.safetensors']);
  expect(readdirSync(adapter).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'head.safetensors']);

  const [whole, joined] = [
    await rna('evaluate', merged, validation, '--json'),
    await rna('evaluate', adapter, validation, '--json'),
  ];
  expect(joined, joined.stderr).toMatchObject({ code: 0 });
  expect(joined.stderr).toContain(`${adapter} is an adapter of ${pretrained}`);
  const scores = ({ stdout }: { stdout: string }): unknown => JSON.parse(stdout.replaceAll(adapter, merged));
  expect(scores(joined)).toEqual(scores(whole));

  const converted = join(base, 'converted.safetensors');
  expect(await rna('convert', adapter, converted)).toMatchObject({ code: 0 });
  const [a, b] = [await tensors(converted), await tensors(join(merged, 'model.safetensors'))];
  b.forEach(({ values }, name) => {
    expect(a.get(name)?.values, name).toEqual(values);
  });

  renameSync(pretrained, `${pretrained}-elsewhere`);
  const lost = await rna('convert', adapter, join(base, 'other.safetensors'));
  expect(lost.code).not.toBe(0);
  expect(lost.stderr).toMatch(/is an adapter of .*pretrained\/model.*no such file or folder/s);
});

test('adapters whose bases go round in a circle are refused', async () => {
  const [one, two] = [join(base, 'one'), join(base, 'two')];
  for (const [folder, of] of [
    [one, join(base, 'alias')],
    [two, one],
  ] as const) {
    mkdirSync(folder);
    const sink = memorySink();
    await writeSafetensors(sink, [], new Map([['base_model_name_or_path', of]]));
    writeFileSync(join(folder, 'head.safetensors'), sink.bytes());
  }
  symlinkSync(two, join(base, 'alias'));
  const { code, stderr } = await rna('convert', one, join(base, 'out.pt'));
  expect(code).toBe(1);
  expect(stderr).toContain(
    `rna: ${one}: an adapter that is in the end its own base; name the model that it was trained on`,
  );
});
