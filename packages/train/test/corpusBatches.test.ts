import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '@rna/kernels';
import { detokenize } from '@rna/structure';
import { unpackTokens } from '@rna/model';
import type { BatchSource, StepData } from '../src/batchSource.ts';
import { FIRST_CURSOR, type Cursor } from '../src/batching.ts';
import { RECORD_KINDS, type Corpus, type CorpusInput } from '../src/corpus/corpus.ts';
import { memoryCorpus } from '../src/corpus/reader.ts';
import { corpusBatches, heldOutBatches, type CorpusBatchesOptions } from '../src/corpusBatches.ts';
import { IGNORED, MASK_KIND } from '../src/masking.ts';

/** A sequence of its own for every number: eleven letters that count, then As. */
const sequenceOf = (number: number, length: number): string =>
  `${number
    .toString(4)
    .padStart(11, '0')
    .replace(/\d/g, (digit) => 'ACGU'[Number(digit)]!)}${'A'.repeat(length)}`;

const HAIRPIN = '((((....))))';
const hairpin = (length: number): Int32Array =>
  Int32Array.from({ length }, (_, i) =>
    HAIRPIN[i % 12] === '.' || i + 12 - (i % 12) > length ? -1 : i + 11 - 2 * (i % 12),
  );

/** Records of given kinds; `cluster` puts several into one. */
const inputs = (
  records: readonly { readonly kind: CorpusInput['kind']; readonly length: number; readonly cluster?: number }[],
): CorpusInput[] =>
  records.map(({ kind = 'ncrna', length, cluster }, i) => ({
    kind,
    sequence: sequenceOf(i, length),
    ...(kind === 'structured' && { partners: hairpin(length + 11) }),
    ...(cluster !== undefined && { cluster: `${kind} ${cluster}` }),
  }));

const records = fc
  .array(fc.record({ kind: fc.constantFrom(...RECORD_KINDS), length: fc.nat(40), cluster: fc.nat(20) }), {
    minLength: 1,
    maxLength: 60,
  })
  .map(inputs);
const settings = fc.record({
  masking: fc.record({ scheme: fc.constantFrom('mlm', 'sm', 'ssm') }),
  maxTokens: fc.integer({ min: 14, max: 80 }),
  rowsPerStep: fc.integer({ min: 1, max: 6 }),
  accumulation: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  window: fc.integer({ min: 1, max: 80 }),
});
const plain: CorpusBatchesOptions = { masking: { scheme: 'sm' }, maxTokens: 80, rowsPerStep: 2, seed: 1 };

/** The steps of one epoch. */
async function epochOf(source: BatchSource, epoch = 0): Promise<StepData[]> {
  const steps = [];
  let cursor: Cursor = { ...FIRST_CURSOR, epoch };
  while (cursor.epoch === epoch) {
    steps.push(await source.at(cursor));
    cursor = steps.at(-1)!.next;
  }
  expect(cursor).toEqual({ ...FIRST_CURSOR, epoch: epoch + 1 });
  return steps;
}

interface Seen {
  /** The original letters, with U. */
  readonly sequence: string;
  readonly labels: readonly number[];
  readonly kinds: readonly number[];
}

/** The sequences of a step, in order, with what was chosen of them. */
function sequencesOf({ batches }: StepData): Seen[] {
  return batches.flatMap((batch) => {
    const original = Uint32Array.from(batch.tokens, (token, i) =>
      batch.labels[i]! === IGNORED ? token : batch.labels[i]!,
    );
    return unpackTokens({ tokens: original, cuSeqlens: batch.cuSeqlens }).map((tokens, i) => {
      const [start, end] = [batch.cuSeqlens[i]!, batch.cuSeqlens[i + 1]!];
      return {
        sequence: detokenize(tokens).replaceAll('T', 'U'),
        labels: [...batch.labels.subarray(start, end)],
        kinds: [...batch.maskKinds.subarray(start, end)],
      };
    });
  });
}

