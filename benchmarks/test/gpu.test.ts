/**
 * What is read off a listing of AMD's compiler: statistics, loops, the multiply-adds of the hot one, and what the model
 * of a card makes of them. Where RADV has its null device (Mesa 25 or newer, and a C compiler), the hot kernels are
 * compiled for the family navi31 and held to their targets.
 */
import { describe, expect, it } from 'vitest';
import { GPU_CASES, missed } from '../src/gpu/cases.ts';
import { parseCompiled, type Compiled } from '../src/gpu/compiled.ts';
import { compileCases, missedTargets, NoNullDeviceError } from '../src/gpu/gpu.ts';
import { boundsOf, hotLoop, innermost, passOf } from '../src/gpu/hotLoop.ts';
import { allLoops, loopsOf, parseListing, turnsOf } from '../src/gpu/listing.ts';
import { MACHINES, memoryCycles, multiplyAdds, vectorCycles } from '../src/gpu/machine.ts';
import { simulatedCycles } from '../src/gpu/simulation.ts';

// Two loops within a third, as LLVM prints them: labels, instructions after tabs, their words after semicolons.
const LISTING = `disasm:
BB0:
\tv_fma_f32 v1, v2, v3, v1                 ; d6130001
\ts_bfm_b64 s[4:5], 32, 0                  ; 95b480a0
BB1:
\tbuffer_load_b128 v[4:7], v0, s[4:7], 0   ; e05c0000
BB2:
\tds_load_b128 v[8:11], v12                ; dbfc0000
\ts_add_u32 s5, s5, 16                     ; 80059005
\ts_cmp_ge_u32 s5, 64                      ; bf09c056
\ts_delay_alu instid0(VALU_DEP_1)          ; bf870001
\tv_fmac_f32_e32 v1, v8, v4                ; 56020908
\tv_dual_fmac_f32 v2, v8, v5 :: v_dual_fmac_f32 v3, v8, v6 ; c8000b08
\ts_cbranch_scc1 BB2                       ; bfa2fffa
BB3:
\ts_cbranch_scc0 BB5                       ; bfa1fffe
BB4:
\tv_fmac_f32_e32 v1, v8, v4                ; 56020908
\ts_branch BB6                             ; bfa1fffe
BB5:
\tv_max_f32_e32 v1, v1, v2                 ; 20020501
BB6:
\ts_barrier                                ; bfbd0000
\tv_fmac_f32_e32 v9, v8, v4                ; 56020908
\ts_add_u32 s8, s8, 1                      ; 80059005
\ts_cmp_ge_u32 s8, s9                      ; bf09c056
\ts_cbranch_scc0 BB6                       ; bfa1fffe
BB7:
\ts_branch BB1                             ; bfa0fff0
`;
const STATISTICS = `*** SHADER STATS ***
SGPRs: 108
VGPRs: 24
Spilled SGPRs: 1
Spilled VGPRs: 2
Code size: 96 bytes
LDS size: 512
Scratch size: 0
Subgroups per SIMD: 16
Instructions: 12
`;

const blocks = parseListing(LISTING);
const loops = loopsOf(blocks);
const body = (text: string) => parseListing(`BB0:\n${text.replaceAll(/^/gm, '\t')}`)[1]!.instructions;

