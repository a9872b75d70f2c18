/**
 * An evaluation's figures read back: bars, points, cells and curves are
 * measured in the drawing and compared with the numbers that were put in.
 */
import { averagePrecision } from '@rna/structure';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scoreBars } from '../src/bars.ts';
import { scoreByLength } from '../src/byLength.ts';
import { confusionMatrix } from '../src/confusion.ts';
import { figureFile, type Figure } from '../src/figure.ts';
import type { Markup } from '../src/markup.ts';
import { precisionRecallPlot } from '../src/precisionRecall.ts';
import { embeddingFigures, project } from '../src/projection.ts';
import { scatter } from '../src/scatter.ts';
import { pairCurves, structureFigures } from '../src/structureFigures.ts';
import { taskFigures } from '../src/taskFigures.ts';
import { all, parseFigure, type Node } from './markupReader.ts';

const SPLICE = { kind: 'probability', title: 'splice sites' } as const;
const FAMILIES = { kind: 'classes', title: 'families of non-coding RNA' } as const;
const LOAD = { kind: 'number', title: 'mean ribosome load' } as const;
const PAIRS = { kind: 'pairs', title: 'base pairs' } as const;
const names = (figures: readonly Figure[]): string[] => figures.map(({ name }) => name);
const figureOf = (figures: readonly Figure[], name: string): Node =>
  parseFigure(figures.find((each) => each.name === name)!.svg);
const description = (svg: Markup): string => parseFigure(svg).querySelector('desc')!.textContent;
const numbers = (node: Node, selector: string, attribute: string): number[] =>
  all(node, selector).map((each) => Number(each.getAttribute(attribute)));
const legendOf = (node: Node): string[] => all(node, '.legend text').map(({ textContent }) => textContent);

/** Partners by pairs, −1 without. */
function partners(length: number, pairs: readonly (readonly [number, number])[]): Int32Array {
  const result = new Int32Array(length).fill(-1);
  for (const [i, j] of pairs) [result[i], result[j]] = [j, i];
  return result;
}

/** Triangle of probabilities, `other` where none is given. */
function triangle(length: number, known: readonly (readonly [number, number, number])[], other = 0): Float32Array {
  const result = new Float32Array((length * (length - 1)) / 2).fill(other);
  for (const [i, j, p] of known) result[(i * (2 * length - i - 1)) / 2 + j - i - 1] = p;
  return result;
}

describe('scoreBars', () => {
  const svg = scoreBars('Tasks', 'score', [
    { name: 'splice sites (F1)', scores: { model: { mean: 0.8, low: 0.7, high: 0.9 }, baseline: { mean: 0.4 } } },
    { name: 'ribosome load (R²)', scores: { model: { mean: 0.2, low: 0.1, high: 0.25 } } },
  ]);
  const drawn = parseFigure(svg);

  test('bars are as long as their scores, whiskers as their intervals', () => {
    const [first, second, baseline] = numbers(drawn, '[aria-label=bar] rect', 'width');
    expect(second! / first!).toBeCloseTo(0.25, 2);
    expect(baseline! / first!).toBeCloseTo(0.5, 2);
    const [x1, x2] = ['x1', 'x2'].map((end) => numbers(drawn, '[aria-label=rule] line', end)[0]!);
    expect((x2! - x1!) / first!).toBeCloseTo(0.25, 2);
    // A light line under a dark one for each of the two intervals, and the axis in both groups.
    expect(all(drawn, '[aria-label=rule] line')).toHaveLength(2 * 2 + 2);
  });

  test('names series, groups and numbers', () => {
    expect(legendOf(drawn)).toEqual(['model', 'baseline']);
    expect(all(drawn, '[aria-label=text] text').map(({ textContent }) => textContent)).toEqual([
      '0.800',
      '0.400',
      '0.200',
    ]);
    expect(description(svg)).toBe(
      'splice sites (F1), model: 0.800 (0.700 to 0.900). splice sites (F1), baseline: 0.400. ribosome load (R²), model: 0.200 (0.100 to 0.250).',
    );
  });

  test('a score below zero has room', () => {
    const below = parseFigure(
      scoreBars('R²', 'R²', [{ name: 'a', scores: { model: { mean: -2, low: -3, high: -1 } } }]),
    );
    expect(numbers(below, '[aria-label=bar] rect', 'width')[0]).toBeGreaterThan(50);
  });
});

