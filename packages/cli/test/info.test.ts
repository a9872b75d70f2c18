import { checks } from '@rna/kernels/checks';
import { expect, test } from 'vitest';
import { rna, rnaProcess } from './harness.ts';

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
