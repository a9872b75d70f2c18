/**
 * A pseudo-random permutation by index: where element i of n goes is computed
 * from a key, without a list of the others, so an order of any number of
 * things takes no memory. A Feistel network over the next even number of bits,
 * walked until it falls within n (cycle walking: Black and Rogaway, CT-RSA
 * 2002); its round function is the counter-based generator.
 */
import { threefry2x32 } from '@rna/kernels';

const ROUNDS = 6;

/**
 * The permutation of 0 … count − 1 that belongs to a key (`deriveKey`): a function of an index. Throws a RangeError for
 * a count outside 1 … 2³².
 */
export function keyedPermutation(count: number, [key0, key1]: readonly [number, number]): (index: number) => number {
  if (!(Number.isInteger(count) && count >= 1 && count <= 2 ** 32))
    throw new RangeError(`keyedPermutation: the count must be an integer in 1 … 2^32, got ${count}`);
  // Half of the bits: the least number with 2^(2 · half) ≥ count.
  let half = 0;
  while (4 ** half < count) half++;
  const size = 2 ** half;
  const encrypt = (value: number): number => {
    let left = Math.floor(value / size);
    let right = value % size;
    for (let round = 0; round < ROUNDS; round++)
      [left, right] = [right, left ^ (threefry2x32(key0, key1, right, round)[0] & (size - 1))];
    // A half has at most 16 bits, so the xor is not negative.
    return left * size + right;
  };
  return (index) => {
    if (!(Number.isInteger(index) && index >= 0 && index < count))
      throw new RangeError(`keyedPermutation: ${index} is not in 0 … ${count - 1}`);
    let value = encrypt(index);
    while (value >= count) value = encrypt(value);
    return value;
  };
}
