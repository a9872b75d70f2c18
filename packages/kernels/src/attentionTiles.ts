/**
 * Attention in register tiles, for GPUs (`tileForm` of attentionForms.ts): 16 invocations share rows, of which each has
 * some, and eight such groups share the 64 tokens that they walk over.
 */
import { each, ownRanges, ownRows, part, walkOver, type AttentionForm, type FormVariant } from './attentionForms.ts';

/** Invocations along the tokens that are walked over, a block of four each, and groups of them along rows. */
const [ACROSS, DOWN] = [16, 8];
/** Components of the head that are in workgroup memory at a time. */
const CHUNK = 16;
// A vector more than there are blocks, else a column of a tile were one memory bank.
const PITCH = ACROSS + 1;

/** Invocations of a workgroup of `tileForm`. */
export const TILE_LANES = ACROSS * DOWN;
/** Tokens that it walks over at a time. */
export const TILE_TOKENS = 4 * ACROSS;

/**
 * A workgroup has \`rows\` rows and walks 64 tokens at a time. As plain loops:
 *
 *     for each 16 components of the head
 *       rowTile[16][rows], walkTile[16][64] = those of the workgroup's rows, and of the tokens
 *       for d in 0..16: for each row of the invocation: s[row] += rowTile[d][row] · walkTile[d][mine]
 *     handed[row][mine] = p[row]
 *     for each block of the 16: for each row: for each slice i: o[row][i] += dot(handed[row][block], z[block][d_i])
 *
 * Tiles and what is handed out take turns in the same memory, 16 KiB of it. The head's dimension is in the text, so that
 * loops have constant ends and indices need no bounds.
 */
