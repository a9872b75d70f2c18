import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDotBracket } from '../src/secondary/dotBracket.ts';
import { helixModel, randomWalkModel } from '../src/tertiary/baselines.ts';
import { canonicalPartners, findBasePairs } from '../src/tertiary/basePairs.ts';
import { chainBreaks, rnaChains, type RnaChain } from '../src/tertiary/chains.ts';
import { CHAIN_SCORES, confidences, resolvedCount, scoreChain } from '../src/tertiary/chainScores.ts';
import { selectChains } from '../src/tertiary/chainSelection.ts';
import { lddt } from '../src/tertiary/lddt.ts';
import { readPdb } from '../src/tertiary/pdb.ts';
import metrics from './fixtures/tertiary/metrics.json' with { type: 'json' };
import { oracleTensors } from './oracleTensors.ts';

const native = rnaChains(
  readPdb(
    gunzipSync(readFileSync(new URL('fixtures/tertiary/rp16_native.pdb.gz', import.meta.url))).toString(),
    'rp16',
  ),
)[0]!;
const partners = (text: string): Int32Array => parseDotBracket(text);

describe('the helix of base pairs', () => {
  it('has the pairs that it is made of, without a break inside of a strand', () => {
    const sequence = 'GGCAUCGCAAAAGCGAUGCC';
    const asked = partners('((((((((....))))))))');
    const model = helixModel(sequence, asked);
    expect(Array.from(canonicalPartners(findBasePairs(model), sequence.length))).toEqual(Array.from(asked));
    // The loop is not closed, so its last bond alone is missing; the chain's end is a break by definition.
    expect(Array.from(chainBreaks(model)).flatMap((isBreak, i) => (isBreak ? [i] : []))).toEqual([11, 19]);
  });

  it('is an A-form helix: C1-C1 10.5 Å across a pair, 2.7 to 2.9 Å of rise, 11 pairs a turn', () => {
    const model = helixModel(
      'G'.repeat(12) + 'AAAA' + 'C'.repeat(12),
      partners(`${'('.repeat(12)}....${')'.repeat(12)}`),
    );
    const c1 = (i: number) => Array.from(model.coordinates).slice(69 * i + 3, 69 * i + 6);
    const apart = (a: number[], b: number[]) => Math.hypot(...a.map((x, axis) => x - b[axis]!));
    for (let i = 0; i < 12; i++) expect(apart(c1(i), c1(27 - i))).toBeCloseTo(10.5, 0);
    // A turn of 11 nucleotides along the axis; the angle is 32.8°.
    expect(apart(c1(0), c1(11)) / 11).toBeGreaterThan(2.65);
    expect(apart(c1(0), c1(11)) / 11).toBeLessThan(2.95);
  });

  it('is nearer to a native than a random walk', () => {
    const { sequence } = native;
    const own = helixModel(sequence, canonicalPartners(findBasePairs(native), sequence.length));
    const helix = lddt(native, own, 'allAtom').score;
    expect(helix).toBeGreaterThan(0.35);
    expect(lddt(native, randomWalkModel(sequence, 1), 'allAtom').score).toBeLessThan(0.25);
  });

  it('leaves crossing pairs out, and nucleotides of unknown base without atoms', () => {
    const { mask } = helixModel('GNGAAACCC', partners('(((...)))'));
    expect(
      Array.from(mask)
        .slice(23, 46)
        .some((each) => each !== 0),
    ).toBe(false);
    expect(Array.from(mask).filter((each) => each !== 0)).toHaveLength(23 * 2 + 22 * 3 + 20 * 3);
    expect(() => helixModel('GGG', [-1, -1])).toThrow(/2 partners for 3 nucleotides/);
    const crossing = partners('((..[[..))..]]');
    expect(helixModel('GGAAGGAACCAACC', crossing).coordinates).toEqual(
      helixModel('GGAAGGAACCAACC', partners('((......))....')).coordinates,
    );
  });
});

describe('the random walk', () => {
  it('follows from its seed alone, with steps of one length', () => {
    const model = randomWalkModel('ACGUACGU', 5);
    expect(model.coordinates).toEqual(randomWalkModel('ACGUACGU', 5).coordinates);
    expect(model.coordinates).not.toEqual(randomWalkModel('ACGUACGU', 6).coordinates);
    const c1 = (i: number) => [0, 1, 2].map((axis) => model.coordinates[69 * i + 3 + axis]!);
    for (let i = 0; i < 7; i++)
      expect(Math.hypot(...c1(i).map((x, axis) => x - c1(i + 1)[axis]!))).toBeCloseTo(5.41, 6);
  });
});

