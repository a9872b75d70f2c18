/**
 * The update of AdamW with decoupled decay (Loshchilov and Hutter, 2019), in
 * the order of PyTorch's operations. Without decay it is Adam (Kingma and Ba,
 * 2015). All that depends on the step alone is computed by the host in doubles
 * and comes as uniforms; the clip factor, and whether the step is taken, come
 * from `clipFactor`'s report, which the host has not seen yet.
 */
import { defineKernel, flatVector, vectorwise } from './kernel.ts';
import { REPORT } from './gradientNorm.ts';

/**
 * With g = clip · gradient:
 *   m ← beta1·m + oneMinusBeta1·g,  v ← beta2·v + oneMinusBeta2·g²
 *   parameter ← keep·parameter − stepSize·m / (√v / rootCorrection2 + eps)
 * where keep = 1 − lr·decay, stepSize = lr / (1 − beta1ᵗ), rootCorrection2 = √(1 − beta2ᵗ). Nothing changes in a
 * step that is not applied.
 */
export const adamW = defineKernel({
  name: 'adamW',
  inputs: { gradient: 'vec4f', report: 'f32' },
  updates: { parameter: 'vec4f', m: 'vec4f', v: 'vec4f' },
  uniforms: {
    count: 'u32',
    keep: 'f32',
    beta1: 'f32',
    oneMinusBeta1: 'f32',
    beta2: 'f32',
    oneMinusBeta2: 'f32',
    stepSize: 'f32',
    rootCorrection2: 'f32',
    eps: 'f32',
  },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  // Not a product with 0: a gradient of a refused step may be NaN.
  if (report[${REPORT.applied}] == 0.0) { return; }
  let g = report[${REPORT.clip}] * gradient[i];
  let mean = u.beta1 * m[i] + u.oneMinusBeta1 * g;
  let square = u.beta2 * v[i] + u.oneMinusBeta2 * g * g;
  m[i] = mean;
  v[i] = square;
  parameter[i] = u.keep * parameter[i] - u.stepSize * mean / (sqrt(square) / u.rootCorrection2 + vec4f(u.eps));`,
});
