/**
 * Matrix product, y = A·B (+ bias) (+ residual), with A [rows, inner] and B
 * [inner, cols] or either of them stored transposed. The inner index may be taken
 * in parts (split-K), each of which gives a y of its own, to be summed in order.
 *
 * Every operand and y may be stored in half precision, and B as signed bytes with
 * a scale per row (quantize.ts) or in 4 bits with a scale per group
 * (quantizeGroups.ts); products and sums are f32.
 */
import {
  gatherA4,
  gemmBody,
  gemmDeclarations,
  gemmDefaults,
  gemmGrid,
  gemmHead,
  gemmShape,
  gemmSpace,
  gemmWorkgroup,
  tileGrid,
  type GemmText,
  type GemmVariant,
} from './gemm.ts';
import { DEPTH, storedOperand, type TileOperand } from './gemmTiles.ts';
import { defineKernel, halfNames, pinnedSize, type AdapterTraits, type ElementType } from './kernel.ts';
import { quantizedWords, unpackBytes } from './quantize.ts';
import { groupedFour, groupedWords } from './quantizeGroups.ts';
import { MATRIX_DEPTH, MATRIX_TILE, matrixBody, matrixDeclarations, matrixWorkgroup } from './subgroupMatrix.ts';
import { four } from './text.ts';

export type MatmulVariant = Omit<GemmVariant, 'algorithm'> & {
  /**
   * gemm.ts's, or `matrix`: subgroup matrices (subgroupMatrix.ts) where both operands are stored as halves, and
   * `tiled` for all others, of which halves would lose something.
   */
  algorithm: GemmVariant['algorithm'] | 'matrix';
  /** The unit of `matrix`, as `16x16x16`. */
  unit: string;
  /** The subgroup's size that `matrix` asks for, where the adapter has several; 0 where it does not. */
  pinned: number;
  /** A is stored [inner, rows]. */
  transposeA: boolean;
  /** B is stored [cols, inner]. */
  transposeB: boolean;
  /** B is quantised by rows (quantize.ts), which are those of a B that is stored transposed. */
  quantized: boolean;
  /** The same in 4 bits, by groups of the rows' columns (quantizeGroups.ts). */
  grouped: boolean;
  /** The dimension along which B is contiguous is a multiple of four, and is read in vectors where that serves. */
  aligned: boolean;
  /** The same of A. */
  alignedA: boolean;
  /** Adds `bias` [cols]. */
  bias: boolean;
  /** Adds `residual` [rows, cols]. */
  residual: boolean;
};

const defaults: MatmulVariant = {
  ...gemmDefaults,
  unit: '',
  pinned: 0,
  transposeA: false,
  transposeB: false,
  quantized: false,
  grouped: false,
  aligned: false,
  alignedA: false,
  bias: false,
  residual: false,
};

/** The variant as gemm.ts has it; undefined where it is on subgroup matrices. */
function gemmVariant(variant: MatmulVariant): (MatmulVariant & GemmVariant) | undefined {
  const { algorithm } = variant;
  if (algorithm !== 'matrix') return { ...variant, algorithm };
  const halves = halfNames(variant);
  return packedForm(variant) === undefined && halves.includes('a') && halves.includes('b')
    ? undefined
    : { ...variant, algorithm: 'tiled' };
}

const usesMatrices = (variant: MatmulVariant): boolean => gemmVariant(variant) === undefined;

/** What is worth timing; where there are matrix units, forms without workgroup memory are not. */
function space(traits: AdapterTraits): Partial<MatmulVariant>[] {
  const { subgroupMatrix: unit, subgroupSize: lanes } = traits;
  if (unit === undefined || lanes === undefined) return gemmSpace(traits);
  return [
    { algorithm: 'matrix', lanes, unit, ...pinnedSize(traits) },
    ...gemmSpace(traits).filter(({ algorithm }) => algorithm !== 'register'),
  ];
}

/** Both operands are contiguous along the inner index. */
const alongInner = ({ transposeA, transposeB }: MatmulVariant): boolean => transposeB && !transposeA;

/** Inner indices of a tile, where they are not those of gemm.ts's. */
const depth = (variant: MatmulVariant): { depth?: number } => (usesMatrices(variant) ? { depth: MATRIX_DEPTH } : {});

