/** Embeddings of RNAs in eight lines. Another model is another name: `multimolecule/rinalmo-micro`, or a folder. */
import { openModel } from '@rna/inference';

const sequences = ['GGGAAAUCC', 'ACGUUGCA'];
const model = await openModel(process.argv[2] ?? 'builtin');
const embeddings = await model.embed(sequences);
for (const [i, embedding] of embeddings.entries()) {
  console.log(sequences[i], embedding.length, embedding.slice(0, 3));
}
model.dispose();