describe('a listing', () => {
  it('has loops with the loops in them, and how often they run where the text says so', () => {
    expect(loops).toHaveLength(1);
    const [outer, first, second] = allLoops(loops);
    expect(blocks[outer!.first]!.name).toBe('BB1');
    expect(blocks[outer!.last]!.name).toBe('BB7');
    // From the second half of a pair of registers, which is 0, by 16 to 64; the other's end is in a register.
    expect(turnsOf(blocks, first!)).toBe(4);
    expect(turnsOf(blocks, second!)).toBeUndefined();
  });

  it('names what each instruction reads and writes', () => {
    const [load, pair, swap, compare, branch] = body(
      'ds_load_b128 v[8:11], v12 offset:16\nv_dual_fmac_f32 v2, v8, v5 :: v_dual_mov_b32 v3, s6\nv_swap_b32 v1, v2\ns_cmp_eq_i32 s1, 0\ns_cbranch_vccz BB0',
    );
    expect(load).toMatchObject({ unit: 'workgroup', writes: ['v8', 'v9', 'v10', 'v11'], reads: ['v12'] });
    expect(pair).toMatchObject({ unit: 'vector', writes: ['v2', 'v3'], reads: ['v2', 'v8', 'v5', 's6'] });
    expect(swap!.writes).toEqual(['v1', 'v2']);
    expect(compare).toMatchObject({ unit: 'scalar', writes: ['scc'], reads: ['s1'] });
    expect(branch).toMatchObject({ unit: 'branch', reads: ['vcc'], target: 'BB0' });
  });

  it("is the same in the compiler's own form", () => {
    const own = parseListing(
      'falling back to print_program\nBB3\n/* logical preds: BB1, */\n\t v1: %459:v[38] = v_fmac_f32 (kill)%1710:v[109], %1719:v[118], %387:v[38]\n\t s1: %1:scc = s_cmp_ge_u32 %2:s[5], imm:64\n\t v4: %514:v[28-31] = ds_read_b128 %367:v[24] offset0:1024 storage:shared\n\ts_cbranch_scc0 block:BB3\n',
    )[1]!.instructions;
    expect(own.map(({ text }) => text.trim())).toEqual([
      'v_fmac_f32 v38, v109, v118, v38',
      's_cmp_ge_u32 s5, 64',
      'ds_read_b128 v[28:31], v24 offset0:1024 storage:shared',
      's_cbranch_scc0 block:BB3',
    ]);
    expect(own[3]!.target).toBe('BB3');
  });

  it('has its hot loop where all multiply-adds and barriers are, and a pass of it on one side of a choice', () => {
    const loop = hotLoop(blocks, loops)!;
    expect(blocks[loop.first]!.name).toBe('BB1');
    expect(() => passOf(blocks, loop)).toThrow(/does not say how often the loop at BB6/);
    const pass = passOf(blocks, loop, 5);
    const count = (name: string) => pass.filter((each) => each.name.startsWith(name)).length;
    expect(count('buffer_load')).toBe(1);
    expect(count('ds_load')).toBe(4);
    expect(count('v_max')).toBe(0);
    expect(count('s_barrier')).toBe(5);
    // Three in each of four turns, the chosen side's, and one in each of five.
    expect(pass.reduce((sum, each) => sum + multiplyAdds(each, 64), 0)).toBe(3 * 4 + 1 + 5);
    // The loop at BB2 has three: a load, two scalars, two instructions (a pair counts as two multiply-adds), a jump.
    expect(innermost(blocks, loops)).toHaveLength(6);
  });

  it('is read with its statistics, and not without', () => {
    const call = { name: 'a case', family: 'navi31', threads: 64, pinned: 0 } as const;
    expect(parseCompiled(call, LISTING + STATISTICS)).toEqual({
      case: 'a case',
      family: 'navi31',
      vgprs: 24,
      waves: 8,
      spills: 3,
      scratch: 0,
      lds: 512,
      instructions: 12,
      multiplyAdds: 3,
      share: 3 / 6,
    });
    expect(parseCompiled({ ...call, family: 'vega20' }, LISTING + STATISTICS)!.waves).toBe(16);
    expect(parseCompiled(call, LISTING)).toBeUndefined();
    expect(() => parseCompiled(call, STATISTICS.replace('VGPRs: 24\n', ''))).toThrow(/'VGPRs'.*changed/);
    const { bounds, surplus, simulated } = parseCompiled(
      { ...call, pass: { multiplyAdds: 15, turns: 5 } },
      LISTING + STATISTICS,
    )!;
    expect(surplus).toBe(18 / 15);
    // But for what is under way when the count begins.
    expect(simulated).toBeLessThan(1.05 * bounds!.bound);
    expect(() => parseCompiled({ ...call, pass: { multiplyAdds: 30, turns: 5 } }, LISTING + STATISTICS)).toThrow(
      /60 % of the multiply-adds/,
    );
  });
});

