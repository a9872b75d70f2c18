/**
 * Attention where all invocations of a workgroup have the same rows, a lane a block of four tokens of the other side, in
 * two forms (attentionForms.ts). As plain loops, for each lane:
 *
 *     for each base = low / 4, low / 4 + lanes, … below high / 4
 *       mine = base + lane
 *       scores: for d in 0..D: for each row: s[row] += x[row][d] · y[mine][d]
 *       p[row] = what the kernel makes of s[row]
 *       sums: for each source in 0..lanes, for each row, for each slice i:
 *               o[row][i] += dot(p of lane `source`[row], z[base + source][lane + i · lanes])
 *
 * x[row][d] is a row's value that another lane has, as p of the other lanes is. With `shuffleForm` lanes hand both out by
 * shuffles: lane l has component d0 + l of the rows, and for each d0 what is handed out is used before the next are
 * loaded. With `memoryForm` both lie in workgroup memory, and barriers are between those who write and those who read.
 */
import {
  each,
  ownRanges,
  ownRows,
  part,
  walkOver,
  type AttentionForm,
  type FormVariant,
  type HandedOut,
} from './attentionForms.ts';
import { range } from './text.ts';

/** What the two forms in which all invocations have the same rows have in common. */
function sameRows({ headDim, lanes, rows }: FormVariant, own: string) {
  return {
    rows,
    slices: Math.ceil(headDim / lanes),
    spacing: lanes,
    own,
    dim: 'D',
    writesRows: 'lane == 0u',
    head: /* wgsl */ `
  let D = u.headDim;
  let blocks = (u.tokens + 3u) / 4u;
  let firstBlock = wid.x * ${rows / 4}u;
  let low = segments[2u * min(4u * firstBlock, u.tokens - 1u)];
  let high = segments[2u * (min(4u * firstBlock + ${rows}u, u.tokens) - 1u) + 1u];
  ${ownRows(rows)}`,
    walk: (step: string): string => walkOver(own, rows, lanes, step),
  };
}

/** `sums` where a lane has components `spacing` apart and `handOut` gives it the value of the lane `source`. */
const sumsOver = (
  { rows, slices, own, spacing }: Pick<AttentionForm, 'rows' | 'slices' | 'own' | 'spacing'>,
  products: readonly HandedOut[],
  handOut: (value: string, r: number) => string,
): string => /* wgsl */ `
    let walked = min(${spacing}u, (high - 4u * base + 3u) / 4u);
    for (var source = 0u; source < walked; source++) {
      ${products
        .map(
          ({ sum, value, z, head }) => /* wgsl */ `
      let ${sum}At = ((${head}) * blocks + base + source) * D;
      ${each(slices, (i) => `let ${sum}z${i} = vec4f(${z}[${sum}At + min(${own} + ${i * spacing}u, D - 1u)]);`)}
      ${each(
        rows,
        (r) => /* wgsl */ `
      let ${sum}p${r} = ${handOut(value, r)};
      ${each(slices, (i) => `${sum}${r}_${i} += dot(${sum}p${r}, ${sum}z${i});`)}`,
      )}`,
        )
        .join('\n')}
    }
    `;

