/**
 * The three forms in which attention's kernels are computed (attention.ts), as pieces of text that their bodies are put
 * together from. In all of them an invocation sums for some rows (queries; keys in their gradient), and walks the other
 * side a block of four tokens at a time, so that every product is one of two:
 *
 *     scores: s[row] = Σ_d x[row][d] · y[d], a vector over the four tokens of the invocation's block `mine`
 *     sums:   o[row][i] += Σ over blocks of dot(p[row], z[d_i]), for the components d_i of the head that it has
 *
 * The forms differ in who has which rows, and in how invocations hand rows and probabilities to each other:
 *
 * - `shuffleForm`: a subgroup is a workgroup; all lanes have the same rows; values are handed out by shuffles.
 * - `memoryForm`: the same with barriers in place of subgroups; values lie in workgroup memory.
 * - `tileForm`, for GPUs: 16 invocations share rows, and eight such groups share what they walk over.
 */
import { range } from './text.ts';

export interface FormVariant {
  readonly headDim: number;
  readonly lanes: number;
  readonly rows: number;
  readonly shuffles: boolean;
}

/** A product of `sums`: what is handed out, with what it is multiplied, and the head of that. */
export interface HandedOut {
  readonly sum: string;
  readonly value: string;
  readonly z: string;
  readonly head: string;
}

/** Pieces of text. In scope of a body are `blocks`, `block{b}`, `row{r}`, `start{r}`, `end{r}` of own rows. */
export interface AttentionForm {
  /** Rows of an invocation. */
  readonly rows: number;
  /** Components of the head that an invocation sums, `spacing` apart from `own` on. */
  readonly slices: number;
  readonly spacing: number;
  readonly own: string;
  /** The head's dimension. */
  readonly dim: string;
  /** Whether this invocation writes what is one value a row. */
  readonly writesRows: string;
  /** Workgroup memory for the operands that rows keep, and for the values that are handed out. */
  readonly declarations: (kept: readonly string[], handed: readonly string[]) => string;
  /** Sizes, own blocks, and the range of tokens `low` to `high` that share a sequence with the workgroup's rows. */
  readonly head: string;
  /** Makes the rows' operand `name`, of head \`head\` in \`source\`, ready to be handed out. */
  readonly keep: (name: string, source: string, head: string) => string;
  /** s = Σ_d x_row[d] · y[d] of each row with the four tokens of block \`mine\` in head \`head\` of `y`. */
  readonly scores: (s: string, x: string, xSource: string, y: string, head: string) => string;
  /** `{name}Largest{r}`: the largest value of `name` over all that have row r. */
  readonly largest: (name: string) => string;
  /** `{name}Total{r}`: the sum of `name` over all that have row r, in the same order on every one of them. */
  readonly total: (name: string) => string;
  /** For each product: sum[row][slice] += Σ over the walked blocks of the handed-out value · z. */
  readonly sums: (products: readonly HandedOut[]) => string;
  /** The walk over the blocks of the range: \`mine\` is this invocation's, \`tokens\` its four tokens. */
  readonly walk: (step: string) => string;
}

export const each = (count: number, text: (i: number) => string): string => range(count).map(text).join('\n');
/** Row r as a component of its block's vector. */
export const part = (name: string, r: number): string => `${name}${Math.floor(r / 4)}[${r % 4}]`;

/** Declares `sum{r}_{i}` of each row and slice. */
export const zeros = ({ rows, slices }: AttentionForm, sum: string): string =>
  each(rows, (r) => each(slices, (i) => `var ${sum}${r}_${i} = 0.0;`));

/** Writes sums over four rows at a time to head \`head\` of a packed buffer. */
export const write = (
  { rows, slices, own, spacing, dim }: AttentionForm,
  target: string,
  sum: string,
  head: string,
): string =>
  each(
    rows / 4,
    (b) => /* wgsl */ `
  if (firstBlock + ${b}u < blocks) {
    ${each(
      slices,
      (i) => /* wgsl */ `
    if (${own} + ${i * spacing}u < ${dim}) {
      ${target}[((${head}) * blocks + block${b}) * ${dim} + ${own} + ${i * spacing}u] = ${target}_t(vec4f(${[0, 1, 2, 3].map((e) => `${sum}${4 * b + e}_${i}`).join(', ')}));
    }`,
    )}
  }`,
  );

const ownRows = (
  rows: number,
): string => /* wgsl */ `${each(rows / 4, (b) => `let block${b} = min(firstBlock + ${b}u, blocks - 1u);`)}
  ${each(rows, (r) => `let row${r} = min(4u * firstBlock + ${r}u, u.tokens - 1u);`)}`;

/** The range of tokens of row r's sequence, which is empty where the row is beyond the last token. */
const ownRanges = (rows: number): string =>
  each(
    rows,
    (r) => /* wgsl */ `
  let start${r} = segments[2u * row${r}];
  let end${r} = select(0u, segments[2u * row${r} + 1u], 4u * firstBlock + ${r}u < u.tokens);`,
  );

const walkOver = (own: string, rows: number, blocks: number, step: string): string => /* wgsl */ `
  for (var base = low / 4u; 4u * base < high; base += ${blocks}u) {
    let mine = min(base + ${own}, blocks - 1u);
    let tokens = vec4u(4u * (base + ${own})) + vec4u(0u, 1u, 2u, 3u);
    ${each(rows, (r) => `let valid${r} = (tokens >= vec4u(start${r})) & (tokens < vec4u(end${r}));`)}
    ${step}
  }`;

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
