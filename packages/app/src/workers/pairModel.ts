/** A model that predicts base pairs, the built-in one or one that is kept here, on this browser's adapter. */
import { predictsPairs, type OpenedModel, type PairTask } from '@rna/model';
import { decodeBasePairs, enginePairsInProcess, expectedAccuracy } from '@rna/structure';
import { pairPredictor } from '@rna/train';
import { BUILTIN } from '../calls/modelCalls.ts';
import { checkFoldable, readParameters } from './engines.ts';
import { folded, type FoldOne } from './foldOne.ts';
import { loadModel } from './openedModel.ts';
import { UnfitModelError } from './refusals.ts';

/** Opens the adapter and loads the model. Throws a DeviceError where there is no adapter. */
export async function openPairModel(name = BUILTIN, note: (text: string) => void): Promise<FoldOne> {
  const tell = (progress: { readonly note: string } | object): void => {
    if ('note' in progress) note(progress.note);
  };
  // A second model may take this one's place on the adapter; it is loaded again when it is asked for.
  const load = () => loadModel(name, 'f32', tell);
  pairTask((await load()).model, name);
  const [contrafold, eternafold] = await Promise.all([readParameters('contrafold'), readParameters('eternafold')]);
  // A head may correct what the engines say.
  const priors = enginePairsInProcess({ contrafold, eternafold });

  return async ({ id, sequence }) => {
    checkFoldable(sequence);
    const { model, encoder, checkLength } = await load();
    checkLength(sequence.length);
    const task = pairTask(model, name);
    const probabilities = await pairPredictor({ encoder, task, parameters: encoder.parameters, priors })(sequence);
    if (!probabilities.every(Number.isFinite))
      throw new Error(
        'the adapter gave probabilities that are no numbers; CONTRAfold and EternaFold need no adapter, and a newer driver may help',
      );
    const threshold = model.scalars.get('threshold') ?? 0.5;
    const partners = decodeBasePairs(probabilities, sequence, { threshold });
    return folded({ id, sequence }, partners, probabilities, expectedAccuracy(probabilities, partners));
  };
}

function pairTask({ task }: OpenedModel, name: string): PairTask {
  if (predictsPairs(task)) return task;
  throw new UnfitModelError(`${name} has no head that predicts base pairs`);
}
