import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distanceBin, nitrogenDistances } from '../src/tertiary/distances.ts';
import { fape } from '../src/tertiary/fape.ts';
import { buildAtoms, chainFrames, chainGroupFrames, chainTorsions } from '../src/tertiary/fullAtoms.ts';
import { geometryOf } from '../src/tertiary/geometry.ts';
import { lddt } from '../src/tertiary/lddt.ts';
import { ATOM_NAMES, BASES } from '../src/tertiary/nucleotides.ts';
import {
  applyRigid,
  composeRigids,
  frameOfPoints,
  invertApply,
  invertRigid,
  matrixQuaternion,
  multiplyQuaternions,
  quaternionMatrix,
  vectorAt,
  type Matrix,
  type Quaternion,
  type Vector,
} from '../src/tertiary/rigid.ts';
import { largestDifference, oracleTensors } from './oracleTensors.ts';
import metrics from './fixtures/tertiary/metrics.json' with { type: 'json' };

const geometry = oracleTensors('geometry');
const scored = oracleTensors('metrics');
const TWELVE = 'GACUUGCAAUCG';
const OWZ = 'GCUCUGGAGAGAACCGUUUAAUCGGUCGCCGAAGGAGCAAGCUCUGCGGAAACGCAGAGUGAAACUCUCAGGCAAAAGGACAGAGU';
const native = { sequence: OWZ, coordinates: geometry['3owz.native']!, mask: geometry['3owz.mask']! };

describe('rigid motions', () => {
  const rows = (name: string, width: number) =>
    Array.from({ length: 12 }, (_, i) => Array.from(geometry[`rigid.${name}`]!.subarray(i * width, (i + 1) * width)));
  const quaternions = rows('in.q1', 4) as unknown as Quaternion[];
  const others = rows('in.q2', 4) as unknown as Quaternion[];
  const translations = rows('in.t1', 3) as unknown as Vector[];
  const points = rows('in.p', 3) as unknown as Vector[];
  const rigids = quaternions.map((q, i) => ({ rotation: quaternionMatrix(q), translation: translations[i]! }));

  it('are those of the reference', () => {
    for (const [i, q] of quaternions.entries()) {
      expect(largestDifference(quaternionMatrix(q), rows('quat_to_rot.q1', 9)[i]!)).toBeLessThan(1e-6);
      expect(largestDifference(multiplyQuaternions(q, others[i]!), rows('quat_multiply.q1.q2', 4)[i]!)).toBeLessThan(
        1e-6,
      );
      expect(largestDifference(applyRigid(rigids[i]!, points[i]!), rows('apply', 3)[i]!)).toBeLessThan(1e-5);
      expect(largestDifference(invertApply(rigids[i]!, points[i]!), rows('invert_apply', 3)[i]!)).toBeLessThan(1e-5);
      const [aside, origin, ahead] = [0, 1, 2].map((k) => vectorAt(rows('in.three_points', 9)[i]!, k));
      const frame = frameOfPoints(aside!, origin!, ahead!, 1e-4);
      expect(largestDifference(frame.rotation, rows('calc_rot_tsl.rot', 9)[i]!)).toBeLessThan(1e-6);
      // The same rotation has two quaternions.
      const back = matrixQuaternion(quaternionMatrix(q));
      expect(
        Math.min(
          largestDifference(back, q),
          largestDifference(
            back,
            q.map((value) => -value),
          ),
        ),
      ).toBeLessThan(1e-6);
    }
  });

  it('are undone by their inverse', () => {
    for (const [i, rigid] of rigids.entries()) {
      const { rotation, translation } = composeRigids(invertRigid(rigid), rigid);
      expect(largestDifference(rotation, [1, 0, 0, 0, 1, 0, 0, 0, 1])).toBeLessThan(1e-6);
      expect(largestDifference(translation, [0, 0, 0])).toBeLessThan(1e-5);
      expect(largestDifference(invertApply(rigid, applyRigid(rigid, points[i]!)), points[i]!)).toBeLessThan(1e-5);
    }
  });
});

describe('the full-atom builder', () => {
  it.each([
    ['identity_zero', 'AGUC'],
    ['identity_90', 'AGUC'],
    ['random12', TWELVE],
  ])("gives RhoFold's coordinates: %s", (name, sequence) => {
    const built = buildAtoms(
      sequence,
      geometry[`fullatom.${name}.in.frames`]!,
      geometry[`fullatom.${name}.in.angles`]!,
      'paper',
    );
    expect(largestDifference(built.coordinates, geometry[`fullatom.${name}.out.cords`]!)).toBeLessThan(5e-6);
    expect(Array.from(built.mask)).toEqual(Array.from(geometry[`fullatom.${name}.out.mask`]!));
  });

  it("has RhoFold's constant transforms", () => {
    const { transforms } = geometryOf('paper').bases.A;
    for (const [k, name] of ['angl_0-main', 'angl_1-main', 'angl_2-angl_1', 'angl_3-angl_2'].entries()) {
      expect(largestDifference(transforms[k]!.rotation, geometry[`fullatom.table.A.${name}.rot`]!)).toBeLessThan(1e-6);
      expect(largestDifference(transforms[k]!.translation, geometry[`fullatom.table.A.${name}.trans`]!)).toBeLessThan(
        1e-5,
      );
    }
  });

  it('refuses letters and lengths that it cannot build', () => {
    expect(() => buildAtoms('N', new Float64Array(7), new Float64Array(12), 'paper')).toThrow('"N" of nucleotide 1');
    expect(() => buildAtoms('A', new Float64Array(6), new Float64Array(12), 'paper')).toThrow('6 numbers of frames');
  });
});

