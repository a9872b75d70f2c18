/**
 * The order in which the gradients of a step's shards are added: a binary tree
 * over the shards that is fixed by their number alone, so that the sum has the
 * same bits however the shards are shared out. A node of more than one shard is
 * the sum of the largest power of two of them that is less, and the rest; a rank
 * adds up the nodes that it has all shards of, and the others are added where
 * the ranks' sums meet.
 */

/** The shards from `from` on, up to but not with `to`: a node of the tree. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The part of `count` things that the `index`-th of `of` has: none differs from another by more than one. */
export const partOf = (count: number, index: number, of: number): Span => ({
  from: Math.floor((index * count) / of),
  to: Math.floor(((index + 1) * count) / of),
});

/** Where a node of two shards or more is cut. */
function cutOf({ from, to }: Span): number {
  let size = 1;
  while (2 * size < to - from) size *= 2;
  return from + size;
}

/** The largest nodes of the tree over all `shards` that lie in `own`, from the left to the right. */
export function nodesWithin(shards: number, own: Span): Span[] {
  const visit = (node: Span): Span[] => {
    if (node.to <= own.from || node.from >= own.to) return [];
    if (node.from >= own.from && node.to <= own.to) return [node];
    const cut = cutOf(node);
    return [...visit({ from: node.from, to: cut }), ...visit({ from: cut, to: node.to })];
  };
  return visit({ from: 0, to: shards });
}

interface Sum {
  readonly span: Span;
  readonly values: Float32Array;
}

/**
 * Adds up nodes that come from the left to the right, as far as the tree allows; each sum is made in the values of its
 * left part.
 */
export class TreeSum {
  readonly #joins: ReadonlySet<string>;
  readonly #sums: Sum[] = [];

  /** A sum over the tree of so many shards. */
  constructor(shards: number) {
    const joins = new Set<string>();
    const visit = (node: Span): void => {
      if (node.to - node.from < 2) return;
      const cut = cutOf(node);
      joins.add(joinOf(node.from, cut, node.to));
      visit({ from: node.from, to: cut });
      visit({ from: cut, to: node.to });
    };
    visit({ from: 0, to: shards });
    this.#joins = joins;
  }

  /** Takes over a node's values. */
  add(span: Span, values: Float32Array): void {
    let sum: Sum = { span, values };
    for (let left = this.#sums.at(-1); left !== undefined; left = this.#sums.at(-1)) {
      if (!this.#joins.has(joinOf(left.span.from, left.span.to, sum.span.to))) break;
      this.#sums.pop();
      addTo(left.values, sum.values);
      sum = { span: { from: left.span.from, to: sum.span.to }, values: left.values };
    }
    this.#sums.push(sum);
  }

  /** Gives the last node's values away, if that is this one; undefined where it is not summed yet. */
  take({ from, to }: Span): Float32Array | undefined {
    const last = this.#sums.at(-1);
    if (last === undefined || last.span.from !== from || last.span.to !== to) return undefined;
    this.#sums.pop();
    return last.values;
  }
}

const joinOf = (from: number, cut: number, to: number): string => `${from} ${cut} ${to}`;

/** Adds in single precision: a double's sum of two floats, rounded, is the float's. */
function addTo(sum: Float32Array, more: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + more[i]!;
}