describe('the scores of a chain', () => {
  it("are the reference's lDDT, and 1, 0 Å, 1 and 1 of the truth itself", () => {
    const tensors = oracleTensors('metrics');
    const side = (which: string) => ({
      sequence: 'GACUUGCAAUCG',
      coordinates: tensors[`noise1A.${which}`]!,
      mask: tensors['noise1A.mask']!,
    });
    const noisy = scoreChain(side('true'), side('pred'));
    expect(noisy.allAtom).toBeCloseTo(metrics.cases.noise1A.lddt_allatom_strict.pooled, 9);
    expect(noisy.c1Strict).toBeCloseTo(metrics.cases.noise1A.lddt_c1_strict.mean_over_residues_with_pairs, 9);
    const same = scoreChain(native, native);
    expect(same).toMatchObject({ c1Inclusive: 1, c1Strict: 1, allAtom: 1, allAtomByNucleotide: 1, fidelity: 1 });
    expect(same.rmsd).toBeCloseTo(0, 6);
    expect(same.tmScore).toBeCloseTo(1, 6);
    expect(Object.keys(same).sort()).toEqual([...CHAIN_SCORES].sort());
  });

  it('pair a predicted lDDT with the true one of nucleotides that have neighbours', () => {
    const plddt = Float64Array.from(native.sequence, (_, i) => i / native.sequence.length);
    const pairs = confidences(native, native, plddt);
    expect(pairs.length).toBeGreaterThan(20);
    expect(pairs.every(({ actual }) => actual === 1)).toBe(true);
    expect(() => confidences(native, native, [1])).toThrow(/1 values for/);
  });
});

describe('the selection of chains', () => {
  const made = (sequence: string, resolution?: number, missing = 0): { chain: RnaChain } => ({
    chain: {
      ...native,
      sequence,
      coordinates: new Float64Array(69 * sequence.length),
      mask: new Uint8Array(23 * sequence.length).fill(1, 23 * missing),
      ...(resolution === undefined ? {} : { resolution }),
    },
  });
  const filters = { shortest: 3, longest: 5, resolution: 4, statedResolution: false };
  const withoutResolution = ({ chain: { resolution: _, ...chain } }: { chain: RnaChain }) => ({ chain });

  it('goes by length and resolution, and takes the fullest, then the finest of a cluster', () => {
    const chains = [
      made('AC', 1),
      made('ACGUAC', 1),
      made('ACG', 4.5),
      made('ACG', 3, 1),
      made('ACG', 3.5),
      made('ACG', 2.5),
      made('CCCC', 4, 3),
      withoutResolution(made('GGGG')),
    ];
    const { chains: kept, leftOut } = selectChains(chains, filters);
    expect(kept).toEqual([chains[5], chains[7]]);
    expect(leftOut).toEqual({ length: 2, resolution: 1, unresolved: 1, cluster: 2 });
    expect(selectChains(chains, { ...filters, statedResolution: true }).chains).toEqual([chains[5]]);
    expect(selectChains(chains, filters, () => 'one').chains).toEqual([chains[7]]);
  });

  it('keeps one chain of each cluster, whatever there is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ length: fc.integer({ min: 1, max: 8 }), cluster: fc.integer({ min: 0, max: 3 }) })),
        (asked) => {
          const chains = asked.map(({ length, cluster }) => ({ ...made('A'.repeat(length), 2), cluster }));
          const { chains: kept, leftOut } = selectChains(chains, filters, ({ cluster }) => String(cluster));
          expect(new Set(kept.map(({ cluster }) => cluster)).size).toBe(kept.length);
          expect(kept.length + Object.values(leftOut).reduce((sum, count) => sum + count, 0)).toBe(chains.length);
          expect(kept.every(({ chain }) => chain.sequence.length >= 3 && chain.sequence.length <= 5)).toBe(true);
        },
      ),
    );
  });

  it('counts a nucleotide as resolved by any of its atoms', () => {
    expect(resolvedCount(native)).toBe(native.sequence.length);
    expect(resolvedCount(made('ACGU', 2, 3).chain)).toBe(1);
  });
});
