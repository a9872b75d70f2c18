import { scale } from '@rna/kernels';
import { openDevice, requestAdapter } from '../src/node/index.ts';
import type { PipelineSource } from '../src/index.ts';
import { expect, test } from 'vitest';
import { compileAhead } from '../src/node/compileAhead.ts';

test('a compiler is told of each pipeline once, and that all have run at a read', async () => {
  const added: string[] = [];
  let cleared = 0;
  const device = await openDevice({
    compiler: { add: ({ label }) => added.push(label), clear: () => cleared++, destroy: () => undefined },
  });
  try {
    const x = device.tensor(Float32Array.of(1, 2, 3));
    const double = () => device.run(scale, { x }, { y: [3] }, { count: 3, factor: 2 }).y;
    double();
    expect([...(await double().read())]).toEqual([2, 4, 6]);
    expect(added).toEqual(device.variantsInUse());
    expect(cleared).toBe(1);
  } finally {
    device.destroy();
  }
});

test('kernels that compile, one that does not and the end of the device leave no error behind', async () => {
  const sources: PipelineSource[] = [];
  const device = await openDevice({
    compiler: { add: (source) => sources.push(source), clear: () => undefined, destroy: () => undefined },
  });
  device.run(scale, { x: device.tensor(Float32Array.of(1)) }, { y: [1] }, { count: 1, factor: 2 });
  await device.idle();
  const opened: GPUAdapter[] = [];
  const compiler = compileAhead(async () => {
    opened.push(await requestAdapter());
    return opened.at(-1)!;
  });
  // The first is left alone, and the last comes first.
  compiler.add({ ...sources[0]!, label: 'first' });
  compiler.add({ ...sources[0]!, label: 'broken', code: 'fn main() { nonsense }' });
  compiler.add(sources[0]!);
  await expect.poll(() => opened.length, { timeout: 10_000 }).toBe(1);
  compiler.destroy();
  compiler.add(sources[0]!);
  await device.idle();
  device.destroy();
  expect(opened).toHaveLength(1);
});

test('a kernel that waits alone is left to the device that is helped', async () => {
  let asked = 0;
  const compiler = compileAhead(() => {
    asked++;
    return requestAdapter();
  });
  const source: PipelineSource = { label: 'alone', code: 'fn main() { nonsense }', signature: '' };
  compiler.add(source);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(asked).toBe(0);
  compiler.add(source);
  await expect.poll(() => asked, { timeout: 10_000 }).toBe(1);
  compiler.destroy();
});
