/**
 * The exponential moving average of a model's weights, which is often the better
 * model than the weights of any one step (Polyak and Juditsky 1992). A step that
 * was not applied does not count.
 */
import { defineKernel, flatVector, vectorwise } from './kernel.ts';
import { REPORT } from './gradientNorm.ts';

/** average ← average + rate · (parameter − average), where the report says that the step was applied. */
export const movingAverage = defineKernel({
  name: 'movingAverage',
  inputs: { parameter: 'vec4f', report: 'f32' },
  updates: { average: 'vec4f' },
  uniforms: { count: 'u32', rate: 'f32' },
  variant: {},
  ...vectorwise,
  body: () => /* wgsl */ `${flatVector}
  if (report[${REPORT.applied}] == 0.0) { return; }
  average[i] += u.rate * (parameter[i] - average[i]);`,
});
