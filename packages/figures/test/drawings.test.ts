/**
 * Drawings of RNAs and of runs read back: what is drawn is counted in the parsed SVG and compared with what was put in,
 * so a lost arc or a wrong cell fails here. How it looks is not tested.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arcDiagram } from '../src/arcDiagram.ts';
import type { Pair, RnaScore, StructureExample, TrainingRun } from '../src/data.ts';
import { f1ByFamily, f1ByLength } from '../src/f1.ts';
import { lossCurve } from '../src/lossCurve.ts';
import { pairMatrix } from '../src/pairMatrix.ts';
import { structureMap } from '../src/structureMap.ts';
import { all, parseFigure } from './markupReader.ts';

function example(
  sequence: string,
  truth: readonly Pair[],
  predicted: readonly Pair[] | null,
  more: Partial<StructureExample> = {},
): StructureExample {
  return {
    id: 'example',
    family: 'tRNA',
    sequence,
    truth,
    prediction: predicted,
    scores: null,
    probabilities: null,
    ...more,
  };
}

function run(losses: readonly (number | null)[], more: Partial<TrainingRun> = {}): TrainingRun {
  return {
    name: 'pre-training',
    lossUnit: 'nats per masked token',
    steps: losses.map((_, k) => k + 1),
    loss: losses,
    learningRate: losses.map(() => 1e-3),
    evaluations: [],
    ...more,
  };
}

const hairpin = example(
  'GGGGAAAACCCCAAAA',
  [
    [0, 11],
    [1, 10],
    [2, 9],
  ],
  [
    [0, 11],
    [1, 10],
    [3, 8],
    [12, 15],
  ],
  {
    probabilities: [
      [0, 11, 0.96],
      [1, 10, 0.5],
      [3, 8, 0.04],
      [12, 15, 0.51],
    ],
  },
);

const scored: readonly RnaScore[] = [
  { id: 'a', family: 'tRNA', length: 76, f1Untrained: 0.1, f1Trained: 0.9 },
  { id: 'b', family: '5S', length: 120, f1Untrained: null, f1Trained: 0.5 },
];

describe('arcDiagram', () => {
  test('draws correct pairs twice, missed ones above and wrong ones below', () => {
    const figure = parseFigure(arcDiagram(hairpin));
    expect(all(figure, 'path.correct')).toHaveLength(4);
    expect(all(figure, 'path.missed')).toHaveLength(1);
    expect(all(figure, 'path.wrong')).toHaveLength(2);
    expect(all(figure, '.legend text').map((label) => label.textContent)).toEqual(['2 correct', '1 missed', '2 wrong']);
    expect(figure.querySelector('path.missed title')?.textContent).toBe('G3–C10 missed');
    expect(figure.querySelector('path.wrong title')?.textContent).toBe('G4–C9 wrong, p = 0.04');
  });

  test('draws as many arcs as there are pairs, whatever the pairs', () => {
    const length = 40;
    const positions = Array.from({ length }, (_, k) => k);
    const pairs = fc.shuffledSubarray(positions).map((list) =>
      list.slice(0, list.length / 2).map((a, k): Pair => {
        const b = list.at(-1 - k) ?? 0;
        return a < b ? [a, b] : [b, a];
      }),
    );
    fc.assert(
      fc.property(pairs, pairs, (truth, predicted) => {
        const figure = parseFigure(arcDiagram(example('A'.repeat(length), truth, predicted)));
        const count = (pairClass: string) => all(figure, `path.${pairClass}`).length;
        expect(count('correct') / 2 + count('missed')).toBe(truth.length);
        expect(count('correct') / 2 + count('wrong')).toBe(predicted.length);
      }),
      { numRuns: 20 },
    );
  });

  test('without a prediction no pair is called missed', () => {
    const figure = parseFigure(
      arcDiagram(
        example(
          'GGGAAACCC',
          [
            [0, 8],
            [1, 7],
          ],
          null,
        ),
      ),
    );
    expect(all(figure, 'path.unscored')).toHaveLength(2);
    expect(all(figure, 'path.missed')).toHaveLength(0);
    expect(figure.querySelector('.legend')).toBeNull();
  });

  test('leaves letters out where they cannot be read', () => {
    expect(arcDiagram(example('A'.repeat(1000), [[0, 999]], [])).markup).not.toContain('monospace');
    expect(all(parseFigure(arcDiagram(hairpin)), 'g[font-family*=monospace] text')).toHaveLength(16);
  });
});

describe('structureMap', () => {
  test('draws every nucleotide, bonds by class, and pseudoknots too', () => {
    const truth: Pair[] = [
      [0, 20],
      [1, 19],
      [2, 18],
      [8, 30],
      [9, 29],
    ];
    const figure = parseFigure(
      structureMap(
        example('ACGU'.repeat(8), truth, [
          [0, 20],
          [8, 30],
          [3, 15],
        ]),
      ),
    );
    expect(all(figure, 'circle')).toHaveLength(32);
    expect(all(figure, 'path.correct')).toHaveLength(2);
    expect(all(figure, 'path.missed')).toHaveLength(3);
    expect(all(figure, 'path.wrong')).toHaveLength(1);
    expect(figure.querySelector('desc')?.textContent).toContain('2 pairs are pseudoknots');
  });
});

/** Columns that a path of cells covers, by row: `M x y h width …`. */
function coveredCells(d: string): string[] {
  return [...d.matchAll(/M(\d+) (\d+)h(\d+)/g)].flatMap(([, x, y, width]) =>
    Array.from({ length: Number(width) }, (_, k) => `${y},${Number(x) + k}`),
  );
}

