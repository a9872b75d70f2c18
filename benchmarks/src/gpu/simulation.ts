/**
 * A model of one SIMD that runs the waves of a loop: each in order, an instruction a cycle and unit, registers ready
 * after a latency, memory behind counters, barriers between the waves of a workgroup. It says what counts of
 * instructions cannot: how much of the latencies other waves hide. Latencies are round figures and of no card.
 */
import type { Instruction, Unit } from './listing.ts';
import { isTranscendental, memoryCycles, transcendentalCycles, vectorCycles, type Machine } from './machine.ts';

const LATENCY = {
  vector: 5,
  transcendental: 10,
  matrix: 32,
  scalar: 2,
  constant: 60,
  workgroup: 64,
  memory: 350,
  branch: 8,
  barrier: 20,
} as const;

/** Cycles of work that a unit of memory takes on; further accesses wait to be issued. */
const BACKLOG = 128;

/** Accesses that may still be under way when a wait lets its wave go on; `workgroup` is the constants' counter too. */
interface Limits {
  readonly memory?: number;
  readonly workgroup?: number;
}

function limitsOf({ name, text }: Instruction): Limits {
  const count = Number(/(0x[0-9a-f]+|\d+)\s*$/.exec(text)?.[1] ?? 0);
  if (name === 's_wait_loadcnt') return { memory: count };
  if (name === 's_wait_dscnt' || name === 's_wait_kmcnt') return { workgroup: count };
  if (name === 's_wait_loadcnt_dscnt') return { memory: count >> 8, workgroup: count & 0xff };
  const counter = (label: string): number | undefined => {
    const found = new RegExp(`${label}\\((\\d+)\\)`).exec(text);
    return found === null ? undefined : Number(found[1]);
  };
  const [memory, workgroup] = [counter('vmcnt'), counter('lgkmcnt')];
  return { ...(memory !== undefined && { memory }), ...(workgroup !== undefined && { workgroup }) };
}

/** An instruction as the model sees it. */
interface Step {
  readonly unit: Unit;
  /** Cycles for which it keeps its unit. */
  readonly busy: number;
  /** Cycles after these until its result is there. */
  readonly latency: number;
  /** Cycles of the transcendentals' own unit. */
  readonly transcendental: number;
  readonly registers: readonly string[];
  readonly writes: readonly string[];
  readonly limits: Limits;
  /** It is an access whose end a counter waits for. */
  readonly counted: boolean;
}

function stepOf(instruction: Instruction, wave: number, machine: Machine): Step {
  const { unit, name, reads, writes } = instruction;
  const lanes = unit === 'vector' || unit === 'matrix';
  return {
    unit,
    busy: lanes
      ? vectorCycles(instruction, wave, machine)
      : unit === 'workgroup' || unit === 'memory'
        ? memoryCycles(instruction, wave, machine)
        : 1,
    latency: isTranscendental(instruction)
      ? LATENCY.transcendental
      : unit === 'hint' || unit === 'wait'
        ? 0
        : LATENCY[unit],
    transcendental: transcendentalCycles(instruction, wave, machine),
    registers: [...reads, ...writes],
    // What memory brings is waited for by its counter.
    writes: lanes || unit === 'scalar' ? writes : [],
    limits: unit === 'wait' ? limitsOf(instruction) : {},
    counted: unit === 'constant' || unit === 'workgroup' || (unit === 'memory' && !name.includes('store')),
  };
}

interface Wave {
  /** Its workgroup. */
  readonly group: number;
  readonly ready: Map<string, number>;
  /** When the accesses that a counter counts end, in order. */
  readonly ends: { readonly memory: number[]; readonly workgroup: number[] };
  at: number;
  next: number;
  /** It waits at a barrier. */
  parked: boolean;
}

export interface Simulated {
  readonly body: readonly Instruction[];
  readonly machine: Machine;
  /** Lanes of a wave. */
  readonly wave: number;
  /** Waves at once on the SIMD, and how many of these are of one workgroup. */
  readonly waves: number;
  readonly ofGroup: number;
}

const PASSES = 6;