describe('taskFigures', () => {
  const sites = [1, 1, 0, 0].map((target, i) => ({ id: `s${i}`, sequence: 'ACGU', target }));

  test('of probabilities: curves with their areas, and a point for each filled bin', () => {
    const figures = taskFigures(
      SPLICE,
      [
        { name: 'model', predictions: [0.95, 0.55, 0.52, 0.05] },
        { name: 'baseline', predictions: [0.6, 0.1, 0.7, 0.2] },
      ],
      sites,
    );
    expect(names(figures)).toEqual(['precision-recall', 'calibration']);
    // By hand: the baseline's hits come second and last, (1/2 + 2/4) / 2.
    expect(legendOf(figureOf(figures, 'precision-recall'))).toEqual([
      'model, area 1.000',
      'baseline, area 0.500',
      'guessing',
    ]);
    // Bins 0.9–1, 0.5–0.6 (with two) and 0–0.1 of the model, and four of the baseline.
    expect(all(figureOf(figures, 'calibration'), '[aria-label=dot] > *')).toHaveLength(3 + 4);
  });

  test('of classes: every RNA in its cell', () => {
    const rnas = [0, 0, 0, 1, 2].map((target, i) => ({ id: `r${i}`, sequence: 'ACGU', target }));
    const predictions = [
      [0.8, 0.1, 0.1],
      [0.1, 0.8, 0.1],
      [0.6, 0.2, 0.2],
      [0.2, 0.7, 0.1],
      [0.1, 0.2, 0.7],
    ].map((each) => Float32Array.from(each));
    const figures = taskFigures(FAMILIES, [{ name: 'model', predictions }], rnas, {
      classNames: ['tRNA', '5S', 'SRP'],
    });
    expect(names(figures)).toEqual(['confusion', 'calibration']);
    const cells = all(figureOf(figures, 'confusion'), 'rect title').map(({ textContent }) => textContent);
    expect(cells).toEqual([
      'tRNA taken for tRNA: 2 of 3',
      'tRNA taken for 5S: 1 of 3',
      '5S taken for 5S: 1 of 1',
      'SRP taken for SRP: 1 of 1',
    ]);
  });

  test('of numbers: a scatter plot for each model, with its scores', () => {
    const rnas = [1, 2, 3, 4].map((target, i) => ({ id: `r${i}`, sequence: 'ACGU', target }));
    const figures = taskFigures(
      LOAD,
      [
        { name: 'model', predictions: [1, 2, 3, 4] },
        { name: 'ridge', predictions: [2, 2, 3, 3] },
      ],
      rnas,
    );
    expect(names(figures)).toEqual(['scatter', 'scatter-2']);
    expect(figures.map(({ svg }) => description(svg))).toEqual([
      '4 RNAs; R² 1.000, Spearman 1.000, MAE 0.000, values from 1.00 to 4.00.',
      '4 RNAs; R² 0.600, Spearman 0.894, MAE 0.500, values from 1.00 to 4.00.',
    ]);
    const dots = figureOf(figures, 'scatter');
    const [x, y] = ['cx', 'cy'].map((at) => numbers(dots, '[aria-label=dot] circle', at));
    // Equal values lie on the drawn line.
    const [, x1, y1, x2, y2] = /M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)/
      .exec(dots.querySelector('[aria-label=line] path')!.getAttribute('d')!)!
      .map(Number);
    x!.forEach((at, i) => expect(y![i]).toBeCloseTo(y1! + ((at - x1!) / (x2! - x1!)) * (y2! - y1!), 1));
  });

  test('of tables: a plot for each title, of what is known; nucleotides as many as there are', () => {
    const rnas = [
      [1, 10],
      [2, NaN],
      [3, 30],
    ].map((values, i) => ({ id: `r${i}`, sequence: 'A', target: Float64Array.from(values) }));
    const predictions = [Float32Array.of(1, 10), Float32Array.of(2, 99), Float32Array.of(3, 10)];
    const figures = taskFigures({ kind: 'numbers', title: 'own' }, [{ name: 'model', predictions }], rnas, {
      classNames: ['a', 'b'],
    });
    expect(names(figures)).toEqual(['scatter', 'scatter-of-2']);
    expect(figures.map(({ svg }) => description(svg))).toEqual([
      '3 RNAs; R² 1.000, Spearman 1.000, MAE 0.000, values from 1.00 to 3.00.',
      '2 RNAs; R² -1.000, Spearman 0.000, MAE 10.000, values from 10.0 to 30.0.',
    ]);
    const long = [{ id: 'r', sequence: 'ACG', target: Float64Array.of(1, NaN, 2) }];
    const one = taskFigures(
      { kind: 'nucleotide-numbers', title: 'reactivity' },
      [{ name: 'model', predictions: [Float32Array.of(1, 5, 2)] }],
      long,
      { classNames: ['reactivity'] },
    );
    expect(description(one[0]!.svg)).toContain('2 nucleotides; R² 1.000');
  });

  test('of labels: a curve for each; of the classes of nucleotides: each that is known in its cell', () => {
    const rnas = [
      [1, 0],
      [0, NaN],
      [0, 1],
    ].map((values, i) => ({ id: `r${i}`, sequence: 'A', target: Float64Array.from(values) }));
    const predictions = [Float32Array.of(0.9, 0.8), Float32Array.of(0.1, 0.9), Float32Array.of(0.2, 0.6)];
    const figures = taskFigures({ kind: 'labels', title: 'own' }, [{ name: 'model', predictions }], rnas, {
      classNames: ['a', 'b'],
    });
    // By hand: b's one positive comes second of two.
    expect(legendOf(figureOf(figures, 'precision-recall'))).toEqual(['a, area 1.000', 'b, area 0.500', 'guessing']);
    const sitesOf = [{ id: 'r', sequence: 'ACG', target: Float64Array.of(1, NaN, 0) }];
    const classes = taskFigures(
      { kind: 'nucleotide-classes', title: 'm6A' },
      [{ name: 'model', predictions: [Float32Array.of(0.2, 0.8, 0, 1, 0.3, 0.7)] }],
      sitesOf,
      { classNames: ['no', 'yes'] },
    );
    const cells = all(figureOf(classes, 'confusion'), 'rect title').map(({ textContent }) => textContent);
    expect(cells).toEqual(['no taken for yes: 1 of 1', 'yes taken for yes: 1 of 1']);
  });

  test('of pairs are drawn from scores, not from maps', () => {
    expect(() =>
      taskFigures(
        PAIRS,
        [{ name: 'm', predictions: [new Float32Array(1)] }],
        [{ id: 'a', sequence: 'GC', target: Int32Array.of(-1, -1) }],
      ),
    ).toThrow('structureFigures');
  });

  test('refuses predictions that are not as many as RNAs', () => {
    expect(() => taskFigures(SPLICE, [{ name: 'model', predictions: [0.5] }], sites)).toThrow(
      /model has 1 predictions for 4 RNAs/,
    );
  });
});

