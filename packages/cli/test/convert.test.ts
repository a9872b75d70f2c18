/** `rna convert`: a model that went through every form gives the same numbers and keeps what belongs to it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openModel, type OpenedModel } from '@rna/model';
import { expect, test } from 'vitest';
import { openModelFiles } from '@rna/inference/node';
import { modelFolder, rna, temporaryFolder } from './harness.ts';

async function parametersOf(
  path: string,
  configPath?: string,
): Promise<{ model: OpenedModel; values: Map<string, Float32Array> }> {
  const files = await openModelFiles(path, configPath === undefined ? {} : { configPath });
  const model = await openModel(files.tensors, files.config);
  const values = new Map<string, Float32Array>();
  for (const name of model.shapes.keys()) values.set(name, await model.read(name));
  await files.close();
  return { model, values };
}

test('official to port to .pt and back changes no bit', async () => {
  const folder = temporaryFolder();
  const official = modelFolder(folder, 'rinalmo-A');
  const expected = await parametersOf(official);
  const config = join(official, 'config.json');
  const [port, pt, again] = [join(folder, 'port'), join(folder, 'model.pt'), join(folder, 'again.safetensors')];
  const first = await rna('convert', official, port);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toContain(
    `${official} (rinalmo, official names) -> ${port} (port names)\nencoder, language-model head: `,
  );
  expect(await rna('convert', port, pt)).toMatchObject({ code: 0, stderr: '' });
  expect(await rna('convert', pt, again, '--to', 'official', '--config', config)).toMatchObject({
    code: 0,
    stderr: '',
  });
  for (const [path, scheme, configPath] of [
    [port, 'port', undefined],
    [pt, 'official', config],
    [again, 'official', config],
  ] as const) {
    const { model, values } = await parametersOf(path, configPath);
    expect(model.layout.scheme).toBe(scheme);
    expect(model.config).toEqual(expected.model.config);
    expect([...values]).toEqual([...expected.values]);
  }
});

test('SSR-LM keeps the LLaMA names', async () => {
  const folder = temporaryFolder();
  const model = modelFolder(folder, 'ssrlm-A');
  const out = join(folder, 'out');
  expect(await rna('convert', model, out)).toMatchObject({ code: 0, stderr: '' });
  expect([...(await parametersOf(out)).values]).toEqual([...(await parametersOf(model)).values]);
  expect(await rna('convert', model, join(folder, 'port'), '--to', 'port')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it has the llama names alone') as unknown,
  });
  expect(existsSync(join(folder, 'port'))).toBe(false);
});

test('what is there is replaced only by force', async () => {
  const folder = temporaryFolder();
  const [a, b] = [modelFolder(folder, 'rinalmo-A'), modelFolder(folder, 'rinalmo-B')];
  const weights = join(b, 'model.safetensors');
  const before = readFileSync(weights);
  expect(await rna('convert', a, b)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: `rna: ${weights} is there already; give another name, or --force to replace it\n`,
  });
  expect(readFileSync(weights)).toEqual(before);
  expect(await rna('convert', a, b, '--force')).toMatchObject({ code: 0 });
  expect((await parametersOf(b)).model.config).toEqual((await parametersOf(a)).model.config);
});
