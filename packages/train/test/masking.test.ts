import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { basePairs, nestedPartners, parseDotBracket, TOKEN, tokenize } from '@rna/structure';
import { drawScheme, IGNORED, MASK_KIND, maskSequence, type MaskingScheme } from '../src/masking.ts';

const TRNA = {
  sequence: 'GGCGCGUUAACAAAGCGGUUAUGUAGCGGAUUGCAAAUCCGUCUAGUCCGGUUCGACUCCGGAACGCGCCUCCA',
  dotBracket: '(((((((..(((.........))).(((((.......)))))....(((((.......))))))))))))....',
};

const scheme = fc.constantFrom<MaskingScheme>('mlm', 'sm', 'ssm');
// A smaller seed is no simpler case: shrinking it would go on for minutes.
const key = fc.noShrink(fc.record({ seed: fc.nat(), epoch: fc.nat(100), pass: fc.nat(3), sequence: fc.maxSafeNat() }));
/** A random sequence with a random structure, pseudoknots among it. */
const rna = fc
  .array(fc.constantFrom('.', '.', '(', ')', '[', ']'), { minLength: 1, maxLength: 120 })
  .map((brackets) => {
    const balanced = balance(brackets);
    return { tokens: tokenize('ACGU'.repeat(30).slice(0, balanced.length)), partners: parseDotBracket(balanced) };
  });

/** Turns brackets that close or open nothing into dots. */
function balance(brackets: readonly string[]): string {
  const text = [...brackets];
  for (const [open, close] of ['()', '[]'] as const) {
    const stack: number[] = [];
    for (const [i, character] of text.entries()) {
      if (character === open) stack.push(i);
      else if (character === close && stack.pop() === undefined) text[i] = '.';
    }
    for (const i of stack) text[i] = '.';
  }
  return text.join('');
}

/** The chosen nucleotides, 0-based. */
function chosenPositions(labels: Int32Array): number[] {
  return [...labels.keys()].filter((at) => labels[at] !== IGNORED).map((at) => at - 1);
}

describe('maskSequence', () => {
  it('labels what it chose with the original, leaves the rest, and never touches <cls> and <eos>', () => {
    fc.assert(
      fc.property(rna, scheme, key, ({ tokens, partners }, scheme, key) => {
        const original = tokens.slice();
        const masked = maskSequence(tokens, partners, { scheme }, key);
        expect(tokens).toEqual(original);
        expect(masked.labels[0]).toBe(IGNORED);
        expect(masked.labels.at(-1)).toBe(IGNORED);
        for (const [at, label] of masked.labels.entries()) {
          if (label === IGNORED) expect(masked.tokens[at]).toBe(original[at]);
          else expect(label).toBe(original[at]);
          if (label !== IGNORED && scheme !== 'mlm') expect(masked.tokens[at]).toBe(TOKEN.mask);
        }
      }),
    );
  });

  it('reaches its budget, at least one position, and exceeds it by less than a span', () => {
    fc.assert(
      fc.property(
        rna,
        fc.constantFrom('mlm', 'sm'),
        key,
        fc.constantFrom(0.15, 0.4, 1),
        fc.nat(6),
        ({ tokens }, scheme, key, rate, spanOffset) => {
          const budget = Math.max(1, Math.round(rate * (tokens.length - 2)));
          const count = chosenPositions(
            maskSequence(tokens, undefined, { scheme, rate, spanOffset }, key).labels,
          ).length;
          expect(count).toBeGreaterThanOrEqual(budget);
          expect(count).toBeLessThanOrEqual(scheme === 'mlm' ? budget : budget + spanOffset);
        },
      ),
    );
  });

  it('is a function of its key alone', () => {
    fc.assert(
      fc.property(rna, scheme, key, ({ tokens, partners }, scheme, key) => {
        const first = maskSequence(tokens, partners, { scheme }, key);
        maskSequence(tokens, partners, { scheme }, { ...key, sequence: key.sequence ^ 1 });
        expect(maskSequence(tokens, partners, { scheme }, key)).toEqual(first);
      }),
    );
    const tokens = tokenize(TRNA.sequence);
    const masks = [
      { seed: 1, epoch: 0, pass: 0, sequence: 0 },
      { seed: 2, epoch: 0, pass: 0, sequence: 0 },
      { seed: 1, epoch: 1, pass: 0, sequence: 0 },
      { seed: 1, epoch: 0, pass: 0, sequence: 1 },
    ].map((key) => String(maskSequence(tokens, undefined, { scheme: 'sm' }, key).labels));
    expect(new Set(masks).size).toBe(4);
  });

  it('gives these masks on every platform', () => {
    const tokens = tokenize(TRNA.sequence);
    const partners = parseDotBracket(TRNA.dotBracket);
    const key = { seed: 7, epoch: 2, pass: 0, sequence: 12 };
    const drawn = (['mlm', 'sm', 'ssm'] as const).map((scheme) =>
      chosenPositions(maskSequence(tokens, partners, { scheme }, key).labels).join(' '),
    );
    expect(drawn).toMatchInlineSnapshot(`
      [
        "1 3 19 23 33 38 40 45 50 67 71",
        "21 22 23 24 25 26 27 53 54 55 56",
        "21 24 25 26 27 53 54 55 56 58 59 60 61 62 63 64 65",
      ]
    `);
  });

  it('corrupts 80 % to <mask>, 10 % to a random letter, 10 % not at all (MLM)', () => {
    const tokens = tokenize('R'.repeat(1000));
    const counts = new Map<number, number>();
    for (let sequence = 0; sequence < 100; sequence++) {
      const masked = maskSequence(tokens, undefined, { scheme: 'mlm' }, { seed: 3, epoch: 0, pass: 0, sequence });
      for (const position of chosenPositions(masked.labels)) {
        const token = masked.tokens[position + 1]!;
        counts.set(token, (counts.get(token) ?? 0) + 1);
      }
    }
    const share = (token: number) => (counts.get(token) ?? 0) / 15000;
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([
      TOKEN.mask,
      TOKEN.A,
      TOKEN.C,
      TOKEN.G,
      TOKEN.T,
      10,
      TOKEN.N,
    ]);
    expect(share(TOKEN.mask)).toBeCloseTo(0.8, 1);
    expect(share(10)).toBeCloseTo(0.1, 1);
    for (const letter of [TOKEN.A, TOKEN.C, TOKEN.G, TOKEN.T, TOKEN.N])
      expect(Math.abs(share(letter) - 0.02)).toBeLessThan(0.005);
  });

  it('chooses every position equally often (MLM)', () => {
    const tokens = tokenize('ACGUACGUAC');
    const counts = new Float64Array(10);
    for (let sequence = 0; sequence < 5000; sequence++) {
      for (const i of chosenPositions(
        maskSequence(tokens, undefined, { scheme: 'mlm', rate: 0.3 }, { seed: 1, epoch: 0, pass: 0, sequence }).labels,
      ))
        counts[i]!++;
    }
    for (const count of counts) expect(Math.abs(count / 5000 - 0.3)).toBeLessThan(0.03);
  });
});

