/** Checks of the full-atom builder, on tables of random rigid groups. */
import { floats, integers, normals, uniform, type Call, type KernelCheck, type Values } from './check.ts';
import { outer, quaternionGradient, randomFrames, rotationOf, turn } from './frames.check.ts';
import {
  ATOM_COLUMNS,
  ATOMS_OF_NUCLEOTIDE as ATOMS,
  groupFrames,
  groupFramesBackward,
  placeAtoms,
  placeAtomsBackward,
  TORSION_COLUMNS,
  TORSIONS_OF_NUCLEOTIDE as TORSIONS,
} from './fullAtoms.ts';
import type { RandomStream } from './random.ts';

const BASES = 4;
const PUCKER = 1;
/** The groups that groups hang on, and their torsions' slots, as the geometries of five and six groups have them. */
const PARENTS = [0, 0, 2, 3, 4];
const SLOTS = [2, 3, 4, 5, 0];

/** A table of a geometry; base b has 20 + b atoms. */
function randomTable(random: RandomStream, groups: number): Float64Array {
  const columns = (base: number): number[] => [
    ...PARENTS.slice(0, groups - 1).flatMap((parent, k) => [
      parent,
      SLOTS[k]!,
      ...rotationOf(randomFrames(random, 1), 0).map(Math.fround),
      ...normals(random, 3),
    ]),
    ...Array.from({ length: ATOMS }, (_, slot) => [
      slot < 20 + base ? 1 : 0,
      random.below(groups),
      ...normals(random, ATOM_COLUMNS - 2),
    ]).flat(),
  ];
  return Float64Array.from(Array.from({ length: BASES }, (_, base) => columns(base)).flat());
}

type Size = readonly [length: number, groups: number];
const SIZES: readonly Size[] = [
  [1, 5],
  [9, 6],
  [70, 5],
];
const GRADIENT_SIZES: readonly Size[] = [[7, 6]];
const BENCHMARK: readonly Size[] = [[256, 5]];

function callOf(random: RandomStream, [length, groups]: Size, frames: 'quaternions' | 'groups'): Call {
  const inputs: Values = {
    frames: frames === 'quaternions' ? randomFrames(random, length, false) : normals(random, 12 * length * groups),
    torsions: normals(random, 2 * length * TORSIONS),
    // The last of five is no base that is known.
    bases: Uint32Array.from({ length }, (_, l) => (l % 9 === 8 ? BASES : random.below(BASES))),
    table: randomTable(random, groups),
  };
  return { inputs, outputs: {}, uniforms: { count: length, groups, epsilon: 1e-4 } };
}

interface Torsion {
  readonly parent: number;
  readonly slot: number;
  readonly rotation: readonly number[];
  readonly shift: readonly number[];
}

/** What the table says of a nucleotide. */
function tableOf(call: Call, l: number) {
  const [table, groups] = [floats(call, 'table'), uniform(call, 'groups')];
  const base = Math.min(integers(call, 'bases')[l]!, BASES - 1);
  const start = (base * table.length) / BASES;
  const at = (row: number, first: number, count: number): number[] => [
    ...table.subarray(row + first, row + first + count),
  ];
  return {
    torsion: (k: number): Torsion => {
      const row = start + TORSION_COLUMNS * k;
      const [parent, slot] = at(row, 0, 2) as [number, number];
      return { parent, slot, rotation: at(row, 2, 9), shift: at(row, 11, 3) };
    },
    atom: (index: number) => {
      const row = start + TORSION_COLUMNS * (groups - 1) + ATOM_COLUMNS * index;
      const known = integers(call, 'bases')[l]! < BASES;
      return {
        exists: known && table[row]! > 0,
        group: table[row + 1]!,
        local: at(row, 2, 3),
        cos: at(row, 5, 3),
        sin: at(row, 8, 3),
      };
    },
  };
}

const multiply = (a: readonly number[], b: readonly number[]): number[] =>
  Array.from({ length: 9 }, (_, at) => {
    const [row, col] = [Math.floor(at / 3), at % 3];
    return [0, 1, 2].reduce((sum, k) => sum + a[3 * row + k]! * b[3 * k + col]!, 0);
  });
const transpose = (m: readonly number[]): number[] => [0, 3, 6, 1, 4, 7, 2, 5, 8].map((at) => m[at]!);
const plus = (a: readonly number[], b: readonly number[]): number[] => a.map((value, k) => value + b[k]!);
const scaled = (a: readonly number[], factor: number): number[] => a.map((value) => value * factor);

function angleOf(call: Call, l: number, slot: number) {
  const [torsions, epsilon] = [floats(call, 'torsions'), uniform(call, 'epsilon')];
  const at = 2 * (l * TORSIONS + slot);
  const [a, b] = [torsions[at]!, torsions[at + 1]!];
  const size = Math.hypot(a, b);
  const divisor = size + epsilon;
  return {
    cos: a / divisor,
    sin: b / divisor,
    gradient: (dcos: number, dsin: number): [number, number] => {
      const along = (dcos * a + dsin * b) / (size * divisor ** 2);
      return [dcos / divisor - a * along, dsin / divisor - b * along];
    },
  };
}

