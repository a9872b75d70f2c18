import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { peerChart } from '../src/chart.ts';
import { comparePeers } from '../src/peers.ts';
import { formatRow, makeRow, parseResults, resultsText, type Results, type Row } from '../src/rows.ts';
import { alignColumns, compareTable, peerTable } from '../src/tables.ts';
import { statistics } from '../src/timing.ts';

const row = (name: string, implementation: string, medianMs: number, spread = 0.1): Row =>
  makeRow('peers', name, implementation, statistics([medianMs * (1 - spread), medianMs, medianMs * (1 + spread)], 4), {
    flops: 2e6,
    bytes: 1e6,
  });

const results = (rows: readonly Row[], adapter = 'an adapter'): Results => ({
  adapter,
  driver: 'a driver 1.0',
  versions: { rna: '0.1.0' },
  commit: 'abcdef',
  load: [0.5, 0.25, 0],
  date: '2026-01-02T03:04:05.000Z',
  rows: [...rows],
});

describe('the file', () => {
  test('gives back what was written', () => {
    const times = fc.array(
      fc.integer({ min: 1, max: 1e6 }).map((n) => n / 64),
      { minLength: 1, maxLength: 9 },
    );
    const names = fc.string({ minLength: 1 });
    const rows = fc.array(
      fc
        .tuple(names, names, times)
        .map(([name, implementation, samples]) =>
          makeRow(
            'kernels',
            name,
            implementation,
            statistics(samples),
            { flops: 0 },
            { ofCeiling: 0.5, variant: { tile: 4, fused: true }, calls: 3 },
          ),
        ),
    );
    fc.assert(
      fc.property(rows, (made) => {
        const read = parseResults(resultsText(results(made)), 'file.json');
        expect(read.rows.map(({ case: name, implementation }) => [name, implementation])).toEqual(
          made.map(({ case: name, implementation }) => [name, implementation]),
        );
        read.rows.forEach((each, i) => {
          expect(each.medianMs / made[i]!.medianMs).toBeCloseTo(1, 5);
          expect(each).toEqual({ ...made[i]!, medianMs: each.medianMs, minMs: each.minMs, maxMs: each.maxMs });
        });
      }),
    );
  });

  test('is refused with the name of what is wrong', () => {
    expect(() => parseResults('{', 'a.json')).toThrow(/^a\.json: not valid JSON/);
    const good = results([row('matmul 512', 'rna', 2)]);
    const spoilt = (change: object): string => JSON.stringify({ ...good, ...change });
    expect(() => parseResults(spoilt({ rows: [{ ...good.rows[0], medianMs: 'fast' }] }), 'a.json')).toThrow(
      /a\.json: .*[\s\S]*rows\[0\]\.medianMs/,
    );
    expect(() => parseResults(spoilt({ adaptor: 'x' }), 'a.json')).toThrow(/adaptor/);
    expect(() => parseResults(spoilt({ date: 'yesterday' }), 'a.json')).toThrow(/date/);
  });
});

test('a row has the rates of its median', () => {
  const { gflops, gbps } = row('matmul 512', 'rna', 2);
  expect([gflops, gbps]).toEqual([1, 0.5]);
  expect(formatRow(row('matmul 512', 'rna', 2))).toMatch(
    /^matmul 512 +rna +2\.000 ms \(1\.800 … 2\.200\).* 1\.00 GFLOP\/s {2}0\.50 GB\/s$/,
  );
});

const peers = [
  row('matmul 512', 'rna', 2),
  row('matmul 512', 'tfjs-webgpu', 10),
  row('matmul 512', 'jax-js-webgpu', 8),
  row('matmul 512', 'jax-js-wasm', 4),
  row('matmul 512', 'onnxruntime-cpu', 1),
  row('softmax 1024x1024', 'tfjs-webgpu', 3),
];

test('ours stands against the best of each kind of peer', () => {
  const [matmul, softmax] = comparePeers(peers);
  expect(matmul).toMatchObject({
    rna: { medianMs: 2 },
    bestWebGpu: { implementation: 'jax-js-webgpu' },
    bestJavaScript: { implementation: 'jax-js-wasm' },
    best: { implementation: 'onnxruntime-cpu' },
  });
  expect(softmax).toMatchObject({ rna: undefined, bestWebGpu: { implementation: 'tfjs-webgpu' } });
  const lines = peerTable(peers).split('\n');
  expect(lines[1]).toMatch(
    /^matmul 512 +2\.000 +jax-js-webgpu 8\.000 +4\.00x +jax-js-wasm 4\.000 +2\.00x +onnxruntime-cpu 1\.000 +0\.50x$/,
  );
  expect(lines[2]).toMatch(/^softmax 1024x1024 +– +tfjs-webgpu 3\.000 +tfjs-webgpu 3\.000/);
});

test('a comparison tells changes from the spread, and what only one run has', () => {
  const before = results([row('a', 'rna', 10), row('b', 'rna', 10), row('c', 'rna', 10), row('gone', 'rna', 1)]);
  const after = results(
    [row('a', 'rna', 5), row('b', 'rna', 10.5), row('c', 'rna', 20), row('new', 'rna', 1)],
    'another adapter',
  );
  const table = compareTable(before, after);
  expect(table).toMatch(/peers: a, rna +10\.0 +5\.000 +2\.00x +faster/);
  expect(table).toMatch(/peers: b, rna +10\.0 +10\.5 +0\.95x +within the spread/);
  expect(table).toMatch(/peers: c, rna +10\.0 +20\.0 +0\.50x +slower/);
  expect(table).toContain('only in the first: peers: gone, rna');
  expect(table).toContain('only in the second: peers: new, rna');
  expect(table).toContain('different adapters');
  expect(compareTable(before, before)).not.toContain('different adapters');
});

test('columns are aligned', () => {
  expect(
    alignColumns([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
  ).toBe('a    bb\nccc   d\n');
  expect(alignColumns([])).toBe('');
});

test('the chart shows every case and implementation, and says where and when', () => {
  const svg = peerChart(results(peers));
  expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const text of [
    'matmul 512',
    'softmax 1024x1024',
    'rna',
    'tfjs-webgpu',
    'onnxruntime-cpu',
    'an adapter',
    '2026-01-02',
    '8.000 ms',
  ])
    expect(svg).toContain(text);
  expect(svg.match(/<circle/g)).toHaveLength(peers.length);
  expect(() => peerChart(results([]))).toThrow(/no row of the suite peers/);
});
