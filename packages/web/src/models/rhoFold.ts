/** RhoFold's published file among the models that a browser keeps: it holds a language model, and a module beside it. */
import { isRhoFold, openRhoFold, openTensorFile, parameterCount, weightBytes } from '@rna/model';
import type { OpenedRhoFold, TensorFile } from '@rna/model';
import { modelFolder, openModelFile, readRecord, type ModelFacts } from './modelRecord.ts';
import { isWhole } from './wholeness.ts';

/** What is known of a RhoFold by its names and shapes, from what is known of its language model; undefined for another file. */
export async function rhoFoldFacts(file: TensorFile, languageModel: ModelFacts): Promise<ModelFacts | undefined> {
  if (!isRhoFold(file)) return undefined;
  const { shapes } = await openRhoFold(file);
  const { f32 } = languageModel.bytes;
  // It is run with weights of 32 bits alone.
  const bytes = f32 + weightBytes(shapes, 'f32');
  return {
    ...languageModel,
    parameters: languageModel.parameters + parameterCount(shapes),
    task: { name: 'rhofold', title: 'structures in space', kind: 'coordinates' },
    bytes: { f32: bytes, f16: bytes, int8: bytes, int4: bytes },
  };
}

/** Opens a kept model that is RhoFold's file; undefined for another, and for what is not kept here as a whole. */
export async function openKeptRhoFold(name: string): Promise<OpenedRhoFold | undefined> {
  const record = await readRecord(name);
  const [file] = record?.files ?? [];
  if (record === undefined || file === undefined || record.facts?.task?.name !== 'rhofold' || !isWhole(record))
    return undefined;
  const folder = await modelFolder(name);
  const kept = await openModelFile(folder, file.name);
  return openRhoFold(await openTensorFile(kept.source(`${name}/${file.name}`)));
}
