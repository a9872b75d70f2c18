/**
 * The loop that a kernel's time goes to, and what bounds its speed. A pass of it is a list of instructions, loops in it
 * as often as they run, of which the algorithm needs some multiply-adds. Bounds are shares of the card's peak: the
 * cycles that these take at the peak, over those that the pass takes of the lanes, of workgroup memory and of the cache
 * in front of the memory. What is behind that cache is in none of them.
 */
import { allLoops, ownInstructions, turnsOf, type Block, type Instruction, type Loop } from './listing.ts';
import { memoryCycles, multiplyAdds, vectorCycles, type Machine } from './machine.ts';

/** What a case says of a pass of its hot loop. */
export interface Pass {
  /** Multiply-adds of an invocation that the algorithm needs. */
  readonly multiplyAdds: number;
  /** How often those loops in it run of which a call's sizes say how often. */
  readonly turns?: number;
}

const sum = (instructions: readonly Instruction[], cost: (each: Instruction) => number): number =>
  instructions.reduce((total, each) => total + cost(each), 0);

/**
 * The smallest loop that has, with the loops in it, all multiply-adds of the loop that has the most, and a barrier where
 * that has one: a walk over tiles, whose parts wait for each other.
 */
export function hotLoop(blocks: readonly Block[], loops: readonly Loop[]): Loop | undefined {
  const inside = ({ first, last }: Loop): Instruction[] =>
    blocks.slice(first, last + 1).flatMap(({ instructions }) => instructions);
  const measured = allLoops(loops).map((loop) => {
    const instructions = inside(loop);
    return {
      loop,
      count: sum(instructions, (each) => multiplyAdds(each, 64)),
      barrier: instructions.some(({ unit }) => unit === 'barrier'),
    };
  });
  const most = Math.max(0, ...measured.map(({ count }) => count));
  const candidates = measured.filter(({ count }) => most > 0 && count === most);
  const barrier = candidates.some((each) => each.barrier);
  return candidates
    .filter((each) => each.barrier === barrier)
    .sort((a, b) => a.loop.last - a.loop.first - (b.loop.last - b.loop.first))[0]?.loop;
}

/** The instructions of the loop that itself has the most multiply-adds, without the loops in it, and without hints. */
export function innermost(blocks: readonly Block[], loops: readonly Loop[]): readonly Instruction[] {
  const own = allLoops(loops).map((loop) => ownInstructions(blocks, loop).filter(({ unit }) => unit !== 'hint'));
  const count = (instructions: readonly Instruction[]): number => sum(instructions, (each) => multiplyAdds(each, 64));
  return own.sort((a, b) => count(b) - count(a))[0] ?? [];
}

/**
 * The instructions of a pass. Branches that depend on something are not taken, so that of a choice the first side is
 * run. Loops whose text does not say how often they run do it `turns` times; throws where there are such and no `turns`.
 */
export function passOf(blocks: readonly Block[], loop: Loop, turns?: number): Instruction[] {
  const places = new Map(blocks.map(({ name }, i) => [name, i]));
  const body: Instruction[] = [];
  let at = loop.first;
  while (at <= loop.last) {
    const inner = loop.inner.find(({ first }) => first === at);
    if (inner !== undefined) {
      const count = turnsOf(blocks, inner) ?? turns;
      if (count === undefined)
        throw new Error(`the text does not say how often the loop at ${blocks[at]!.name} runs, nor does the case`);
      const pass = passOf(blocks, inner, turns);
      for (let i = 0; i < count; i++) body.push(...pass);
      at = inner.last + 1;
      continue;
    }
    const { instructions } = blocks[at]!;
    body.push(...instructions);
    const jump = instructions.find(({ name, target }) => name === 's_branch' && target !== undefined)?.target;
    const to = jump === undefined ? at + 1 : places.get(jump)!;
    if (to <= at) break;
    at = to;
  }
  return body;
}

export interface Bounds {
  /** Shares of the peak. */
  readonly lanes: number;
  readonly workgroup: number;
  readonly cache: number;
  /** The least of them. */
  readonly bound: number;
}

/** Cycles that a pass's multiply-adds take at the peak. */
export function leastCycles(body: readonly Instruction[], useful: number, wave: number, machine: Machine): number {
  const { lanes, rate, matrixRate } = machine;
  return body.some(({ unit }) => unit === 'matrix') ? (useful * wave) / matrixRate : (useful * wave) / lanes / rate;
}

export function boundsOf(body: readonly Instruction[], useful: number, wave: number, machine: Machine): Bounds {
  const least = leastCycles(body, useful, wave, machine);
  const memory = (unit: 'workgroup' | 'memory'): number =>
    sum(body, (each) => (each.unit === unit ? memoryCycles(each, wave, machine) : 0));
  const [lanes, workgroup, cache] = [
    sum(body, (each) => vectorCycles(each, wave, machine)),
    memory('workgroup'),
    memory('memory'),
  ].map((cycles) => least / cycles) as [number, number, number];
  return { lanes, workgroup, cache, bound: Math.min(lanes, workgroup, cache) };
}