/** How a quantised B is read, as WGSL. */
interface PackedForm {
  /** Words of a row. */
  readonly words: string;
  /** Four values, from the word at which their row begins and their index among the row's fours. */
  readonly four: (row: string, k4: string) => string;
  /** What is stored, from the sum `value` of the column `col`. */
  readonly scaled: string;
  /** Functions that `four` calls. */
  readonly functions: string;
}

const BYTES: PackedForm = {
  words: quantizedWords('u.inner'),
  four: (row, k4) => unpackBytes(`b[${row} + ${k4}]`),
  scaled: `value * bitcast<f32>(b[(col + 1u) * ${quantizedWords('u.inner')} - 1u])`,
  functions: '',
};

const GROUPS: PackedForm = {
  words: groupedWords('u.inner'),
  four: (row, k4) => `groupedFour(${row}, ${k4})`,
  scaled: 'value',
  functions: groupedFour('b', 'u.inner'),
};

/** How B is read where it is quantised. */
const packedForm = ({ quantized, grouped }: MatmulVariant): PackedForm | undefined =>
  grouped ? GROUPS : quantized ? BYTES : undefined;

const text = (variant: MatmulVariant): GemmText => ({
  rows: 'u.rows',
  cols: 'u.cols',
  first: 'wid.z * u.depth',
  end: 'min(u.inner, first + u.depth)',
  along: alongInner(variant) ? 'inner' : 'cols',
  a: storedOperand('A', {
    buffer: 'a',
    contiguous: variant.transposeA ? 'outer' : 'inner',
    inner: 'u.inner',
    outer: 'u.rows',
    aligned: variant.alignedA,
    ...depth(variant),
  }),
  b:
    packedOperand(packedForm(variant)) ??
    storedOperand('B', {
      buffer: 'b',
      contiguous: variant.transposeB ? 'inner' : 'outer',
      inner: 'u.inner',
      outer: 'u.cols',
      aligned: variant.aligned,
      ...depth(variant),
    }),
});

/** A quantised B, whose rows are read in fours along the inner index. */
const packedOperand = (form: PackedForm | undefined): TileOperand | undefined =>
  form && {
    contiguous: 'inner',
    whole: false,
    text: /* wgsl */ `${form.functions}
alias OuterB = u32;
alias InnerB = u32;
fn outerB(col: u32) -> u32 { return min(col, u.cols - 1u) * ${form.words}; }
fn innerB(k: u32) -> u32 { return k; }
fn nextB(k: u32) -> u32 { return k + ${DEPTH}u; }
fn vectorB(outer: u32, k: u32) -> vec4f { return ${form.four('outer', 'min(k, u.inner - 1u) / 4u')}; }`,
  };

/** Whether tiles of operands are read: they come in vectors, whichever way they are stored. */
const inTiles = (variant: MatmulVariant): boolean => (gemmVariant(variant)?.algorithm ?? 'tiled') === 'tiled';

function loads(variant: MatmulVariant): string {
  const { transposeA, transposeB, aligned } = variant;
  const packed = packedForm(variant);
  const inner = transposeB && !transposeA;
  const inVectors = aligned && inner;
  const scalarA = inVectors
    ? 'f32(a[row * (u.inner / 4u) + k / 4u][k % 4u])'
    : transposeA
      ? 'f32(a[k * u.rows + row])'
      : 'f32(a[row * u.inner + k])';
  const col = (e: number): string => `min(4u * vector + ${e}u, u.cols - 1u)`;
  const vectorB = packed
    ? four((e) => `${packed.four(`${col(e)} * ${packed.words}`, 'k / 4u')}[k % 4u]`)
    : transposeB
      ? four((e) =>
          inVectors ? `f32(b[${col(e)} * (u.inner / 4u) + k / 4u][k % 4u])` : `f32(b[${col(e)} * u.inner + k])`,
        )
      : aligned
        ? 'vec4f(b[k * (u.cols / 4u) + vector])'
        : four((e) => `f32(b[k * u.cols + ${col(e)}])`);
  const loadA = `fn loadA(row: u32, k: u32) -> f32 { return ${scalarA}; }`;
  const loadB = `fn loadB(k: u32, vector: u32) -> vec4f { return ${vectorB}; }`;
  // A is zero beyond the last inner index, so any element of B will do there.
  const vectorB4 = packed
    ? packed.four(`col * ${packed.words}`, 'k4')
    : inVectors
      ? 'vec4f(b[col * (u.inner / 4u) + k4])'
      : four((e) => `f32(b[col * u.inner + min(4u * k4 + ${e}u, u.inner - 1u)])`);
  return /* wgsl */ `${packed?.functions ?? ''}
${inVectors ? 'fn loadA4(row: u32, k4: u32) -> vec4f { return vec4f(a[row * (u.inner / 4u) + k4]); }' : loadA + gatherA4('u.inner')}
${inner ? `fn loadB4(col: u32, k4: u32) -> vec4f { return ${vectorB4}; }` : loadB}`;
}