describe('pairMatrix', () => {
  test('has probabilities above and the truth below the diagonal', () => {
    const figure = parseFigure(pairMatrix(hairpin));
    const level = (k: number) => coveredCells(figure.querySelector(`path.p${k}`)?.getAttribute('d') ?? '');
    expect(level(10)).toEqual(['0,11']);
    expect(level(5)).toEqual(['1,10', '12,15']);
    expect(level(0)).toEqual([]);
    expect(coveredCells(figure.querySelector('path.truth')?.getAttribute('d') ?? '')).toEqual(['11,0', '10,1', '9,2']);
  });

  test('keeps the greatest probability of a bin, and stays small', () => {
    const length = 1000;
    const noise = Array.from({ length: 200_000 }, (_, k) => [k % 500, 500 + (k % 499), 0.1] as const);
    const figure = pairMatrix(example('A'.repeat(length), [], [], { probabilities: [...noise, [0, 999, 1]] }));
    expect(coveredCells(parseFigure(figure).querySelector('path.p10')?.getAttribute('d') ?? '')).toEqual(['0,255']);
    expect(figure.markup.length).toBeLessThan(500_000);
  });

  test('draws decoded pairs where there are no probabilities', () => {
    const figure = parseFigure(pairMatrix({ ...hairpin, probabilities: null }));
    expect(coveredCells(figure.querySelector('path.p10')?.getAttribute('d') ?? '')).toHaveLength(4);
    expect(figure.querySelector('desc')?.textContent).toContain('predicted pairs');
  });
});

describe('lossCurve', () => {
  test('says how many steps were not finite, null and NaN alike', () => {
    const figure = parseFigure(lossCurve(run([1.4, null, NaN, 1.1, 1])));
    expect(figure.querySelector('desc')?.textContent).toContain('2 steps had no finite loss');
    expect(all(figure, '[aria-label=tick] line')).toHaveLength(2);
  });

  test('draws an evaluation as a dot, one that is not finite as none', () => {
    const evaluations = [
      { step: 1, loss: 1.3 },
      { step: 2, loss: NaN },
      { step: 3, loss: 1.2 },
    ];
    expect(all(parseFigure(lossCurve(run([1.4, 1.3, 1.2], { evaluations }))), '[aria-label=dot] circle')).toHaveLength(
      2,
    );
  });

  test('100,000 steps stay small, and a spike of one step stays visible', () => {
    const losses = Array.from({ length: 100_000 }, (_, k) => (k === 77_777 ? 9 : 1));
    const { markup } = lossCurve(run(losses));
    expect(markup.length).toBeLessThan(60_000);
    expect(markup).toContain('>9<');
  });

  test.each([
    ['no step', []],
    ['one step', [1]],
    ['no finite step', [NaN, null]],
    ['equal losses', [0, 0, 0]],
  ])('draws %s without an undefined coordinate', (_, losses) => {
    expect(lossCurve(run(losses)).markup).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('F1 figures', () => {
  test('have a dot per RNA and say what is missing', () => {
    const rnas = [...scored, { id: 'c', family: '5S', length: 119, f1Untrained: 0.2, f1Trained: NaN }];
    for (const figure of [f1ByFamily(rnas), f1ByLength(rnas)].map(parseFigure)) {
      expect(all(figure, '[aria-label=dot] circle')).toHaveLength(2 + 2);
      expect(figure.querySelector('desc')?.textContent).toContain('1 RNA without an F1');
    }
    expect(f1ByFamily(rnas).markup).toContain('>5S (1)<');
  });

  test('draw thousands of RNAs within bounds', () => {
    const rnas = Array.from({ length: 4000 }, (_, k) => ({
      id: `r${k}`,
      family: 'tRNA',
      length: 76,
      f1Untrained: 0,
      f1Trained: 0.5,
    }));
    expect(Number(parseFigure(f1ByFamily(rnas)).querySelector('svg')?.getAttribute('height'))).toBeLessThan(200);
  });
});
