import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dotBracket, parseDotBracket } from '../src/secondary/dotBracket.ts';
import { canonicalPartners, findBasePairs } from '../src/tertiary/basePairs.ts';
import { visitNeighbours } from '../src/tertiary/cells.ts';
import { rnaChains } from '../src/tertiary/chains.ts';
import { lddt, LDDT_LABELS, LDDT_VARIANTS } from '../src/tertiary/lddt.ts';
import { findClashes, networkFidelity } from '../src/tertiary/modelScores.ts';
import { readPdb } from '../src/tertiary/pdb.ts';
import { quaternionMatrix, rotate, vectorAt, type Quaternion } from '../src/tertiary/rigid.ts';
import { commonNucleotides, joinChains, type ChainAtoms } from '../src/tertiary/sameChain.ts';
import { rmsd, squaredDistances, superpose } from '../src/tertiary/superposition.ts';
import { tmScale, tmScore } from '../src/tertiary/tmScore.ts';
import { largestDifference, oracleTensors } from './oracleTensors.ts';
import metrics from './fixtures/tertiary/metrics.json' with { type: 'json' };

const tensors = oracleTensors('metrics');
const chainOf = (name: string) => {
  const packed = readFileSync(new URL(`fixtures/tertiary/${name}.pdb.gz`, import.meta.url));
  return rnaChains(readPdb(gunzipSync(packed).toString(), `${name}.pdb`))[0]!;
};
const native = chainOf('rp16_native');

/** Four nucleotides whose only atoms are C1' at some x, for the cases that a hand works out. */
const line = (...xs: number[]): ChainAtoms => {
  const coordinates = new Float64Array(xs.length * 69);
  const mask = new Uint8Array(xs.length * 23);
  for (const [i, x] of xs.entries()) {
    coordinates[69 * i + 3] = x;
    mask[23 * i + 1] = 1;
  }
  return { sequence: 'A'.repeat(xs.length), coordinates, mask };
};
/** A chain turned and moved, or mirrored. */
const moved = (chain: ChainAtoms, q: Quaternion, shift: number, mirror = false): ChainAtoms => {
  const rotation = quaternionMatrix(q);
  const coordinates = new Float64Array(chain.coordinates.length);
  for (let at = 0; 3 * at < coordinates.length; at++) {
    const [x, y, z] = rotate(rotation, vectorAt(chain.coordinates, at));
    coordinates.set([mirror ? -x : x + shift, y - shift, z + 2 * shift], 3 * at);
  }
  return { ...chain, coordinates };
};
const unit: fc.Arbitrary<Quaternion> = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
  .filter((values) => Math.hypot(...values) > 0.1)
  .map((values) => values.map((value) => value / Math.hypot(...values)) as unknown as Quaternion);