/** What is stored at (row, col) of a sum. */
function result(variant: MatmulVariant): string {
  const { bias, residual } = variant;
  const scaled = packedForm(variant)?.scaled ?? 'value';
  return `${scaled}${bias ? ' + f32(bias[col])' : ''}${residual ? ' + f32(residual[row * u.cols + col])' : ''}`;
}

/** y[part, rows, cols] = A · B over the part's `depth` of the inner index, a multiple of four (+ bias) (+ residual). */
export const matmul = defineKernel({
  name: 'matmul',
  inputs: { a: 'f32', b: 'f32', bias: 'f32', residual: 'f32' },
  optional: ['bias', 'residual'],
  outputs: { y: 'f32' },
  uniforms: { rows: 'u32', inner: 'u32', cols: 'u32', depth: 'u32' },
  variant: defaults,
  derived: ({ rows, inner, cols }, { transposeA, transposeB }) => ({
    aligned: (transposeB ? inner : cols) % 4 === 0,
    alignedA: (transposeA ? rows : inner) % 4 === 0,
  }),
  halves: ['a', 'b', 'bias', 'residual', 'y'],
  elements: (variant): Record<string, ElementType> => {
    const [tiles, inner] = [inTiles(variant), alongInner(variant)];
    return {
      ...(tiles ? (variant.alignedA ? { a: 'vec4f' } : {}) : variant.aligned && inner ? { a: 'vec4f' } : {}),
      ...(variant.aligned && (tiles || inner || !variant.transposeB) ? { b: 'vec4f' } : {}),
      ...(packedForm(variant) ? { b: 'u32' } : {}),
    };
  },
  workgroup: (variant) => {
    const gemm = gemmVariant(variant);
    return gemm === undefined ? matrixWorkgroup(variant.lanes) : gemmWorkgroup(gemm);
  },
  grid: ({ rows, inner, cols, depth }, variant) => {
    const [gemm, parts] = [gemmVariant(variant), Math.ceil(inner / depth)];
    return gemm === undefined
      ? tileGrid(rows, cols, MATRIX_TILE, parts)
      : gemmGrid(rows, cols, gemm, parts, alongInner(variant) ? 'inner' : 'cols');
  },
  subgroups: (variant) => variant.algorithm === 'subgroup' || usesMatrices(variant),
  pinned: (variant) => (usesMatrices(variant) ? variant.pinned : 0),
  subgroupMatrices: usesMatrices,
  tuning: {
    space,
    // How an operand is stored decides how it is read, which another tile may suit.
    shape: ({ rows, inner, cols, depth }, { transposeA, transposeB, quantized, grouped }) =>
      `${gemmShape(rows, Math.min(inner, depth), cols)} ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}${grouped ? ' int4' : quantized ? ' int8' : ''}`,
  },
  declarations: (variant) => {
    const [gemm, sizes] = [gemmVariant(variant), text(variant)];
    return /* wgsl */ `
${gemm === undefined ? matrixDeclarations(variant.unit, sizes.a, sizes.b) : gemmDeclarations(gemm, sizes)}
${inTiles(variant) ? '' : loads(variant)}
var<private> part: u32;
fn store(row: u32, col: u32, value: f32) {
  y[(part * u.rows + row) * u.cols + col] = y_t(${result(variant)});
}`;
  },
  body: (variant) => {
    const [gemm, sizes] = [gemmVariant(variant), text(variant)];
    return /* wgsl */ `
  part = wid.z;
${gemm === undefined ? gemmHead(MATRIX_TILE, sizes) + matrixBody(variant.unit, variant.lanes, sizes.a, sizes.b) : gemmBody(gemm, sizes)}`;
  },
});