describe('structureFigures', () => {
  const score = (f1: number) => ({ precision: f1, recall: f1, f1 });
  const rna = (id: string, length: number, f1: number) => ({
    id,
    sequence: 'G'.repeat(length),
    target: partners(length, [[0, 9]]),
    predicted: partners(length, []),
    strict: score(f1),
    flexible: score(f1 / 2),
    averagePrecision: f1,
  });
  const models = [
    { name: 'model', rnas: [rna('5s_a', 80, 0.5), rna('5s_b', 90, 0.7), rna('tRNA_a', 76, 0.9)] },
    { name: 'other', rnas: [rna('5s_a', 80, 0), rna('5s_b', 90, 0.2), rna('tRNA_a', 76, 0.4)] },
  ];

  test('means of bins, families and similarities are those of their RNAs', () => {
    const figures = structureFigures(models, {
      score: 'strict',
      groupOf: (id) => id.split('_')[0],
      identityOf: (id) => (id === '5s_a' ? 0.95 : 0.35),
    });
    expect(names(figures)).toEqual(['f1-by-length', 'f1-by-family', 'f1-by-similarity', 'f1-by-pair-type']);
    expect(description(figures[0]!.svg)).toContain('50–100 nt 0.700 (3)');
    expect(description(figures[1]!.svg)).toMatch(
      /^5s \(2\), model: 0\.600 .*5s \(2\), other: 0\.100 .*tRNA \(1\), model: 0\.900/,
    );
    expect(description(figures[2]!.svg)).toMatch(/^30–40 % \(2\), model: 0\.800 .*≥ 90 % \(1\), model: 0\.500/);
  });

  test('draws the asked score', () => {
    expect(description(structureFigures(models, { score: 'flexible' })[0]!.svg)).toContain('50–100 nt 0.350 (3)');
  });

  test('a dot for each RNA of the first model', () => {
    expect(
      all(
        parseFigure(
          scoreByLength('t', 'F1', [
            {
              name: 'm',
              rnas: [
                { length: 5, score: 1 },
                { length: 700, score: 0 },
              ],
            },
          ]),
        ),
        '[aria-label=dot] circle',
      ),
    ).toHaveLength(2);
  });
});