describe('frames and torsions of 3OWZ', () => {
  const { frames } = chainFrames(native);
  const { torsions, mask } = chainTorsions(native, 'paper');

  it('are those of the reference', () => {
    const expected = geometry['3owz.frames7']!;
    for (let i = 0; i < OWZ.length; i++) {
      const q = Array.from(frames.subarray(7 * i, 7 * i + 4)) as unknown as Quaternion;
      const rotation = quaternionMatrix(q);
      expect(largestDifference(rotation, geometry['3owz.frames_rot']!.subarray(9 * i, 9 * i + 9))).toBeLessThan(1e-6);
      expect(
        largestDifference(frames.subarray(7 * i + 4, 7 * i + 7), expected.subarray(7 * i + 4, 7 * i + 7)),
      ).toBeLessThan(1e-5);
    }
    const [ours, theirs] = [torsions, geometry['3owz.torsions_cos_sin']!].map((values) =>
      values.filter((_, k) => mask[Math.floor(k / 2)] === 1),
    );
    expect(ours).toHaveLength(2 * 4 * OWZ.length);
    expect(largestDifference(ours!, theirs!)).toBeLessThan(1e-6);
  });

  it('rebuild its atoms as RhoFold does', () => {
    const built = buildAtoms(OWZ, frames, torsions, 'paper');
    expect(largestDifference(built.coordinates, geometry['3owz.rebuilt']!)).toBeLessThan(2e-5);
  });

  it.each([
    ['paper', 0.9603, 0.9605],
    ['repaired', 0.982, 1],
  ] as const)('rebuild them to the ceiling of the %s geometry', (name, low, high) => {
    const built = buildAtoms(OWZ, frames, chainTorsions(native, name).torsions, name);
    const score = lddt(native, { sequence: OWZ, ...built }, 'allAtom').score;
    expect(score).toBeGreaterThan(low);
    expect(score).toBeLessThan(high);
  });

  it('are masked where an atom is missing', () => {
    const holed = Uint8Array.from(native.mask);
    holed[5 * 23 + 1] = 0;
    const chain = { ...native, mask: holed };
    expect(chainFrames(chain).mask.indexOf(0)).toBe(5);
    // C1' is in the torsions of base, sugar and O5', and in none of the phosphate.
    const left = chainTorsions(chain, 'repaired').mask.subarray(30, 36);
    expect(Array.from(left)).toEqual([1, 0, 0, 0, 0, 1]);
  });
});

describe('bonds of the repaired geometry', () => {
  const lengths = (name: 'paper' | 'repaired', base: (typeof BASES)[number], phase: number) => {
    const torsions = [1, 0, Math.cos(phase), Math.sin(phase), 1, 0, 1, 0, 1, 0, 1, 0];
    const { coordinates } = buildAtoms(base, [1, 0, 0, 0, 0, 0, 0], torsions, name);
    const at = (atom: string) => vectorAt(coordinates, ATOM_NAMES[base].indexOf(atom));
    const length = (a: string, b: string) => Math.hypot(...at(a).map((value, axis) => value - at(b)[axis]!));
    return {
      phosphate: [length('P', 'OP1'), length('P', 'OP2')],
      hydroxyl: length("C2'", "O2'"),
      ring: length("C1'", "C2'"),
    };
  };

  it('have the lengths of chemistry in both puckers, where the published ones are a third too short', () => {
    for (const base of BASES) {
      for (const phase of [0.1 * Math.PI, 0.9 * Math.PI]) {
        const { phosphate, hydroxyl, ring } = lengths('repaired', base, phase);
        for (const length of phosphate) expect(Math.abs(length - 1.485)).toBeLessThan(0.06);
        expect(Math.abs(hydroxyl - 1.413)).toBeLessThan(0.08);
        expect(Math.abs(ring - 1.528)).toBeLessThan(0.08);
      }
      expect(Math.max(...lengths('paper', base, 0).phosphate)).toBeLessThan(1.2);
    }
  });
});