describe('corpusBatches', () => {
  it("packs within the limit, takes whole steps but for an epoch's last, and cuts them into the parts asked for", async () => {
    await fc.assert(
      fc.asyncProperty(records, settings, fc.nat(2), async (records, settings, epoch) => {
        const steps = await epochOf(corpusBatches(memoryCorpus(records), settings), epoch);
        for (const [i, { rows, batches, epoch: own }] of steps.entries()) {
          expect(own).toBe(epoch);
          if (i < steps.length - 1) expect(rows).toBe(settings.rowsPerStep);
          expect(rows).toBeLessThanOrEqual(settings.rowsPerStep);
          const size = Math.ceil(rows / settings.accumulation);
          expect(batches).toHaveLength(Math.ceil(rows / size));
          for (const { tokens, cuSeqlens, labels, maskKinds, targets } of batches) {
            expect(tokens.length).toBeLessThanOrEqual(size * settings.maxTokens);
            expect(cuSeqlens.at(-1)).toBe(tokens.length);
            expect(labels.filter((label) => label !== IGNORED)).toHaveLength(targets);
            expect([...labels].map((label) => label === IGNORED)).toEqual(
              [...maskKinds].map((kind) => kind === MASK_KIND.none),
            );
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('visits every record of a corpus without clusters once an epoch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 60 }),
        settings,
        fc.nat(2),
        async (lengths, settings, epoch) => {
          const corpus = memoryCorpus(inputs(lengths.map((length) => ({ kind: 'ncrna', length }))));
          const steps = await epochOf(corpusBatches(corpus, { ...settings, maxTokens: 80 }), epoch);
          const seen = steps.flatMap(sequencesOf).map(({ sequence }) => sequence);
          expect(seen.sort()).toEqual(lengths.map((length, i) => sequenceOf(i, length)).sort());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives the same rows, crops and masks whatever a step takes of them', async () => {
    await fc.assert(
      fc.asyncProperty(records, settings, settings, async (records, settings, { rowsPerStep, accumulation }) => {
        const corpus = memoryCorpus(records);
        const [one, other] = [
          await epochOf(corpusBatches(corpus, settings)),
          await epochOf(corpusBatches(corpus, { ...settings, rowsPerStep, accumulation })),
        ];
        expect(other.flatMap(sequencesOf)).toEqual(one.flatMap(sequencesOf));
      }),
      { numRuns: 60 },
    );
  });

  it('gives a sequence the same mask whatever stands beside it and whenever it comes', async () => {
    await fc.assert(
      fc.asyncProperty(records, settings, fc.integer({ min: 1, max: 80 }), async (records, settings, window) => {
        const once = { ...settings, maxTokens: 80, otherShare: 'natural' } as const;
        const corpus = memoryCorpus(records);
        const masks = async (options: CorpusBatchesOptions): Promise<Seen[]> =>
          (await epochOf(corpusBatches(corpus, options)))
            .flatMap(sequencesOf)
            .sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
        expect(await masks({ ...once, window, maxTokens: 120 })).toEqual(await masks(once));
      }),
      { numRuns: 60 },
    );
  });

  it('masks a sequence alike in every corpus, where its structure is not looked at', async () => {
    const sequences = Array.from({ length: 30 }, (_, i) => sequenceOf(i, 20));
    const masks = async (records: readonly CorpusInput[]): Promise<Map<string, Seen>> =>
      new Map(
        (await epochOf(heldOutBatches(memoryCorpus(records), plain)))
          .flatMap(sequencesOf)
          .map((seen) => [seen.sequence, seen]),
      );
    const whole = await masks(sequences.map((sequence) => ({ sequence })));
    const part = await masks(sequences.slice(7).map((sequence) => ({ sequence, partners: hairpin(sequence.length) })));
    expect(part.size).toBe(23);
    for (const [sequence, seen] of part) expect(seen).toEqual(whole.get(sequence));
  });

  it('resumes from any cursor as if it had never stopped', async () => {
    await fc.assert(
      fc.asyncProperty(records, settings, async (records, settings) => {
        const corpus = memoryCorpus(records);
        const running = corpusBatches(corpus, settings);
        const asked: { cursor: Cursor; step: StepData }[] = [];
        let cursor = FIRST_CURSOR;
        for (let i = 0; i < 8; i++) {
          const step = await running.at(cursor);
          asked.push({ cursor, step });
          cursor = step.next;
        }
        for (const { cursor: at, step } of new RandomStream(settings.seed).shuffle([...asked])) {
          expect(await corpusBatches(corpus, settings).at(JSON.parse(JSON.stringify(at)) as Cursor)).toEqual(step);
          expect(await running.at(at)).toEqual(step);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('orders, crops and masks each epoch and seed anew', async () => {
    const corpus = memoryCorpus(
      inputs([
        ...Array.from({ length: 50 }, (_, i) => ({ kind: 'ncrna' as const, length: i })),
        { kind: 'ncrna', length: 71 },
      ]),
    );
    const of = async (seed: number, epoch: number): Promise<Seen[]> =>
      (await epochOf(corpusBatches(corpus, { ...plain, seed }), epoch)).flatMap(sequencesOf);
    const orders = [await of(1, 0), await of(1, 1), await of(2, 0)].map((seen) =>
      seen.map(({ sequence }) => sequence).join(),
    );
    expect(new Set(orders).size).toBe(3);
    const masks = [await of(1, 0), await of(1, 1), await of(2, 0)].map((seen) =>
      String(seen.find(({ sequence }) => sequence === sequenceOf(49, 49))!.labels),
    );
    expect(new Set(masks).size).toBe(3);
    // 82 nucleotides in a row of 80 tokens: five crops, of which those from the second on begin with another letter
    // count.
    const crops = new Set<string>();
    for (let epoch = 0; epoch < 60; epoch++)
      crops.add((await of(1, epoch)).find(({ sequence }) => sequence.length === 78)!.sequence);
    expect([...crops].sort()).toEqual(
      [0, 1, 2, 3, 4].map((start) => sequenceOf(50, 71).slice(start, start + 78)).sort(),
    );
  });

  it('draws one member of each cluster, each as often as the others', async () => {
    const records = inputs(
      Array.from({ length: 90 }, (_, i) => ({ kind: 'ncrna' as const, length: 20, cluster: i % 30 })),
    );
    const clusterOf = new Map(records.map(({ sequence, cluster }) => [sequence, cluster]));
    const source = corpusBatches(memoryCorpus(records), { ...plain, window: 10 });
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 100; epoch++) {
      const drawn = (await epochOf(source, epoch)).flatMap(sequencesOf).map(({ sequence }) => sequence);
      expect(new Set(drawn.map((sequence) => clusterOf.get(sequence))).size).toBe(30);
      expect(drawn).toHaveLength(30);
      for (const sequence of drawn) counts.set(sequence, (counts.get(sequence) ?? 0) + 1);
    }
    expect(counts.size).toBe(90);
    // Binomial with mean 33.3 and deviation 4.7.
    for (const count of counts.values()) expect(Math.abs(count - 33.3)).toBeLessThan(24);
  });

  it('takes every sequence of a step from another cluster, ncRNA and other RNA 1 : 1', async () => {
    const records = inputs([
      ...Array.from({ length: 400 }, (_, i) => ({
        kind: i % 2 === 0 ? ('structured' as const) : ('ncrna' as const),
        length: 20,
        cluster: i % 200,
      })),
      ...Array.from({ length: 100 }, (_, i) => ({ kind: 'other' as const, length: 20, cluster: i % 50 })),
    ]);
    const known = new Map(records.map(({ sequence, cluster }) => [sequence, String(cluster)]));
    const steps = await epochOf(corpusBatches(memoryCorpus(records), { ...plain, window: 40, rowsPerStep: 10 }));
    const clusters = steps.map((step) => sequencesOf(step).map(({ sequence }) => known.get(sequence)!));
    for (const step of clusters) expect(new Set(step).size).toBe(step.length);
    const drawn = clusters.flat();
    expect(drawn).toHaveLength(399);
    expect(new Set(drawn.filter((cluster) => !cluster.startsWith('other'))).size).toBe(200);
    const counts = new Map<string, number>();
    for (const cluster of drawn.filter((cluster) => cluster.startsWith('other')))
      counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
    expect([...counts.values()].sort()).toEqual([3, ...Array.from({ length: 49 }, () => 4)]);
  });

  it('gives SSM to half of the ncRNAs with a structure, spans to all others', async () => {
    const structured = Array.from({ length: 300 }, () => ({ kind: 'structured' as const, length: 25 }));
    const others = Array.from({ length: 300 }, (_, i) => ({
      kind: i < 150 ? ('ncrna' as const) : ('other' as const),
      length: 24,
    }));
    const steps = await epochOf(
      corpusBatches(memoryCorpus(inputs([...structured, ...others])), {
        ...plain,
        masking: { scheme: 'ssm' },
        otherShare: 'natural',
      }),
    );
    const schemes = steps.flatMap(sequencesOf).map(({ sequence, kinds }) => {
      const used = new Set(kinds);
      const scheme = used.has(MASK_KIND.ssmStem) || used.has(MASK_KIND.ssmLoop) ? 'ssm' : 'sm';
      expect(used.has(MASK_KIND.sm) ? scheme : 'ssm').not.toBe(used.has(MASK_KIND.sm) ? 'ssm' : 'sm');
      return { structured: sequence.length === 36, scheme };
    });
    expect(schemes.filter(({ structured, scheme }) => !structured && scheme === 'ssm')).toEqual([]);
    expect(Math.abs(schemes.filter(({ scheme }) => scheme === 'ssm').length - 150)).toBeLessThan(30);
  });

  it('holds out the same in every run', async () => {
    const records = inputs(
      Array.from({ length: 40 }, (_, i) => ({ kind: i < 5 ? ('other' as const) : ('ncrna' as const), length: i })),
    );
    const source = (): BatchSource =>
      heldOutBatches(memoryCorpus(records), { masking: { scheme: 'sm' }, maxTokens: 60 });
    const steps = await epochOf(source());
    expect(await epochOf(source())).toEqual(steps);
    expect(
      steps
        .flatMap(sequencesOf)
        .map(({ sequence }) => sequence)
        .sort(),
    ).toEqual(records.map(({ sequence }) => sequence).sort());
  });

  it.each([
    [{ maxTokens: 2 }, 'maxTokens must be an integer of 3 or more, got 2'],
    [{ rowsPerStep: 0 }, 'rowsPerStep'],
    [{ accumulation: 1.5 }, 'accumulation'],
    [{ window: 0.5 }, 'window'],
  ])('refuses %j', (wrong, message) => {
    expect(() => corpusBatches(memoryCorpus(inputs([{ kind: 'ncrna', length: 4 }])), { ...plain, ...wrong })).toThrow(
      message,
    );
  });

  it('refuses a cursor that is not of this run, and asks again for what could not be read', async () => {
    const corpus = memoryCorpus(inputs([{ kind: 'ncrna', length: 4 }]));
    await expect(corpusBatches(corpus, plain).at({ epoch: 0, window: 0, row: 1 })).rejects.toThrow(
      'no row 1 in window 0',
    );
    await expect(corpusBatches(corpus, plain).at({ epoch: 0, window: 1, row: 0 })).rejects.toThrow(
      'no row 0 in window 1',
    );
    let broken = true;
    const flaky: Corpus = {
      ...corpus,
      clusters: (...range) => (broken ? Promise.reject(new Error('gone')) : corpus.clusters(...range)),
    };
    const source = corpusBatches(flaky, plain);
    await expect(source.at(FIRST_CURSOR)).rejects.toThrow('gone');
    broken = false;
    expect(await source.at(FIRST_CURSOR)).toEqual(await corpusBatches(corpus, plain).at(FIRST_CURSOR));
  });
});
