import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtinFiles } from '@rna/builtin';
import { checks } from '@rna/kernels/checks';
import { expect, onTestFinished, test } from 'vitest';
import { modelFolder, rna, rnaProcess, temporaryFolder } from './harness.ts';

/** Puts a changed copy in the place of one of the built-in model's files until the test ends. */
function changed(file: keyof typeof builtinFiles, change: (content: Buffer) => Buffer | string): void {
  const files = builtinFiles as Record<keyof typeof builtinFiles, URL>;
  const original = files[file];
  const path = join(temporaryFolder(), 'changed');
  writeFileSync(path, change(readFileSync(original)));
  files[file] = pathToFileURL(path);
  onTestFinished(() => {
    files[file] = original;
  });
}

const tunable = checks
  .map(({ kernel }) => kernel)
  .filter(({ tuning }) => tuning !== undefined)
  .map(({ name }) => name);

test('rna info --json is JSON alone on stdout, with all that a script would ask', async () => {
  const { code, stdout } = await rnaProcess(['info', '--json'], { env: { RNA_MEMORY_BUDGET: '256' } });
  expect(code).toBe(0);
  const facts = JSON.parse(stdout) as { kernels: Record<string, unknown>; features: string[] };
  expect(facts).toMatchObject({
    adapter: { class: expect.stringMatching(/^(cpu|gpu)$/) as unknown },
    driver: {
      description: expect.any(String) as unknown,
      source: expect.stringMatching(/^(machine|user|private)$/) as unknown,
      slow: expect.any(Boolean) as unknown,
    },
    memoryBudget: 256 * 2 ** 20,
    limits: {
      maxStorageBufferBindingSize: expect.any(Number) as unknown,
      maxComputeInvocationsPerWorkgroup: expect.any(Number) as unknown,
    },
    versions: {
      rna: '0.1.0',
      webgpu: expect.stringMatching(/^\d+\.\d+\.\d+$/) as unknown,
      node: process.versions.node,
    },
  });
  expect(Object.keys(facts.kernels).sort()).toEqual([...tunable].sort());
  expect(facts.features).toContain('core-features-and-limits');
});

test('rna info shows a person the same', async () => {
  const { code, stdout } = await rna('info');
  expect(code).toBe(0);
  for (const word of ['adapter', 'driver', 'memory budget', 'features', 'limits', 'kernel variants', 'versions'])
    expect(stdout).toContain(word);
  for (const kernel of tunable) expect(stdout).toContain(`\n  ${kernel} `);
});

test('rna info builtin shows its card, and refuses weights that are not those of the card', async () => {
  const { code, stdout } = await rna('info', 'builtin', '--json');
  expect(code).toBe(0);
  const { card, parameters } = JSON.parse(stdout) as {
    card: { parameters: number; sha256: string };
    parameters: number;
  };
  expect(card.parameters).toBe(parameters);
  const text = (await rna('info', 'builtin')).stdout;
  for (const word of ['parameters', 'trained on', 'scores', 'licence', card.sha256, '(verified)'])
    expect(text).toContain(word);
  expect((await rna('info')).stdout).toMatch(/built-in model +\d\.\d M parameters, secondary-structure/);

  changed('card', (content) => content.toString().replace(card.sha256, 'f'.repeat(64)));
  const refused = await rna('info', 'builtin');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain(`have the digest ${card.sha256}, their card says ${'f'.repeat(64)}`);
});

test('rna info of another model shows its sizes', async () => {
  const { code, stdout } = await rna('info', modelFolder(temporaryFolder(), 'rinalmo-A'), '--json');
  expect({ code, facts: JSON.parse(stdout) as unknown }).toMatchObject({
    code: 0,
    facts: { kind: 'rinalmo', blocks: 3, languageModelHead: true, task: null },
  });
});

test('rna info --check: kernels and model agree with doubles, and what does not ends with 1', async () => {
  // The last number of the file, of the last RNA's last pair, is another: all but its answers agree.
  changed('expected', (content) => {
    content.writeFloatLE(content.readFloatLE(content.length - 4) + 0.01, content.length - 4);
    return content;
  });
  const { code, stdout, stderr } = await rna('info', '--check', '--json');
  type Answers = readonly { readonly what: string; readonly error: number; readonly agrees: boolean }[];
  const result = JSON.parse(stdout) as { agrees: boolean; digest: boolean; kernels: Answers; model: Answers };
  expect(result).toMatchObject({ agrees: false, digest: true });
  expect(result.kernels.map(({ what }) => what).sort()).toEqual(checks.map(({ kernel }) => kernel.name).sort());
  expect(result.kernels.filter(({ agrees }) => !agrees)).toEqual([]);
  expect(result.model).toHaveLength(6);
  const wrong = result.model.filter(({ agrees }) => !agrees);
  expect(wrong.map(({ what }) => what)).toEqual(['trna, probabilities']);
  expect(wrong[0]!.error).toBeCloseTo(0.01, 4);
  expect(code).toBe(1);
  expect(stderr).toContain(`1 of ${checks.length + 6} answers are wrong on this adapter`);
});
