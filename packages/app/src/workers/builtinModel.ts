/** The built-in model on this browser's adapter. */
import { builtinFiles } from '@rna/builtin';
import {
  Encoder,
  loadParameters,
  memorySource,
  modelCost,
  openModel,
  openTensorFile,
  parseConfig,
  predictsPairs,
} from '@rna/model';
import { decodeBasePairs, enginePairsInProcess, expectedAccuracy } from '@rna/structure';
import { pairPredictor } from '@rna/train';
import { openDevice } from '@rna/web';
import { checkFoldable, readParameters } from './engines.ts';
import { fetchFile } from './fetchFile.ts';
import { folded, TooLongError, type FoldOne } from './foldOne.ts';

/** Where only the driver knows how much memory there is, so much is taken for granted. */
const MEMORY = 4 * 2 ** 30;

/** Opens the adapter and loads the model. Throws a DeviceError where there is no adapter. */
export async function openBuiltinModel(note: (text: string) => void): Promise<FoldOne> {
  note('opening the adapter …');
  const device = await openDevice();
  note('loading the built-in model …');
  const [weights, config, contrafold, eternafold] = await Promise.all([
    fetchFile(builtinFiles.weights).then((answer) => answer.arrayBuffer()),
    fetchFile(builtinFiles.config).then((answer) => answer.text()),
    readParameters('contrafold'),
    readParameters('eternafold'),
  ]);
  const name = 'the built-in model';
  const model = await openModel(
    await openTensorFile(memorySource(name, new Uint8Array(weights))),
    parseConfig(config, name),
  );
  const { task } = model;
  if (!predictsPairs(task)) throw new Error(`${name} has no head that predicts base pairs`);
  const parameters = await loadParameters(device, model, 'f32');
  const encoder = new Encoder(device, model.config, parameters, { weights: 'f32', activations: 'f32' });
  const predict = pairPredictor({
    encoder,
    task,
    parameters,
    // The head corrects what the engines say.
    priors: enginePairsInProcess({ contrafold, eternafold }),
  });
  const threshold = model.scalars.get('threshold') ?? 0.5;

  const { budget } = device.memory.use();
  const memory = Number.isFinite(budget) ? budget : MEMORY;
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const fits = (length: number): boolean => {
    const { bytes, largest } = modelCost(device, model.config, task, length);
    return bytes <= memory && largest <= Math.min(maxStorageBufferBindingSize, maxBufferSize);
  };

  return async ({ id, sequence }) => {
    checkFoldable(sequence);
    if (!fits(sequence.length))
      throw new TooLongError(
        `${sequence.length} nucleotides are too long for the model on this adapter; CONTRAfold and EternaFold take longer ones`,
      );
    const probabilities = await predict(sequence);
    if (!probabilities.every(Number.isFinite))
      throw new Error(
        'the adapter gave probabilities that are no numbers; CONTRAfold and EternaFold need no adapter, and a newer driver may help',
      );
    const partners = decodeBasePairs(probabilities, sequence, { threshold });
    return folded({ id, sequence }, partners, probabilities, expectedAccuracy(probabilities, partners));
  };
}
