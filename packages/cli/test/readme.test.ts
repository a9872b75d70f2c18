/** The README's snippets for library users: each runs as it stands, and leaves nothing on the device. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as inference from '@rna/inference';
import * as model from '@rna/model';
import * as structure from '@rna/structure';
import type { Device, MemoryUse } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { expect, test } from 'vitest';
import { modelFolder, temporaryFolder } from './harness.ts';

const readme = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8');
const section = /^## As a library\n([^]*?)^## /m.exec(readme)![1]!;
const snippets = [...section.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => match[1]!);

type Modules = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Runs a snippet on modules by their names, and gives what it logs. */
async function run(snippet: string, modules: Modules): Promise<unknown[][]> {
  const logged: unknown[][] = [];
  const names = new Map<string, unknown>([['console', { log: (...line: unknown[]) => logged.push(line) }]]);
  const body = snippet.replace(/^import \{([^}]*)\} from '([^']+)';$/gm, (_, list: string, from: string) => {
    for (const name of list.split(',').flatMap((each) => each.trim() || [])) {
      expect(modules[from], `${name} of ${from}`).toHaveProperty(name);
      names.set(name, modules[from]![name]);
    }
    return '';
  });
  expect(body).not.toContain('import');
  // The snippets have no types in them; that they compile is checked with the packed packages (scripts/publish.ts).
  // oxlint-disable-next-line typescript/no-implied-eval -- The text is this repository's own README.
  const program = Function(...names.keys(), `return (async () => { ${body} })();`) as (
    ...values: unknown[]
  ) => Promise<void>;
  await program(...names.values());
  return logged;
}

test('the snippet that opens a model by its name embeds and folds, and gives the model back', async () => {
  expect(snippets).toHaveLength(2);
  const opened: inference.RnaModel[] = [];
  const openModel = async (...args: Parameters<typeof inference.openModel>): Promise<inference.RnaModel> => {
    opened.push(await inference.openModel(...args));
    return opened[0]!;
  };
  const [line] = await run(snippets[0]!, { '@rna/inference': { openModel } });
  const [embedding, dotBracket, accuracy] = line as [Float32Array, string, number];
  expect(embedding).toHaveLength(opened[0]!.config.dim);
  expect(embedding.every(Number.isFinite)).toBe(true);
  expect(dotBracket).toBe('((((....))))');
  expect(accuracy).toBeGreaterThan(0.5);
  await expect(opened[0]!.embed(['A'])).rejects.toThrow('was disposed of');
});

test('the snippet of the layers below leaves nothing but the weights until the device goes', async () => {
  const folder = modelFolder(temporaryFolder(), 'rinalmo-A');
  const uses: MemoryUse[] = [];
  const watched = async (): Promise<Device> => {
    const device = await openDevice();
    const destroy = device.destroy.bind(device);
    device.destroy = () => {
      uses.push(device.memory.use());
      destroy();
    };
    return device;
  };
  const logged = await run(snippets[1]!, {
    'node:fs/promises': {
      readFile: (path: string, ...rest: []) => readFile(join(folder, path.replace(/^model\//, '')), ...rest),
    },
    '@rna/model': model,
    '@rna/structure': structure,
    '@rna/tensor/node': { openDevice: watched },
  });

  expect(logged.map(([shape]) => shape)).toEqual([
    [21, 64],
    [12, 64],
  ]);
  for (const [, values] of logged) expect((values as Float32Array).every(Number.isFinite)).toBe(true);
  const config = model.parseConfig(readFileSync(join(folder, 'config.json'), 'utf8'), 'config.json');
  expect(uses).toHaveLength(1);
  expect(uses[0]!.tensors).toBe(model.encoderParameters(config).size);
});
