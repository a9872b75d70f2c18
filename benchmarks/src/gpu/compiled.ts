/**
 * What AMD's compiler made of a kernel, read off what RADV prints: registers, waves, spills, workgroup memory, the share
 * of multiply-adds in the hot loop, and what a model of the card says of that loop (hotLoop.ts, simulation.ts).
 */
import { z } from 'zod';
import { boundsOf, hotLoop, innermost, leastCycles, passOf, type Pass } from './hotLoop.ts';
import { loopsOf, parseListing } from './listing.ts';
import { MACHINES, multiplyAdds, type Family } from './machine.ts';
import { simulatedCycles } from './simulation.ts';

export const compiledSchema = z.object({
  case: z.string(),
  family: z.string(),
  /** Vector registers of an invocation. */
  vgprs: z.number(),
  /** Subgroups that a SIMD has at once. */
  waves: z.number(),
  spills: z.number(),
  /** Bytes of an invocation's variables that are in memory: what is spilled, and arrays that are indexed. */
  scratch: z.number(),
  /** Bytes of workgroup memory. */
  lds: z.number(),
  instructions: z.number(),
  /** Instructions with multiply-adds in the innermost hot loop, and their share; absent where no loop has any. */
  multiplyAdds: z.number().optional(),
  share: z.number().optional(),
  /** Shares of the peak that instructions, workgroup memory and the cache allow; absent where a case has no pass. */
  bounds: z.object({ lanes: z.number(), workgroup: z.number(), cache: z.number(), bound: z.number() }).optional(),
  /** Multiply-adds of a pass in the text, over those that the algorithm needs. */
  surplus: z.number().optional(),
  simulated: z.number().optional(),
});

export type Compiled = z.infer<typeof compiledSchema>;

/** What is known of a call beside its listing. */
export interface CompiledCall {
  readonly name: string;
  readonly family: Family;
  /** Invocations of a workgroup. */
  readonly threads: number;
  /** Lanes of a subgroup that the text asks for; 0 where it leaves that to the driver, which takes 64. */
  readonly pinned: number;
  readonly pass?: Pass;
}

function modelOf(
  listing: string,
  waves: number,
  { family, threads, pinned, pass, name }: CompiledCall,
): Partial<Compiled> {
  const blocks = parseListing(listing);
  const loops = loopsOf(blocks);
  const own = innermost(blocks, loops);
  const counted = own.filter((each) => multiplyAdds(each, 64) > 0);
  if (counted.length === 0) return {};
  const count = counted.reduce((sum, each) => sum + (each.unit === 'matrix' ? 1 : multiplyAdds(each, 64)), 0);
  const share = { multiplyAdds: count, share: count / own.length };
  const loop = hotLoop(blocks, loops);
  if (pass === undefined || loop === undefined) return share;
  const machine = MACHINES[family];
  const size = pinned === 0 ? 64 : pinned;
  // The idle half of a wave of 64 lanes takes no time.
  const wave = Math.min(size, Math.max(32, threads));
  const body = passOf(blocks, loop, pass.turns).filter(({ unit }) => unit !== 'hint');
  const surplus = body.reduce((sum, each) => sum + multiplyAdds(each, wave), 0) / pass.multiplyAdds;
  // The first product of a sum is no multiply-add where the loop begins it.
  if (surplus < 0.9)
    throw new Error(
      `${name}: the hot loop has ${Math.round(100 * surplus)} % of the multiply-adds that a pass needs; its text is another than the case's \`pass\` says`,
    );
  const groupWaves = Math.ceil(threads / size);
  const ofGroup = Math.max(1, Math.floor(groupWaves / machine.spread));
  const whole = Math.max(ofGroup, Math.floor(waves / ofGroup) * ofGroup);
  const cycles = simulatedCycles({ body, machine, wave, waves: whole, ofGroup });
  return {
    ...share,
    bounds: boundsOf(body, pass.multiplyAdds, wave, machine),
    surplus,
    simulated: leastCycles(body, pass.multiplyAdds, wave, machine) / cycles,
  };
}

/** Reads what RADV printed for one kernel; undefined where it printed no statistics. */
export function parseCompiled(call: CompiledCall, text: string): Compiled | undefined {
  const { name, family, pinned } = call;
  const at = text.lastIndexOf('*** SHADER STATS ***');
  if (at < 0) return undefined;
  const number = (label: string): number =>
    Number(new RegExp(`^${label}: (\\d+)`, 'm').exec(text.slice(at))?.[1] ?? NaN);
  const statistic = (label: string): number => {
    const value = number(label);
    if (Number.isNaN(value)) throw new Error(`RADV's statistics of ${name} have no '${label}'; its format has changed`);
    return value;
  };
  const counted = MACHINES[family].countsHalves && pinned !== 32 ? 2 : 1;
  const waves = Math.floor(statistic('Subgroups per SIMD') / counted);
  return {
    case: name,
    family,
    vgprs: statistic('VGPRs'),
    waves,
    spills: statistic('Spilled VGPRs') + statistic('Spilled SGPRs'),
    scratch: statistic('Scratch size'),
    lds: statistic('LDS size'),
    instructions: statistic('Instructions'),
    ...modelOf(text.slice(0, at), waves, call),
  };
}
