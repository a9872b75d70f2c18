/** The README's snippet for library users: it runs as it stands, and leaves nothing on the device. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as model from '@rna/model';
import * as structure from '@rna/structure';
import type { Device, MemoryUse } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import { expect, test } from 'vitest';
import { modelFolder, temporaryFolder } from './harness.ts';

const readme = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8');

test("the README's library snippet runs and leaves nothing but the weights until the device goes", async () => {
  const snippet = /^## As a library\n[^]*?^```ts\n([^]*?)^```$/m.exec(readme)![1]!;
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
  const modules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'node:fs/promises': {
      readFile: (path: string, ...rest: []) => readFile(join(folder, path.replace(/^model\//, '')), ...rest),
    },
    '@rna/model': model,
    '@rna/structure': structure,
    '@rna/tensor/node': { openDevice: watched },
  };
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
  // The snippet has no types in it; that it compiles is checked with the packed packages (scripts/publish.ts).
  // oxlint-disable-next-line typescript/no-implied-eval -- The text is this repository's own README.
  const run = Function(...names.keys(), `return (async () => { ${body} })();`) as (
    ...values: unknown[]
  ) => Promise<void>;
  await run(...names.values());

  expect(logged.map(([shape]) => shape)).toEqual([
    [21, 64],
    [12, 64],
  ]);
  for (const [, values] of logged) expect((values as Float32Array).every(Number.isFinite)).toBe(true);
  const config = model.parseConfig(readFileSync(join(folder, 'config.json'), 'utf8'), 'config.json');
  expect(uses).toHaveLength(1);
  expect(uses[0]!.tensors).toBe(model.encoderParameters(config).size);
});