const turning = ({ cos, sin }: { cos: number; sin: number }): number[] => [1, 0, 0, 0, cos, -sin, 0, sin, cos];

/** Quaternions divided by their lengths, in the place of frames. */
function unitFrames(call: Call): Float64Array {
  return floats(call, 'frames').map((value, at, frames) => {
    const l = Math.floor(at / 7);
    return at % 7 < 4 ? value / Math.hypot(...frames.subarray(7 * l, 7 * l + 4)) : value;
  });
}

function groupsReference(call: Call): Float64Array {
  const [length, groups] = [uniform(call, 'count'), uniform(call, 'groups')];
  const frames = unitFrames(call);
  const y = new Float64Array(12 * length * groups);
  for (let l = 0; l < length; l++) {
    const rotations = [[...rotationOf(frames, l)]];
    const translations = [[...frames.subarray(7 * l + 4, 7 * l + 7)]];
    for (let k = 0; k < groups - 1; k++) {
      const { parent, slot, rotation, shift } = tableOf(call, l).torsion(k);
      rotations.push(multiply(rotations[parent]!, multiply(rotation, turning(angleOf(call, l, slot)))));
      translations.push(plus(turn(rotations[parent]!, shift), translations[parent]!));
    }
    rotations.forEach((rotation, k) => {
      y.set([...rotation, ...translations[k]!], 12 * (l * groups + k));
    });
  }
  return y;
}

const sizesOf = (call: Call) => ({ length: uniform(call, 'count'), groups: uniform(call, 'groups') });
const groupWork = (call: Call) => {
  const { length, groups } = sizesOf(call);
  return { flops: 150 * length * groups, bytes: 4 * length * (19 + 12 * groups) };
};

export const groupFramesCheck: KernelCheck = {
  kernel: groupFrames,
  calls: (random) =>
    SIZES.map((size) => ({ ...callOf(random, size, 'quaternions'), outputs: { y: 12 * size[0] * size[1] } })),
  benchmark: (random) =>
    BENCHMARK.map((size) => ({ ...callOf(random, size, 'quaternions'), outputs: { y: 12 * size[0] * size[1] } })),
  reference: (call) => ({ y: groupsReference(call) }),
  work: groupWork,
  tolerance: 5e-6,
};

function groupBackwardCall(random: RandomStream, size: Size): Call {
  const call = callOf(random, size, 'quaternions');
  const y = groupsReference(call);
  return {
    ...call,
    inputs: { ...call.inputs, y, dy: normals(random, y.length) },
    outputs: { dframes: 7 * size[0], dtorsions: 2 * size[0] * TORSIONS },
  };
}

export const groupFramesBackwardCheck: KernelCheck = {
  kernel: groupFramesBackward,
  gradientOf: groupFramesCheck,
  gradientCalls: (random) => GRADIENT_SIZES.map((size) => groupBackwardCall(random, size)),
  calls: (random) => SIZES.map((size) => groupBackwardCall(random, size)),
  benchmark: (random) => BENCHMARK.map((size) => groupBackwardCall(random, size)),
  reference: (call) => {
    const { length, groups } = sizesOf(call);
    const [frames, y, dy] = [floats(call, 'frames'), groupsReference(call), floats(call, 'dy')];
    const units = unitFrames(call);
    const dframes = new Float64Array(frames.length);
    const dtorsions = new Float64Array(2 * length * TORSIONS);
    for (let l = 0; l < length; l++) {
      const part = (values: Float64Array, k: number, first: number, count: number): number[] => {
        const at = 12 * (l * groups + k) + first;
        return [...values.subarray(at, at + count)];
      };
      const dr = Array.from({ length: groups }, (_, k) => part(dy, k, 0, 9));
      const dt = Array.from({ length: groups }, (_, k) => part(dy, k, 9, 3));
      for (let k = groups - 1; k > 0; k--) {
        const { parent, slot, rotation, shift } = tableOf(call, l).torsion(k - 1);
        const angle = angleOf(call, l, slot);
        const above = part(y, parent, 0, 9);
        const dturn = multiply(transpose(multiply(above, rotation)), dr[k]!);
        dtorsions.set(angle.gradient(dturn[4]! + dturn[8]!, dturn[7]! - dturn[5]!), 2 * (l * TORSIONS + slot));
        dr[parent] = plus(
          dr[parent]!,
          plus(multiply(dr[k]!, transpose(multiply(rotation, turning(angle)))), outer(dt[k]!, shift)),
        );
        dt[parent] = plus(dt[parent]!, dt[k]!);
      }
      const g = quaternionGradient(units, l, dr[0]!);
      const unit = [...units.subarray(7 * l, 7 * l + 4)];
      const along = g.reduce((sum, value, k) => sum + value * unit[k]!, 0);
      const size = Math.hypot(...frames.subarray(7 * l, 7 * l + 4));
      dframes.set([...g.map((value, k) => (value - along * unit[k]!) / size), ...dt[0]!], 7 * l);
    }
    return { dframes, dtorsions };
  },
  work: (call) => ({ flops: 3 * groupWork(call).flops, bytes: 2 * groupWork(call).bytes }),
  tolerance: 2e-5,
};