/** Cycles of the SIMD for one wave's pass of the body, when all waves run it over and over. */
export function simulatedCycles({ body, machine, wave, waves, ofGroup }: Simulated): number {
  const known = new Map<Instruction, Step>();
  const steps = body.map((instruction) => {
    const step = known.get(instruction) ?? stepOf(instruction, wave, machine);
    known.set(instruction, step);
    return step;
  });
  const all = Array.from({ length: waves }, (_, i): Wave => ({
    group: Math.floor(i / ofGroup),
    ready: new Map(),
    ends: { memory: [], workgroup: [] },
    at: 0,
    next: 0,
    parked: false,
  }));
  /** When a unit takes its next instruction; the lanes and the matrices are one unit. */
  const issues = new Map<string, number>();
  /** When workgroup memory, cache and transcendentals have done what they were given. */
  const done = { workgroup: 0, memory: 0, transcendental: 0 };
  /** When a unit of memory has little enough to do to be given more. */
  const accepts = (unit: Unit): number => (unit === 'workgroup' || unit === 'memory' ? done[unit] - BACKLOG : 0);
  const issuer = (unit: Unit): string | undefined =>
    unit === 'hint' || unit === 'wait'
      ? undefined
      : unit === 'matrix'
        ? 'vector'
        : unit === 'constant'
          ? 'scalar'
          : unit;

  /** When the wave's next instruction may be issued, but for its unit. */
  const earliest = ({ at, next, ready, ends }: Wave): number => {
    const { registers, limits } = steps[at]!;
    let time = next;
    for (const register of registers) time = Math.max(time, ready.get(register) ?? 0);
    for (const counter of ['memory', 'workgroup'] as const) {
      const limit = limits[counter];
      if (limit !== undefined) time = Math.max(time, ends[counter].at(-1 - limit) ?? 0);
    }
    return time;
  };
  const times = all.map(earliest);

  const issue = (each: Wave, now: number): void => {
    const step = steps[each.at]!;
    const { unit, busy, latency } = step;
    const queue = issuer(unit);
    each.next = queue === undefined ? now : now + 1;
    if (queue !== undefined) issues.set(queue, now + (queue === 'vector' ? busy : 1));
    if (step.transcendental > 0) done.transcendental = now + step.transcendental;
    for (const register of step.writes) each.ready.set(register, now + Math.max(0, busy - 1) + latency);
    if (unit === 'branch') each.next = now + latency;
    if (unit === 'workgroup' || unit === 'memory') done[unit] = Math.max(done[unit], now) + busy;
    if (step.counted) {
      const ends = each.ends[unit === 'memory' ? 'memory' : 'workgroup'];
      ends.push((unit === 'constant' ? now : done[unit as 'workgroup' | 'memory']) + latency);
      if (ends.length > 64) ends.shift();
    }
    each.at = (each.at + 1) % steps.length;
    if (unit !== 'barrier') return;
    each.parked = true;
    const group = all.filter((other) => other.group === each.group);
    if (!group.every(({ parked }) => parked)) return;
    for (const other of group) {
      other.parked = false;
      other.next = now + latency;
      times[all.indexOf(other)] = earliest(other);
    }
  };

  // The first passes fill the units; the rate is that of those which follow.
  const [from, to] = [waves, waves * PASSES].map((passes) => passes * steps.length) as [number, number];
  let [now, begin] = [0, 0];
  for (let issued = 0; issued < to; issued++) {
    if (issued === from) begin = now;
    let [best, soonest] = [-1, Infinity];
    all.forEach((each, i) => {
      if (each.parked) return;
      const { unit, transcendental } = steps[each.at]!;
      const time = Math.max(
        times[i]!,
        issues.get(issuer(unit) ?? '') ?? 0,
        accepts(unit),
        transcendental > 0 ? done.transcendental : 0,
      );
      // The oldest of those that can go does.
      if (time < soonest) [best, soonest] = [i, time];
    });
    now = Math.max(now, soonest);
    issue(all[best]!, now);
    times[best] = earliest(all[best]!);
  }
  return (now - begin) / (waves * (PASSES - 1));
}
