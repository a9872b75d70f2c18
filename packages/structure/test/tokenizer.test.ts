import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detokenize, findInvalidLetter, TOKEN, tokenize, VOCABULARY } from '../src/tokenizer.ts';

interface Case {
  seq: string;
  official: number[];
}
const oracle = JSON.parse(readFileSync(new URL('fixtures/tokens.json', import.meta.url), 'utf8')) as {
  official_vocab: string[];
  cases: Case[];
};

describe('tokenize', () => {
  it('has the official vocabulary, and names ids as the vocabulary does', () => {
    expect([...VOCABULARY]).toEqual(oracle.official_vocab);
    for (const [name, id] of Object.entries(TOKEN)) {
      expect([name, `<${name}>`, name === 'gap' ? '-' : name]).toContain(VOCABULARY[id]);
    }
  });

  it.each(oracle.cases.map(({ seq, official }) => ({ seq, official })))(
    'reads $seq as the reference does',
    ({ seq, official }) => {
      expect([...tokenize(seq)]).toEqual(official);
    },
  );

  it('gives one token per character, whatever the character', () => {
    expect([...tokenize('ßı\n🧬')]).toEqual([TOKEN.cls, 3, 3, 3, 3, TOKEN.eos]);
  });
});

describe('detokenize', () => {
  it('undoes tokenize up to case and U', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ACGTUIRYKMSWBDHVN-acgtun') }), (sequence) => {
        expect(detokenize(tokenize(sequence))).toBe(sequence.toUpperCase().replaceAll('U', 'T'));
      }),
    );
  });

  it('writes masks and unknown letters by name and refuses other ids', () => {
    expect(detokenize([TOKEN.cls, TOKEN.A, TOKEN.mask, TOKEN.unk, TOKEN.eos, TOKEN.pad])).toBe('A<mask><unk>');
    expect(() => detokenize([22])).toThrow('no token has id 22');
  });
});

describe('findInvalidLetter', () => {
  it('accepts IUPAC, inosine and the gap in both cases', () => {
    expect(findInvalidLetter('ACGTURYKMSWBDHVNI-acgturykmswbdhvni')).toBe(-1);
    expect(findInvalidLetter('ACGX')).toBe(3);
    expect(findInvalidLetter('')).toBe(-1);
  });

  it('lets unknown letters pass on demand, but no digit', () => {
    expect(findInvalidLetter('AX*.', true)).toBe(-1);
    expect(findInvalidLetter('AX1', true)).toBe(2);
  });
});
