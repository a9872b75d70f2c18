/**
 * Reads a listing of AMD's compiler: blocks of instructions, the registers that each reads and writes, loops, and how
 * often a loop runs where its text says so. There are two kinds of listings: LLVM's, and the compiler's own where LLVM
 * knows no such card (`v1: %459:v[38] = v_fmac_f32 %1710:v[109], …`).
 */

/** Where an instruction is issued. `hint` is none: it tells the issuing unit something and takes no turn. */
export type Unit =
  'vector' | 'matrix' | 'scalar' | 'constant' | 'workgroup' | 'memory' | 'branch' | 'barrier' | 'wait' | 'hint';

export interface Instruction {
  readonly name: string;
  /** Without types, numbers of values and comments: `v_fmac_f32 v38, v109, v118`. */
  readonly text: string;
  readonly unit: Unit;
  readonly writes: readonly string[];
  readonly reads: readonly string[];
  /** The block that a branch goes to. */
  readonly target?: string;
}

export interface Block {
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** Blocks `first` to `last`: from the target of a jump backwards to where it stands. */
export interface Loop {
  readonly first: number;
  readonly last: number;
  readonly inner: readonly Loop[];
}

const UNITS: readonly (readonly [RegExp, Unit])[] = [
  [/^v_s?wmma|^v_mfma/, 'matrix'],
  [/^v_/, 'vector'],
  [/^ds_/, 'workgroup'],
  [/^(buffer|tbuffer|global|flat|scratch|image)_/, 'memory'],
  [/^s_(buffer_)?load/, 'constant'],
  [/^s_barrier_signal/, 'hint'],
  [/^s_barrier/, 'barrier'],
  [/^s_waitcnt_depctr|^s_wait_(alu|idle|event)/, 'hint'],
  [/^s_wait/, 'wait'],
  [/^s_(c?branch|endpgm|setpc|swappc)/, 'branch'],
  [/^s_(delay_alu|clause|nop|set_inst|inst_prefetch|sleep|sendmsg|setprio|icache|dcache|code_end)/, 'hint'],
  [/^s_/, 'scalar'],
];

/** `v3`, `s0`, `vcc`, … of an operand, which may be a range. */
function registers(operand: string): string[] {
  return [
    ...operand.matchAll(/\b([vs])(?:(\d+)|\[(\d+):(\d+)\])|\b(vcc|exec|m0|scc)(?:_lo|_hi)?\b|\bsrc_(scc)\b/g),
  ].flatMap(([, file, one, from, to, special, scc]) => {
    if (special !== undefined || scc !== undefined) return [special ?? 'scc'];
    const [first, last] = one === undefined ? [Number(from), Number(to)] : [Number(one), Number(one)];
    return Array.from({ length: last - first + 1 }, (_, i) => `${file!}${first + i}`);
  });
}

// Instructions whose first operand is read, and those that read what they write.
const WRITES_NOTHING = /^(s_cmpk?_|s_bitcmp|s_c?branch|s_barrier|s_wait|s_nop|s_endpgm|ds_(store|write))|_store_/;
const READS_ITS_RESULT = /fmac|_mac_|wmma|dot\w*c_|v_swap|writelane|s_addk|s_mulk|s_cmovk/;
const SETS_SCC = /^s_(cmpk?|bitcmp|add|sub|and|or|xor|not|lsh|ashr|min|max|bfe|abs|bcnt|addk)/;
const READS_SCC = /^s_(cselect|addc|subb|cmov|cbranch_scc)/;

function instruction(text: string): Instruction {
  const name = /^\S+/.exec(text)![0];
  const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? 'hint';
  const [writes, reads]: [string[], string[]] = [[], []];
  for (const half of text.split('::')) {
    const [, op = '', rest = ''] = /^\s*(\S+)\s*(.*)$/.exec(half) ?? [];
    rest.split(/,\s*/).forEach((operand, i) => {
      const found = registers(operand);
      const result = i === 0 && !WRITES_NOTHING.test(op);
      if (result) writes.push(...found);
      if (!result || READS_ITS_RESULT.test(op)) reads.push(...found);
      if (i === 1 && op.startsWith('v_swap')) writes.push(...found);
    });
    if (SETS_SCC.test(op)) writes.push('scc');
    if (READS_SCC.test(op)) reads.push('scc');
    if (op.startsWith('s_cbranch_vcc')) reads.push('vcc');
    if (op.startsWith('s_cbranch_exec')) reads.push('exec');
    if (op.startsWith('v_cmpx') || op.includes('saveexec')) writes.push('exec');
  }
  const target = unit === 'branch' ? /\bBB\d+\b/.exec(text)?.[0] : undefined;
  return { name, text, unit, writes, reads, ...(target !== undefined && { target }) };
}

/** A line of the compiler's own listing as LLVM would print it; undefined where it is none. */
function fromOwn(line: string): string | undefined {
  const plain = (operands: string): string =>
    operands
      .replace(/\([a-zA-Z0-9]+\)/g, '')
      .replace(/\b[sv]\d+b?: /g, '')
      .replace(/%\d*:/g, '')
      .replace(/\bimm:/g, '')
      .replace(/\b([sv])\[(\d+)-(\d+)\]/g, '$1[$2:$3]')
      .replace(/\b([sv])\[(\d+)\]/g, '$1$2')
      .trim();
  const found = /^\t\s*(?:(.*?) = )?((?:v|s|ds|buffer|tbuffer|global|flat|scratch)_\w+)(.*)$/.exec(line);
  if (found === null) return undefined;
  const [, results = '', name = '', operands = ''] = found;
  // The flag that scalar instructions set follows from their names.
  const [result = ''] = plain(results).split(/,\s*/);
  return `${name} ${[result, plain(operands)].filter((part) => part !== '' && part !== 'scc').join(', ')}`;
}

/** A line of LLVM's. What its release has no name for keeps its place: a word that loads, or some scalar. */
function fromLlvm(line: string): string | undefined {
  const text = line.replace(/\s*;.*$/, '').trim();
  if (text.startsWith('(invalid')) return 's_unknown';
  return /^(v|s|ds|buffer|tbuffer|global|flat|scratch|image)_/.test(text) ? text : undefined;
}

export function parseListing(listing: string): Block[] {
  const read = listing.includes('falling back to print_program') ? fromOwn : fromLlvm;
  const blocks: { name: string; instructions: Instruction[] }[] = [{ name: 'entry', instructions: [] }];
  for (const line of listing.split('\n')) {
    const label = /^(BB\d+):?\s*(?:;.*)?$/.exec(line.trim());
    if (label !== null) blocks.push({ name: label[1]!, instructions: [] });
    else if (/^\t|^\(invalid/.test(line)) {
      const text = read(line);
      if (text !== undefined) blocks.at(-1)!.instructions.push(instruction(text));
    }
  }
  return blocks;
}

/** Loops that are in no other, with the loops in them. */
export function loopsOf(blocks: readonly Block[]): Loop[] {
  const places = new Map(blocks.map(({ name }, i) => [name, i]));
  const ends = new Map<number, number>();
  blocks.forEach(({ instructions }, last) => {
    for (const { target } of instructions) {
      const first = target === undefined ? undefined : places.get(target);
      if (first !== undefined && first <= last) ends.set(first, last);
    }
  });
  const ranges = [...ends]
    .map(([first, last]) => ({ first, last }))
    .sort((a, b) => a.first - b.first || b.last - a.last);
  const within = (first: number, last: number): Loop[] => {
    const loops: Loop[] = [];
    for (const range of ranges) {
      const whole = range.first === first && range.last === last;
      if (whole || range.first < first || range.last > last || range.first <= (loops.at(-1)?.last ?? -1)) continue;
      loops.push({ ...range, inner: within(range.first, range.last) });
    }
    return loops;
  };
  return within(0, blocks.length);
}

export const allLoops = (loops: readonly Loop[]): Loop[] => loops.flatMap((loop) => [loop, ...allLoops(loop.inner)]);

/** Instructions of a loop that are in none of its inner loops. */
export const ownInstructions = (blocks: readonly Block[], loop: Loop): Instruction[] =>
  blocks
    .slice(loop.first, loop.last + 1)
    .filter((_, i) => !loop.inner.some(({ first, last }) => first <= loop.first + i && loop.first + i <= last))
    .flatMap(({ instructions }) => instructions);

const whole = (text: string): number | undefined => (/^-?(0x[0-9a-f]+|\d+)$/.test(text) ? Number(text) : undefined);

const operandsOf = ({ text }: Instruction): string[] => text.replace(/^\S+\s*/, '').split(/,\s*/);

/** The number to which an instruction sets a register, of which there may be a pair; undefined where it is none. */
function numberOf(each: Instruction, register: string): number | undefined {
  const [, a = '', b = ''] = operandsOf(each);
  const [first, second] = [whole(a), whole(b)];
  if (/^s_movk?_[bi]32$/.test(each.name)) return first;
  if (first === undefined) return undefined;
  const high = each.writes[1] === register ? 32n : 0n;
  // A mask of so many bits, from a bit on.
  if (each.name === 's_bfm_b64' && second !== undefined)
    return Number(BigInt.asUintN(32, (((1n << BigInt(first)) - 1n) << BigInt(second)) >> high));
  return each.name === 's_mov_b64' ? Number(BigInt.asIntN(32, BigInt(first) >> high)) : undefined;
}

/**
 * How often a loop runs, where the text says so: a register that is set to a number before it, grows by a number in it,
 * and is compared with a number there. Undefined where a call's sizes say how often.
 */
export function turnsOf(blocks: readonly Block[], loop: Loop): number | undefined {
  const own = ownInstructions(blocks, loop);
  const before = blocks.slice(0, loop.first).flatMap(({ instructions }) => instructions);
  for (const compared of own) {
    if (!/^s_cmpk?_(ge|lt|eq|lg)_[iu]32$/.test(compared.name)) continue;
    const [counter = '', end = ''] = operandsOf(compared);
    const bound = whole(end);
    const step = own
      .filter(({ name, writes }) => /^s_(add_[iu]32|addk_i32|addk_co_i32)$/.test(name) && writes[0] === counter)
      .map((each) =>
        operandsOf(each)
          .map(whole)
          .find((value) => value !== undefined),
      )[0];
    const start = before.findLast(({ writes }) => writes.includes(counter));
    const from = start === undefined ? undefined : numberOf(start, counter);
    if (bound === undefined || step === undefined || from === undefined || step <= 0 || bound <= from) continue;
    return Math.ceil((bound - from) / step);
  }
  return undefined;
}
