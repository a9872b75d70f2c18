/**
 * The process of one model of the suites `step` and `inference`: a device of
 * its own, so that nothing is compiled and no memory is in use before it. Told
 * what to do by its argument (JSON), answers with one message.
 */
import { RandomStream } from '@rna/kernels';
import {
  Encoder,
  encoderParameters,
  initializeParameters,
  packTokens,
  parameter,
  PRESETS,
  storeParameter,
  type EncoderConfig,
  type ParameterMap,
  type PresetName,
  type WeightType,
} from '@rna/model';
import { tokenize } from '@rna/structure';
import { MemoryBudgetError, type Device, type Tensor } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';
import {
  AdamW,
  constantSchedule,
  corpusBatches,
  decayGroups,
  memoryCorpus,
  pretrainingTask,
  train,
  type TrainingTask,
} from '@rna/train';
import type { BatchSize, ModelSuite } from './modelWork.ts';
import { SAMPLES, statistics, type Statistics } from './timing.ts';

export interface ModelRequest {
  readonly suite: ModelSuite;
  readonly preset: PresetName;
  readonly batch: BatchSize;
  /** How the matrices are stored; f32 where they are trained. */
  readonly weights: WeightType;
}

export interface ModelFigures {
  readonly statistics: Statistics;
  readonly tokens: number;
  readonly hostShare: number;
  readonly calls: number;
  readonly submits: number;
  readonly peakBytes: number;
  readonly firstMs: number;
}

export type ModelReply =
  { readonly is: 'figures'; readonly figures: ModelFigures } | { readonly is: 'failed'; readonly reason: string };

const RECORDS = 64;
// The first intervals of a run hold what is not steady: the second step is recorded while nothing runs yet.
const UNSTEADY = 2;

/** Sequences of one length in tokens, `<cls>` and `<eos>` included. */
function sequences(length: number): string[] {
  const random = new RandomStream(5);
  return Array.from({ length: RECORDS }, () =>
    Array.from({ length: length - 2 }, () => 'ACGU'[random.below(4)]!).join(''),
  );
}

async function timeStep(
  device: Device,
  encoder: Encoder,
  { rows, rowTokens, length }: BatchSize,
): Promise<ModelFigures> {
  const records = sequences(length).map((sequence) => ({ sequence }));
  const masked = pretrainingTask({
    encoder,
    dropout: true,
    seed: 1,
    batches: corpusBatches(memoryCorpus(records), {
      masking: { scheme: 'mlm', rate: 0.15, spanOffset: 3 },
      maxTokens: rowTokens,
      rowsPerStep: rows,
      seed: 1,
    }),
  });
  let hostMs = 0;
  let hostBegin = 0;
  const task: TrainingTask = {
    async batchAt(cursor, step) {
      const batch = await masked.batchAt(cursor, step);
      // Asked for a step ahead: a step's own time begins where its first loss is recorded.
      const microBatches = batch.microBatches.map((each, i) => ({
        ...each,
        loss: () => {
          if (i === 0) hostBegin = performance.now();
          return each.loss();
        },
      }));
      return { ...batch, microBatches };
    },
  };
  class TimedAdamW extends AdamW {
    override update(...args: Parameters<AdamW['update']>): Tensor {
      const report = super.update(...args);
      hostMs += performance.now() - hostBegin;
      return report;
    }
  }
  const optimizer = new TimedAdamW(device, {
    groups: decayGroups(encoder.parameters, { weightDecay: 0.01 }),
    maxNorm: 1,
  });
  const run = async (steps: number): Promise<Mark[]> => {
    const marks: Mark[] = [];
    await train({
      device,
      task,
      optimizer,
      schedule: constantSchedule(1e-5),
      steps,
      onProgress: () => {
        marks.push({ at: performance.now(), hostMs, ...device.counts });
      },
    });
    return marks;
  };
  await device.idle();
  const begin = performance.now();
  await run(1);
  const firstMs = performance.now() - begin;
  const marks = (await run(SAMPLES + UNSTEADY + 1)).slice(UNSTEADY);
  const intervals = marks.slice(1).map((mark, i) => mark.at - marks[i]!.at);
  return {
    statistics: statistics(intervals),
    tokens: rows * rowTokens,
    peakBytes: device.memory.use().peak,
    firstMs,
    ...perRun(marks[0]!, marks.at(-1)!, intervals.length),
  };
}

async function timeInference(
  device: Device,
  encoder: Encoder,
  { rows, rowTokens, length }: BatchSize,
): Promise<ModelFigures> {
  const pack = packTokens(
    sequences(length)
      .slice(0, (rows * rowTokens) / length)
      .map((sequence) => tokenize(sequence)),
  );
  let hostMs = 0;
  const once = async (): Promise<Mark> => {
    const begin = performance.now();
    device.scope(() => {
      encoder.logits(encoder.forward(pack));
    });
    hostMs += performance.now() - begin;
    await device.idle();
    return { at: performance.now(), hostMs, ...device.counts };
  };
  await device.idle();
  const begin = performance.now();
  await once();
  const firstMs = performance.now() - begin;
  const marks = [await once()];
  for (let i = 0; i < SAMPLES; i++) marks.push(await once());
  const intervals = marks.slice(1).map((mark, i) => mark.at - marks[i]!.at);
  return {
    statistics: statistics(intervals),
    tokens: pack.tokens.length,
    peakBytes: device.memory.use().peak,
    firstMs,
    ...perRun(marks[0]!, marks.at(-1)!, SAMPLES),
  };
}

/** The state of the counters at the end of a run. */
interface Mark {
  readonly at: number;
  readonly hostMs: number;
  readonly calls: number;
  readonly submits: number;
}

function perRun(first: Mark, last: Mark, runs: number): Pick<ModelFigures, 'hostShare' | 'calls' | 'submits'> {
  return {
    hostShare: (last.hostMs - first.hostMs) / (last.at - first.at),
    calls: (last.calls - first.calls) / runs,
    submits: (last.submits - first.submits) / runs,
  };
}

async function makeEncoder(device: Device, config: EncoderConfig, weights: WeightType): Promise<Encoder> {
  const parameters: ParameterMap = new Map();
  // One by one, as a file is loaded: the peak of the memory is then that of the run.
  for (const [name, shape] of encoderParameters(config)) {
    const drawn = initializeParameters(device, new Map([[name, shape]]), config.model, 1);
    parameters.set(name, await storeParameter(name, parameter(drawn, name), weights));
  }
  device.memory.trim();
  return new Encoder(device, config, parameters, { weights, activations: 'f32' });
}

async function answer({ suite, preset, batch, weights }: ModelRequest): Promise<ModelReply> {
  const device = await openDevice();
  try {
    const encoder = await makeEncoder(device, PRESETS[preset], weights);
    return { is: 'figures', figures: await (suite === 'step' ? timeStep : timeInference)(device, encoder, batch) };
  } catch (error) {
    // A fault of the code needs its stack.
    return {
      is: 'failed',
      reason:
        error instanceof MemoryBudgetError
          ? error.message
          : error instanceof Error
            ? (error.stack ?? error.message)
            : String(error),
    };
  } finally {
    device.destroy();
  }
}

const reply = await answer(JSON.parse(process.argv[2]!) as ModelRequest);
process.send!(reply, () => {
  process.exit();
});
