/**
 * What a family of cards does in a cycle, in round figures of AMD's manuals and Mesa's sources. No card was asked. A
 * cycle is one of a SIMD: the unit that holds waves (subgroups), and issues to its lanes one of their instructions.
 */
import type { Instruction } from './listing.ts';

export const FAMILIES = ['navi31', 'navi21', 'gfx1201', 'vega20'] as const;
export type Family = (typeof FAMILIES)[number];

export interface Machine {
  /** Lanes of a SIMD. */
  readonly lanes: number;
  /** SIMDs that share workgroup memory and a cache. */
  readonly simds: number;
  /** SIMDs over which the waves of a workgroup are spread. */
  readonly spread: number;
  /** Multiply-adds of a lane and cycle at the peak: two where a wave of 64 runs such instructions at twice the rate. */
  readonly rate: 1 | 2;
  /** Bytes of workgroup memory and of the cache a cycle, for all SIMDs that share it. */
  readonly workgroupBytes: number;
  readonly cacheBytes: number;
  /** Multiply-adds of halves a cycle of a SIMD's matrix unit. */
  readonly matrixRate: number;
  /** RADV counts a wave of 64 lanes as two. */
  readonly countsHalves: boolean;
}

const rdna: Machine = {
  lanes: 32,
  simds: 2,
  spread: 4,
  rate: 2,
  workgroupBytes: 128,
  cacheBytes: 128,
  matrixRate: 128,
  countsHalves: true,
};

export const MACHINES: Readonly<Record<Family, Machine>> = {
  navi31: rdna,
  gfx1201: rdna,
  navi21: { ...rdna, rate: 1 },
  vega20: { ...rdna, lanes: 16, simds: 4, rate: 1, cacheBytes: 64, countsHalves: false },
};

const TRANSCENDENTAL = /^v_(s_)?(exp|log|rcp|rsq|sqrt|sin|cos)_/;
const QUARTER_RATE = /^v_(mul_(lo|hi)|mad)_[iu](32|64)/;
// What may be done twice a cycle, as in Mesa's own estimate of a shader's time.
const TWICE =
  /^v_(dual_)?(fma|fmac|fmaak|fmamk|mul|add|sub|subrev|max|min)_f(16|32)|^v_(dual_)?(mov|cndmask)_b32|^v_(dual_)?dot2/;

export const isTranscendental = ({ name }: Instruction): boolean => TRANSCENDENTAL.test(name);

/** Multiply-adds of an instruction for each lane of a wave. */
export function multiplyAdds({ unit, text }: Instruction, wave: number): number {
  if (unit === 'matrix') {
    const [, m = 0, n = 0, k = 0] = /_(\d+)x(\d+)x(\d+)_/.exec(text)?.map(Number) ?? [];
    return (m * n * k) / wave;
  }
  return text.split('::').reduce((sum, half) => {
    const name = half.trim();
    if (/^v_(dual_)?(fma|fmac|fmamk|fmaak|mad|mac|madmk|madak)_(legacy_)?f(16|32)|^v_fma_mix/.test(name))
      return sum + 1;
    if (/^v_(dual_)?dot2|^v_pk_(fma|mad)_f(16|32)/.test(name)) return sum + 2;
    return /^v_dot4/.test(name) ? sum + 4 : sum;
  }, 0);
}

/** Cycles for which an instruction keeps the lanes of its SIMD busy. */
export function vectorCycles(instruction: Instruction, wave: number, { lanes, rate, matrixRate }: Machine): number {
  const { unit, name, text } = instruction;
  if (unit === 'matrix') return (multiplyAdds(instruction, wave) * wave) / matrixRate;
  if (unit !== 'vector') return 0;
  const passes = wave / lanes;
  if (QUARTER_RATE.test(name)) return 4 * passes;
  return rate === 2 && wave === 64 && TWICE.test(name) && !/dpp|quad_perm|row_/.test(text) ? passes / 2 : passes;
}

/** Cycles for which a transcendental keeps its own unit busy, which has a quarter of the lanes. */
export const transcendentalCycles = (instruction: Instruction, wave: number, { lanes }: Machine): number =>
  isTranscendental(instruction) ? (4 * wave) / lanes : 0;

/** Bytes that a lane moves. */
function bytes(name: string): number {
  const words = /dword(?:x(\d))?/.exec(name);
  if (words !== null) return 4 * Number(words[1] ?? 1);
  const bits = /_[bui](8|16|32|64|96|128)\b/.exec(name.replace(/_(d16|hi|d16_hi|stride64|offset)/g, ''));
  const one = bits === null ? (/short/.test(name) ? 2 : /byte/.test(name) ? 1 : 4) : Number(bits[1]) / 8;
  return /2addr|read2|write2/.test(name) ? 2 * one : one;
}

/** Cycles that a wave's access takes of the workgroup memory's or the cache's time, for one of its SIMDs. */
export function memoryCycles({ unit, name }: Instruction, wave: number, machine: Machine): number {
  if (unit !== 'workgroup' && unit !== 'memory') return 0;
  const rate = unit === 'workgroup' ? machine.workgroupBytes : machine.cacheBytes;
  return (bytes(name) * wave * machine.simds) / rate;
}
