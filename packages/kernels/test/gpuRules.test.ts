/**
 * What holds for the tiles of GPUs on any card, read off each variant's text: vectors of 16 bytes from memory, of which
 * neighbouring invocations read neighbouring ones; no two invocations of a turn at one memory bank; workgroup memory and
 * registers for two workgroups a unit at least. The figures of the unit are those of NVIDIA's cards since 2020.
 */
import { describe, expect, it } from 'vitest';
import { attention, attentionBackwardKey, attentionBackwardQuery, conv2d, conv2dBackwardWeight } from '../src/index.ts';
import { kernelWgsl, matmul, type AdapterTraits, type AnyKernel, type Kernel, type Variant } from '../src/index.ts';

const card: AdapterTraits = {
  class: 'gpu',
  description: 'a test',
  subgroups: true,
  subgroupSize: 32,
  f16: true,
  workgroupStorage: 49152,
};
const UNIT = { lanes: 32, banks: 32, sharedBytes: 100 * 1024, registers: 65536 };
/** Registers beside variables: operands, addresses, counters. */
const OTHER_REGISTERS = 24;

/** The value of a sum of products of whole numbers and names, as WGSL computes it on u32. */
function evaluate(expression: string, names: ReadonlyMap<string, number>): number {
  const tokens = expression.match(/\d+u|[a-zA-Z]\w*|[-+*/%()]/g) ?? [];
  let at = 0;
  const atom = (): number => {
    const token = tokens[at++] ?? '';
    if (token === '(') {
      const value = sum();
      at++;
      return value;
    }
    const value = /^\d/.test(token) ? parseInt(token, 10) : names.get(token);
    if (value === undefined) throw new Error(`'${token}' in '${expression}' is not known`);
    return value;
  };
  const product = (): number => {
    let value = atom();
    for (let op = tokens[at]; op === '*' || op === '/' || op === '%'; op = tokens[at]) {
      at++;
      const right = atom();
      value = op === '*' ? value * right : op === '/' ? Math.floor(value / right) : value % right;
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    for (let op = tokens[at]; op === '+' || op === '-'; op = tokens[at]) {
      at++;
      const right = product();
      value += op === '+' ? right : -right;
    }
    return value;
  };
  return sum();
}

/** An access of a workgroup's tile: of a whole vector, or of one of its components. */
interface Access {
  readonly index: string;
  readonly component: string | undefined;
  readonly text: string;
}

const accesses = (text: string): Access[] =>
  [...text.matchAll(/\b(?:tileA|tileB|tile)\[([^\]]*)\](?:\[([^\]]*)\])?/g)].map(([whole, index = '', component]) => ({
    index,
    component: component === undefined || /^\d+$/.test(component) ? undefined : component,
    text: whole,
  }));

/** Names that a lane gives a value: its index, and what follows from it in `let`. */
function namesOf(text: string, lane: number): Map<string, number> {
  // Loops at their first turn: what they add is the same for all lanes.
  const names = new Map([['lane', lane], ...['turn', 'd', 'source', 'i'].map((name): [string, number] => [name, 0])]);
  for (const [, name, value] of text.matchAll(/let (tx|ty|k[AB]\d+|own[AB]\d+|put[AB]\d+|part[AB]\d+) = ([^;]*);/g))
    names.set(name!, evaluate(value!, names));
  return names;
}

/** How often a bank is asked for different words in a turn: 32 words at once, of eight lanes where each takes a vector. */
function conflicts({ index, component }: Access, lanes: readonly ReadonlyMap<string, number>[]): number {
  const together = component === undefined ? UNIT.banks / 4 : UNIT.banks;
  let most = 1;
  for (let first = 0; first < UNIT.lanes; first += together) {
    const words = new Set<number>();
    for (const names of lanes.slice(first, first + together)) {
      const word = 4 * evaluate(index, names) + (component === undefined ? 0 : evaluate(component, names));
      for (let e = 0; e < (component === undefined ? 4 : 1); e++) words.add(word + e);
    }
    const banks = new Map<number, number>();
    for (const word of words) banks.set(word % UNIT.banks, (banks.get(word % UNIT.banks) ?? 0) + 1);
    most = Math.max(most, ...banks.values());
  }
  return most;
}