describe('from frames and torsions to atoms and back', () => {
  const angle = fc.double({ min: -3.1, max: 3.1, noNaN: true });
  const frame = fc
    .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 7, maxLength: 7 })
    .filter((values) => Math.hypot(...values.slice(0, 4)) > 0.1);
  const nucleotide = fc.record({
    base: fc.constantFrom(...BASES),
    frame,
    angles: fc.array(angle, { minLength: 6, maxLength: 6 }),
  });

  it('gives both again, in the repaired geometry with every torsion but the pucker', () => {
    fc.assert(
      fc.property(fc.array(nucleotide, { minLength: 1, maxLength: 4 }), (nucleotides) => {
        const sequence = nucleotides.map(({ base }) => base).join('');
        const frames = nucleotides.flatMap((one) => one.frame);
        const torsions = nucleotides.flatMap(({ angles }) =>
          angles.flatMap((value) => [Math.cos(value), Math.sin(value)]),
        );
        const built = { sequence, ...buildAtoms(sequence, frames, torsions, 'repaired') };
        const back = chainFrames(built);
        for (const [i, one] of nucleotides.entries()) {
          const length = Math.hypot(...one.frame.slice(0, 4));
          const q = one.frame.slice(0, 4).map((value) => value / length) as unknown as Quaternion;
          const again = Array.from(back.frames.subarray(7 * i, 7 * i + 4)) as unknown as Quaternion;
          expect(largestDifference(quaternionMatrix(again), quaternionMatrix(q))).toBeLessThan(1e-6);
        }
        const measured = chainTorsions(built, 'repaired').torsions;
        const turned = Array.from(measured, (value, k) => (Math.floor(k / 2) % 6 === 1 ? torsions[k]! : value));
        expect(largestDifference(turned, torsions)).toBeLessThan(1e-6);
      }),
      { numRuns: 50 },
    );
  });
});

describe('FAPE and distance bins', () => {
  const score = (name: keyof typeof metrics.cases, groups: 'main' | 'all', clamp: number) => {
    const side = (which: string) => {
      const coordinates = scored[`${name}.${which}`]!;
      const mask = scored[`${name}.mask`]!;
      const frames = chainGroupFrames({ sequence: TWELVE, coordinates, mask }, 'paper');
      const c1 = coordinates.filter((_, k) => Math.floor(k / 3) % 23 === 1);
      if (groups === 'all') return { ...frames, points: coordinates };
      return {
        rotations: frames.rotations.filter((_, k) => Math.floor(k / 9) % 5 === 0),
        translations: frames.translations.filter((_, k) => Math.floor(k / 3) % 5 === 0),
        points: c1,
      };
    };
    return fape(side('true'), side('pred'), {
      clamp,
      ...(groups === 'all' ? { pointMask: scored[`${name}.mask`]! } : {}),
    });
  };

  it.each(['noise1A', 'mirror', 'helix_noise0p7'] as const)('FAPE is that of the reference: %s', (name) => {
    const expected = metrics.cases[name].fape;
    expect(score(name, 'main', 10)).toBeCloseTo(expected.main_frames_x_c1_clamp10, 9);
    expect(score(name, 'main', Infinity)).toBeCloseTo(expected.main_frames_x_c1_unclamped, 9);
    expect(score(name, 'all', 10)).toBeCloseTo(expected.all_frames_x_all_atoms_clamp10, 9);
    expect(score(name, 'all', Infinity)).toBeCloseTo(expected.all_frames_x_all_atoms_unclamped, 9);
  });

  it('FAPE is what the hand works out', () => {
    const rotations: Matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1];
    const truth = {
      rotations: [...rotations, ...rotations],
      translations: [0, 0, 0, 10, 0, 0],
      points: [0, 0, 0, 10, 0, 0],
    };
    const model = { ...truth, translations: [0, 0, 0, 10, 3, 0], points: [0, 0, 0, 10, 3, 0] };
    expect(fape(truth, model, { clamp: Infinity, epsilon: 0 })).toBeCloseTo(0.15, 12);
    expect(fape(truth, model, { clamp: 2, epsilon: 0 })).toBeCloseTo(0.1, 12);
    expect(fape(truth, model, { clamp: Infinity })).toBeCloseTo(0.1504857843763664, 12);
  });

  it('distances have the bins of the reference', () => {
    for (const [distance, bin] of Object.entries(metrics.dist_bin_examples))
      expect(distanceBin(Number(distance))).toBe(bin);
    expect(() => distanceBin(-1)).toThrow(RangeError);
  });
});

it('distances between nitrogens are those of the coordinates, and unknown without one', () => {
  const coordinates = new Float64Array(3 * 23 * 3);
  const mask = new Uint8Array(3 * 23);
  // Slot 2 is N9 or N1.
  for (const [i, place] of [
    [0, [0, 0, 0]],
    [1, [3, 4, 0]],
  ] as const) {
    coordinates.set(place, 3 * (23 * i + 2));
    mask[23 * i + 2] = 1;
  }
  expect([...nitrogenDistances({ sequence: 'GCA', coordinates, mask })]).toEqual([0, 5, NaN, 5, 0, NaN, NaN, NaN, NaN]);
});
