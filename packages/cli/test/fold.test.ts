/** `rna fold` against the pair logits of the reference implementation. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  decodeBasePairs,
  decodeNested,
  detokenize,
  dotBracket,
  parseStructureFile,
  upperTriangle,
  writeDotBracket,
  type DecodeOptions,
} from '@rna/structure';
import { describe, expect, test } from 'vitest';
import {
  difference,
  fasta,
  modelFolder,
  rna,
  rnaProcess,
  structureModelFolder,
  temporaryFolder,
  tensors,
  type Result,
} from './harness.ts';

interface Reference {
  readonly sequence: string;
  /** Strict upper triangle. */
  readonly probabilities: Float32Array;
}

/** The reference's sequences, upper case with U, and their pair probabilities. */
async function references(model: 'A' | 'B'): Promise<Reference[]> {
  const file = await tensors(fileURLToPath(new URL('./fixtures/pairLogits.safetensors', import.meta.url)));
  return [...file.keys()]
    .filter((name) => name.startsWith(`${model}.`) && name.endsWith('.logits'))
    .sort()
    .map((name) => {
      const sequence = detokenize(file.get(name.replace('.logits', '.tokens'))!.values).replaceAll('T', 'U');
      const probabilities = upperTriangle(file.get(name)!.values, sequence.length).map(
        (logit) => 1 / (1 + Math.exp(-logit)),
      );
      return { sequence, probabilities };
    });
}

/** The share of nucleotides that a structure is expected to have right, by the book. */
function accuracyOf({ sequence: { length }, probabilities }: Reference, partners: Int32Array): number {
  const p = (i: number, j: number): number => probabilities[(i * (2 * length - i - 1)) / 2 + j - i - 1]!;
  let right = 0;
  for (let i = 0; i < length; i++) {
    const own = Array.from({ length }, (_, j) => (i === j ? 0 : p(Math.min(i, j), Math.max(i, j))));
    const j = partners[i]!;
    right += j >= 0 ? own[j]! : Math.max(0, 1 - own.reduce((sum, each) => sum + each, 0));
  }
  return right / length;
}

/** Dot-bracket records without what a title says of the accuracy, which is rounded and held to its value elsewhere. */
const untitled = (text: string): string => text.replaceAll(/ accuracy=[01]\.\d{4}$/gm, '');

async function foldRecords(...argv: string[]): Promise<Result> {
  const result = await rna('fold', ...argv);
  return { ...result, stdout: untitled(result.stdout) };
}

const records = (each: readonly Reference[], options: DecodeOptions): string =>
  each
    .map(({ sequence, probabilities }, i) =>
      writeDotBracket({ id: `s${i}`, sequence, partners: decodeBasePairs(probabilities, sequence, options) }),
    )
    .join('');

describe.each(['A', 'B'] as const)('rinalmo-%s', (name) => {
  test("pair probabilities are the reference's", async () => {
    const folder = temporaryFolder();
    const expected = await references(name);
    const out = join(folder, 'out');
    const input = fasta(
      folder,
      expected.map(({ sequence }) => sequence),
    );
    expect(
      await rna('fold', await structureModelFolder(folder, `rinalmo-${name}`), input, '--out', out, '--probs'),
    ).toMatchObject({ code: 0, stdout: '' });
    for (const [
      s,
      {
        sequence: { length },
        probabilities,
      },
    ] of expected.entries()) {
      const [header, ...lines] = readFileSync(join(out, `s${s}.probs.tsv`), 'utf8')
        .trimEnd()
        .split('\n');
      expect(header).toBe('i\tj\tp');
      const found = new Float32Array(probabilities.length);
      for (const line of lines) {
        const [i, j, p] = line.split('\t').map(Number);
        found[((i! - 1) * (2 * length - i!)) / 2 + j! - i! - 1] = p!;
      }
      expect(
        difference(
          found,
          probabilities.map((p) => (p < 1e-4 ? 0 : p)),
        ),
      ).toBeLessThan(2e-4);
    }
  });

  test.each<[string[], DecodeOptions]>([
    [[], {}],
    [['--threshold', '0.2'], { threshold: 0.2 }],
    [['--threshold', '0.2', '--allow-nc-pairs'], { threshold: 0.2, allowNcPairs: true }],
    [['--threshold', '0.2', '--allow-sharp-loops'], { threshold: 0.2, allowSharpLoops: true }],
    [
      ['--threshold', '0', '--allow-nc-pairs', '--allow-sharp-loops'],
      { threshold: 0, allowNcPairs: true, allowSharpLoops: true },
    ],
  ])("%j gives the reference's structures", async (argv, options) => {
    const folder = temporaryFolder();
    const expected = await references(name);
    const model = await structureModelFolder(folder, `rinalmo-${name}`);
    // Lower case and T are what files have; the structures must not depend on it.
    const written = expected.map(({ sequence }, i) =>
      i % 2 === 0 ? sequence : sequence.toLowerCase().replaceAll('u', 't'),
    );
    expect(await foldRecords(model, fasta(folder, written), ...argv)).toMatchObject({
      code: 0,
      stdout: records(expected, options),
    });
  });
});