const bytesOfTiles = (text: string): number =>
  [...text.matchAll(/var<workgroup> \w+: array<vec4f, (\d+)>/g)].reduce(
    (sum, [, count]) => sum + 16 * Number(count),
    0,
  );

/** Registers of an invocation, by the variables that it declares. */
function registers(text: string): number {
  const variables = [...text.matchAll(/var (?!<)\w+ = ([^;]*);/g)].reduce(
    (sum, [, value]) => sum + (/^vec4/.test(value!) ? 4 : 1),
    0,
  );
  return variables + OTHER_REGISTERS;
}

const aligned = { aligned: true, alignedA: true, alignedX: true };
const forms: readonly (readonly [string, AnyKernel, Variant])[] = [
  ['matmul NN', matmul, aligned],
  ['matmul NT', matmul, { ...aligned, transposeB: true }],
  ['matmul TN', matmul, { ...aligned, transposeA: true }],
  ['matmul of halves', matmul, { ...aligned, f16: 'a,b' }],
  ['conv2d', conv2d, aligned],
  ['conv2dBackwardWeight', conv2dBackwardWeight, aligned],
  ...[attention, attentionBackwardQuery, attentionBackwardKey].flatMap((kernel) =>
    [48, 64, 88].map((headDim): [string, AnyKernel, Variant] => [`${kernel.name} D${headDim}`, kernel, { headDim }]),
  ),
];
const cases = forms.flatMap(([name, kernel, options]) =>
  ((kernel as Kernel).tuning!.space(card) as Variant[])
    .filter(({ algorithm, exchange }) => algorithm === 'tiled' || exchange === 'tiles')
    .map((setting) => ({ name, setting: JSON.stringify(setting), kernel, variant: { ...options, ...setting } })),
);

describe.each(cases)('$name $setting', ({ kernel, variant }) => {
  const k = kernel as Kernel;
  const whole = { ...k.variant, ...variant };
  const text = kernelWgsl(kernel, whole);
  const threads = k.workgroup(whole).reduce((product, size) => product * size, 1);

  it('has no two lanes of a turn at one bank', () => {
    const lanes = Array.from({ length: UNIT.lanes }, (_, lane) => namesOf(text, lane));
    const found = accesses(text.slice(text.indexOf('fn main')));
    expect(found.length).toBeGreaterThan(4);
    for (const access of found) expect(conflicts(access, lanes), access.text).toBe(1);
  });

  it('leaves room for two workgroups a unit', () => {
    expect(bytesOfTiles(text)).toBeGreaterThan(0);
    expect(2 * bytesOfTiles(text)).toBeLessThanOrEqual(UNIT.sharedBytes);
    expect(2 * threads * registers(text)).toBeLessThanOrEqual(UNIT.registers);
  });
});

describe.each(cases.filter(({ variant }) => variant.algorithm === 'tiled'))('$name $setting', ({ kernel, variant }) => {
  const text = kernelWgsl(kernel, { ...(kernel as Kernel).variant, ...variant });

  it('reads vectors, neighbours by neighbours', () => {
    for (const operand of ['A', 'B']) {
      const buffer = new RegExp(`fn vector(?:${operand}|Under)\\([^]*?\\b(?:a|b|x|dy)\\[`).exec(text);
      expect(buffer, operand).not.toBeNull();
      // Vectors that lie next to each other: those of one row (or column) with inner indices four apart, or of one inner
      // index. Sectors of memory have 32 bytes, lines 128.
      const lanes = Array.from({ length: UNIT.lanes }, (_, lane) => namesOf(text, lane));
      const alongInner = text.includes(`part${operand}0 =`);
      const [outer, inner] = [`own${operand}0`, `k${operand}0`];
      const places = new Set(
        lanes.map((names) => {
          const [line, vector] = alongInner
            ? [names.get(outer)!, names.get(inner)! / 4]
            : [names.get(inner)!, names.get(outer)!];
          return `${line}:${Math.floor(vector / (alongInner ? 4 : 8))}`;
        }),
      );
      // 512 bytes in pieces of at least 64, along rows of at least 128 where the tile is as wide.
      expect(places.size, operand).toBeLessThanOrEqual(alongInner ? 8 : 4);
    }
    expect(text).toMatch(/array<vec4[fh]>/);
  });
});
