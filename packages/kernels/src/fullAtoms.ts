/**
 * The full-atom builder of a structure module (RhoFold; TERTIARY section 5):
 * from the main frame and the torsions of a nucleotide the frames of its rigid
 * groups, each turned by a torsion about a bond of another group, and from these
 * its atoms. One invocation a nucleotide, group or atom.
 *
 * What a base is made of is a table [4, TORSION_COLUMNS · (groups − 1) +
 * ATOM_COLUMNS · 23]. A group's row is the place of the group it hangs on, its
 * torsion's slot, and its rotation by rows and translation at torsion 0. An
 * atom's row is whether the base has it, the place of its group, its position in
 * it, and what is added times cosine and sine of the second torsion slot, the
 * pucker's phase. A base that is not one of the four has no atoms.
 */
import { frameAt, quaternionAt, rotationWgsl, storeFrame } from './frames.ts';
import { defineKernel, elementwise, flatIndex } from './kernel.ts';

/** Slots of atoms of a nucleotide, and of torsions. */
export const ATOMS_OF_NUCLEOTIDE = 23;
export const TORSIONS_OF_NUCLEOTIDE = 6;
/** The torsion slot that has the phase of the sugar's pucker. */
const PUCKER_SLOT = 1;
/** Columns of the table for each torsion group and each atom. */
export const TORSION_COLUMNS = 14;
export const ATOM_COLUMNS = 11;

const uniforms = { count: 'u32', groups: 'u32', epsilon: 'f32' } as const;

/** Torsion angles, which are divided by their length and `epsilon`, and the table. */
const declarations = /* wgsl */ `
const torsionSlots = ${TORSIONS_OF_NUCLEOTIDE}u;
const atomSlots = ${ATOMS_OF_NUCLEOTIDE}u;
fn angleAt(l: u32, slot: u32) -> vec2f {
  let at = 2u * (l * torsionSlots + slot);
  return vec2f(torsions[at], torsions[at + 1u]);
}
fn unitAngle(angle: vec2f) -> vec2f { return angle / (length(angle) + u.epsilon); }
fn unitGradient(angle: vec2f, g: vec2f) -> vec2f {
  let size = length(angle);
  let divisor = size + u.epsilon;
  return g / divisor - angle * (dot(g, angle) / (max(size, 1e-20) * divisor * divisor));
}
fn turning(angle: vec2f) -> mat3x3f {
  return mat3x3f(vec3f(1.0, 0.0, 0.0), vec3f(0.0, angle.x, angle.y), vec3f(0.0, -angle.y, angle.x));
}
fn tableColumns() -> u32 { return ${TORSION_COLUMNS}u * (u.groups - 1u) + ${ATOM_COLUMNS}u * atomSlots; }
fn torsionRow(base: u32, k: u32) -> u32 { return base * tableColumns() + ${TORSION_COLUMNS}u * k; }
fn atomRow(base: u32, slot: u32) -> u32 {
  return base * tableColumns() + ${TORSION_COLUMNS}u * (u.groups - 1u) + ${ATOM_COLUMNS}u * slot;
}
fn tableVector(at: u32) -> vec3f { return vec3f(table[at], table[at + 1u], table[at + 2u]); }
fn tableMatrix(at: u32) -> mat3x3f {
  return transpose(mat3x3f(tableVector(at), tableVector(at + 3u), tableVector(at + 6u)));
}`;

const matrixAt = (buffer: string, at: string): string =>
  `transpose(mat3x3f(${[0, 3, 6]
    .map((row) => `vec3f(${[0, 1, 2].map((col) => `${buffer}[${at} + ${row + col}u]`).join(', ')})`)
    .join(', ')}))`;
const vectorAt = (buffer: string, at: string): string =>
  `vec3f(${[0, 1, 2].map((k) => `${buffer}[${at} + ${k}u]`).join(', ')})`;

/** Stores a group's rotation by rows and its translation. */
const storeGroup = (buffer: string, at: string, rotation: string, translation: string): string => /* wgsl */ `
    for (var row = 0u; row < 3u; row++) {
      for (var col = 0u; col < 3u; col++) { ${buffer}[${at} + 3u * row + col] = ${rotation}[col][row]; }
      ${buffer}[${at} + 9u + row] = ${translation}[row];
    }`;

/** The most groups of a nucleotide. Loops end at the uniform: lavapipe takes ten times as long over those it unrolls. */
const MOST_GROUPS = 6;

/**
 * y [length, groups, 12]: rotations by rows and translations of the groups of each nucleotide. frames [length, 7], whose
 * quaternions are made of length 1; torsions [length, 6, 2]; bases [length]. `count` is the length.
 */
export const groupFrames = defineKernel({
  name: 'groupFrames',
  inputs: { frames: 'f32', torsions: 'f32', bases: 'u32', table: 'f32' },
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + rotationWgsl,
  // A group's parent is read back from y, where this invocation has put it.
  body: () => /* wgsl */ `${flatIndex}${frameAt('i')}
  let base = min(bases[i], 3u);
  let first = 12u * i * u.groups;
  let main = rotationOf(quaternion / length(quaternion));${storeGroup('y', 'first', 'main', 'translation')}
  for (var k = 0u; k + 1u < u.groups; k++) {
    let row = torsionRow(base, k);
    let above = first + 12u * u32(table[row]);
    let outer = ${matrixAt('y', 'above')};
    let shift = outer * tableVector(row + 11u) + ${vectorAt('y', 'above + 9u')};
    let turned = outer * (tableMatrix(row + 2u) * turning(unitAngle(angleAt(i, u32(table[row + 1u])))));
    let at = first + 12u * (k + 1u);${storeGroup('y', 'at', 'turned', 'shift')}
  }`,
});

