/**
 * Representations of a training set under a frozen encoder. Each is computed
 * once and kept on the host, so that RNAs can be packed into batches anew each
 * epoch; what does not fit is computed every time.
 */
import { packTokens, tokenize, unpackRows, type Encoder } from '@rna/model';

const LARGEST_BYTES = 2 ** 30;

export function representationCache(encoder: Encoder, rnas: readonly { readonly sequence: string }[]) {
  const kept = new Map<number, Float32Array>();
  let bytes = 0;

  /** Of the RNAs of these indices, in one pass without dropout. */
  const encode = async (indices: readonly number[]): Promise<Map<number, Float32Array>> => {
    if (indices.length === 0) return new Map();
    const batch = packTokens(indices.map((index) => tokenize(rnas[index]!.sequence)));
    const output = encoder.device.scope(() => encoder.forward(batch));
    try {
      const rows = unpackRows(await output.read(), batch, encoder.config.dim);
      return new Map(indices.map((index, i) => [index, rows[i]!]));
    } finally {
      output.dispose();
    }
  };

  return {
    /** The rows of the RNAs one after the other, [tokens · dim]. */
    async of(indices: readonly number[]): Promise<Float32Array> {
      const made = await encode(indices.filter((index) => !kept.has(index)));
      for (const [index, values] of made) {
        if (bytes + values.byteLength > LARGEST_BYTES) continue;
        bytes += values.byteLength;
        // A copy of its own: the pack that it is a view of goes.
        kept.set(index, values.slice());
      }
      const parts = indices.map((index) => (kept.get(index) ?? made.get(index))!);
      const rows = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of parts) {
        rows.set(part, at);
        at += part.length;
      }
      return rows;
    },
  };
}