describe('pairCurves', () => {
  const maps = fc.integer({ min: 8, max: 12 }).chain((length) =>
    fc.record({
      target: fc
        .shuffledSubarray(
          Array.from({ length }, (_, i) => i),
          { minLength: 2 },
        )
        .map((order) =>
          partners(
            length,
            Array.from({ length: Math.floor(order.length / 2) }, (_, k) => [order[2 * k]!, order[2 * k + 1]!] as const),
          ),
        ),
      probabilities: fc
        .array(fc.integer({ min: 0, max: 20 }), {
          minLength: (length * (length - 1)) / 2,
          maxLength: (length * (length - 1)) / 2,
        })
        .map((list) => Float32Array.from(list, (value) => value / 20)),
    }),
  );

  test('the area is average precision, and precision at recall 1 is that of calling every pair down to the last true one', () => {
    fc.assert(
      fc.property(maps, ({ target, probabilities }) => {
        const curves = pairCurves(probabilities, target)!;
        expect(curves.area).toBeCloseTo(averagePrecision(probabilities, target), 10);
        const length = target.length;
        const trues: number[] = [];
        for (let i = 0; i < length; i++)
          if (target[i]! > i) trues.push(probabilities[(i * (2 * length - i - 1)) / 2 + target[i]! - i - 1]!);
        const called = probabilities.filter((p) => p >= Math.min(...trues)).length;
        expect(curves.precision[100]).toBeCloseTo(trues.length / called, 10);
        expect(curves.calibration.reduce((sum, { count }) => sum + count, 0)).toBe(probabilities.length);
      }),
      { numRuns: 50 },
    );
  });

  test('without a true pair there is none', () => {
    expect(pairCurves(triangle(6, []), partners(6, []))).toBeUndefined();
  });
});

