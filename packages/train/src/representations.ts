/**
 * Representations of a training set under a frozen encoder, on the host, so that
 * RNAs can be packed into batches anew each epoch. Those at the beginning of the
 * set are computed once, as many as fit; the others each time they are needed.
 * The last bits of a representation depend on what it was packed with, so which
 * pass computes it follows from the set and the batch alone, and a resumed run
 * has the same.
 */
import { packTokens, unpackRows, type Encoder } from '@rna/model';
import { tokenize } from '@rna/structure';
import { tokensOf } from './predictions.ts';

const LARGEST_BYTES = 2 ** 30;

export interface RepresentationOptions {
  /** Tokens of a pass at most; a longer RNA has one of its own. */
  readonly maxTokens: number;
  /** Default 1 GiB. */
  readonly largestBytes?: number;
}

/** Gives the rows of RNAs, by their indices, one after the other: [tokens · dim]. */
export function frozenRepresentations(
  encoder: Encoder,
  rnas: readonly { readonly sequence: string }[],
  { maxTokens, largestBytes = LARGEST_BYTES }: RepresentationOptions,
): (indices: readonly number[]) => Promise<Float32Array> {
  const { dim } = encoder.config;
  const kept = new Map<number, Float32Array>();
  const passOf = new Map<number, readonly number[]>();
  let [pass, room, bytes]: [number[], number, number] = [[], 0, 0];
  for (const [index, rna] of rnas.entries()) {
    const tokens = tokensOf(rna);
    bytes += 4 * dim * tokens;
    if (bytes > largestBytes) break;
    if (tokens > room) [pass, room] = [[], maxTokens];
    pass.push(index);
    passOf.set(index, pass);
    room -= tokens;
  }

  const encode = async (indices: readonly number[]): Promise<Map<number, Float32Array>> => {
    if (indices.length === 0) return new Map();
    const batch = packTokens(indices.map((index) => tokenize(rnas[index]!.sequence)));
    const output = encoder.device.scope(() => encoder.forward(batch));
    try {
      const rows = unpackRows(await output.read(), batch, dim);
      return new Map(indices.map((index, i) => [index, rows[i]!]));
    } finally {
      output.dispose();
    }
  };

  return async (indices) => {
    for (const index of indices) {
      if (kept.has(index) || !passOf.has(index)) continue;
      for (const [each, rows] of await encode(passOf.get(index)!)) kept.set(each, rows);
    }
    const others = await encode(indices.filter((index) => !passOf.has(index)));
    const parts = indices.map((index) => (kept.get(index) ?? others.get(index))!);
    const rows = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      rows.set(part, at);
      at += part.length;
    }
    return rows;
  };
}
