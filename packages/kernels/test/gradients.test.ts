/** Every backward reference against finite differences of its forward reference, in doubles. No adapter is needed. */
import { describe, expect, it } from 'vitest';
import { checks, gradientErrors, jointGradients, type GradientCheck } from '../src/checks.ts';
import { RandomStream } from '../src/random.ts';

const backward: [string, GradientCheck][] = [
  ...checks
    .filter((check) => check.gradientOf !== undefined)
    .map((check): [string, GradientCheck] => [check.kernel.name, check]),
  ...Object.entries(jointGradients),
];

describe.each(backward)('%s', (name, check) => {
  it('is the gradient of its forward reference', () => {
    const random = new RandomStream(3, 4);
    const calls = check.gradientCalls ?? checks.find(({ kernel }) => kernel.name === name)!.calls;
    for (const call of calls(random)) {
      const errors = gradientErrors(check, call, random);
      expect(Object.keys(errors).length).toBeGreaterThan(0);
      for (const [output, error] of Object.entries(errors))
        expect(error, `${output} at ${JSON.stringify(call.uniforms)}`).toBeLessThan(2e-5);
    }
  });
});