test('every format is written, and read back the same', async () => {
  const folder = temporaryFolder();
  const expected = await references('A');
  const out = join(folder, 'new', 'out');
  const input = fasta(folder, expected.map(({ sequence }, i) => `>tRNA/${i}|x some words\n${sequence}\n`).join(''));
  const model = await structureModelFolder(folder, 'rinalmo-A');
  expect(await rna('fold', model, input, '--out', out, '--format', 'dbn,ct,bpseq', '--threshold', '0.2')).toMatchObject(
    { code: 0, stdout: '' },
  );
  expect(readdirSync(out).sort()).toEqual(
    expected.flatMap((_, i) => ['bpseq', 'ct', 'dbn'].map((format) => `tRNA_${i}_x.${format}`)),
  );
  for (const [i, { sequence, probabilities }] of expected.entries()) {
    const partners = decodeBasePairs(probabilities, sequence, { threshold: 0.2 });
    for (const format of ['dbn', 'ct', 'bpseq']) {
      const path = join(out, `tRNA_${i}_x.${format}`);
      const [structure, ...others] = parseStructureFile(readFileSync(path, 'utf8'), path);
      expect(others).toEqual([]);
      expect(structure).toEqual({ id: `tRNA/${i}|x`, sequence, partners });
    }
  }
});

test("the threshold is the one given, else the model's own, else 0.5, and stderr says which", async () => {
  const folder = temporaryFolder();
  const expected = await references('A');
  const input = fasta(
    folder,
    expected.map(({ sequence }) => sequence),
  );
  const tuned = await structureModelFolder(folder, 'rinalmo-A', 0.21);
  expect(await foldRecords(tuned, input)).toEqual({
    code: 0,
    stdout: records(expected, { threshold: 0.21 }),
    stderr: 'rna: pairs above 0.21 (tuned with the model)\n',
  });
  expect(await foldRecords(tuned, input, '--threshold', '0.6')).toEqual({
    code: 0,
    stdout: records(expected, { threshold: 0.6 }),
    stderr: 'rna: pairs above 0.6 (--threshold)\n',
  });
  const untuned = await structureModelFolder(temporaryFolder(), 'rinalmo-A');
  expect((await rna('fold', untuned, input)).stderr).toBe(
    'rna: pairs above 0.5 (the default; the model carries none)\n',
  );
});

test('a single nucleotide has no pairs, and a process writes nothing but the structures to stdout', async () => {
  const folder = temporaryFolder();
  const model = await structureModelFolder(folder, 'rinalmo-A');
  const { code, stdout } = await rnaProcess(['fold', model, '-'], { stdin: '>one\na\n>two\ngc\n' });
  expect({ code, stdout: untitled(stdout) }).toEqual({
    code: 0,
    stdout: `>one\nA\n${dotBracket(Int32Array.of(-1))}\n>two\nGC\n..\n`,
  });
});

test('a converted model folds the same, and keeps its threshold', async () => {
  const folder = temporaryFolder();
  const [{ sequence }] = [(await references('A')).at(-1)!];
  const input = fasta(folder, [sequence]);
  const model = await structureModelFolder(folder, 'rinalmo-A', 0.21);
  const expected = await rna('fold', model, input);
  const pt = join(folder, 'model.pt');
  const converted = await rna('convert', model, pt);
  expect(converted).toMatchObject({ code: 0, stderr: '' });
  expect(converted.stdout).toContain('encoder, language-model head, secondary-structure head, threshold: ');
  expect(await rna('fold', pt, input, '--config', join(model, 'config.json'))).toEqual(expected);
});

