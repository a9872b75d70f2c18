/** Every backward reference against finite differences of its forward reference, in doubles. No adapter is needed. */
import { describe, expect, it } from 'vitest';
import { checks, gradientErrors } from '../src/checks.ts';
import { RandomStream } from '../src/random.ts';

const backward = checks.filter((check) => check.gradientOf !== undefined);

describe.each(backward.map((check) => [check.kernel.name, check] as const))('%s', (_, check) => {
  it('is the gradient of its forward reference', () => {
    const random = new RandomStream(3, 4);
    for (const call of check.calls(random)) {
      const errors = gradientErrors(check, call, random);
      expect(Object.keys(errors).length).toBeGreaterThan(0);
      for (const [name, error] of Object.entries(errors)) expect(error, `${name} at ${JSON.stringify(call.uniforms)}`).toBeLessThan(2e-5);
    }
  });
});
