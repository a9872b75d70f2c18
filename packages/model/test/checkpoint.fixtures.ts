/** What the checkpoint tests share: fixtures from disk, files made in memory. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type EncoderConfig } from '../src/config.ts';
import { parseConfig } from '../src/configJson.ts';
import { openTensorFile } from '../src/checkpoint/open.ts';
import { writeSafetensors, type TensorEntry } from '../src/checkpoint/safetensors.ts';
import { memorySink, memorySource } from '../src/checkpoint/source.ts';
import { readFloat32, type DType, type TensorFile } from '../src/checkpoint/tensorFile.ts';

const fixtures = new URL('./fixtures/', import.meta.url);

export const fixtureBytes = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, fixtures)));
export const fixtureText = (path: string): string => readFileSync(new URL(path, fixtures), 'utf8');

export const openFixture = (path: string): Promise<TensorFile> =>
  openTensorFile(memorySource(path, fixtureBytes(path)));

/** The config of `oracle/{rinalmo,ssrlm}-{A,B}`; RiNALMo's file nests the port's fields. */
export function fixtureConfig(model: string): EncoderConfig {
  const fields = JSON.parse(fixtureText(`oracle/${model}/config.json`)) as { multimolecule_config?: unknown };
  return parseConfig(JSON.stringify(fields.multimolecule_config ?? fields), model);
}

/** Stands for an array's bits: comparing arrays element by element is what takes most of a test's time. */
export const digest = (data: ArrayBufferView): string =>
  `${data.byteLength} ${createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex')}`;

export const entry = (
  name: string,
  shape: readonly number[],
  data: ArrayBufferView,
  dtype: DType = 'F32',
): TensorEntry => ({ name, shape, dtype, data: () => Promise.resolve(data) });

export async function safetensorsBytes(
  entries: readonly TensorEntry[],
  metadata?: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  const sink = memorySink();
  await writeSafetensors(sink, entries, metadata);
  return sink.bytes();
}

/** A copy of a file in memory with some tensors renamed, dropped, replaced or added. */
export async function edited(
  file: TensorFile,
  change: (
    name: string,
    values: Float32Array,
  ) => { name?: string; values?: Float32Array; shape?: readonly number[] } | null,
  extra: readonly TensorEntry[] = [],
): Promise<TensorFile> {
  const entries: TensorEntry[] = [];
  for (const [name, tensor] of file.tensors) {
    const values = await readFloat32(tensor);
    const changed = change(name, values);
    if (changed !== null)
      entries.push(entry(changed.name ?? name, changed.shape ?? tensor.shape, changed.values ?? values));
  }
  return openTensorFile(memorySource('edited.safetensors', await safetensorsBytes([...entries, ...extra])));
}
