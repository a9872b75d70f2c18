/**
 * Multiply-adds on values in registers and nothing else: what an adapter can do
 * at most, against which the work of a kernel or of a training step is held.
 */
import { defineKernel, flatGrid } from './kernel.ts';

const THREADS = 64;

/** Steps of a chain in one turn of the loop, so that the loop itself does not count. */
const STEPS = 4;

// Typed, so that `fused` is any boolean.
const chainForms: { accumulators: number; fused: boolean } = { accumulators: 8, fused: true };

/**
 * y[i] = Σ over `accumulators` chains of x ← x·factor + addend, STEPS · `iterations` times; 8 flops a step of a chain
 * of vec4f.
 */
export const multiplyAdd = defineKernel({
  name: 'multiplyAdd',
  inputs: {},
  outputs: { y: 'vec4f' },
  uniforms: { count: 'u32', iterations: 'u32', factor: 'f32', addend: 'f32' },
  variant: chainForms,
  workgroup: () => [THREADS, 1, 1],
  grid: ({ count }) => flatGrid(count, THREADS),
  body: ({ accumulators, fused }) => {
    const chains = Array.from({ length: accumulators }, (_, i) => `x${i}`);
    const step = (x: string): string =>
      fused ? `${x} = fma(${x}, factor, addend);` : `${x} = ${x} * factor + addend;`;
    return /* wgsl */ `
  let i = (wid.y * groups.x + wid.x) * ${THREADS}u + lane;
  let factor = vec4f(u.factor);
  let addend = vec4f(u.addend);
${chains.map((x, n) => `  var ${x} = vec4f(f32(lane + ${n}u));`).join('\n')}
  for (var n = 0u; n < u.iterations; n++) {
${Array.from({ length: STEPS }, () => `    ${chains.map(step).join(' ')}`).join('\n')}
  }
  if (i < u.count) { y[i] = ${chains.join(' + ')}; }`;
  },
});

/** Floating-point operations of a call. */
export const multiplyAddFlops = (
  { count, iterations }: { readonly count: number; readonly iterations: number },
  accumulators: number,
): number => count * iterations * STEPS * accumulators * 8;

/** The kernel's sum for the invocation `lane` of its workgroup, in doubles. */
export function multiplyAddReference(
  lane: number,
  { iterations, factor, addend }: { readonly iterations: number; readonly factor: number; readonly addend: number },
  accumulators: number,
): number {
  let sum = 0;
  for (let chain = 0; chain < accumulators; chain++) {
    let x = lane + chain;
    for (let step = 0; step < STEPS * iterations; step++) x = x * factor + addend;
    sum += x;
  }
  return sum;
}
