/** Long records in windows: means over what the windows give as records of their own, by plain loops. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { difference, fasta, rna, structureModelFolder, temporaryFolder, tensors } from './harness.ts';

const SEQUENCE = 'GGGCUUCGGCCCAUGGACUUCGGUCCAAGCC';
const SHORT = 'GGCAAAGCC';
const [SIZE, STRIDE] = [14, 6];
const STARTS = [0, 6, 12, SEQUENCE.length - SIZE];
const windowsOf = STARTS.map((start) => SEQUENCE.slice(start, start + SIZE));
const WINDOWS = ['--window', String(SIZE), '--stride', String(STRIDE)];

type Pairs = readonly (readonly [number, number, number])[];

/** Probabilities [i][j], i < j from 0, of each record of an input. */
async function pairsOf(...argv: string[]): Promise<{ json: { window?: number; pairs: Pairs }[]; stderr: string }> {
  const { code, stdout, stderr } = await rna('fold', ...argv, '--json', '--probs');
  expect(code, stderr).toBe(0);
  return {
    json: stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { pairs: Pairs }),
    stderr,
  };
}

describe('rna fold', () => {
  test('gives the mean of the windows that hold a pair, and a short record as it is', async () => {
    const folder = temporaryFolder();
    const model = await structureModelFolder(folder, 'rinalmo-A', 0.3);
    const input = fasta(folder, [SHORT, SEQUENCE]);
    const { json: own } = await pairsOf(model, fasta(folder, [...windowsOf, SHORT], 'windows.fasta'));
    const { json, stderr } = await pairsOf(model, input, ...WINDOWS);
    expect(stderr).toContain(
      `1 of 2 records are too long to be run whole; they are run in windows of ${SIZE} nucleotides every ${STRIDE}`,
    );
    expect(json[0]).toEqual({ ...own.at(-1)!, id: 's0' });
    expect(json[1]).toMatchObject({ window: SIZE, stride: STRIDE });
    const found = new Map(json[1]!.pairs.map(([i, j, p]) => [`${i} ${j}`, p]));
    for (let i = 1; i <= SEQUENCE.length; i++) {
      for (let j = i + 1; j <= SEQUENCE.length; j++) {
        const values = STARTS.flatMap((start, k) => {
          if (i <= start || j > start + SIZE) return [];
          return own[k]!.pairs.find(([a, b]) => a === i - start && b === j - start)?.[2] ?? 0;
        });
        const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
        // Tables leave out what is below 0.0001.
        expect(Math.abs((found.get(`${i} ${j}`) ?? 0) - mean)).toBeLessThan(1.01e-4);
      }
    }
  });

  test('gives the whole record where the window is as long', async () => {
    const folder = temporaryFolder();
    const model = await structureModelFolder(folder, 'rinalmo-A', 0.3);
    const input = fasta(folder, [SEQUENCE]);
    expect(await rna('fold', model, input, '--window', String(SEQUENCE.length), '--json', '--probs')).toEqual(
      await rna('fold', model, input, '--json', '--probs'),
    );
  });
});

test('rna embed gives the mean of the rows of a nucleotide, of <cls> and of <eos>', async () => {
  const folder = temporaryFolder();
  const model = await structureModelFolder(folder, 'rinalmo-A');
  const embed = async (name: string, sequences: readonly string[], ...argv: string[]) => {
    const out = join(folder, `${name}.safetensors`);
    const { code, stderr } = await rna('embed', model, fasta(folder, sequences), '--out', out, '--logits', ...argv);
    expect(code, stderr).toBe(0);
    return tensors(out);
  };
  const own = await embed('own', [...windowsOf, SHORT]);
  const found = await embed('windows', [SEQUENCE, SHORT], ...WINDOWS);
  for (const suffix of ['', '.logits']) {
    const { shape, values } = found.get(`s0${suffix}`)!;
    const columns = shape[1]!;
    expect(shape[0]).toBe(SEQUENCE.length + 2);
    const expected = Array.from({ length: values.length }, (_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      const rows = STARTS.flatMap((start, k) => {
        const last = row === SEQUENCE.length + 1;
        const inside = row === 0 || last ? row : row - start;
        if (!last && row > 0 && (inside < 1 || inside > SIZE)) return [];
        return own.get(`s${k}${suffix}`)!.values[(last ? SIZE + 1 : inside) * columns + column]!;
      });
      return rows.reduce((sum, value) => sum + value, 0) / rows.length;
    });
    expect(difference(values, expected)).toBeLessThan(1e-5);
    expect(difference(found.get(`s1${suffix}`)!.values, own.get(`s4${suffix}`)!.values)).toBeLessThan(1e-5);
  }
  const [pooled, whole] = [
    await embed('pooled', [SEQUENCE], ...WINDOWS, '--pool', 'cls'),
    await embed('whole', [SEQUENCE], '--window', String(SEQUENCE.length)),
  ];
  const { shape, values } = found.get('s0')!;
  expect(difference(pooled.get('s0')!.values, values.subarray(0, shape[1]))).toBeLessThan(1e-6);
  expect(whole).toEqual(await embed('as it is', [SEQUENCE]));
});

test.each([
  [
    ['fold', 'm.pt', 'x.fasta', '--window', '8', '--stride', '9'],
    '--stride 9 leaves out what lies between windows of 8',
  ],
  [['fold', '--engine', 'contrafold', 'x.fasta', '--window', '8'], '--window is for models'],
  [['embed', 'm.pt', 'x.fasta', '-o', 'o.safetensors', '--window', '8', '--attentions'], '--attentions are maps of a'],
])('wrong usage: rna %j', async (argv, message) => {
  expect(await rna(...argv)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string });
});
