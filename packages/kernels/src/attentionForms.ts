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
 * - `shuffleForm` (attentionLanes.ts): a subgroup is a workgroup; all lanes have the same rows; values are handed out by
 *   shuffles.
 * - `memoryForm` (attentionLanes.ts): the same with barriers in place of subgroups; values lie in workgroup memory.
 * - `tileForm` (attentionTiles.ts), for GPUs: 16 invocations share rows, and eight such groups share what they walk over.
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

/**
 * A form, as pieces of text. What a piece declares and another uses has a name that is the same in all forms:
 *
 *     head           blocks        blocks of four tokens of the pack
 *                    firstBlock    the invocation's first own block
 *                    block{b}      its own blocks, or the last one in place of those beyond it
 *                    row{r}        its own rows, or the last one
 *                    start{r}, end{r}   the range of tokens of the row's sequence, empty beyond the last row
 *                    low, high     the range of tokens that share a sequence with some row of the workgroup
 *     walk           base          the first block of the turn
 *                    mine, tokens  the invocation's block in it, and its four tokens
 *                    valid{r}      which of these are of the row's sequence
 *     keep(name)     what `scores` needs to hand the rows' operand of that name out
 *     scores(s)      s{r}, vectors over the four tokens
 *     largest(name), total(name)   {name}Largest{r}, {name}Total{r}
 *
 * `sums` adds to {sum}{r}_{i}, of row r and slice i, which `zeros` declares and `write` writes.
 */
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

/** Own blocks and rows, from `firstBlock` on. */
export const ownRows = (
  rows: number,
): string => /* wgsl */ `${each(rows / 4, (b) => `let block${b} = min(firstBlock + ${b}u, blocks - 1u);`)}
  ${each(rows, (r) => `let row${r} = min(4u * firstBlock + ${r}u, u.tokens - 1u);`)}`;

/** The range of tokens of row r's sequence, which is empty where the row is beyond the last token. */
export const ownRanges = (rows: number): string =>
  each(
    rows,
    (r) => /* wgsl */ `
  let start${r} = segments[2u * row${r}];
  let end${r} = select(0u, segments[2u * row${r} + 1u], 4u * firstBlock + ${r}u < u.tokens);`,
  );

/** The walk in turns of `blocks` blocks, of which the invocation has that at `own`. */
export const walkOver = (own: string, rows: number, blocks: number, step: string): string => /* wgsl */ `
  for (var base = low / 4u; 4u * base < high; base += ${blocks}u) {
    let mine = min(base + ${own}, blocks - 1u);
    let tokens = vec4u(4u * (base + ${own})) + vec4u(0u, 1u, 2u, 3u);
    ${each(rows, (r) => `let valid${r} = (tokens >= vec4u(start${r})) & (tokens < vec4u(end${r}));`)}
    ${step}
  }`;