export function shuffleForm(variant: FormVariant): AttentionForm {
  const { lanes, rows } = variant;
  const form = sameRows(variant, 'sid');
  const blocks = rows / 4;
  return {
    ...form,
    declarations: () => '',
    // A lane loads for a row: every load of a software driver is as many as it has lanes.
    head: `${form.head}
  ${each(
    Math.ceil(rows / lanes),
    (i) => /* wgsl */ `
  let kept${i} = min(4u * firstBlock + min(sid + ${i * lanes}u, ${rows - 1}u), u.tokens - 1u);
  let starts${i} = segments[2u * kept${i}];
  let ends${i} = select(0u, segments[2u * kept${i} + 1u], 4u * firstBlock + sid + ${i * lanes}u < u.tokens);
  ${range(Math.min(lanes, rows - i * lanes))
    .map(
      (l) =>
        `let start${i * lanes + l} = subgroupBroadcast(starts${i}, ${l}u); let end${i * lanes + l} = subgroupBroadcast(ends${i}, ${l}u);`,
    )
    .join('\n')}`,
  )}`,
    keep: (name, _, head) => `let ${name}Head = (${head}) * blocks;`,
    scores: (s, x, xSource, y, head) => /* wgsl */ `
    ${each(rows, (r) => `var ${s}${r} = vec4f();`)}
    for (var d0 = 0u; d0 < D; d0 += ${lanes}u) {
      let at = min(d0 + sid, D - 1u);
      ${each(blocks, (b) => `let x${b} = vec4f(${xSource}[(${x}Head + block${b}) * D + at]);`)}
      let count = min(${lanes}u, D - d0);
      // Two components at once, of which there is an even number: half the traffic of the sums.
      for (var d = 0u; d < count; d += 2u) {
        let y0 = vec4f(${y}[((${head}) * blocks + mine) * D + d0 + d]);
        let y1 = vec4f(${y}[((${head}) * blocks + mine) * D + d0 + d + 1u]);
        ${each(rows, (r) => `${s}${r} = (${s}${r} + subgroupShuffle(${part('x', r)}, d) * y0) + subgroupShuffle(${part('x', r)}, d + 1u) * y1;`)}
      }
    }`,
    largest: (name) => each(rows, (r) => `let ${name}Largest${r} = subgroupMax(${name}${r});`),
    total: (name) => each(rows, (r) => `let ${name}Total${r} = subgroupAdd(${name}${r});`),
    sums: (products) => `
    ${sumsOver(form, products, (value, r) => `subgroupShuffle(${value}${r}, source)`)}`,
  };
}

export function memoryForm(variant: FormVariant): AttentionForm {
  const { headDim, lanes, rows } = variant;
  const form = sameRows(variant, 'lane');
  const blocks = rows / 4;
  return {
    ...form,
    declarations: (kept, handed) =>
      [
        ...kept.map((name) => `var<workgroup> ${name}Tile: array<vec4f, ${blocks * headDim}>;`),
        ...handed.map((name) => `var<workgroup> ${name}Tile: array<vec4f, ${rows * lanes}>;`),
        `var<workgroup> tops: array<f32, ${rows * lanes}>;`,
      ].join('\n'),
    head: `${form.head}
  ${ownRanges(rows)}`,
    keep: (name, source, head) => /* wgsl */ `
  for (var i = lane; i < ${blocks}u * D; i += ${lanes}u) {
    ${name}Tile[i] = vec4f(${source}[((${head}) * blocks + min(firstBlock + i / D, blocks - 1u)) * D + i % D]);
  }
  workgroupBarrier();`,
    scores: (s, x, _, y, head) => /* wgsl */ `
    ${each(rows, (r) => `var ${s}${r} = vec4f();`)}
    for (var d = 0u; d < D; d++) {
      let y = vec4f(${y}[((${head}) * blocks + mine) * D + d]);
      ${each(blocks, (b) => `let x${b} = ${x}Tile[${b}u * D + d];`)}
      ${each(rows, (r) => `${s}${r} += ${part('x', r)} * y;`)}
    }`,
    largest: (name) => /* wgsl */ `
    ${each(rows, (r) => `tops[${r * lanes}u + lane] = ${name}${r};`)}
    workgroupBarrier();
    ${each(rows, (r) => `var ${name}Largest${r} = ${name}${r};`)}
    for (var i = 0u; i < ${lanes}u; i++) { ${each(rows, (r) => `${name}Largest${r} = max(${name}Largest${r}, tops[${r * lanes}u + i]);`)} }`,
    total: (name) => /* wgsl */ `
  workgroupBarrier();
  ${each(rows, (r) => `tops[${r * lanes}u + lane] = ${name}${r};`)}
  workgroupBarrier();
  ${each(rows, (r) => `var ${name}Total${r} = 0.0;`)}
  for (var i = 0u; i < ${lanes}u; i++) { ${each(rows, (r) => `${name}Total${r} += tops[${r * lanes}u + i];`)} }`,
    sums: (products) => `
    ${products.map(({ value }) => each(rows, (r) => `${value}Tile[${r * lanes}u + lane] = ${value}${r};`)).join('\n')}
    workgroupBarrier();${sumsOver(form, products, (value, r) => `${value}Tile[${r * lanes}u + source]`)}workgroupBarrier();`,
  };
}
