/** Which argument is the model: the table of src/commandLine/modelArgument.ts, without any model being opened. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { withModelArgument, type Given } from '../src/commandLine/modelArgument.ts';
import { readCard } from '../src/models/builtin.ts';
import { fasta, rna, temporaryFolder } from './harness.ts';

const names = (...args: string[]) => args.map((name) => ({ name, help: name }));

/** Reads arguments as `rna x [model] <input...>` would, or as one with the arguments and folders given. */
async function read(
  args: readonly string[],
  shape: Parameters<typeof withModelArgument>[1] = { behind: names('input'), many: true },
): Promise<Given> {
  const command = new Command('x').exitOverride().configureOutput({ outputError: () => undefined });
  const given = withModelArgument(command, shape);
  let found: Given | undefined;
  command.action(async () => {
    found = await given();
  });
  await command.parseAsync(args, { from: 'user' });
  return found!;
}

/** A folder with a checkpoint, a FASTA file, a model's folder, a folder of RNAs and an empty one. */
function place(): (name: string) => string {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  for (const name of ['weights.pt', 'odd']) writeFileSync(at(name), 'anything');
  fasta(folder, ['GGAACC'], 'rnas.fasta');
  for (const name of ['model', 'rnas', 'empty']) mkdirSync(at(name));
  writeFileSync(at('model/config.json'), '{}');
  fasta(at('rnas'), ['GGAACC'], 'a.fasta');
  return at;
}

describe('the first argument', () => {
  test('is the model, by what it is called or what is there', async () => {
    const at = place();
    for (const model of ['builtin', 'multimolecule/rinalmo-micro', at('model'), at('empty'), at('weights.pt'), 'no.pt'])
      expect(await read([model, 'a.fasta', '-'])).toEqual({ model, rest: ['a.fasta', '-'] });
  });

  test('is an input, and the model the built-in one', async () => {
    const at = place();
    for (const input of ['-', at('rnas.fasta'), at('odd'), 'none.fasta', 'data/none.csv.gz'])
      expect(await read([input, at('weights.pt')])).toEqual({ model: 'builtin', rest: [input, at('weights.pt')] });
  });

  test('is a folder of RNAs where those are read', async () => {
    const at = place();
    const shape = { behind: names('files'), many: true, takesFolders: true };
    expect(await read([at('model'), at('rnas')], shape)).toEqual({ model: at('model'), rest: [at('rnas')] });
    expect(await read([at('rnas'), at('model')], shape)).toEqual({ model: 'builtin', rest: [at('rnas'), at('model')] });
    await expect(read([at('empty'), at('rnas')], shape)).rejects.toThrow(
      /empty: the folder has no file of RNAs \(.*\), so it cannot be the files; and a model has one of model\.safe/,
    );
  });

  test('is neither, and the error has both readings', async () => {
    for (const args of [['typo'], ['typo', 'a.fasta'], ['a/b/c', 'a.fasta']])
      await expect(read(args)).rejects.toThrow(
        new RegExp(`^${args[0]!}: no such file or folder, so it cannot be the input; and a model is builtin, `),
      );
  });
});

test('arguments that are missing or too many are named', async () => {
  await expect(read([])).rejects.toThrow("missing required argument 'input'");
  await expect(read(['builtin'])).rejects.toThrow("missing required argument 'input'; builtin is the model");
  const two = { behind: names('contacts', 'files') };
  await expect(read(['c.txt'], two)).rejects.toThrow("missing required argument 'files'");
  await expect(read(['c.txt', 'a.dbn', 'b.dbn'], two)).rejects.toThrow(
    'too many arguments: c.txt is no model but the contacts, and b.dbn one more',
  );
});

test('rna predict has a task, a model or neither before its input', async () => {
  expect((await rna('predict', 'splicing', 'none.csv')).stderr).toMatch(
    /^rna: splicing: no such file or folder, so it cannot be the task or input; and a model is builtin, /,
  );
  expect((await rna('predict', 'splicing', 'builtin', 'none.csv')).stderr).toMatch(/^rna: there is no task 'splicing'/);
  expect((await rna('predict', 'splice-site', fasta(temporaryFolder(), ['GGAACC']))).stderr).toContain(
    'builtin was fine-tuned for secondary-structure; fine-tune one with rna finetune splice-site, or name such a model',
  );
});

test('letters of the built-in model are refused while its card says that they were not learnt', async () => {
  const { trained } = await readCard();
  const input = fasta(temporaryFolder(), ['GGAACC']);
  const result = await rna('score', input, '--scan');
  expect(result.code).toBe(trained.languageModel ? 0 : 1);
  if (!trained.languageModel)
    expect(result.stderr).toContain("the built-in model's language-model head was not trained");
});

test('rna fold without a model folds with the weights in the box', async () => {
  const folder = temporaryFolder();
  const input = fasta(folder, ['GGCGAAAGCC', 'ggggttttcccc']);
  const { code, stdout, stderr } = await rna('fold', input);
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^rna: the built-in model, \d\.\d M parameters\nrna: pairs above/) as unknown,
  });
  expect(stdout).toMatch(
    /^>s0 accuracy=0\.\d+\nGGCGAAAGCC\n[().]{10}\n>s1 accuracy=0\.\d+\nGGGGUUUUCCCC\n[().]{12}\n$/,
  );
  expect(await rna('fold', 'builtin', input)).toMatchObject({ code: 0, stdout });
  // So does rna predict, which is told neither a task nor a model.
  expect(await rna('predict', input)).toMatchObject({ code: 0, stdout });
});