describe('lDDT', () => {
  const cases = ['noise1A', 'mirror', 'helix_noise0p7', 'helix_missing_atoms'] as const;
  const variants = {
    lddt_c1_strict: LDDT_VARIANTS.c1Strict,
    lddt_c1_inclusive: LDDT_VARIANTS.c1Inclusive,
    lddt_allatom_strict: LDDT_VARIANTS.allAtom,
    lddt_allatom_inclusive: { ...LDDT_VARIANTS.allAtom, inclusive: true },
  } as const;

  it.each(cases)("is the reference's in every variant: %s", (name) => {
    const side = (which: string) => ({
      sequence: 'GACUUGCAAUCG',
      coordinates: tensors[`${name}.${which}`]!,
      mask: tensors[`${name}.mask`]!,
    });
    for (const [key, variant] of Object.entries(variants)) {
      const expected = metrics.cases[name][key as keyof typeof variants];
      const score = lddt(side('true'), side('pred'), variant);
      expect(Array.from(score.pairs)).toEqual(expected.pairs);
      expect(largestDifference(score.perNucleotide, expected.per_residue)).toBeLessThan(1e-9);
      expect(score.mean).toBeCloseTo(expected.mean_over_residues_with_pairs, 9);
      expect(score.pooled).toBeCloseTo(expected.pooled, 9);
      expect(score.score).toBe(variant.average === 'pairs' ? score.pooled : score.mean);
    }
  });

  it('is what the hand works out', () => {
    const truth = line(0, 3, 6, 20);
    const score = lddt(truth, line(0, 3, 6.8, 20), 'c1Strict');
    expect(Array.from(score.perNucleotide)).toEqual([0.875, 0.875, 0.75, 0.75]);
    expect(Array.from(score.pairs)).toEqual([2, 2, 3, 1]);
    expect(lddt(truth, line(0, 3, 6.5, 20), 'c1Strict').score).toBe(0.8125);
    expect(lddt(truth, line(0, 3, 6.5, 20), 'c1Inclusive').score).toBe(1);
    // A distance of 15 Å itself is a pair of the inclusive score alone.
    expect(lddt(line(0, 15), line(0, 15), 'c1Inclusive').score).toBe(1);
    expect(lddt(line(0, 15), line(0, 15), 'c1Strict')).toMatchObject({
      score: NaN,
      perNucleotide: new Float64Array([1, 1]),
    });
  });

  it('counts pairs of atoms that the model lacks as lost', () => {
    const model = line(0, 3, 6, 20);
    const holed = { ...model, mask: Uint8Array.from(model.mask) };
    holed.mask[1] = 0;
    expect(Array.from(lddt(model, holed, 'c1Strict').perNucleotide)).toEqual([0, 0.5, 2 / 3, 1]);
  });

  it('has a label for each variant, and refuses another sequence', () => {
    expect(Object.keys(LDDT_LABELS)).toEqual(Object.keys(LDDT_VARIANTS));
    expect(() => lddt(line(0, 3), line(0, 3, 6), 'allAtom')).toThrow('the truth has 2 nucleotides, the model 3');
    expect(() => lddt(line(0, 3), { ...line(0, 3), sequence: 'AC' }, 'allAtom')).toThrow(
      'nucleotide 2 is A in the truth and C in the model',
    );
  });
});

/** RNA-Puzzle 16: published by OpenStructure through RNAdvisor (EvryRNA, Apache-2.0). */
const PUBLISHED = [
  ['rp16_3drna_3', 0.502, 5.866, 0.201],
  ['rp16_alphafold3_1', 0.957, 0.967, 0.53],
] as const;

describe('published models', () => {
  it.each(PUBLISHED)('%s has its published lDDT, RMSD and TM-score', (name, lddtScore, distance, tm) => {
    const model = chainOf(name);
    expect(Math.abs(lddt(native, model, 'allAtom').score - lddtScore)).toBeLessThan(0.001);
    expect(Math.abs(rmsd(native, model, 'all') - distance)).toBeLessThan(0.002);
    expect(Math.abs(tmScore(native, model) - tm)).toBeLessThan(0.003);
  });
});