/** An atom's position in its group. */
function localOf(call: Call, l: number, slot: number): number[] {
  const { local, cos, sin } = tableOf(call, l).atom(slot);
  const phase = angleOf(call, l, PUCKER);
  return plus(local, plus(scaled(cos, phase.cos), scaled(sin, phase.sin)));
}

/** Calls f for every atom that is there. */
function overAtoms(call: Call, f: (l: number, slot: number, group: number) => void): void {
  const bases = integers(call, 'bases');
  for (let l = 0; l < bases.length; l++)
    for (let slot = 0; slot < ATOMS; slot++) {
      const { exists, group } = tableOf(call, l).atom(slot);
      if (exists) f(l, slot, l * uniform(call, 'groups') + group);
    }
}

function atomCall(random: RandomStream, size: Size): Call {
  const call = callOf(random, size, 'groups');
  return { ...call, outputs: { y: 3 * size[0] * ATOMS }, uniforms: { ...call.uniforms, count: size[0] * ATOMS } };
}

const atomWork = (call: Call) => {
  const length = integers(call, 'bases').length;
  return { flops: 32 * length * ATOMS, bytes: 4 * length * (3 * ATOMS + 14 + 12 * uniform(call, 'groups')) };
};

export const placeAtomsCheck: KernelCheck = {
  kernel: placeAtoms,
  calls: (random) => SIZES.map((size) => atomCall(random, size)),
  benchmark: (random) => BENCHMARK.map((size) => atomCall(random, size)),
  reference: (call) => {
    const frames = floats(call, 'frames');
    const y = new Float64Array(3 * integers(call, 'bases').length * ATOMS);
    overAtoms(call, (l, slot, group) => {
      const moved = turn([...frames.subarray(12 * group, 12 * group + 9)], localOf(call, l, slot));
      y.set(plus(moved, [...frames.subarray(12 * group + 9, 12 * group + 12)]), 3 * (l * ATOMS + slot));
    });
    return { y };
  },
  work: atomWork,
  tolerance: 5e-6,
};

function atomBackwardCall(random: RandomStream, size: Size): Call {
  const call = atomCall(random, size);
  const [length, groups] = size;
  return {
    ...call,
    inputs: { ...call.inputs, dy: normals(random, 3 * length * ATOMS) },
    outputs: { dframes: 12 * length * groups, dtorsions: 2 * length * TORSIONS },
    uniforms: { ...call.uniforms, count: length * groups },
  };
}

export const placeAtomsBackwardCheck: KernelCheck = {
  kernel: placeAtomsBackward,
  gradientOf: placeAtomsCheck,
  gradientCalls: (random) => GRADIENT_SIZES.map((size) => atomBackwardCall(random, size)),
  calls: (random) => SIZES.map((size) => atomBackwardCall(random, size)),
  benchmark: (random) => BENCHMARK.map((size) => atomBackwardCall(random, size)),
  reference: (call) => {
    const [frames, dy] = [floats(call, 'frames'), floats(call, 'dy')];
    const dframes = new Float64Array(frames.length);
    const dtorsions = new Float64Array(2 * integers(call, 'bases').length * TORSIONS);
    const phases = new Float64Array(2 * integers(call, 'bases').length);
    overAtoms(call, (l, slot, group) => {
      const at = 3 * (l * ATOMS + slot);
      const g = [...dy.subarray(at, at + 3)];
      [...outer(g, localOf(call, l, slot)), ...g].forEach((value, k) => {
        dframes[12 * group + k]! += value;
      });
      const { cos, sin } = tableOf(call, l).atom(slot);
      const dlocal = turn([...frames.subarray(12 * group, 12 * group + 9)], g, true);
      [cos, sin].forEach((moved, k) => {
        phases[2 * l + k]! += moved.reduce((sum, value, c) => sum + value * dlocal[c]!, 0);
      });
    });
    for (let l = 0; l < phases.length / 2; l++)
      dtorsions.set(angleOf(call, l, PUCKER).gradient(phases[2 * l]!, phases[2 * l + 1]!), 2 * (l * TORSIONS + PUCKER));
    return { dframes, dtorsions };
  },
  work: (call) => ({ flops: 2 * atomWork(call).flops, bytes: 2 * atomWork(call).bytes }),
  tolerance: 2e-5,
};