describe('the model of a card', () => {
  const { navi31, navi21 } = MACHINES;

  it('counts cycles of lanes, of workgroup memory and of the cache', () => {
    const [fmac, shift, product, matrix, load, stored] = body(
      'v_fmac_f32_e32 v1, v2, v3\nv_lshlrev_b32_e32 v1, 4, v1\nv_mul_lo_u32 v1, v2, v3\nv_wmma_f32_16x16x16_f16 v[40:47], v[76:83], v[108:115], v[40:47]\nbuffer_load_b128 v[4:7], v0, s[4:7], 0\nds_store_2addr_stride64_b32 v0, v1, v2',
    );
    // 64 lanes on 32 take two turns, or one of a multiply-add on RDNA3.
    expect(vectorCycles(fmac!, 64, navi31)).toBe(1);
    expect(vectorCycles(fmac!, 64, navi21)).toBe(2);
    expect(vectorCycles(shift!, 64, navi31)).toBe(2);
    expect(vectorCycles(product!, 64, navi31)).toBe(8);
    expect(vectorCycles(matrix!, 64, navi31)).toBe(32);
    expect(multiplyAdds(matrix!, 64)).toBe(64);
    // 16 bytes of 64 lanes at 64 bytes a cycle and SIMD, and two words.
    expect(memoryCycles(load!, 64, navi31)).toBe(16);
    expect(memoryCycles(stored!, 64, navi31)).toBe(8);
  });

  it('bounds a loop by the least of them', () => {
    const loop = body('ds_load_b128 v[8:11], v12\n'.repeat(2) + 'v_fmac_f32_e32 v1, v8, v4\n'.repeat(24).trim());
    expect(boundsOf(loop, 16, 64, navi31)).toEqual({ lanes: 16 / 24, workgroup: 16 / 32, cache: Infinity, bound: 0.5 });
    expect(boundsOf(loop, 16, 64, navi21).bound).toBe(32 / 48);
  });

  it('hides latencies by other waves', () => {
    // Each waits five cycles for the one before.
    const chain = body('v_fmac_f32_e32 v1, v2, v3\n'.repeat(40).trim());
    const chained = (waves: number) =>
      simulatedCycles({ body: chain, machine: navi31, wave: 64, waves, ofGroup: 1 }) / 40;
    expect(chained(1)).toBeCloseTo(5, 1);
    expect(chained(2)).toBeCloseTo(2.5, 1);
    expect(chained(8)).toBeCloseTo(1, 1);
    // A load, and what waits for it: 350 cycles for one wave, and four cycles of the cache for each of many.
    const loads = body('buffer_load_b32 v1, v0, s[4:7], 0\ns_waitcnt vmcnt(0)\nv_fmac_f32_e32 v2, v1, v3');
    const loaded = (waves: number) => simulatedCycles({ body: loads, machine: navi31, wave: 64, waves, ofGroup: 1 });
    expect(loaded(1)).toBeGreaterThan(350);
    expect(loaded(1)).toBeLessThan(360);
    expect(loaded(16) / loaded(1)).toBeCloseTo(1 / 16, 1);
  });

  it('has waves of a workgroup wait for each other', () => {
    const products = Array.from({ length: 20 }, (_, i) => `v_fmac_f32_e32 v${i + 8}, v2, v3`);
    const walk = body([...products, 's_barrier'].join('\n'));
    const cycles = (ofGroup: number) => simulatedCycles({ body: walk, machine: navi31, wave: 64, waves: 2, ofGroup });
    // Another workgroup's wave runs while the barrier lets a wave go; none of the same does.
    expect(cycles(1)).toBeLessThan(22);
    expect(cycles(2)).toBeCloseTo(30, 0);
  });
});

describe('a target', () => {
  const compiled: Compiled = {
    case: '',
    family: 'navi31',
    vgprs: 96,
    waves: 8,
    spills: 0,
    scratch: 0,
    lds: 0,
    instructions: 9,
    share: 0.9,
    bounds: { lanes: 0.9, workgroup: 1.2, cache: 8, bound: 0.9 },
    simulated: 0.8,
  };
  const each = GPU_CASES.find(({ name }) => name === 'matmul NT 4096')!;

  it('is missed by small shares, few waves and any spill', () => {
    expect(missed(each, compiled)).toEqual([]);
    const bounds = { lanes: 0.9, workgroup: 0.6, cache: 8, bound: 0.6 };
    expect(missed(each, { ...compiled, share: 0.5, bounds, simulated: 0.4, waves: 3, spills: 1, scratch: 8 })).toEqual([
      'multiply-adds are 50 % of the hot loop, not 83 %',
      'the bound is 60 % of the peak, not 82 %',
      '40 % of the peak is simulated, not 75 %',
      '3 waves at once, not 6',
      '1 registers are spilled',
      '8 bytes of variables are in memory',
    ]);
    expect(missed(each, { ...compiled, family: 'vega20', waves: 1 })).toEqual([]);
  });

  it('is of a case with a name of its own', () => {
    expect(new Set(GPU_CASES.map(({ name }) => name)).size).toBe(GPU_CASES.length);
  });
});

const onDevice = await compileCases('navi31').catch((error: unknown) => {
  if (error instanceof NoNullDeviceError) return error;
  throw error;
});
if (onDevice instanceof Error) process.stderr.write(`targets of GPUs are not looked at: ${onDevice.message}\n`);

describe.skipIf(onDevice instanceof Error)("RADV's null device, navi31", () => {
  const cases = onDevice instanceof Error ? [] : onDevice.cases;

  it('compiles all cases, and no loop has fewer multiply-adds than its algorithm', () => {
    expect(cases.map(({ case: name }) => name)).toEqual(GPU_CASES.map(({ name }) => name));
    for (const { case: name, surplus } of cases) if (surplus !== undefined) expect(surplus, name).toBeLessThan(1.15);
  });

  it('meets all targets', () => {
    expect(missedTargets('navi31', cases)).toEqual([]);
  });
});