describe('superposition', () => {
  it('undoes any motion, and no mirror image', () => {
    fc.assert(
      fc.property(unit, fc.double({ min: -50, max: 50, noNaN: true }), (q, shift) => {
        const other = moved(native, q, shift);
        expect(rmsd(native, other, 'all')).toBeLessThan(1e-6);
        expect(rmsd(native, other, 'c1')).toBeLessThan(1e-6);
        expect(tmScore(native, other)).toBeCloseTo(1, 9);
      }),
      { numRuns: 5 },
    );
    expect(rmsd(native, moved(native, [1, 0, 0, 0], 0, true), 'all')).toBeGreaterThan(3);
  });

  it('leaves less than any small turn of it', () => {
    const random = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 15, maxLength: 15 });
    fc.assert(
      fc.property(random, random, unit, (target, points, q) => {
        const best = superpose(target, points);
        const sum = (motion: typeof best) => squaredDistances(target, points, motion).reduce((a, b) => a + b, 0);
        const small = 0.01;
        const tilt = [1, small * q[1], small * q[2], small * q[3]] as const;
        const length = Math.hypot(...tilt);
        const turn = quaternionMatrix(tilt.map((value) => value / length) as unknown as Quaternion);
        // The turn is about the centre of the target, where the centre of the moved points is.
        const centre = [0, 1, 2].map((axis) =>
          [0, 1, 2, 3, 4].reduce((total, k) => total + target[3 * k + axis]! / 5, 0),
        );
        const turned = Array.from({ length: 5 }, (_, k) => {
          const at = rotate(best.rotation, vectorAt(points, k)).map(
            (value, axis) => value + best.translation[axis]! - centre[axis]!,
          );
          return rotate(turn, at as unknown as [number, number, number]).map((value, axis) => value + centre[axis]!);
        }).flat();
        const identity = { rotation: [1, 0, 0, 0, 1, 0, 0, 0, 1], translation: [0, 0, 0] } as const;
        const after = squaredDistances(target, turned, identity).reduce((a, b) => a + b, 0);
        expect(sum(best)).toBeLessThanOrEqual(after + 1e-9);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses a coordinate that is none', () => {
    expect(() => rmsd(line(0, 2), line(0, NaN), 'c1')).toThrow('a coordinate of an atom is NaN');
    expect(() => lddt(line(0, NaN), line(0, 1), 'c1Strict')).toThrow('coordinate NaN of point');
  });

  it('of four points is what the hand works out', () => {
    expect(rmsd(line(0, 2), line(0, 4), 'c1')).toBeCloseTo(1, 12);
  });
});

describe('TM-score', () => {
  it('has the scale of RNAs', () => {
    expect([11, 12, 16, 20, 24, 29].map(tmScale)).toEqual([0.3, 0.4, 0.5, 0.6, 0.7, 0.7]);
    expect(tmScale(30)).toBeCloseTo(0.6 * Math.sqrt(29.5) - 2.5, 12);
  });

  it('counts a nucleotide that the model lacks as 0', () => {
    const mask = Uint8Array.from(native.mask);
    mask.fill(0, 0, 23);
    expect(tmScore(native, { ...native, mask })).toBeCloseTo(26 / 27, 9);
  });
});

describe('base pairs from coordinates', () => {
  const riboswitch = chainOf('1y26_X');
  const pairs = findBasePairs(riboswitch);

  it('are those of the adenine riboswitch, with the pairs between its loops', () => {
    // RNA3DB's structure of the chain, which has no crossing pairs.
    const nested = '((((((((((..((((((.........))))))......).((((((.......))))))..)))))))))';
    const partners = canonicalPartners(pairs, riboswitch.sequence.length);
    const expected = parseDotBracket(nested);
    // G37-C61, G38-C60 and G46-C53 (Serganov et al., Chem. Biol. 11, 1729, 2004); the chain begins at 13.
    for (const [i, j] of [
      [24, 48],
      [25, 47],
      [33, 40],
    ] as const) {
      expected[i] = j;
      expected[j] = i;
    }
    expect(dotBracket(partners)).toBe(dotBracket(expected));
  });

  it('name their hydrogen bonds, and tell wobble and non-canonical pairs apart', () => {
    const wobble = pairs.filter(({ type }) => type === 'wobble').map(({ i, j }) => [i + 13, j + 13]);
    expect(wobble).toEqual([
      [14, 82],
      [28, 42],
    ]);
    const [first] = pairs;
    expect(first).toMatchObject({ i: 0, j: 70, type: 'watsonCrick' });
    expect(first!.bonds.map(({ first, second }) => `${first} ${second}`)).toEqual(['N3 N1', 'N4 O6', 'O2 N2']);
    for (const { length } of first!.bonds) expect(Math.abs(length - 2.9)).toBeLessThan(0.3);
    // The triple of U49 with the stem's A76.
    expect(pairs.some(({ i, j, type }) => i === 36 && j === 63 && type === 'nonCanonical')).toBe(true);
  });

  it('do not depend on where the molecule lies', () => {
    const other = moved(riboswitch, [0.5, 0.5, -0.5, 0.5], 17);
    expect(findBasePairs(other).map(({ i, j, type }) => [i, j, type])).toEqual(
      pairs.map(({ i, j, type }) => [i, j, type]),
    );
  });

  it('score a model by the fidelity of its network', () => {
    expect(networkFidelity(riboswitch, riboswitch)).toMatchObject({ fidelity: 1, pairs: 23, matched: 23 });
    expect(networkFidelity(riboswitch, riboswitch, { wobble: true }).pairs).toBe(25);
    const mask = Uint8Array.from(riboswitch.mask);
    mask.fill(0, 0, 3 * 23);
    // Two of the 23 are lost with the first three nucleotides, the wobble pair beside them.
    const score = networkFidelity(riboswitch, { ...riboswitch, mask });
    expect(score).toMatchObject({ predicted: 21, matched: 21, precision: 1 });
    expect(score.fidelity).toBeCloseTo(Math.sqrt(21 / 23), 12);
  });
});

describe('clashes', () => {
  it('are atoms of different nucleotides that overlap', () => {
    const two = joinChains([native, moved(native, [1, 0, 0, 0], 100)]);
    const before = findClashes(two).length;
    // Nucleotide 27 is put upon nucleotide 0: every atom meets its own.
    const coordinates = Float64Array.from(two.coordinates);
    coordinates.copyWithin(27 * 69, 0, 69);
    const after = findClashes({ ...two, coordinates });
    const met = after.filter(({ i, j, first, second }) => i === 0 && j === 27 && first === second);
    expect(met).toHaveLength(native.mask.subarray(0, 23).reduce((sum, value) => sum + value, 0));
    expect(met.every(({ distance }) => distance === 0)).toBe(true);
    expect(before).toBeLessThan(4);
  });
});

describe('neighbours in space', () => {
  it('are those of the plain loop', () => {
    const point = fc.tuple(
      fc.double({ min: -20, max: 20, noNaN: true }),
      fc.double({ min: -20, max: 20, noNaN: true }),
      fc.double({ min: -3, max: 300, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(point, { maxLength: 60 }), fc.double({ min: 0.1, max: 40, noNaN: true }), (list, radius) => {
        const points = list.flat();
        const expected: string[] = [];
        for (let i = 0; i < list.length; i++)
          for (let j = i + 1; j < list.length; j++) {
            const [dx, dy, dz] = [0, 1, 2].map((axis) => points[3 * i + axis]! - points[3 * j + axis]!);
            if (dx! * dx! + dy! * dy! + dz! * dz! <= radius * radius) expected.push(`${i} ${j}`);
          }
        const found: string[] = [];
        visitNeighbours(points, radius, (i, j) => found.push(`${i} ${j}`));
        expect(found.sort()).toEqual(expected.sort());
      }),
      { numRuns: 200 },
    );
  });
});

describe('common nucleotides', () => {
  it('are the longest common part with the fewest gaps', () => {
    const chain = (sequence: string) => ({
      sequence,
      coordinates: Float64Array.from({ length: 69 * sequence.length }, (_, k) => Math.floor(k / 69)),
      mask: new Uint8Array(23 * sequence.length).fill(1),
    });
    const places = ({ coordinates }: ChainAtoms) => Array.from(coordinates).filter((_, k) => k % 69 === 0);
    const { truth, model } = commonNucleotides(chain('GGAACCUU'), chain('AACCG'));
    expect([truth.sequence, model.sequence]).toEqual(['AACC', 'AACC']);
    expect([places(truth), places(model)]).toEqual([
      [2, 3, 4, 5],
      [0, 1, 2, 3],
    ]);
    expect(places(commonNucleotides(chain('GAAAAC'), chain('GAAC')).truth)).toHaveLength(4);
    expect(commonNucleotides(chain('AA'), chain('CC')).truth.sequence).toBe('');
  });
});
