/** The programs of examples/library run as they stand, and print what they should. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { root } from './files.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What a program prints. */
async function printed(run: () => Promise<unknown>): Promise<unknown[][]> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'program']);
  await run();
  return log.mock.calls;
}

test('embeddings are one vector an RNA, in eight lines', async () => {
  const lines = await printed(() => import('../examples/library/embed.ts'));
  expect(lines.map(([sequence]) => sequence)).toEqual(['GGGAAAUCC', 'ACGUUGCA']);
  const [[, width, first], [, other, second]] = lines as [
    [string, number, Float32Array],
    [string, number, Float32Array],
  ];
  expect(width).toBe(other);
  expect(width).toBeGreaterThan(16);
  expect(first.every(Number.isFinite)).toBe(true);
  expect(first).not.toEqual(second);
  const [, body = ''] = readFileSync(join(root, 'examples/library/embed.ts'), 'utf8').split('*/\n');
  expect(body.split('\n').filter((line) => line.trim().length > 0)).toHaveLength(8);
});

test('a kernel of one’s own and its gradient', async () => {
  expect(await printed(() => import('../examples/library/customKernel.ts'))).toEqual([
    [[Float32Array.of(1, 8, 27), Float32Array.of(27)]],
  ]);
});

test('a head of one’s own learns the share of G and C', async () => {
  const [line] = await printed(() => import('../examples/library/customHead.ts'));
  const [names, first, last, predicted] = line as [string[], number, number, number[]];
  expect(names).toEqual(['gcContent.out.weight', 'gcContent.out.bias']);
  expect(last).toBeLessThan(first / 20);
  const shares = [1, 0, 0.5, 3 / 11, 5 / 7];
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const squares = (of: (i: number) => number): number =>
    shares.reduce((sum, share, i) => sum + (share - of(i)) ** 2, 0);
  expect(squares((i) => predicted[i]!)).toBeLessThan(0.1 * squares(() => mean));
});
