/** The card says what the files are. The command that brings both up to date is in docs/builtin-model.md. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { builtinFiles, type ModelCard } from '../src/index.ts';

test('the card has the digest, the size and the number of parameters of the weights', () => {
  const card = JSON.parse(readFileSync(builtinFiles.card, 'utf8')) as ModelCard;
  const weights = readFileSync(builtinFiles.weights);
  const header = JSON.parse(weights.toString('utf8', 8, 8 + Number(weights.readBigUInt64LE(0)))) as Readonly<
    Record<string, { readonly shape?: readonly number[] }>
  >;
  const parameters = Object.values(header).reduce(
    (sum, { shape }) => sum + (shape === undefined ? 0 : shape.reduce((product, size) => product * size, 1)),
    0,
  );
  expect(card).toMatchObject({
    sha256: createHash('sha256').update(weights).digest('hex'),
    bytes: weights.length,
    parameters,
  });
  expect(weights.length).toBeLessThan(8e6);
});