/** dframes and dtorsions of `groupFrames`, from y and its gradient. */
export const groupFramesBackward = defineKernel({
  name: 'groupFramesBackward',
  inputs: { dy: 'f32', y: 'f32', frames: 'f32', torsions: 'f32', bases: 'u32', table: 'f32' },
  outputs: { dframes: 'f32', dtorsions: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations + rotationWgsl,
  body: () => /* wgsl */ `${flatIndex}${quaternionAt('i')}
  let base = min(bases[i], 3u);
  var dr: array<mat3x3f, ${MOST_GROUPS}>;
  var dt: array<vec3f, ${MOST_GROUPS}>;
  for (var k = 0u; k < u.groups; k++) {
    let at = 12u * (i * u.groups + k);
    dr[k] = ${matrixAt('dy', 'at')};
    dt[k] = ${vectorAt('dy', 'at + 9u')};
  }
  for (var slot = 0u; slot < 2u * torsionSlots; slot++) { dtorsions[2u * i * torsionSlots + slot] = 0.0; }
  for (var k = u.groups - 1u; k > 0u; k--) {
    let row = torsionRow(base, k - 1u);
    let parent = u32(table[row]);
    let slot = u32(table[row + 1u]);
    let angle = angleAt(i, slot);
    let rest = tableMatrix(row + 2u);
    let shift = tableVector(row + 11u);
    let above = 12u * (i * u.groups + parent);
    let outer = ${matrixAt('y', 'above')};
    let dturn = transpose(outer * rest) * dr[k];
    let g = unitGradient(angle, vec2f(dturn[1].y + dturn[2].z, dturn[1].z - dturn[2].y));
    dtorsions[2u * (i * torsionSlots + slot)] = g.x;
    dtorsions[2u * (i * torsionSlots + slot) + 1u] = g.y;
    dr[parent] += dr[k] * transpose(rest * turning(unitAngle(angle)))
      + mat3x3f(dt[k] * shift.x, dt[k] * shift.y, dt[k] * shift.z);
    dt[parent] += dt[k];
  }
  let size = length(quaternion);
  let unit = quaternion / size;
  let g = quaternionGradient(unit, dr[0]);
  let dq = (g - dot(g, unit) * unit) / size;
  let shift = dt[0];${storeFrame('dframes', 'i', 'dq', 'shift')}`,
});

/** y [length, 23, 3]: the atoms from groups [length, groups, 12]; 0 in the slots that a base leaves empty. */
export const placeAtoms = defineKernel({
  name: 'placeAtoms',
  inputs: { frames: 'f32', torsions: 'f32', bases: 'u32', table: 'f32' },
  outputs: { y: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let l = i / atomSlots;
  let row = atomRow(min(bases[l], 3u), i % atomSlots);
  var placed = vec3f();
  if (bases[l] < 4u && table[row] > 0.0) {
    let phase = unitAngle(angleAt(l, ${PUCKER_SLOT}u));
    let local = tableVector(row + 2u) + phase.x * tableVector(row + 5u) + phase.y * tableVector(row + 8u);
    let at = 12u * (l * u.groups + u32(table[row + 1u]));
    placed = ${matrixAt('frames', 'at')} * local + ${vectorAt('frames', 'at + 9u')};
  }
  for (var k = 0u; k < 3u; k++) { y[3u * i + k] = placed[k]; }`,
});

/** dframes [length, groups, 12] of `placeAtoms`, and dtorsions [length, 6, 2], which has the pucker's alone. */
export const placeAtomsBackward = defineKernel({
  name: 'placeAtomsBackward',
  inputs: { dy: 'f32', frames: 'f32', torsions: 'f32', bases: 'u32', table: 'f32' },
  outputs: { dframes: 'f32', dtorsions: 'f32' },
  uniforms,
  variant: {},
  ...elementwise,
  declarations: () => declarations,
  body: () => /* wgsl */ `${flatIndex}
  let l = i / u.groups;
  let group = i % u.groups;
  let known = bases[l] < 4u;
  let base = min(bases[l], 3u);
  let angle = angleAt(l, ${PUCKER_SLOT}u);
  let phase = unitAngle(angle);
  var dr = mat3x3f();
  var dt = vec3f();
  var dphase = vec2f();
  for (var slot = 0u; slot < atomSlots; slot++) {
    let row = atomRow(base, slot);
    let own = u32(table[row + 1u]);
    if (!known || table[row] == 0.0 || (own != group && group > 0u)) { continue; }
    let g = ${vectorAt('dy', '3u * (l * atomSlots + slot)')};
    if (group == 0u) {
      let at = 12u * (l * u.groups + own);
      let dlocal = g * ${matrixAt('frames', 'at')};
      dphase += vec2f(dot(dlocal, tableVector(row + 5u)), dot(dlocal, tableVector(row + 8u)));
    }
    if (own == group) {
      let local = tableVector(row + 2u) + phase.x * tableVector(row + 5u) + phase.y * tableVector(row + 8u);
      dr += mat3x3f(g * local.x, g * local.y, g * local.z);
      dt += g;
    }
  }
  let at = 12u * i;${storeGroup('dframes', 'at', 'dr', 'dt')}
  // The first group's invocation goes over all atoms and stores what the nucleotide has once.
  if (group == 0u) {
    let g = unitGradient(angle, dphase);
    for (var k = 0u; k < 2u * torsionSlots; k++) {
      let inPhase = k / 2u == ${PUCKER_SLOT}u;
      dtorsions[2u * l * torsionSlots + k] = select(0.0, g[k % 2u], inPhase);
    }
  }`,
});
