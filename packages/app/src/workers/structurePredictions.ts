/** Structures in space by a model that is kept here: one with the head for them, or RhoFold's own file. */
import {
  letterWithoutAtoms,
  disposeRhoFold,
  loadRhoFold,
  predictedPartners,
  predictRhoFold,
  predictsChains,
  predictTertiary,
  SequenceLengthError,
  structureSamples,
  surestFirst,
  tertiaryEvidence,
  type PredictStructure,
  type StructureSample,
} from '@rna/model';
import type { StructureEvidence } from '@rna/figures';
import { InputError } from '@rna/structure';
import { MemoryBudgetError } from '@rna/tensor';
import { openKeptRhoFold } from '@rna/web';
import type { ModelCalls, PredictedChain, StructureTask, Weights } from '../calls/modelCalls.ts';
import type { Asked } from './answer.ts';
import { checkLength, loadModel, putOnDevice } from './openedModel.ts';
import type { RnaRecord } from './records.ts';
import { TooLongError, UnfitModelError } from './refusals.ts';
import { readRnas } from './rnas.ts';

type Tell = Asked<ModelCalls['3d']['progress']>['tell'];

interface Predictor {
  readonly predict: PredictStructure;
  readonly evidence: StructureEvidence;
  readonly checkLength: (length: number) => void;
}

/** Reads and checks all RNAs, then predicts one after the other. A cancelled call ends before the next structure. */
export async function predictStructures(
  { model, weights, text, file, recycles, samples, seed }: StructureTask,
  { tell, signal }: Asked<ModelCalls['3d']['progress']>,
): Promise<ModelCalls['3d']['answer']> {
  const { records } = await readRnas(text, file);
  for (const record of records) checkLetters(record, file);
  const { predict, evidence, checkLength: check } = await openPredictor(model, weights, tell);
  tell({ evidence });
  const leftOut: string[] = [];
  const total = records.length * samples;
  for (const [at, record] of records.entries()) {
    const { id, line, sequence } = record;
    try {
      check(sequence.length);
      const made: StructureSample[] = [];
      tell({ done: at * samples, total });
      for await (const sample of structureSamples(predict, sequence, {
        samples,
        seed,
        ...(recycles !== undefined && { recycles }),
      })) {
        checkFinite(sample, record, file);
        made.push(sample);
        tell({ done: at * samples + made.length, total });
        await letMessagesIn();
        signal.throwIfAborted();
      }
      tell({ structure: chainOf(record, surestFirst(made)) });
    } catch (error) {
      if (!isTooLong(error)) throw error;
      leftOut.push(`${file}:${line}: “${id}”: ${error.message}`);
    }
  }
  if (leftOut.length === records.length) throw new TooLongError(leftOut.join('\n'));
  return { leftOut };
}

const isTooLong = (error: unknown): error is Error =>
  error instanceof TooLongError || error instanceof MemoryBudgetError || error instanceof SequenceLengthError;

/** A message that cancels waits for a task of its own. */
const letMessagesIn = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve);
  });

async function openPredictor(name: string, weights: Weights, tell: Tell): Promise<Predictor> {
  const rhoFold = await openKeptRhoFold(name);
  if (rhoFold !== undefined) {
    const model = await putOnDevice(`rhofold ${name}`, tell, async (on) => {
      const loaded = await loadRhoFold(on, rhoFold);
      return {
        loaded,
        free() {
          disposeRhoFold(loaded);
        },
      };
    });
    return {
      predict: (sequence, options) => predictRhoFold(model, sequence, options),
      evidence: { isRhoFold: true },
      checkLength: () => undefined,
    };
  }
  const loaded = await loadModel(name, weights, tell);
  const { encoder, priors } = loaded;
  const { task, scalars } = loaded.opened;
  if (!predictsChains(task))
    throw new UnfitModelError('the model predicts no structures in space: it was not fine-tuned for them');
  return {
    predict: (sequence, options) =>
      predictTertiary({ encoder, task, priors, parameters: encoder.parameters }, sequence, options),
    evidence: tertiaryEvidence(scalars),
    checkLength: (length) => {
      checkLength(loaded, length);
    },
  };
}

function checkLetters({ id, line, sequence }: RnaRecord, file: string): void {
  const at = letterWithoutAtoms(sequence);
  if (at >= 0)
    throw new InputError(
      file,
      line,
      `nucleotide ${at + 1} of “${id}” is ${sequence[at]!}, which has no atoms`,
      'write A, C, G or U in its place',
    );
}

function checkFinite({ detail }: StructureSample, { id, line }: RnaRecord, file: string): void {
  if (detail.coordinates.every(Number.isFinite)) return;
  throw new InputError(
    file,
    line,
    `the model gives coordinates of “${id}” that are not finite`,
    'take weights of 32 bits, or fetch the model again',
  );
}

function chainOf({ id, sequence }: RnaRecord, samples: readonly StructureSample[]): PredictedChain {
  const { number, detail } = samples[0]!;
  const { coordinates, mask, plddt, distances, recycles } = detail;
  return {
    id,
    sequence,
    coordinates: Float32Array.from(coordinates),
    mask: Uint8Array.from(mask),
    partners: Int32Array.from(predictedPartners(sequence, detail)),
    distances: Float32Array.from(distances),
    plddt: Float32Array.from(plddt),
    sample: number,
    samples: samples.length,
    recycles,
  };
}
