/** What is read off a listing of AMD's compiler: statistics, loops, and the share of multiply-adds in the hot one. */
import { describe, expect, it } from 'vitest';
import { GPU_CASES, missed } from '../src/gpu/cases.ts';
import { hotLoop, parseCompiled } from '../src/gpu/compiled.ts';

// Two loops within a third, as RADV prints them: labels, instructions after tabs, their words after semicolons.
const LISTING = `disasm:
BB0:
\tv_fma_f32 v1, v2, v3, v1                 ; d6130001
\ts_mov_b32 s0, 0                          ; be800080
BB1:
\tbuffer_load_b128 v[4:7], v0, s[4:7], 0   ; e05c0000
BB2:
\tds_load_b128 v[8:11], v12                ; dbfc0000
\ts_delay_alu instid0(VALU_DEP_1)          ; bf870001
\tv_fmac_f32_e32 v1, v8, v4                ; 56020908
\tv_dual_fmac_f32 v2, v8, v5 :: v_dual_fmac_f32 v3, v8, v6 ; c8000b08
\ts_cbranch_scc1 BB2                       ; bfa2fffa
BB3:
\tv_fmac_f32_e32 v1, v8, v4                ; 56020908
\tv_max_f32_e32 v1, v1, v2                 ; 20020501
\ts_cbranch_scc0 BB3                       ; bfa1fffe
BB4:
\ts_branch BB1                             ; bfa0fff0
`;
const STATISTICS = `*** SHADER STATS ***
SGPRs: 108
VGPRs: 24
Spilled SGPRs: 1
Spilled VGPRs: 2
Code size: 96 bytes
LDS size: 512
Subgroups per SIMD: 16
Instructions: 12
`;

describe('a listing', () => {
  it('has its hot loop where most multiply-adds are, without loops in it and without hints', () => {
    // A load, two instructions with three multiply-adds (a pair counts as two), a jump.
    expect(hotLoop(LISTING)).toEqual({ multiplyAdds: 3, share: 3 / 4 });
    expect(hotLoop(LISTING.replaceAll('s_cbranch_scc1 BB2', 's_cbranch_scc1 BB4'))).toEqual({
      multiplyAdds: 3,
      // What is in no loop of its own is the outer one's.
      share: 3 / 6,
    });
    expect(hotLoop('disasm:\nBB0:\n\ts_endpgm ; bf800000\n')).toBeUndefined();
  });

  it('is read with its statistics, and not without', () => {
    expect(parseCompiled('a case', 'navi31', LISTING + STATISTICS)).toEqual({
      case: 'a case',
      family: 'navi31',
      vgprs: 24,
      subgroups: 16,
      spills: 3,
      lds: 512,
      instructions: 12,
      multiplyAdds: 3,
      share: 3 / 4,
    });
    expect(parseCompiled('a case', 'navi31', LISTING)).toBeUndefined();
    expect(() => parseCompiled('a case', 'navi31', STATISTICS.replace('VGPRs: 24\n', ''))).toThrow(/'VGPRs'.*changed/);
  });
});

describe('a target', () => {
  const compiled = {
    case: '',
    family: 'navi31',
    vgprs: 96,
    subgroups: 16,
    spills: 0,
    lds: 0,
    instructions: 9,
    share: 0.9,
  };
  const each = GPU_CASES.find(({ name }) => name === 'matmul NT 4096')!;

  it('is missed by a small share, few waves and any spill', () => {
    expect(missed(each, compiled)).toEqual([]);
    expect(missed(each, { ...compiled, share: 0.5, subgroups: 6, spills: 1 })).toEqual([
      'multiply-adds are 50 % of the hot loop, not 83 %',
      '3 waves at once, not 6',
      '1 registers are spilled',
    ]);
  });

  it('is of a case with a name of its own', () => {
    expect(new Set(GPU_CASES.map(({ name }) => name)).size).toBe(GPU_CASES.length);
  });
});
