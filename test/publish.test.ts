/** The packages can be built and published: see scripts/publish.ts, which `npm run check:publish` runs too. */
import { expect, test } from 'vitest';
import { fullMatrix } from '../packages/tensor/test/softwareDrivers.ts';
import { build, checkPackages } from '../scripts/publish.ts';

test('the packed packages install, are sound and run without the checkout', { timeout: 1_200_000 }, async () => {
  build();
  expect(await checkPackages({ everything: fullMatrix })).toEqual([]);
});