describe('single figures', () => {
  test('thousands of points become hexagons, and all are said', () => {
    const points = Array.from({ length: 4000 }, (_, i) => ({ measured: i % 61, predicted: i % 67 }));
    const dense = scatter('t', 'load', [...points, { measured: 1, predicted: NaN }]);
    expect(dense.markup.length).toBeLessThan(400_000);
    expect(description(dense)).toContain('4,000 RNAs');
    expect(description(dense)).toContain('Not drawn: 1 prediction');
  });

  test('a curve of many points keeps one for each pixel', () => {
    const curve = Array.from({ length: 100_000 }, (_, n) => ({
      recall: (n + 1) / 100_000,
      precision: 1 - n / 200_000,
    }));
    expect(precisionRecallPlot('t', [{ name: 'm', curve, area: 0.75 }]).markup.length).toBeLessThan(30_000);
  });

  test('88 classes are drawn without counts, within bounds', () => {
    const truth = Array.from({ length: 88 * 20 }, (_, i) => i % 88);
    const drawn = parseFigure(
      confusionMatrix(
        't',
        [],
        truth,
        truth.map((each, i) => (i % 5 === 0 ? (each * 7) % 88 : each)),
      ),
    );
    expect(Number(drawn.querySelector('svg')?.getAttribute('width'))).toBeLessThan(900);
    expect(all(drawn, 'g[font-size] text')).toHaveLength(2 * 88);
  });

  test.each<[string, Markup]>([
    ['no score', scoreBars('t', 'a', [{ name: 'g', scores: { m: { mean: NaN } } }])],
    ['no curve', precisionRecallPlot('t', [{ name: 'm', curve: [], area: 0 }])],
    ['no point', scatter('t', 'q', [])],
    ['one point', scatter('t', 'q', [{ measured: 2, predicted: 2 }])],
    ['no class', confusionMatrix('t', [], [], [])],
    ['no RNA', scoreByLength('t', 'F1', [{ name: 'm', rnas: [] }])],
    ['one RNA', scoreByLength('t', 'F1', [{ name: 'm', rnas: [{ length: 30, score: 0.5 }] }])],
  ])('draws %s without an undefined coordinate', (_, svg) => {
    expect(svg.markup).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('a file of its own needs no page', () => {
    const text = figureFile({
      name: 'bars',
      caption: '',
      svg: scoreBars('currentColor', 'var(--rna-good, #0072b2)', [
        { name: 'g', scores: { m: { mean: 0.5, low: 0.4, high: 0.6 } } },
      ]),
    });
    expect(text).toMatch(/^<\?xml[^>]*\?>\n<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    // What is text stays; what is paint is written out.
    expect(text).toContain('<title>currentColor</title>');
    expect(text.match(/<[^>]*(?:var\(|currentColor)[^>]*>/g)).toBeNull();
  });
});

describe('embeddings', () => {
  // Three clusters far apart, in six dimensions.
  const rnas = Array.from({ length: 36 }, (_, i) => ({
    id: `r${i}`,
    label: ['a', 'b', 'c'][i % 3]!,
    vector: Array.from({ length: 6 }, (_, d) => (d === i % 3 ? 20 : 0) + Math.sin(7 * i + d)),
  }));

  const own = (drawn: readonly { readonly id: string }[]) =>
    Promise.resolve(drawn.map(({ id }) => rnas[Number(id.slice(1))]!.vector));

  test.each(['tsne', 'umap'] as const)('%s puts like beside like, and the same way each time', async (method) => {
    const vectors = rnas.map(({ vector }) => vector);
    const places = await project(vectors, method, 3);
    expect(await project(vectors, method, 3)).toEqual(places);
    const distance = (i: number, j: number): number =>
      Math.hypot(places[i]!.x - places[j]!.x, places[i]!.y - places[j]!.y);
    const nearest = rnas.map(
      (_, i) => [...rnas.keys()].filter((j) => j !== i).sort((j, k) => distance(i, j) - distance(i, k))[0]!,
    );
    expect(nearest.filter((j, i) => rnas[j]!.label !== rnas[i]!.label)).toEqual([]);
  });

  test('have a mark for each RNA, by class or by value', async () => {
    const [tsne, umap] = await embeddingFigures(rnas, own, 'family');
    expect([tsne!.name, umap!.name]).toEqual(['embeddings-tsne', 'embeddings-umap']);
    expect(all(parseFigure(tsne!.svg), '[aria-label=dot] > *')).toHaveLength(36);
    expect(legendOf(parseFigure(umap!.svg))).toEqual(['a (12)', 'b (12)', 'c (12)']);
    const [byValue] = await embeddingFigures(
      rnas.map((rna, i) => ({ ...rna, label: i / 10 })),
      own,
      'load',
    );
    expect(description(byValue!.svg)).toBe('36 RNAs, values from 0.000 (pale) to 3.500 (dark).');
  });

  test('of three RNAs no neighbourhood is told', async () => {
    expect((await embeddingFigures(rnas.slice(0, 3), own, 'family')).map(({ svg }) => description(svg))).toEqual(
      Array(2).fill('There are too few RNAs.'),
    );
    await expect(project([[1], [2, 3], [4], [5]], 'umap')).rejects.toThrow(/different lengths/);
  });
});
