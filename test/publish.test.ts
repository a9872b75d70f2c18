/** The packages can be built and published: see scripts/publish.ts, which `npm run check:publish` runs too. */
import { expect, test } from 'vitest';
import { build, checkPackages } from '../scripts/publish.ts';

test('the packed packages are sound and run without the checkout', { timeout: 300_000 }, async () => {
  build();
  expect(await checkPackages()).toEqual([]);
});
