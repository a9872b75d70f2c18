/** A model that predicts base pairs, the built-in one or one that is kept here, on this browser's adapter. */
import type { RnaModel } from '@rna/inference/browser';
import { predictsPairs } from '@rna/model';
import { BUILTIN } from '../calls/modelCalls.ts';
import { checkFoldable } from './engines.ts';
import { folded, type FoldOne } from './foldOne.ts';
import { checkLength, loadModel } from './openedModel.ts';
import { UnfitModelError } from './refusals.ts';

/** Opens the adapter and loads the model. Throws a DeviceError where there is no adapter. */
export async function openPairModel(name = BUILTIN, note: (text: string) => void): Promise<FoldOne> {
  const tell = (progress: { readonly note: string } | object): void => {
    if ('note' in progress) note(progress.note);
  };
  const load = async (): Promise<RnaModel> => {
    const model = await loadModel(name, 'f32', tell);
    if (!predictsPairs(model.opened.task)) throw new UnfitModelError(`${name} has no head that predicts base pairs`);
    return model;
  };
  await load();
  return async ({ id, sequence }) => {
    checkFoldable(sequence);
    // A second model may have taken this one's place on the adapter.
    const model = await load();
    checkLength(model, sequence.length);
    const { partners, probabilities, accuracy } = await model.fold(sequence);
    return folded({ id, sequence }, partners, probabilities, accuracy);
  };
}
