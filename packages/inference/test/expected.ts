/**
 * What the built-in model and a fine-tuned one are to say, the same in Node and in a browser. The numbers are those of
 * the reference in doubles (scripts/builtin.ts) and of the published code (the model package's fixtures).
 */
import { memorySink, memorySource, openSafetensors, readFloat32, writeSafetensors } from '@rna/model';
import { detokenize } from '@rna/structure';
import { expect, test } from 'vitest';
import type { OpenOptions } from '../src/opening.ts';
import type { RnaModel } from '../src/rnaModel.ts';

export interface Platform {
  readonly open: (name: 'builtin', options?: OpenOptions) => Promise<RnaModel>;
  /** A file of the project. */
  readonly bytes: (path: string) => Promise<Uint8Array>;
}

/** Every tensor of a file, with its shape. */
async function tensorsOf(bytes: Uint8Array) {
  const file = await openSafetensors(memorySource('test', bytes));
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array | Int32Array }>();
  for (const [name, tensor] of file.tensors) {
    const values =
      tensor.dtype === 'I32'
        ? new Int32Array((await tensor.read(0, tensor.byteLength)).slice().buffer)
        : await readFloat32(tensor);
    tensors.set(name, { shape: tensor.shape, values });
  }
  return { tensors, metadata: file.metadata };
}

/** The largest absolute difference; Infinity where the lengths differ or a value is NaN. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  return Array.from(actual).reduce((worst, value, i) => {
    const distance = Math.abs(value - expected[i]!);
    return Number.isNaN(distance) ? Infinity : Math.max(worst, distance);
  }, 0);
}

export function builtinTests({ open, bytes }: Platform): void {
  test('the built-in model embeds and folds as the reference does', async () => {
    const { tensors, metadata } = await tensorsOf(await bytes('packages/builtin/model/expected.safetensors'));
    const rnas = [...metadata].filter(([name]) => tensors.has(`${name}.embedding`));
    expect(rnas.length).toBeGreaterThan(2);
    const model = await open('builtin');
    try {
      expect(model.task).toBe('secondary-structure');
      const sequences = rnas.map(([, sequence]) => sequence);
      const rows = await model.embed(sequences, { pool: 'none' });
      const first = await model.embed(sequences, { pool: 'cls' });
      const means = await model.embed(sequences);
      const { dim } = model.config;
      for (const [i, [name, sequence]] of rnas.entries()) {
        const expected = tensors.get(`${name}.embedding`)!.values;
        expect(difference(rows[i]!, expected), name).toBeLessThan(2e-3);
        expect(difference(first[i]!, expected.slice(0, dim)), name).toBeLessThan(2e-3);
        const mean = Float64Array.from({ length: dim }, (_, column) => {
          let sum = 0;
          for (let row = 1; row <= sequence.length; row++) sum += expected[row * dim + column]!;
          return sum / sequence.length;
        });
        expect(difference(means[i]!, mean), name).toBeLessThan(2e-3);
        const folded = await model.fold(sequence.toLowerCase().replaceAll('u', 't'));
        expect(difference(folded.probabilities, tensors.get(`${name}.probabilities`)!.values), name).toBeLessThan(2e-3);
        expect(folded.sequence).toBe(sequence);
        for (const [at, partner] of folded.partners.entries()) {
          if (partner >= 0) expect(folded.partners[partner]).toBe(at);
        }
        if (name === 'hairpin') expect(folded.dotBracket).toBe('((((....))))');
      }
      expect((await model.fold('GGGGAAAACCCC', { threshold: 0.999999 })).dotBracket).toBe('............');
      await expect(model.fold('GGG4AAA')).rejects.toThrow('sequence 0 has "4" at position 4');
      await expect(model.embed(['ACGU', ''])).rejects.toThrow('sequence 1 is empty');
      await expect(model.embed('ACGU' as unknown as string[])).rejects.toThrow('expected an array of sequences');
      await expect(model.predict(['ACGU'])).rejects.toThrow('fold gives them');
    } finally {
      model.dispose();
      model.dispose();
    }
    await expect(model.embed(['ACGU'])).rejects.toThrow('builtin was disposed of');
  });
}

/** A model for families of non-coding RNA, and what the published code says of some sequences. */
export interface FineTuned {
  readonly config: Uint8Array;
  readonly weights: Uint8Array;
  readonly sequences: readonly string[];
  /** The probabilities of the classes for each sequence. */
  readonly probabilities: readonly (readonly number[])[];
}

/** The fixture's encoder with its head, as the official code saves them. */
export async function fineTuned(bytes: Platform['bytes']): Promise<FineTuned> {
  const fixture = (file: string): Promise<Uint8Array> => bytes(`packages/model/test/fixtures/oracle/rinalmo-A/${file}`);
  const encoder = await tensorsOf(await fixture('weights_official.safetensors'));
  const head = await tensorsOf(await fixture('ncrna_head.safetensors'));
  const sink = memorySink();
  await writeSafetensors(
    sink,
    [
      ...[...encoder.tensors].map(([name, tensor]) => [`rinalmo.${name}`, tensor] as const),
      ...[...head.tensors].filter(([name]) => name.startsWith('pred_head.')),
    ].map(([name, { shape, values }]) => ({
      name,
      dtype: 'F32' as const,
      shape,
      data: () => Promise.resolve(Float32Array.from(values)),
    })),
    new Map(),
  );
  const fields = JSON.parse(new TextDecoder().decode(await fixture('config.json'))) as { multimolecule_config: object };
  const tokens = head.tensors.get('tokens')!;
  const logits = head.tensors.get('logits')!;
  const row = ({ shape, values }: typeof tokens, i: number): number[] =>
    Array.from(values.subarray(i * shape[1]!, (i + 1) * shape[1]!));
  const softmax = (values: readonly number[]): number[] => {
    const powers = values.map((value) => Math.exp(value));
    return powers.map((power) => power / powers.reduce((sum, each) => sum + each, 0));
  };
  const count = tokens.shape[0]!;
  return {
    config: new TextEncoder().encode(JSON.stringify(fields.multimolecule_config)),
    weights: sink.bytes(),
    sequences: Array.from({ length: count }, (_, i) => detokenize(row(tokens, i))),
    probabilities: Array.from({ length: count }, (_, i) => softmax(row(logits, i))),
  };
}

/** Holds a model to what the published code says. */
export async function checkFineTuned(model: RnaModel, { sequences, probabilities }: FineTuned): Promise<void> {
  expect(model.task).toBe('ncrna-family');
  const predictions = await model.predict(sequences);
  expect(predictions.length).toBe(sequences.length);
  for (const [i, prediction] of predictions.entries()) {
    if (prediction.kind !== 'classes') throw new Error(`classes were expected, not ${prediction.kind}`);
    expect(difference(Object.values(prediction.probabilities), probabilities[i]!)).toBeLessThan(1e-4);
    const best = probabilities[i]!.indexOf(Math.max(...probabilities[i]!));
    expect(prediction.predicted).toBe(Object.keys(prediction.probabilities)[best]);
  }
  await expect(model.fold('ACGU')).rejects.toThrow('was fine-tuned for ncrna-family, so it predicts no base pairs');
}
