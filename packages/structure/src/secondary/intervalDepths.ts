/**
 * Nested pairs as parentheses in a segment tree: pairs are added and intervals
 * asked for in log n steps each, whatever stands in them.
 */

export interface IntervalDepths {
  /** Adds the pair i < j, which must cross none that is in it. */
  add(i: number, j: number): void;
  /** Whether each pair with an end in the positions from `start` to before `end` has both ends there. */
  isBalanced(start: number, end: number): boolean;
  clear(): void;
}

/** An empty set of pairs of `length` positions. */
export function intervalDepths(length: number): IntervalDepths {
  let leaves = 1;
  while (leaves < length) leaves *= 2;
  // Each node knows of the positions below it how many pairs stay open in them, and the least depth on the way.
  const sum = new Int32Array(2 * leaves);
  const least = new Int32Array(2 * leaves);

  const set = (position: number, value: number): void => {
    let node = leaves + position;
    sum[node] = value;
    least[node] = Math.min(0, value);
    for (node >>= 1; node >= 1; node >>= 1) {
      const [left, right] = [2 * node, 2 * node + 1];
      sum[node] = sum[left]! + sum[right]!;
      least[node] = Math.min(least[left]!, sum[left]! + least[right]!);
    }
  };
  return {
    add(i, j) {
      set(i, 1);
      set(j, -1);
    },
    isBalanced(start, end) {
      let [leftSum, leftLeast] = [0, 0];
      let [rightSum, rightLeast] = [0, 0];
      // Nodes that cover the interval: on the left in order, on the right from behind.
      for (let [a, b] = [leaves + start, leaves + end]; a < b; a >>= 1, b >>= 1) {
        if (a & 1) {
          leftLeast = Math.min(leftLeast, leftSum + least[a]!);
          leftSum += sum[a]!;
          a++;
        }
        if (b & 1) {
          b--;
          rightLeast = Math.min(least[b]!, sum[b]! + rightLeast);
          rightSum += sum[b]!;
        }
      }
      return leftSum + rightSum === 0 && Math.min(leftLeast, leftSum + rightLeast) >= 0;
    },
    clear() {
      sum.fill(0);
      least.fill(0);
    },
  };
}
