/** Embeddings of RNAs for a report's maps: the `<cls>` token's representation, as RiNALMo's Figure 2 has it. */
import { groupByTokenBudget, packTokens, type Encoder } from '@rna/model';
import { tokenize } from '@rna/structure';
import { gatherRows } from '@rna/tensor';
import { tokensOf } from '@rna/train';
import { progressBar } from '../../commandLine/terminal.ts';

const TOKENS = 4096;

/** [dim] of each RNA, in their order. */
export async function clsEmbeddings(
  encoder: Encoder,
  rnas: readonly { readonly sequence: string }[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const {
    device,
    config: { dim },
  } = encoder;
  const bar = progressBar('embed', rnas.length, 'RNAs');
  const vectors: Float32Array[] = [];
  try {
    for await (const group of groupByTokenBudget(rnas, TOKENS, tokensOf)) {
      signal.throwIfAborted();
      const batch = packTokens(group.map(({ sequence }) => tokenize(sequence)));
      const rows = device.scope(() =>
        gatherRows(encoder.forward(batch), Int32Array.from(batch.cuSeqlens.subarray(0, -1))),
      );
      const values = await rows.read();
      rows.dispose();
      group.forEach((_, i) => vectors.push(values.slice(i * dim, (i + 1) * dim)));
      bar.update(vectors.length);
    }
  } finally {
    bar.stop();
  }
  return vectors;
}