export function tileForm({ headDim, rows: groupRows, shuffles }: FormVariant): AttentionForm {
  const rows = groupRows / DOWN;
  const blocks = rows / 4;
  const groupBlocks = groupRows / 4;
  const chunks = Math.ceil(headDim / CHUNK);
  const slices = Math.ceil(headDim / ACROSS);
  const rowPitch = groupBlocks + 1;
  const walkAt = CHUNK * rowPitch;
  const vectors = Math.max(walkAt + CHUNK * PITCH, groupRows * ACROSS);
  const group = `lane / ${ACROSS}u`;
  const own = `(lane % ${ACROSS}u)`;
  const slot = (r: number): string => `(${group} * ${rows}u + ${r}u) * ${ACROSS}u`;
  // The last components of a head, which may be no whole chunk, are zero in rows and something in what is walked over.
  const whole = headDim % CHUNK === 0;
  const toTile = (i: number, count: number, at: string, pitch: number, value: (block: string, d: string) => string) => {
    const index = i === 0 ? 'lane' : `(lane + ${i * TILE_LANES}u)`;
    const line = `${at}${index} % ${CHUNK}u * ${pitch}u + ${index} / ${CHUNK}u`;
    const d = `d0 + ${index} % ${CHUNK}u`;
    const text = `tile[${line}] = ${value(`${index} / ${CHUNK}u`, d)};`;
    return (i + 1) * TILE_LANES <= count ? text : `if (lane < ${count - i * TILE_LANES}u) { ${text} }`;
  };
  const tile = (count: number, at: string, pitch: number, value: (block: string, d: string) => string): string =>
    each(Math.ceil((count * CHUNK) / TILE_LANES), (i) => toTile(i, count * CHUNK, at, pitch, value));
  const inside = (d: string): string => (whole ? d : `min(${d}, ${headDim - 1}u)`);
  const reduced = (name: string, result: string, op: (a: string, b: string) => string): string =>
    shuffles
      ? each(
          rows,
          (r) => /* wgsl */ `
    var ${name}${result}${r} = ${name}${r};
    ${[1, 2, 4, 8].map((x) => `${name}${result}${r} = ${op(`${name}${result}${r}`, `subgroupShuffleXor(${name}${result}${r}, ${x}u)`)};`).join(' ')}`,
        )
      : // Four numbers a vector, and all invocations of a group in the same order.
        /* wgsl */ `
    ${each(rows, (r) => `tile[${slot(r)} + ${own}].x = ${name}${r};`)}
    workgroupBarrier();
    ${each(rows, (r) => `var ${name}${result}${r} = tile[${slot(r)}].x;`)}
    for (var i = 1u; i < ${ACROSS}u; i++) { ${each(rows, (r) => `${name}${result}${r} = ${op(`${name}${result}${r}`, `tile[${slot(r)} + i].x`)};`)} }
    workgroupBarrier();`;
  return {
    rows,
    slices,
    spacing: ACROSS,
    own,
    dim: `${headDim}u`,
    writesRows: `${own} == 0u`,
    declarations: () => `var<workgroup> tile: array<vec4f, ${vectors}>;`,
    head: /* wgsl */ `
  let blocks = (u.tokens + 3u) / 4u;
  let groupBlock = wid.x * ${groupBlocks}u;
  let firstBlock = groupBlock + ${group} * ${blocks}u;
  let low = segments[2u * min(4u * groupBlock, u.tokens - 1u)];
  let high = segments[2u * (min(4u * groupBlock + ${groupRows}u, u.tokens) - 1u) + 1u];
  ${ownRows(rows)}
  ${ownRanges(rows)}`,
    keep: (name, _, head) => `let ${name}Head = (${head}) * blocks;`,
    scores: (s, x, xSource, y, head) => {
      const row = (block: string, d: string): string => {
        const value = `vec4f(${xSource}[(${x}Head + min(groupBlock + ${block}, blocks - 1u)) * ${headDim}u + ${inside(d)}])`;
        return whole ? value : `select(vec4f(), ${value}, ${d} < ${headDim}u)`;
      };
      const walked = (block: string, d: string): string =>
        `vec4f(${y}[((${head}) * blocks + min(base + ${block}, blocks - 1u)) * ${headDim}u + ${inside(d)}])`;
      return /* wgsl */ `
    ${each(rows, (r) => `var ${s}${r} = vec4f();`)}
    for (var d0 = 0u; d0 < ${chunks * CHUNK}u; d0 += ${CHUNK}u) {
      ${tile(groupBlocks, '', rowPitch, row)}
      ${tile(ACROSS, `${walkAt}u + `, PITCH, walked)}
      workgroupBarrier();
      for (var d = 0u; d < ${CHUNK}u; d++) {
        ${each(blocks, (b) => `let x${b} = tile[d * ${rowPitch}u + ${group} * ${blocks}u + ${b}u];`)}
        let y = tile[${walkAt}u + d * ${PITCH}u + ${own}];
        ${each(rows, (r) => `${s}${r} = fma(vec4f(${part('x', r)}), y, ${s}${r});`)}
      }
      workgroupBarrier();
    }`;
    },
    largest: (name) => reduced(name, 'Largest', (a, b) => `max(${a}, ${b})`),
    total: (name) => reduced(name, 'Total', (a, b) => `${a} + ${b}`),
    sums: (products) => /* wgsl */ `
    let walked = min(${ACROSS}u, (high - 4u * base + 3u) / 4u);
    ${products
      .map(
        ({ sum, value, z, head }) => /* wgsl */ `
    ${each(rows, (r) => `tile[${slot(r)} + ${own}] = ${value}${r};`)}
    workgroupBarrier();
    for (var source = 0u; source < walked; source++) {
      let at = ((${head}) * blocks + base + source) * ${headDim}u;
      ${each(slices, (i) => {
        const d = `${own} + ${i * ACROSS}u`;
        return `let z${i} = vec4f(${z}[at + ${ACROSS * (i + 1) <= headDim ? d : `min(${d}, ${headDim - 1}u)`}]);`;
      })}
      ${each(
        rows,
        (r) => /* wgsl */ `
      let p${r} = tile[${slot(r)} + source];
      ${each(slices, (i) => `${sum}${r}_${i} = fma(p${r}.w, z${i}.w, fma(p${r}.z, z${i}.z, fma(p${r}.y, z${i}.y, fma(p${r}.x, z${i}.x, ${sum}${r}_${i}))));`)}`,
      )}
    }
    workgroupBarrier();`,
      )
      .join('\n')}`,
    walk: (step) => walkOver(own, rows, ACROSS, step),
  };
}
