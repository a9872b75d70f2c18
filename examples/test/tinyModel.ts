/**
 * A tiny RiNALMo with a head for splice sites, and what the reference implementation says of it (the oracle's fixtures
 * of the package `model`): representations, logits, and the head's output.
 */
import { readFileSync } from 'node:fs';
import {
  memorySink,
  memorySource,
  openTensorFile,
  readFloat32,
  writeSafetensors,
  type TensorEntry,
  type TensorFile,
} from '@rna/model';
import { TOKEN, VOCABULARY } from '@rna/structure';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../packages/model/test/fixtures/oracle/rinalmo-A/${name}`, import.meta.url));
const open = (name: string): Promise<TensorFile> => openTensorFile(memorySource(name, fixture(name)));

/** Files of the model by name, as a hub has them. */
export async function tinyModel(): Promise<ReadonlyMap<string, Uint8Array>> {
  const [weights, head] = [await open('weights_official.safetensors'), await open('splice_head.safetensors')];
  const parts = [...weights.tensors, ...[...head.tensors].filter(([name]) => name.startsWith('pred_head.'))];
  const entries = parts.map(([name, tensor]): TensorEntry => ({
    name,
    dtype: 'F32',
    shape: tensor.shape,
    data: () => readFloat32(tensor),
  }));
  const sink = memorySink();
  await writeSafetensors(sink, entries, new Map());
  const { multimolecule_config: config } = JSON.parse(fixture('config.json').toString()) as Record<string, object>;
  return new Map([
    ['config.json', new TextEncoder().encode(JSON.stringify(config))],
    ['model.safetensors', sink.bytes()],
  ]);
}

/** The oracle's rows of a batch that was padded: sequences, and the rows of each with `<cls>` and `<eos>`. */
export async function oracle(
  file: string,
  tokens: string,
  values: string,
): Promise<{ sequence: string; rows: number[][] }[]> {
  const { tensors } = await open(file);
  const ids = tensors.get(tokens)!;
  const bytes = await ids.read(0, ids.byteLength);
  const numbers = await readFloat32(tensors.get(values)!);
  const [count, length] = ids.shape as [number, number];
  const width = tensors.get(values)!.shape.at(-1)!;
  return Array.from({ length: count }, (_, row) => {
    const own = new Int32Array(bytes.slice(4 * row * length, 4 * (row + 1) * length).buffer);
    const sequence = [...own].map((id) => (id < TOKEN.A ? '' : VOCABULARY[id]!.replace('T', 'U'))).join('');
    const perRow = numbers.length / count / width;
    const rows = Array.from({ length: perRow }, (_, at) =>
      Array.from(numbers.slice((row * perRow + at) * width, (row * perRow + at + 1) * width)),
    );
    return { sequence, rows };
  });
}