describe('structure-aware span masking', () => {
  // One span alone: a rate that gives a budget of one.
  const oneSpan = { scheme: 'ssm', rate: 1e-6 } as const;

  it("draws one side of a stem from the position to the run's end, or a span of four in a loop", () => {
    fc.assert(
      fc.property(rna, key, ({ tokens, partners }, key) => {
        const main = nestedPartners(partners);
        const chosen = chosenPositions(maskSequence(tokens, partners, oneSpan, key).labels);
        const sideOf = (i: number) => (main[i] === undefined || main[i] < 0 ? '.' : main[i] > i ? '(' : ')');
        const [first, last] = [chosen[0]!, chosen.at(-1)!];
        if (sideOf(first) === '(' && chosen.every((i) => sideOf(i) === '(') && sideOf(last + 1) !== '(') {
          expect(last - first + 1).toBe(chosen.length);
        } else if (sideOf(first) === ')') {
          expect(sideOf(first - 1)).not.toBe(')');
          expect(chosen.every((i) => sideOf(i) === ')')).toBe(true);
          expect(last - first + 1).toBe(chosen.length);
        } else {
          expect(sideOf(first)).toBe('.');
          const span = Array.from({ length: Math.min(4, partners.length - first) }, (_, k) => first + k);
          expect(chosen).toEqual(span.filter((i) => !(main[i]! >= first && main[i]! < i)));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('draws every such span of a hairpin', () => {
    const dotBracket = '((((....))))';
    const seen = new Set<string>();
    for (let sequence = 0; sequence < 400; sequence++) {
      const masked = maskSequence(tokenize('GGGGAAAACCCC'), parseDotBracket(dotBracket), oneSpan, {
        seed: 5,
        epoch: 0,
        pass: 0,
        sequence,
      });
      seen.add(chosenPositions(masked.labels).join(' '));
    }
    expect([...seen].sort()).toEqual(
      [
        '0 1 2 3',
        '1 2 3',
        '2 3',
        '3',
        '4 5 6 7',
        '5 6 7 8',
        '6 7 8 9',
        '7 8 9 10',
        '8',
        '8 9',
        '8 9 10',
        '8 9 10 11',
      ].sort(),
    );
  });

  it('never masks both partners of a pair of the main structure, at any rate', () => {
    fc.assert(
      fc.property(rna, key, fc.constantFrom(0.15, 0.5, 1), ({ tokens, partners }, key, rate) => {
        const chosen = new Set(chosenPositions(maskSequence(tokens, partners, { scheme: 'ssm', rate }, key).labels));
        const pairs = basePairs(nestedPartners(partners));
        for (const [i, j] of pairs) expect(chosen.has(i) && chosen.has(j)).toBe(false);
        const budget = Math.max(1, Math.round(rate * partners.length));
        expect(chosen.size).toBeGreaterThanOrEqual(Math.min(budget, partners.length - pairs.length));
      }),
    );
  });

  it('is span masking where there is no main structure', () => {
    const tokens = tokenize(TRNA.sequence);
    const unpaired = new Int32Array(tokens.length - 2).fill(-1);
    fc.assert(
      fc.property(key, (key) => {
        const [ssm, sm] = [
          maskSequence(tokens, unpaired, { scheme: 'ssm' }, key),
          maskSequence(tokens, undefined, { scheme: 'sm' }, key),
        ];
        expect(ssm).toEqual({
          ...sm,
          kinds: sm.kinds.map((kind) => (kind === MASK_KIND.sm ? MASK_KIND.ssmLoop : kind)),
        });
      }),
    );
  });

  it('says of each position what it was chosen for', () => {
    fc.assert(
      fc.property(rna, scheme, key, fc.constantFrom(0.15, 0.6), ({ tokens, partners }, scheme, key, rate) => {
        const main = nestedPartners(partners);
        const { labels, kinds } = maskSequence(tokens, partners, { scheme, rate }, key);
        const allowed = { mlm: [MASK_KIND.mlm], sm: [MASK_KIND.sm], ssm: [MASK_KIND.ssmStem, MASK_KIND.ssmLoop] }[
          scheme
        ] as readonly number[];
        for (const [at, kind] of kinds.entries()) {
          expect(kind === MASK_KIND.none).toBe(labels[at] === IGNORED);
          if (kind !== MASK_KIND.none) expect(allowed).toContain(kind);
          if (kind === MASK_KIND.ssmStem) expect(main[at - 1]).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it("masks whole sides: a stem span goes on to its run's end but for what another span has or keeps readable", () => {
    fc.assert(
      fc.property(rna, key, ({ tokens, partners }, key) => {
        const main = nestedPartners(partners);
        const chosen = new Set(chosenPositions(maskSequence(tokens, partners, { scheme: 'ssm' }, key).labels));
        const { kinds } = maskSequence(tokens, partners, { scheme: 'ssm' }, key);
        const direction = (i: number): number => (main[i] === undefined || main[i] < 0 ? 0 : Math.sign(main[i] - i));
        for (let i = 0; i < main.length; i++) {
          if (kinds[i + 1] !== MASK_KIND.ssmStem) continue;
          const next = i + direction(i);
          if (direction(next) === direction(i)) expect(chosen.has(next) || chosen.has(main[next]!)).toBe(true);
        }
      }),
    );
  });

  it('corrupts about 15 %', () => {
    const tokens = tokenize(TRNA.sequence);
    const partners = parseDotBracket(TRNA.dotBracket);
    for (const scheme of ['mlm', 'sm', 'ssm'] as const) {
      let count = 0;
      for (let sequence = 0; sequence < 500; sequence++)
        count += chosenPositions(
          maskSequence(tokens, partners, { scheme }, { seed: 1, epoch: 0, pass: 0, sequence }).labels,
        ).length;
      const rate = count / 500 / partners.length;
      expect(rate).toBeGreaterThan(0.14);
      expect(rate).toBeLessThan(0.19);
    }
  });
});

describe('maskSequence refuses', () => {
  const tokens = tokenize('ACGU');
  const key = { seed: 0, epoch: 0, pass: 0, sequence: 0 };
  it.each([
    [
      'a sequence without nucleotides',
      () => maskSequence(tokenize(''), undefined, { scheme: 'sm' }, key),
      'one nucleotide or more',
    ],
    ['tokens without <cls>', () => maskSequence(tokens.slice(1), undefined, { scheme: 'sm' }, key), '<cls>'],
    ['SSM without a structure', () => maskSequence(tokens, undefined, { scheme: 'ssm' }, key), 'got none'],
    [
      'a structure of another length',
      () => maskSequence(tokens, new Int32Array(6), { scheme: 'ssm' }, key),
      'for 4 nucleotides, got 6',
    ],
    ['a rate of 0', () => maskSequence(tokens, undefined, { scheme: 'sm', rate: 0 }, key), 'the rate'],
    [
      'a negative offset',
      () => maskSequence(tokens, undefined, { scheme: 'sm', spanOffset: -1 }, key),
      'the span offset',
    ],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});

describe('drawScheme', () => {
  it('gives SSM to half of the sequences with a structure and to no other', () => {
    const drawn = Array.from({ length: 2000 }, (_, sequence) =>
      drawScheme(true, { seed: 9, epoch: 0, pass: 0, sequence }),
    );
    expect(Math.abs(drawn.filter((s) => s === 'ssm').length / 2000 - 0.5)).toBeLessThan(0.04);
    expect(drawScheme(true, { seed: 9, epoch: 0, pass: 0, sequence: 17 })).toBe(drawn[17]);
    expect(
      Array.from({ length: 50 }, (_, sequence) => drawScheme(false, { seed: 9, epoch: 0, pass: 0, sequence })),
    ).not.toContain('ssm');
  });
});
