/** `rna fold` against the pair logits of the reference implementation. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  decodeBasePairs,
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
    expect(await rna('fold', model, fasta(folder, written), ...argv)).toMatchObject({
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
  expect(await rna('fold', tuned, input)).toEqual({
    code: 0,
    stdout: records(expected, { threshold: 0.21 }),
    stderr: 'rna: pairs above 0.21 (tuned with the model)\n',
  });
  expect(await rna('fold', tuned, input, '--threshold', '0.6')).toEqual({
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
  expect({ code, stdout }).toEqual({ code: 0, stdout: `>one\nA\n${dotBracket(Int32Array.of(-1))}\n>two\nGC\n..\n` });
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