test('the encoder of a fine-tuned model embeds as before', async () => {
  const folder = temporaryFolder();
  const input = fasta(folder, ['ACGUUGCA']);
  const [a, b] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
  expect(await rna('embed', await structureModelFolder(folder, 'rinalmo-A'), input, '--out', a)).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await rna('embed', modelFolder(folder, 'rinalmo-A'), input, '--out', b)).toMatchObject({ code: 0 });
  expect([...(await tensors(a))]).toEqual([...(await tensors(b))]);
});

interface JsonRecord {
  readonly id: string;
  readonly length: number;
  readonly sequence: string;
  readonly structure: string;
  readonly accuracy: number;
  readonly pairs?: [number, number, number][];
}

const jsonRecords = (text: string): JsonRecord[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonRecord);

test('--json gives a line a record, and titles the accuracy', async () => {
  const folder = temporaryFolder();
  const expected = await references('A');
  const input = fasta(
    folder,
    expected.map(({ sequence }) => sequence),
  );
  const model = await structureModelFolder(folder, 'rinalmo-A', 0.21);
  const out = join(folder, 'out');
  const { code, stdout } = await rna('fold', model, input, '--json', '--probs', '--out', out, '--format', 'ct,bpseq');
  expect(code).toBe(0);
  const lines = jsonRecords(stdout);
  expect(lines).toHaveLength(expected.length);
  for (const [s, { accuracy, pairs, ...line }] of lines.entries()) {
    const { sequence, probabilities } = expected[s]!;
    const partners = decodeBasePairs(probabilities, sequence, { threshold: 0.21 });
    expect(line).toEqual({
      id: `s${s}`,
      length: sequence.length,
      sequence,
      structure: dotBracket(partners),
      model,
      threshold: 0.21,
    });
    const right = accuracyOf(expected[s]!, partners);
    expect(accuracy).toBeCloseTo(right, 3);
    const table = readFileSync(join(out, `s${s}.probs.tsv`), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1);
    expect(pairs!.map(([i, j]) => `${i}\t${j}`)).toEqual(table.map((row) => row.split('\t', 2).join('\t')));
    const title = `accuracy=${accuracy.toFixed(4)}`;
    expect(readFileSync(join(out, `s${s}.ct`), 'utf8').split('\n')[0]).toBe(`${sequence.length}\ts${s}\t${title}`);
    expect(readFileSync(join(out, `s${s}.bpseq`), 'utf8').split('\n')[1]).toBe(`#${title}`);
  }
  const titles = (await rna('fold', model, input)).stdout.match(/^>.*/gm);
  expect(titles).toEqual(lines.map(({ id, accuracy }) => `>${id} accuracy=${accuracy.toFixed(4)}`));
  expect(Object.keys(jsonRecords((await rna('fold', model, input, '--json')).stdout)[0]!)).not.toContain('pairs');
});

