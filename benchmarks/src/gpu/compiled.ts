/**
 * What AMD's compiler made of a kernel, read off what RADV prints: registers, waves, spills, workgroup memory, and the
 * share of multiply-adds in the hot loop, which is the innermost loop that has the most of them.
 */
import { z } from 'zod';

export const compiledSchema = z.object({
  case: z.string(),
  family: z.string(),
  /** Vector registers of an invocation. */
  vgprs: z.number(),
  /** Subgroups of a SIMD at once, counted in halves of 32 lanes on RDNA where a subgroup has 64. */
  subgroups: z.number(),
  spills: z.number(),
  /** Bytes of workgroup memory. */
  lds: z.number(),
  instructions: z.number(),
  /** Multiply-adds in the hot loop, and their share of its instructions; absent where no loop has any. */
  multiplyAdds: z.number().optional(),
  share: z.number().optional(),
});

export type Compiled = z.infer<typeof compiledSchema>;

interface Block {
  readonly name: string;
  readonly instructions: readonly string[];
}

/** Basic blocks in their order. The operands of what the disassembler cannot read do not matter here. */
function blocksOf(listing: string): Block[] {
  const blocks: { name: string; instructions: string[] }[] = [{ name: 'entry', instructions: [] }];
  for (const line of listing.split('\n')) {
    const label = /^(BB\d+):?\s*$/.exec(line.trim().replace(/\s*;.*$/, ''));
    if (label !== null) blocks.push({ name: label[1]!, instructions: [] });
    else if (/^\t|^\(invalid/.test(line)) {
      const text = line.replace(/;.*$/, '').trim();
      if (/^((v|s|ds|buffer|global|scratch)_|\(invalid)/.test(text)) blocks.at(-1)!.instructions.push(text);
    }
  }
  return blocks;
}

// Hints to the issuing unit are no instructions of the program.
const HINT = /^s_(delay_alu|clause|nop|set_inst|inst_prefetch)/;
const MULTIPLY_ADD = /v_(dual_)?(fma|fmac|fmamk|fmaak|mad|mac)_f32|v_wmma/g;

const multiplyAdds = (instructions: readonly string[]): number =>
  instructions.reduce((sum, text) => sum + (text.match(MULTIPLY_ADD)?.length ?? 0), 0);

/** The loops of a listing, as lists of blocks: from the target of a jump backwards to where it stands. */
function loopsOf(blocks: readonly Block[]): Block[][] {
  const loops = new Map<number, number>();
  blocks.forEach(({ instructions }, last) => {
    for (const text of instructions) {
      const target = /^s_c?branch\S*\s+(?:block:)?(BB\d+)/.exec(text)?.[1];
      const first = target === undefined ? -1 : blocks.findIndex(({ name }) => name === target);
      if (first >= 0 && first <= last) loops.set(first, last);
    }
  });
  return [...loops].map(([first, last]) => blocks.slice(first, last + 1));
}

/** The instructions of the loop that has the most multiply-adds, without the loops in it. */
export function hotLoop(listing: string): { readonly multiplyAdds: number; readonly share: number } | undefined {
  const loops = loopsOf(blocksOf(listing));
  const own = loops.map((loop) => {
    const inner = loops.filter((other) => other !== loop && other.every((block) => loop.includes(block)));
    return loop
      .filter((block) => !inner.some((other) => other.includes(block)))
      .flatMap(({ instructions }) => instructions.filter((text) => !HINT.test(text)));
  });
  const hot = own.sort((a, b) => multiplyAdds(b) - multiplyAdds(a))[0];
  const count = hot === undefined ? 0 : multiplyAdds(hot);
  return hot === undefined || count === 0 ? undefined : { multiplyAdds: count, share: count / hot.length };
}

/** Reads what RADV printed for one kernel; undefined where it printed no statistics. */
export function parseCompiled(name: string, family: string, text: string): Compiled | undefined {
  const at = text.lastIndexOf('*** SHADER STATS ***');
  if (at < 0) return undefined;
  const number = (label: string): number =>
    Number(new RegExp(`^${label}: (\\d+)`, 'm').exec(text.slice(at))?.[1] ?? NaN);
  const statistic = (label: string): number => {
    const value = number(label);
    if (Number.isNaN(value)) throw new Error(`RADV's statistics of ${name} have no '${label}'; its format has changed`);
    return value;
  };
  return {
    case: name,
    family,
    vgprs: statistic('VGPRs'),
    subgroups: statistic('Subgroups per SIMD'),
    spills: statistic('Spilled VGPRs') + statistic('Spilled SGPRs'),
    lds: statistic('LDS size'),
    instructions: statistic('Instructions'),
    ...hotLoop(text.slice(0, at)),
  };
}