test('--nested gives the nested structure of maximum expected accuracy, with the γ of the threshold or its own', async () => {
  const folder = temporaryFolder();
  const expected = await references('A');
  const input = fasta(
    folder,
    expected.map(({ sequence }) => sequence),
  );
  const model = await structureModelFolder(folder, 'rinalmo-A', 0.2);
  const nested = (gamma: number): string =>
    expected
      .map(({ sequence, probabilities }, s) =>
        writeDotBracket({ id: `s${s}`, sequence, partners: decodeNested(probabilities, sequence, gamma) }),
      )
      .join('');
  expect(await foldRecords(model, input, '--nested')).toEqual({
    code: 0,
    stdout: nested(4),
    stderr: 'rna: nested structures with gamma 4 (of the threshold 0.2, tuned with the model)\n',
  });
  expect(await foldRecords(model, input, '--nested', '--gamma', '1.5')).toMatchObject({ code: 0, stdout: nested(1.5) });
  expect(nested(4)).toMatch(/\(/);
  expect(nested(4)).not.toMatch(/[[{<]/);
});

describe('--engine', () => {
  const oracle = (
    JSON.parse(
      readFileSync(new URL('../../structure/test/fixtures/folding/oracle.json', import.meta.url), 'utf8'),
    ) as Record<'id' | 'sequence' | 'contrafold' | 'eternafold', unknown>[]
  ).slice(0, 6) as { id: string; sequence: string; contrafold: { mea: string }; eternafold: { mea: string } }[];
  const written = oracle.map(({ id, sequence }) => `>${id} words\n${sequence.toLowerCase().replaceAll('u', 't')}\n`);

  test.each(['contrafold', 'eternafold'] as const)("%s gives the program's structures", async (engine) => {
    const folder = temporaryFolder();
    const inputs = [fasta(folder, written.slice(0, 4).join('')), fasta(folder, written.slice(4).join(''), 'b.fasta')];
    expect(await foldRecords('--engine', engine, ...inputs)).toEqual({
      code: 0,
      stdout: oracle.map(({ id, sequence, [engine]: { mea } }) => `>${id}\n${sequence}\n${mea}\n`).join(''),
      stderr: '',
    });
  });

  test('gives what rna structures gives, as JSON, in tables and at another gamma', async () => {
    const folder = temporaryFolder();
    const input = fasta(folder, ['GGGGAAAACCCCAAAAGGGG', 'GGGCAAAGCCCNAAGCUUCGGCUU']);
    const out = join(folder, 'out');
    const folded = await rna('fold', '--engine', 'eternafold', input, '--gamma', '2', '--json', '--probs', '-o', out);
    expect(folded, folded.stderr).toMatchObject({ code: 0 });
    const structures = await rna('structures', input, '--params', 'eternafold', '--gamma', '2', '--json', '--probs');
    expect(jsonRecords(folded.stdout)).toEqual(
      jsonRecords(structures.stdout).map((record) => ({
        ...record,
        length: record.sequence.length,
        engine: 'eternafold',
        gamma: 2,
      })),
    );
    expect(readdirSync(out).sort()).toEqual(['s0.dbn', 's0.probs.tsv', 's1.dbn', 's1.probs.tsv']);
  });
});

test('drawings are coloured by the probability of each pair, and are RNA 2D JSON', async () => {
  const folder = temporaryFolder();
  const out = join(folder, 'out');
  const input = fasta(folder, ['GGGGGAAAACCCCCA']);
  const { code, stderr } = await rna('fold', '--engine', 'contrafold', input, '-o', out, '--format', 'svg,r2dt');
  expect(code, stderr).toBe(0);
  expect(readdirSync(out).sort()).toEqual(['s0.r2dt.json', 's0.svg']);
  const svg = readFileSync(join(out, 's0.svg'), 'utf8');
  expect(svg).toMatch(/^<\?xml[^>]*>\n<svg [^]*<\/svg>\n$/);
  // The stem is sure, its end beside the loop less so: circles of several blues.
  const fills = [...svg.matchAll(/<circle [^>]*fill="(#[0-9a-f]{6})"/g)].map(([, fill]) => fill);
  expect(new Set(fills).size).toBeGreaterThan(3);
  const { rnaComplexes } = JSON.parse(readFileSync(join(out, 's0.r2dt.json'), 'utf8')) as {
    rnaComplexes: {
      rnaMolecules: {
        sequence: { residueName: string }[];
        basePairs: { residueIndex1: number; residueIndex2: number; basePairType: string }[];
      }[];
    }[];
  };
  const [molecule] = rnaComplexes[0]!.rnaMolecules;
  expect(molecule!.sequence.map(({ residueName }) => residueName).join('')).toBe('GGGGGAAAACCCCCA');
  expect(molecule!.basePairs.map((pair) => [pair.residueIndex1, pair.residueIndex2, pair.basePairType])).toEqual(
    [1, 2, 3, 4, 5].map((i) => [i, 15 - i, 'canonical']),
  );
});

describe('wrong usage of rna fold', () => {
  test.each([
    [['m.pt', 'x.fasta', '--gamma', '2'], '--gamma needs --nested'],
    [['m.pt', 'x.fasta', '--nested', '--gamma', '2', '--threshold', '0.5'], 'leave out one of them'],
    [['--engine', 'contrafold', 'x.fasta', '--threshold', '0.5'], '--threshold is for models; it goes by --gamma'],
    [['--engine', 'contrafold', 'x.fasta', '--weights', 'int8', '--config', 'c'], '--config, --weights are for models'],
    [['--engine', 'viennarna', 'x.fasta'], 'Allowed choices are model, contrafold, eternafold'],
    [['--engine', 'contrafold'], 'no input is named'],
  ])('%j', async (argv, message) => {
    expect(await rna('fold', ...argv)).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(message) as string,
    });
  });
});
